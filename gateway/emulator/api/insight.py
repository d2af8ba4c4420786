"""Number Insight Basic: what a number is, by libphonenumber, in the provider's words.

https://developer.vonage.com/en/api/number-insight
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from gateway.emulator.account import auth
from gateway.emulator.account.failures import Failure
from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.api.failing import ApiHandler
from gateway.emulator.api.wire import read_params
from gateway.telephony import phonenumber
from gateway.telephony.phonenumber import PhoneNumber

# https://developer.vonage.com/en/number-insight/guides/troubleshooting
STATUSES: Mapping[int, str] = {
    0: "Success",
    1: "Busy",
    3: "Invalid request",
    4: "Invalid credentials",
    5: "Internal Error",
    9: "Partner quota exceeded",
    19: "Facility not allowed",
    43: "Live mobile lookup not returned",
    44: "Live mobile lookup not returned",
    45: "Invalid request",
    999: "Request unparseable",
}

_NUMBER = re.compile(r"[0-9+()\s-]+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_COUNTRIES = Path(__file__).with_name("countries.tsv")

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class Country:
    """iso3: ISO 3166 three letters; prefix: country code; trunk: before national numbers."""

    iso3: str
    prefix: str
    trunk: str
    name: str


class InsightHandler(ApiHandler):
    """``/ni/basic/json``: HTTP 200 with an integer status, or a failure that a test has ordered."""

    provider = "insight"

    async def get(self) -> None:
        """Reply with what the number is, or with the status that says why not."""
        params = read_params(self.request)
        await self.serve(params, partial(self._accept, params), lambda: None)

    def refuse(self, refusal: RefusedError) -> None:
        self.reply(_refusal(int(refusal.status), refusal.text))

    async def _accept(self, params: Mapping[str, str]) -> None:
        settings = self.application.account.settings
        await self.pause(settings.insight_delay)
        if not auth.is_account(params, self.authorization, settings):
            raise RefusedError("4")
        self.reply(look_up(params))

    def answer_ordered(self, failure: Failure) -> None:
        if failure.name == "429":
            self.set_status(429)
        self.refuse(RefusedError(failure.status or "1"))


def look_up(params: Mapping[str, str]) -> Document:
    """Return the answer about ``number``, read as one of ``country`` unless international.

    Raises RefusedError (3) for what is no number.
    """
    given, country = params.get("number", ""), params.get("country", "")
    if not given:
        raise RefusedError("3", "Missing number")
    if country and not _COUNTRY.fullmatch(country):
        raise RefusedError("3", f"Not valid country code detected [ {country} ]")
    found = _parse(given, country)
    known = countries().get(found.country or "") if found else None
    if found is None or known is None:
        raise RefusedError("3", f"Not valid number format detected [ {given} ]")
    return _description(found, known)


def _refusal(status: int, reason: str) -> Document:
    text = STATUSES.get(status, "Error")
    return {"status": status, "status_message": f"{text} :: {reason}" if reason else text}


@cache
def countries() -> Mapping[str, Country]:
    """Return what is known of each country, by its ISO 3166 two letters."""
    rows = (row.split("\t") for row in _COUNTRIES.read_text("utf-8").splitlines())
    return {iso2: Country(*rest) for iso2, *rest in rows}


def _parse(given: str, country: str) -> PhoneNumber | None:
    if not _NUMBER.fullmatch(given):
        return None
    if not country:
        return phonenumber.parse_international(given)
    found = phonenumber.parse(given, [country])
    # Some countries share a code: a British and a Guernsey number both fit GB.
    fits = found is not None and country in countries()
    return found if fits and found and _prefix(found) == countries()[country].prefix else None


def _prefix(number: PhoneNumber) -> str:
    return number.international.partition(" ")[0].removeprefix("+")


def _description(number: PhoneNumber, country: Country) -> Document:
    return {
        "status": 0,
        "status_message": STATUSES[0],
        "request_id": str(uuid.uuid4()),
        "international_format_number": number.e164.removeprefix("+"),
        "national_format_number": _national(number, country),
        "country_code": number.country,
        "country_code_iso3": country.iso3,
        "country_name": country.name,
        "country_prefix": country.prefix,
    }


def _national(number: PhoneNumber, country: Country) -> str:
    digits = number.international.partition(" ")[2]
    if country.prefix == "1":
        area, _, rest = digits.partition("-")
        return f"({area}) {rest}"
    return f"{country.trunk}{digits}"
