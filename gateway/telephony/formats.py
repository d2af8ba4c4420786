"""How numbers are set in groups while they are typed: libphonenumber's formats, fit for a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_GROUP = re.compile(r"\(\\d(?:\{(\d+)(?:,(\d+))?\})?\)")


@dataclass(frozen=True, slots=True)
class Format:
    """One way to set a number without its calling code in groups.

    leading: a regular expression of how such numbers begin; groups: the fewest and most digits of
    each; layout: where they stand, ``$1 $2``.
    """

    leading: str
    groups: tuple[tuple[int, int], ...]
    layout: str


@dataclass(frozen=True, slots=True)
class Formats:
    """All formats behind a calling code, the first that fits decides.

    trunk: what stands before a number that is written nationally, '' = nothing; trunk_needed:
    whether nobody leaves it out before a mobile number.
    """

    trunk: str
    trunk_needed: bool
    formats: tuple[Format, ...]


@lru_cache(256)
def formats(calling_code: str) -> Formats | None:
    """Return the formats behind a calling code (digits), None for what is none of a country."""
    code = int(calling_code) if re.fullmatch("[1-9][0-9]{0,2}", calling_code) else 0
    region = COUNTRY_CODE_TO_REGION_CODE.get(code, ("001",))[0]
    known = PhoneMetadata.metadata_for_region(region, None)
    if known is None:
        return None
    return Formats(
        known.national_prefix or "",
        _needs_trunk(region, known),
        tuple(
            Format(
                (each.leading_digits_pattern or [""])[-1],
                tuple(
                    (int(low or 1), int(high or low or 1))
                    for low, high in _GROUP.findall(each.pattern or "")
                ),
                re.sub(r"\\(\d)", r"$\1", each.format or ""),
            )
            for each in known.intl_number_format or known.number_format
        ),
    )


def _needs_trunk(region: str, known: PhoneMetadata) -> bool:
    mobile = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if not known.national_prefix or mobile is None:
        return False
    if any(each.national_prefix_optional_when_formatting for each in known.number_format):
        return False
    national = phonenumbers.format_number(mobile, phonenumbers.PhoneNumberFormat.NATIONAL)
    return national.lstrip("(").startswith(known.national_prefix)
