"""Which regions a national number may be meant in, best guess first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from gateway.telephony.phonenumber import is_region

# Browsers send five or six languages; the rest of a longer header is no hint but a load.
MAX_HEADER_CHARACTERS = 1000
MAX_LANGUAGES = 20

# Codes that are written for a country without being its code in ISO 3166: reserved exceptionally
# or formerly used (https://www.iso.org/iso-3166-country-codes.html), and the European Union's EL.
_ALIASES = {
    "AN": "CW",
    "BU": "MM",
    "CP": "FR",
    "CQ": "GG",
    "CS": "RS",
    "DD": "DE",
    "DG": "IO",
    "DY": "BJ",
    "EA": "ES",
    "EL": "GR",
    "FX": "FR",
    "HV": "BF",
    "IC": "ES",
    "RH": "ZW",
    "SU": "RU",
    "TP": "TL",
    "UK": "GB",
    "VD": "VN",
    "YD": "YE",
    "YU": "RS",
    "ZR": "CD",
}

_SUBTAGS = re.compile(r"[A-Za-z0-9]{1,8}(?:[-_][A-Za-z0-9]{1,8})*")
# https://www.rfc-editor.org/rfc/rfc9110#name-quality-values, with any number of decimals
_QUALITY = re.compile(r"0?\.[0-9]+|[01]\.?|1\.0+")


class CountryGuesser:
    """Guesses regions from what a request tells about its sender.

    ``lookup`` gives the country of an address; with ``guess`` off every number is national to
    ``default_country``.
    """

    def __init__(
        self, lookup: Callable[[str], str | None], *, default_country: str, guess: bool
    ) -> None:
        self._lookup = lookup
        self._default = region(default_country) or default_country.upper()
        self._guess = guess

    def candidates(
        self, country_argument: str | None, address: str, accept_language: str | None
    ) -> tuple[str, ...]:
        """Return the regions (ISO 3166, upper case) to try, best first, each once.

        A region in ``country_argument`` alone decides; anything else there is as if absent.
        """
        if not self._guess:
            return (self._default,)
        named = region(country_argument) if country_argument else None
        if named is not None:
            return (named,)
        located = self._lookup(address)
        hints = (
            *((located,) if located and is_region(located) else ()),
            *_language_regions((accept_language or "")[:MAX_HEADER_CHARACTERS]),
            self._default,
        )
        return tuple(dict.fromkeys(hints))


def region(text: str) -> str | None:
    """Return the upper-case region with telephone numbers that two letters name, else None."""
    code = text.strip()
    # upper() makes two letters of some single ones ("ß"): only ASCII is a code.
    if len(code) != 2 or not code.isascii():
        return None
    code = _ALIASES.get(code.upper(), code.upper())
    return code if is_region(code) else None


def languages(accept_language: str | None) -> tuple[str, ...]:
    """Return the language tags of an Accept-Language header by q, ties in their order."""
    items = _by_weight((accept_language or "")[:MAX_HEADER_CHARACTERS])
    tags = (item.partition(";")[0].strip() for item in items)
    return tuple(tag for tag in tags if _SUBTAGS.fullmatch(tag))


@lru_cache(1024)
def _language_regions(header: str) -> tuple[str, ...]:
    """Return the regions of an Accept-Language header by q, ties in their order."""
    return tuple(filter(None, map(_item_region, _by_weight(header))))


def _by_weight(header: str) -> list[str]:
    """Return the items of a header that are wanted, those of the highest q first."""
    weighted = [
        (quality, item)
        for item in header.split(",", MAX_LANGUAGES)[:MAX_LANGUAGES]
        if (quality := _item_quality(item)) > 0
    ]
    weighted.sort(key=lambda pair: -pair[0])
    return [item for _, item in weighted]


def _item_quality(item: str) -> float:
    """Return the q of one list item, 1 without one, 0 (not wanted) for nonsense."""
    for parameter in item.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            quality = value.strip()
            return float(quality) if _QUALITY.fullmatch(quality) else 0.0
    return 1.0


def _item_region(item: str) -> str | None:
    tag = item.partition(";")[0].strip()
    if not _SUBTAGS.fullmatch(tag):
        return None
    codes = [subtag for subtag in _language_subtags(tag) if len(subtag) == 2]
    return region(codes[-1]) if codes else None


def _language_subtags(tag: str) -> Iterator[str]:
    """Yield what follows the language, up to an extension.

    In ``de-DE-u-co-phonebk`` the one-letter subtag opens an extension, whose ``co`` is no region
    (https://www.rfc-editor.org/rfc/rfc5646#section-2.2.6).
    """
    for subtag in tag.replace("_", "-").split("-")[1:]:
        if len(subtag) == 1:
            return
        yield subtag
