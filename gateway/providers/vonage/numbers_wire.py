"""The words of Vonage's Numbers API: requests, and what its answers mean.

https://developer.vonage.com/en/api/numbers
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import ProviderFailed
from gateway.providers.base import Outcome
from gateway.providers.http.answers import json_object, word

# The API pages by at most so many.
PAGE_SIZE = 100
MAX_WORD = 40
MAX_LABEL = 250
MAX_URL = 2000

# The order in which the API wants them.
_FEATURES = ("SMS", "VOICE")
# Settings of a number, which an update names all: those that it leaves out may be cleared.
_KEPT = ("moHttpUrl", "app_id", "moSmppSysType", "voiceStatusCallback")
# Settings in two fields, and the types that an update takes.
_CALLBACKS: Mapping[tuple[str, str], Collection[str]] = {
    ("voiceCallbackType", "voiceCallbackValue"): ("sip", "tel", "app"),
    ("messagesCallbackType", "messagesCallbackValue"): ("app",),
}

_DIGITS = re.compile(r"[0-9]{5,15}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PRICE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

CREDENTIALS = "the provider refuses the credentials"
UNUSABLE = "the provider's answer is not usable"
_THROTTLES = "the provider wants fewer requests, try again later"


@dataclass(frozen=True, slots=True)
class Offer:
    """A number that can be rented; prices are decimal strings in EUR, '' when not told.

    cost: of a month; initial_price: once; features: such as SMS and VOICE.
    """

    e164: str
    country: str
    type: str = ""
    features: tuple[str, ...] = ()
    cost: str = ""
    initial_price: str = ""


@dataclass(frozen=True, slots=True)
class Offers:
    """Some of the numbers that can be rented, and how many there are."""

    total: int
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Rental:
    """A rented number. settings: its webhooks, by the names that an update gives them."""

    e164: str
    country: str
    type: str = ""
    features: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def mo_url(self) -> str:
        """Where its MOs go, '' for nowhere of its own."""
        return self.settings.get("moHttpUrl", "")

    @property
    def app_id(self) -> str:
        """The application that answers its calls, '' when none does or calls are forwarded."""
        kind, app_id = self.settings.get("voiceCallbackType"), self.settings.get("app_id", "")
        if kind == "app":
            return self.settings.get("voiceCallbackValue", "")
        return "" if kind else app_id


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a request to rent a number or to set it up.

    text: the reason when it was not done, for the operator. refuses_us: no other number would
    fare better.
    """

    outcome: Outcome
    code: str = ""
    text: str = ""

    @property
    def refuses_us(self) -> bool:
        """Whether the account is refused, not the number."""
        return self.outcome is Outcome.REFUSED and self.code in {"401", "403"}


def search_query(
    country: str, features: Collection[str], size: int, beginning: str = ""
) -> dict[str, str]:
    """Return the query of a search; features: ``sms``, ``voice`` or both; beginning: '' = any."""
    wanted = [each for each in _FEATURES if each.lower() in features]
    query = {"country": country, "features": ",".join(wanted), "size": str(size)}
    pattern = {"pattern": beginning.removeprefix("+"), "search_pattern": "0"} if beginning else {}
    return query | pattern


def owned_query(index: int) -> dict[str, str]:
    """Return the query of one page of all rented numbers; the first has index 1."""
    return {"size": str(PAGE_SIZE), "index": str(index)}


def one_query(e164: str, country: str) -> dict[str, str]:
    """Return the query that finds one rented number (``search_pattern`` 0: it begins so)."""
    return {"country": country, "pattern": e164.removeprefix("+"), "search_pattern": "0"}


def buy_form(offer: Offer) -> dict[str, str]:
    """Return the form that rents a number."""
    return {"country": offer.country, "msisdn": offer.e164.removeprefix("+")}


def update_form(rental: Rental, *, mo_url: str = "", app_id: str = "") -> dict[str, str]:
    """Return the form that sets up a number: its settings as they are, with those given changed.

    mo_url: where its MOs go; app_id: the application that answers its calls, in place of a
    forwarding, which would go before it.
    """
    number = {"country": rental.country, "msisdn": rental.e164.removeprefix("+")}
    settings = dict(rental.settings)
    if mo_url:
        settings["moHttpUrl"] = mo_url
    if app_id:
        settings["app_id"] = app_id
        settings.pop("voiceCallbackType", None)
        settings.pop("voiceCallbackValue", None)
    return number | settings


def offers(document: Mapping[str, Any], features: Collection[str]) -> Offers:
    """Return the numbers in the answer to a search that can what is wanted.

    A search without a match is answered by an empty object. Raises ProviderFailed.
    """
    total, items = _items(document)
    found = [offer for item in items if (offer := _offer(item)) is not None]
    wanted = {each.upper() for each in features}
    return Offers(total, tuple(each for each in found if wanted <= set(each.features)))


def rentals(document: Mapping[str, Any]) -> tuple[int, list[Rental]]:
    """Return how many numbers are rented, and those of this page; raises ProviderFailed."""
    total, items = _items(document)
    return total, [rental for item in items if (rental := _rental(item)) is not None]


def change(http_status: int, body: bytes) -> Change:
    """Return what an answer to a change means.

    The error code is read with HTTP 200 too. An answer of the server's own failure (5xx), or one
    that contradicts itself or says nothing, may have come after the change was made.
    """
    document = json_object(body) or {}
    said = word(document.get("error-code"), MAX_WORD)
    if http_status == 429 or (http_status == 200 and said == "429"):
        return Change(Outcome.THROTTLED, "429", _THROTTLES)
    if http_status == 200 and said == "200":
        return Change(Outcome.ACCEPTED)
    refused = said if http_status == 200 else str(http_status)
    if _is_refusal(refused) and (not said or _is_refusal(said)):
        return Change(Outcome.REFUSED, refused, _reason(refused, document))
    return Change(Outcome.UNKNOWN, str(http_status), UNUSABLE)


def _is_refusal(code: str) -> bool:
    """Whether nothing was done; 408 is a server that gave up waiting, perhaps for itself."""
    return len(code) == 3 and code.startswith("4") and code != "408"


def _reason(code: str, document: Mapping[str, Any]) -> str:
    if code == "401":
        return CREDENTIALS
    label = word(document.get("error-code-label"), MAX_LABEL)
    return f"the provider refuses: {label or code}"


def _items(document: Mapping[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    count, numbers = document.get("count", 0), document.get("numbers", [])
    if type(count) is not int or not isinstance(numbers, list):
        raise ProviderFailed(UNUSABLE)
    return count, [each for each in numbers if isinstance(each, dict)]


def _offer(item: Mapping[str, Any]) -> Offer | None:
    number = _number(item)
    prices = [word(item.get(name), MAX_WORD) for name in ("cost", "initialPrice")]
    cost, initial_price = (price if _PRICE.fullmatch(price) else "" for price in prices)
    return number and Offer(*number, cost=cost, initial_price=initial_price)


def _rental(item: Mapping[str, Any]) -> Rental | None:
    number = _number(item)
    return number and Rental(*number, settings=_settings(item))


def _number(item: Mapping[str, Any]) -> tuple[str, str, str, tuple[str, ...]] | None:
    """Return E.164, country, type and features of a number, None when it is none."""
    digits, country = word(item.get("msisdn"), MAX_WORD), word(item.get("country"), MAX_WORD)
    if not _DIGITS.fullmatch(digits) or not _COUNTRY.fullmatch(country):
        return None
    features = item.get("features")
    words = [word(each, MAX_WORD) for each in features] if isinstance(features, list) else []
    return f"+{digits}", country, word(item.get("type"), MAX_WORD), tuple(filter(None, words))


def _settings(item: Mapping[str, Any]) -> dict[str, str]:
    found = {name: word(item.get(name), MAX_URL) for name in _KEPT}
    for (kind, value), known in _CALLBACKS.items():
        if item.get(kind) in known:
            found |= {name: word(item.get(name), MAX_URL) for name in (kind, value)}
    return {name: value for name, value in found.items() if value}
