"""The web console: pages for the operator, and in development_mode the handsets."""
