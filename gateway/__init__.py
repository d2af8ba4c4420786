"""The gateway's rules and stores; nothing in here knows the HTTP server."""

__version__ = "0.1.0"
