"""Number Insight Basic: what a number is, by libphonenumber, in the provider's words.

https://developer.vonage.com/en/api/number-insight
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from functools import partial

from gateway.emulator.account import auth
from gateway.emulator.account.failures import Failure
from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.api.failing import ApiHandler
from gateway.emulator.api.wire import read_params
from gateway.telephony import phonenumber
from gateway.telephony.judges import is_valid_or_sample

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

Document = dict[str, object]


class InsightHandler(ApiHandler):
    """``/ni/basic/json``: HTTP 200 with an integer status, or a failure that a test has ordered."""

    provider = "insight"

    async def get(self) -> None:
        """Reply with what the number is, or with the status that says why not."""
        params = read_params(self.request)
        await self.serve(params, partial(self._accept, params), lambda: None)

    def refuse(self, refusal: RefusedError) -> None:
        """Reply with the status and its meaning, by HTTP 200."""
        self.reply(_refusal(int(refusal.status), refusal.text))

    async def _accept(self, params: Mapping[str, str]) -> None:
        settings = self.application.account.settings
        await self.pause(settings.insight_delay)
        if not auth.is_account(params, self.authorization, settings):
            raise RefusedError("4")
        self.reply(look_up(params))

    def answer_ordered(self, failure: Failure) -> None:
        """Reply with the status that was ordered; 429 is one of HTTP."""
        if failure.name == "429":
            self.set_status(429)
        self.refuse(RefusedError(failure.status or "1"))


def look_up(params: Mapping[str, str]) -> Document:
    """Return the answer about an international ``number``; raises RefusedError (3) for no number.

    What it says of the country is less than the provider's: its code and its prefix.
    """
    given = params.get("number", "")
    if not given:
        raise RefusedError("3", "Missing number")
    number = given if _NUMBER.fullmatch(given) else ""
    found = phonenumber.parse_international(number, is_valid_or_sample)
    if found is None or not found.country:
        raise RefusedError("3", f"Not valid number format detected [ {given} ]")
    return {
        "status": 0,
        "status_message": STATUSES[0],
        "request_id": str(uuid.uuid4()),
        "international_format_number": found.e164.removeprefix("+"),
        "country_code": found.country,
        "country_prefix": found.international.partition(" ")[0].removeprefix("+"),
    }


def _refusal(status: int, reason: str) -> Document:
    text = STATUSES.get(status, "Error")
    return {"status": status, "status_message": f"{text} :: {reason}" if reason else text}
