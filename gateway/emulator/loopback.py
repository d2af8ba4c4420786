"""What counts as this machine: the emulator is asked by, and calls, nothing else."""

from __future__ import annotations

import ipaddress

from yarl import URL


def url_host(url: str) -> str:
    """Return the host of an http(s) URL as the HTTP client will understand it, or ''."""
    try:
        parsed = URL(url)
    except ValueError:
        return ""
    return (parsed.host or "") if parsed.scheme in {"http", "https"} else ""


def is_loopback_host(host: str) -> bool:
    """Tell whether a host name or address is this machine (127.0.0.0/8, ::1, localhost)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Tell whether an http(s) URL points to this machine."""
    return is_loopback_host(url_host(url))
