"""What the beginning of a number tells of where it leads to."""

from __future__ import annotations

import phonenumbers

LONGEST_CODE = 3


def calling_code(e164: str) -> str:
    """Return the digits of a number that lead to its country or network, '' for none known."""
    for length in range(1, LONGEST_CODE + 1):  # no code begins another one (E.164)
        code = e164[1 : length + 1]
        if code.isdecimal() and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return code
    return ""
