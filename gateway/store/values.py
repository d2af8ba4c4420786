"""What lies in the store is made of: ids of ours, lifetimes in days, text that can be written."""

from __future__ import annotations

import re

# Of a message, of a session: secrets.token_hex(16).
ID = re.compile(r"[0-9a-f]{32}")
DAY_MS = 86_400_000


def days_ms(days: float) -> int:
    """Return so many days in milliseconds."""
    return int(days * DAY_MS)


def well_formed(text: str) -> str:
    """Return a text whose surrogates are characters again where two make a pair.

    Half a pair is no character and fits no store: U+FFFD stands for it.
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
