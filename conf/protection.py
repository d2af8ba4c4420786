"""What keeps strangers from spending: rules by destination, limits, budgets, shops; and their file.

Without a file ``Protection()`` holds, whose defaults conf/examples/protection.toml writes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from math import isnan
from pathlib import Path

from conf.messages import LINKS, message_link, message_path, message_sender, message_text
from conf.providers import NAMES
from conf.tables import MAX_LIMIT, Kind, Values, matching, one_of, read_kinds, text, whole
from conf.values import read_origin

DAY = 86_400
HOUR = 3_600


class Action(StrEnum):
    """What a rule does with messages to a destination."""

    ALLOW = "allow"
    LIMIT = "limit"
    BLOCK = "block"


class Mode(StrEnum):
    """What a limit does: refuse, only count and show, or nothing."""

    ENFORCE = "enforce"
    MONITOR = "monitor"
    OFF = "off"


class By(StrEnum):
    """What a limit counts calls by.

    ADDRESS: a visitor, IPv4 or an IPv6 /64; NETWORK: an IPv6 /48; RECEIVER: his number; RANGE: the
    same without its last four digits; CALLING_CODE: of the receiver; ENDPOINT, SITE: each of them;
    ALL: everything together.
    """

    ADDRESS = "address"
    NETWORK = "network"
    RECEIVER = "receiver"
    RANGE = "range"
    CALLING_CODE = "calling_code"
    ENDPOINT = "endpoint"
    SITE = "site"
    ALL = "all"


class Special(StrEnum):
    """Destinations that cost more than a mobile of a country, wherever they are."""

    SATELLITE = "satellite"
    INTERNATIONAL = "international"
    SHARED_COST = "shared_cost"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with messages of an endpoint to a destination; the narrowest that fits decides.

    A destination is one of country (ISO 3166), calling_code (digits), range (``+`` and how its
    numbers begin) and kind (of Special), or all when none is given. endpoint: '' = every one;
    reason: shown to the operator alone; amount, window: what LIMIT lets through in how many s.
    """

    action: Action
    country: str = ""
    calling_code: str = ""
    range: str = ""
    kind: Special | None = None
    endpoint: str = ""
    reason: str = ""
    amount: int = 50
    window: int = DAY


@dataclass(frozen=True, slots=True)
class NewCountry:
    """What an endpoint may send to a country to which it never sent: ``amount`` in ``window`` s.

    known_after: messages delivered there that end this; amount 0 = any number from the first on.
    """

    amount: int = 50
    window: int = DAY
    known_after: int = 10


@dataclass(frozen=True, slots=True)
class LayerLimit:
    """``amount`` messages in any ``window`` seconds, counted ``by`` something; amount 0 = no limit.

    endpoint, site: '' = each one, with a count of its own where these are what is counted by.
    """

    by: By
    amount: int
    window: int
    mode: Mode = Mode.ENFORCE
    endpoint: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class BudgetShare:
    """What may be spent on a part of all: ``endpoint:<path>``, ``site:<key>`` or one of SHARES.

    day, month: in the account's currency, 0 = no limit of its own.
    """

    of: str
    day: Decimal = Decimal(0)
    month: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Currency:
    """In what a provider counts: its name, and how much of the budget's currency one of it is."""

    provider: str
    currency: str = "EUR"
    rate: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class StartPrice:
    """What a part of an SMS to a country is taken to cost until it is known; country '' = others.

    In the currency of the provider ('' = of all).
    """

    price: Decimal
    country: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A shop among several that one gateway serves, known by the ``site`` of its calls.

    origins: whose pages may call for it, () = those of ``allowed_origins``; message, sender and
    links: in place of the endpoint's, '' = the endpoint's.
    """

    key: str
    origins: tuple[str, ...] = ()
    message: str = ""
    sender: str = ""
    link: str = ""
    link_ios: str = ""
    link_android: str = ""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When numbers of one range, or of one country, whose links nobody opens get no more texts.

    least: so many texts, at least, in ``window`` seconds (whole times of ten minutes).
    """

    mode: Mode = Mode.ENFORCE
    least: int = 20
    window: int = DAY


@dataclass(frozen=True, slots=True)
class Exempt:
    """A number (E.164) that no rule and no limit refuses; it is counted all the same."""

    number: str
    note: str = ""


SHARES = ("relay", "calls", "rents")

# Special destinations are what strangers are paid for; README of handlers/public tells why these.
DEFAULT_RULES = (
    Rule(Action.BLOCK, kind=Special.SATELLITE, reason="satellite telephones"),
    Rule(Action.BLOCK, kind=Special.INTERNATIONAL, reason="networks of no country"),
    Rule(Action.BLOCK, kind=Special.SHARED_COST, reason="services at shared cost"),
    Rule(Action.BLOCK, kind=Special.PREMIUM, reason="services at a higher price"),
)
# The two of the options, by address in an hour and by receiver in a day, come before these.
DEFAULT_LIMITS = (
    LayerLimit(By.ADDRESS, 30, DAY),
    LayerLimit(By.NETWORK, 40, HOUR),
    LayerLimit(By.NETWORK, 120, DAY),
    LayerLimit(By.RANGE, 10, HOUR),
    LayerLimit(By.RANGE, 50, DAY),
    LayerLimit(By.CALLING_CODE, 200, HOUR),
    LayerLimit(By.SITE, 300, HOUR),
    LayerLimit(By.ENDPOINT, 500, HOUR),
    LayerLimit(By.ALL, 1000, HOUR),
    LayerLimit(By.ALL, 20_000, DAY),
)


@dataclass(frozen=True, slots=True)
class Protection:
    """All that the file says; limits: those by something replace all defaults by the same.

    file: which one says it, '' = none.
    """

    rules: tuple[Rule, ...] = ()
    own_limits: tuple[LayerLimit, ...] = ()
    budgets: tuple[BudgetShare, ...] = ()
    currencies: tuple[Currency, ...] = ()
    prices: tuple[StartPrice, ...] = ()
    sites: tuple[Site, ...] = ()
    exempt: tuple[Exempt, ...] = ()
    new_country: NewCountry = NewCountry()
    breaker: Breaker = Breaker()
    file: str = field(default="", compare=False)

    @property
    def limits(self) -> tuple[LayerLimit, ...]:
        """The limits of the file, and the defaults that it does not replace."""
        replaced = {each.by for each in self.own_limits}
        kept = tuple(each for each in DEFAULT_LIMITS if each.by not in replaced)
        return kept + self.own_limits


def read_protection_file(file: Path, written: str | None = None) -> tuple[Protection, list[str]]:
    """Return what the TOML file declares, as far as it is sound, and one line for each problem.

    written: what it would say, in place of what it says.
    """
    found, problems = read_kinds(file, _KINDS, written=written)
    return (
        Protection(
            rules=tuple(found["rule"]),
            own_limits=tuple(found["limit"]),
            budgets=tuple(found["budget"]),
            currencies=tuple(found["provider"]),
            prices=tuple(found["price"]),
            sites=tuple(found["site"]),
            exempt=tuple(found["exempt"]),
            new_country=next(iter(found["new_country"]), NewCountry()),
            breaker=next(iter(found["breaker"]), Breaker()),
            file=str(file),
        ),
        problems,
    )


_DESTINATIONS = ("country", "calling_code", "range", "kind")


def _money(value: object) -> Decimal:
    """Return an amount; floats are read as they are written."""
    if isinstance(value, bool) or not isinstance(value, int | float) or isnan(value):
        raise ValueError("must be a number")
    amount = Decimal(str(value))
    if not 0 <= amount <= MAX_LIMIT:
        raise ValueError(f"must be between 0 and {MAX_LIMIT}")
    return amount


def _rate(value: object) -> Decimal:
    rate = _money(value)
    if not rate:
        raise ValueError("must be above 0")
    return rate


def _above_0(value: object) -> int:
    number = whole(value)
    if not number:
        raise ValueError("must be 1 or more")
    return number


def _ten_minutes(value: object) -> int:
    seconds = whole(value)
    if seconds % 600 or not 600 <= seconds <= DAY:
        raise ValueError("must be a multiple of 600, up to a day (86400)")
    return seconds


def _only_one(_: Values, position: int) -> list[str]:
    return ["there is one already"] if position > 1 else []


def _share(value: object) -> str:
    name = text(value)
    kind, _, which = name.partition(":")
    if kind == "endpoint":
        return f"endpoint:{message_path(which)}"
    if name not in SHARES and not (kind == "site" and re.fullmatch(_SITE_KEY, which)):
        raise ValueError(f"must be endpoint:<path>, site:<key> or one of {', '.join(SHARES)}")
    return name


def _origins(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError('must be a list of texts in quotes, as in ["https://www.example.com"]')
    return tuple(read_origin(text(each)) for each in value)


_SITE_KEY = r"[A-Za-z0-9._-]{1,64}"
_COUNTRY = matching(r"[A-Z]{2}", "two capital letters, as in DE")
_NUMBER = matching(r"\+[1-9][0-9]{4,14}", "international, + and digits without blanks")
_KEY = matching(_SITE_KEY, "1 to 64 ASCII letters, digits and . _ -")


def _path(value: object) -> str:
    return message_path(text(value))


_PROVIDER = matching("|".join(NAMES), f"one of {', '.join(NAMES)}")

_KINDS = {
    "rule": Kind(
        Rule,
        {
            "action": one_of(Action),
            "country": _COUNTRY,
            "calling_code": matching(r"[1-9][0-9]{0,2}", "one to three digits, as in 49"),
            "range": matching(r"\+[1-9][0-9]{1,14}", "+ and digits, as in +4915"),
            "kind": one_of(Special),
            "endpoint": _path,
            "reason": text,
            "amount": _above_0,
            "window": _above_0,
        },
        required=("action",),
        one_of=_DESTINATIONS,
        unique=(*_DESTINATIONS, "endpoint"),
    ),
    "new_country": Kind(
        NewCountry,
        {"amount": whole, "window": _above_0, "known_after": whole},
        required=(),
        repeated=_only_one,
    ),
    "breaker": Kind(
        Breaker,
        {"mode": one_of(Mode), "least": _above_0, "window": _ten_minutes},
        required=(),
        repeated=_only_one,
    ),
    "limit": Kind(
        LayerLimit,
        {
            "by": one_of(By),
            "amount": whole,
            "window": _above_0,
            "mode": one_of(Mode),
            "endpoint": _path,
            "site": _KEY,
        },
        required=("by", "amount", "window"),
    ),
    "budget": Kind(
        BudgetShare,
        {"of": _share, "day": _money, "month": _money},
        required=("of",),
        unique=("of",),
    ),
    "provider": Kind(
        Currency,
        {"provider": _PROVIDER, "currency": matching(r"[A-Z]{3}", "as in EUR"), "rate": _rate},
        required=("provider",),
        unique=("provider",),
    ),
    "price": Kind(
        StartPrice,
        {"price": _money, "country": _COUNTRY, "provider": _PROVIDER},
        required=("price",),
        unique=("provider", "country"),
    ),
    "site": Kind(
        Site,
        {
            "key": _KEY,
            "origins": _origins,
            "message": lambda value: message_text(text(value)),
            "sender": lambda value: message_sender(text(value)),
            **dict.fromkeys(LINKS, lambda value: message_link(text(value))),
        },
        required=("key",),
        unique=("key",),
    ),
    "exempt": Kind(
        Exempt, {"number": _NUMBER, "note": text}, required=("number",), unique=("number",)
    ),
}
