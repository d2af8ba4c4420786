"""Telephone numbers: read what people and providers write, judge it, and hide it in logs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from gateway.telephony import plans
from gateway.telephony.judges import Judge, is_sample, is_valid
from gateway.telephony.written import (
    GLOBAL_CONTEXT,
    LETTER,
    LINK,
    MAX_RAW_CHARACTERS,
    Rank,
    Written,
    attempts,
    plain,
)


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A telephone number.

    e164: with ``+``; international: as people read it (``+49 176 12345678``);
    country: ISO 3166 two letters, ``None`` for non-geographic codes such as +800;
    type: libphonenumber's name in lower case, NEWER where it knows no such range; sms:
    whether that type can receive SMS.
    """

    e164: str
    international: str
    country: str | None
    type: str
    sms: bool

    @property
    def person(self) -> str:
        """The number by which whoever has it is compared with others, E.164."""
        return plans.person(self.e164)


# The type of a number that is newer than our data.
NEWER = "unknown"

# Some thousand visitors a minute type their number two or three times: a few MB at most.
CACHE_ENTRIES = 8192

_TYPES = {
    kind: phonenumbers.PhoneNumberType.to_string(kind).lower()
    for kind in phonenumbers.PhoneNumberType.values()
}
_SMS_TYPES = frozenset({"mobile", "fixed_line_or_mobile", "voip", "personal_number"})
# Where numbering plans do not tell mobiles from land lines (+1, +52 …) every ordinary number is
# fixed_line_or_mobile. It counts as mobile on both sides of the comparison: "12065550100" typed
# in Germany is meant for the USA, and "2065550100" typed in the USA is not looked at again.
# voip and personal_number receive SMS but are no mobiles: "32470123456" typed in Germany is the
# Belgian mobile, not the German VoIP number.
MOBILE_TYPES = frozenset({"mobile", "fixed_line_or_mobile"})

# Beside libphonenumber's own look-up this loads nothing of the regions.
_CALLING_CODES = {
    region: str(code)
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    for region in regions
    if region in phonenumbers.SUPPORTED_REGIONS
}

_FIRST_GROUP = re.compile(r"[0-9]+")
_NO_DIGIT = re.compile(r"[^0-9]")
# Letters that are no note but digits: a word of three in North America, where phone words are the
# custom and all numbers have one length, and in service numbers; else what is glued to digits.
_PHONE_WORD = re.compile(r"[A-Za-z]{3}")
_PHONE_WORD_TYPES = frozenset({"toll_free", "premium_rate", "shared_cost", "uan"})
_GLUED = re.compile(r"0[0-9]*[A-Za-z]+")

_DIGIT_RUN = re.compile(r"\+?\d{6,}")


def parse(text: str, regions: tuple[str, ...], judge: Judge = is_valid) -> PhoneNumber | None:
    """Return the number a person meant with ``text``, or None; never raises.

    ``text`` is taken as received, not stripped: a leading blank may have been a ``+``.
    International forms ignore ``regions`` (ISO 3166 two letters, upper case); otherwise the
    first region in which the number is valid wins. Notes and extensions are dropped; of two
    readings that are as good as each other, neither is taken. judge: what is taken for a number.
    """
    if len(text) > MAX_RAW_CHARACTERS:
        return None
    return _parse(text, regions, judge)


@lru_cache(CACHE_ENTRIES)
def _parse(text: str, regions: tuple[str, ...], judge: Judge) -> PhoneNumber | None:
    for rank in attempts(text):
        found = _found(rank.readings, regions, judge)
        if not _found(rank.uncut, regions, judge).keys() <= found.keys():
            return None
        if found:
            return _only(list(found.values()), rank, regions)
    return None


def _found(
    readings: tuple[Written, ...], regions: tuple[str, ...], judge: Judge
) -> dict[str, PhoneNumber]:
    read = (_meant(each, regions, judge) for each in readings)
    return {number.e164: number for number in read if number is not None}


def _only(found: list[PhoneNumber], rank: Rank, regions: tuple[str, ...]) -> PhoneNumber | None:
    """Return the one of several numbers that is meant, None where that cannot be told."""
    if len(found) == 1:
        return found[0]
    codes = tuple(f"+{phonenumbers.country_code_for_region(region)}" for region in regions)
    if rank.first_wins and found[0].e164.startswith(codes):
        return found[0]
    mobiles = [number for number in found if number.type in MOBILE_TYPES]
    wins = rank.mobile_wins and len(mobiles) == 1 and mobiles[0].e164.startswith(codes)
    return mobiles[0] if wins else None


def _meant(written: Written, regions: tuple[str, ...], judge: Judge) -> PhoneNumber | None:
    number = written.number
    if LETTER.search(number) and GLOBAL_CONTEXT not in number:
        return _spelled(number, regions, judge)
    if number.startswith("00"):
        return _dialled_abroad(number, regions, judge)
    international = _as_international(written.mark, number)
    if international is not None:
        return _read_international(international, judge)
    alone = _read_alone(number, regions, judge)
    if written.mark != LINK or number.startswith("0"):
        return alone
    # Links are international, but one without "+" may have been made of a national number.
    linked = _read_international(f"+{number}", judge)
    is_one = linked is not None and not _has_a_1_twice(number, linked)
    return linked if is_one and alone in (linked, None) else None


def _read_alone(number: str, regions: tuple[str, ...], judge: Judge) -> PhoneNumber | None:
    """Return what digits without a mark are in a region, or else with the plus they lack."""
    national = next(filter(None, (read(number, region, judge) for region in regions)), None)
    if national is not None and national.type in MOBILE_TYPES:
        return national
    once = _behind_a_doubled_code(number)
    doubled = read(f"+{once}", None, judge) if once else None
    # +1 is left out: a 1 before a number that begins with 1 is rather its place in a list.
    if doubled is not None and doubled.type in MOBILE_TYPES and not is_north_american(doubled.e164):
        return doubled if national in (doubled, None) else None
    return _as_forgotten_plus(number, judge) or national


def parse_international(text: str, judge: Judge = is_valid) -> PhoneNumber | None:
    """Return the number written in ``text``, with or without ``+`` or ``00``, or None.

    For administrators: never completed from a region, and names are never read as keypad letters.
    judge: what is taken for a number.
    """
    return None if len(text) > MAX_RAW_CHARACTERS else _parse_international(text, judge)


@lru_cache(CACHE_ENTRIES)
def _parse_international(text: str, judge: Judge) -> PhoneNumber | None:
    digits = digits_alone(text)
    return read("+" + digits.removeprefix("00"), None, judge) if digits else None


def digits_alone(text: str) -> str:
    """Return the digits of a text that is a number and nothing else, with its plus; else ''."""
    written = plain(text)
    # A minus before the digits is a number below zero, no telephone number.
    return "" if written is None or "-" in written.mark else written.number


@lru_cache(CACHE_ENTRIES)
def read(text: str, region: str | None, judge: Judge) -> PhoneNumber | None:
    """Return the number that digits are in a region, None = internationally; else None."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.country_code in plans.CHANGED:
        number = _as_dialled_today(number, number.country_code)
    return _describe(number) if judge(number) else None


def is_region(code: str) -> bool:
    """Return whether ``code`` is an upper-case two-letter region with telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def regions() -> list[str]:
    """Return all upper-case two-letter regions with telephone numbers, in their order."""
    return sorted(phonenumbers.SUPPORTED_REGIONS)


def calling_code(region: str) -> str:
    """Return the digits of a region's calling code; '' for what is no region."""
    return _CALLING_CODES.get(region, "")


def example(region: str) -> PhoneNumber | None:
    """Return a number of a region that gets SMS, made up; None where libphonenumber has none."""
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
        number = phonenumbers.example_number_for_type(region, kind)
        found = _describe(number) if number else None
        if found and found.sms:
            return found
    return None


@lru_cache(256)
def mobile_lengths(region: str) -> frozenset[int]:
    """Return how many digits the mobile numbers of a region have, written nationally."""
    known = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    return frozenset(known.mobile.possible_length) if known and known.mobile else frozenset()


@lru_cache(CACHE_ENTRIES)
def country_of(e164: str) -> str:
    """Return the country (ISO 3166) of a number that has been read before, '' when it has none.

    The same as that of ``parse`` for a valid number, at a fraction of its cost: most country
    codes belong to one country. What is no number has none.
    """
    digits = e164[1:] if e164[:1] == "+" and e164[1:].isdecimal() else ""
    code = plans.code_of(digits)
    found = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)] if code else ("",)
    country = found[0] if len(found) == 1 else _one_of_several(int(code), digits[len(code) :])
    return "" if country == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else country


def is_north_american(e164: str) -> bool:
    """Return whether a number belongs to the North American Numbering Plan (+1)."""
    return e164.startswith("+1")


def mask(number: str) -> str:
    """Return ``number`` for a log: ``+49176•••••78``.

    At most seven digits and never more than half of them (rounded up) stay; the number of
    bullets does not tell the length. Things with fewer than six digits are short codes or names,
    which are nobody's private number: they are returned unchanged.
    """
    digits = "".join(filter(str.isdecimal, number))
    if len(digits) < 6:
        return number
    head = min(7, (len(digits) + 1) // 2) - 2
    plus = "+" if number.lstrip().startswith("+") else ""
    return f"{plus}{digits[:head]}•••••{digits[-2:]}"


def mask_digits(text: str) -> str:
    """Return ``text``, such as a URL, with every run of six or more digits masked."""
    return _DIGIT_RUN.sub(lambda run: mask(run[0]), text)


def _as_international(mark: str, number: str) -> str | None:
    """Return ``number`` with its ``+`` when it is written internationally, else None."""
    if number.startswith("+") or GLOBAL_CONTEXT in number:
        return number
    # A "+" that form decoding made a blank; no country code begins with 0.
    if not mark.strip(" ") and mark and not number.startswith("0"):
        return "+" + number
    return None


def _dialled_abroad(number: str, regions: tuple[str, ...], judge: Judge) -> PhoneNumber | None:
    """Return what a number that begins with 00 reaches where it is dialled.

    Where abroad is dialled by 0011, 009 or 00 and a carrier's digits, that decides, right or
    wrong: by 00 the same digits reach somebody else.
    """
    digits = _NO_DIGIT.sub("", number)
    for region in regions:
        prefix = _abroad_by(region).match(digits)
        if prefix and prefix[0] != "00":
            return read(digits, region, judge)
    return _read_international(f"+{digits[2:]}", judge)


@lru_cache(1024)
def _abroad_by(region: str) -> re.Pattern[str]:
    """Return the pattern of what is dialled before a country code; what nobody dials, if none."""
    known = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    prefix = known.international_prefix if known else None
    # Behind it no country code begins with 0.
    return re.compile(f"(?:{prefix})(?=[1-9])" if prefix else r"(?!)")


def _read_international(text: str, judge: Judge) -> PhoneNumber | None:
    """Return the number in international form, also behind a country code that stands twice."""
    number = read(text, None, judge)
    rest = _behind_a_doubled_code(text)
    if rest is None:
        return number
    once = read(f"+{rest}", None, judge)
    if number is None or once is None or once.type not in MOBILE_TYPES:
        return number or once
    # A land line whose area code is like its country's, or somebody's mobile?
    return number if number.type in MOBILE_TYPES else None


def _behind_a_doubled_code(text: str) -> str | None:
    digits = _NO_DIGIT.sub("", text)
    code = plans.code_of(digits)
    rest = digits[len(code) :].removeprefix("00")
    return rest if code and rest.startswith(code) else None


def _spelled(text: str, regions: tuple[str, ...], judge: Judge) -> PhoneNumber | None:
    """Return the number that digits and letters spell, as on a keypad, else None."""
    digits = phonenumbers.convert_alpha_characters_in_number(text)
    if LETTER.search(digits) or not digits.isascii():
        return None
    number = _meant(Written("", digits), regions, judge)
    if number is None or _GLUED.fullmatch(text):
        return number
    usual = is_north_american(number.e164) or number.type in _PHONE_WORD_TYPES
    return number if usual and _PHONE_WORD.search(text) else None


def _as_forgotten_plus(number: str, judge: Judge) -> PhoneNumber | None:
    """Return the mobile number that ``number`` is once a ``+`` is put before it, or None.

    A country code is not written in two groups, and +1 has no other 1 behind it: what is set
    apart then is a number in a list.
    """
    first = _FIRST_GROUP.match(number)
    if number.startswith("0") or first is None:
        return None
    found, code = read("+" + number, None, judge), plans.code_of(first[0])
    if found is None or found.type not in MOBILE_TYPES:
        return None
    begins = bool(code) and found.e164.startswith(f"+{code}")
    return found if begins and not _has_a_1_twice(number, found) else None


def _has_a_1_twice(text: str, number: PhoneNumber) -> bool:
    return is_north_american(number.e164) and _NO_DIGIT.sub("", text) != number.e164[1:]


def _as_dialled_today(number: phonenumbers.PhoneNumber, code: int) -> phonenumbers.PhoneNumber:
    old = phonenumbers.national_significant_number(number)
    new = plans.todays(code, old)
    return number if new == old else phonenumbers.parse(f"+{code}{new}", None)


def _one_of_several(code: int, rest: str) -> str:
    """Return the country of a number whose country code belongs to several, '' for none."""
    if not rest:
        return ""
    noughts = len(rest) - len(rest.lstrip("0"))
    number = phonenumbers.PhoneNumber(
        country_code=code,
        national_number=int(rest),
        italian_leading_zero=noughts > 0,
        number_of_leading_zeros=noughts,
    )
    return _country(number)


def _country(number: phonenumbers.PhoneNumber) -> str:
    """Return the country of a number, of a range that is not known that of its country code."""
    found = phonenumbers.region_code_for_number(number)
    return str(found or phonenumbers.region_code_for_country_code(number.country_code or 0))


def _describe(number: phonenumbers.PhoneNumber) -> PhoneNumber:
    number.extension = None
    formats = phonenumbers.PhoneNumberFormat
    country = _country(number)
    kind = "mobile" if is_sample(number) else _TYPES[phonenumbers.number_type(number)]
    return PhoneNumber(
        e164=phonenumbers.format_number(number, formats.E164),
        international=phonenumbers.format_number(number, formats.INTERNATIONAL),
        country=None if country == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else country,
        type=kind,
        sms=kind in _SMS_TYPES,
    )
