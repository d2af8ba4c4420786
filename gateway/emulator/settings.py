"""The settings of the simulated account: declared once, checked wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

from gateway.emulator import checks
from gateway.providers import signatures

WEBHOOK_METHODS = ("GET", "POST", "POST-JSON", "MESSAGES-V1")
DLR_STATUSES = ("accepted", "buffered", "delivered", "expired", "failed", "rejected", "unknown")
MESSAGE_IDS = ("uuid", "hex")
# "classic" repeats after every answer but 2xx, "backoff" only after 429, 5xx and silence:
# the provider's older and newer rule, both still found in its support articles.
RETRY_POLICIES = ("classic", "backoff")
# How Flowroute tells of an MO: the document of its newer API, or the flat object of the older.
FLOWROUTE_VERSIONS = ("2", "2.1")
SECRETS = frozenset({"api_secret", "signature_secret", "flowroute_secret_key"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the owner of an account can set, and how its receipts misbehave.

    rate: API requests per second, 0 = not throttled; balance and price: EUR;
    answer_delay, dlr_delay (before each receipt) and retry_delays: seconds;
    dlr_repeat: how often each receipt is sent; dlr_shuffle: not in their order;
    dlr_early: before the answer to the send; dlr_err_code: '' = the usual one of the status;
    dlr_content_type: false = JSON webhooks of the SMS API come without a Content-Type;
    mo_url: told of the texts of handsets; flowroute_numbers: the account's own there, digits
    ('' = any). What is not named for a provider (rate, delays, dlr_*, retry_delays) is for both.
    """

    api_key: str = "emulator"
    api_secret: str = "emulator-secret"  # noqa: S105  the emulator's public default
    signature_secret: str = ""
    signature_method: str = "md5hash"
    application_id: str = ""
    rate: int = 30
    balance: float = 1_000_000.0
    price: float = 0.0333
    message_id: str = "uuid"
    answer_delay: float = 0.0
    dlr_url: str = ""
    dlr_method: str = "POST-JSON"
    dlr_content_type: bool = True
    dlr_delay: float = 0.5
    dlr_statuses: tuple[str, ...] = ("delivered",)
    dlr_err_code: str = ""
    dlr_repeat: int = 1
    dlr_shuffle: bool = False
    dlr_early: bool = False
    dlr_off: bool = False
    retry_delays: tuple[float, ...] = (0.2, 0.4, 0.8, 1.6, 3.2)
    retry_policy: str = "classic"
    mo_url: str = ""
    mo_method: str = "POST-JSON"
    flowroute_access_key: str = "emulator"
    flowroute_secret_key: str = "emulator-secret"  # noqa: S105  the emulator's public default
    flowroute_numbers: tuple[str, ...] = ()
    flowroute_dlr_url: str = ""
    flowroute_mo_url: str = ""
    flowroute_mo_version: str = "2.1"


def changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """Return the settings with the changes in them.

    Raises BadRequest naming the first setting that does not exist or has a wrong value.
    """
    checked = checks.checked(changes, _CHECKS, "setting")
    return replace(settings, **cast(dict[str, Any], checked))


def from_text(name: str, text: str) -> object:
    """Return the value that ``text`` (a command line argument) means for the setting ``name``."""
    default = getattr(Settings(), name)
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(default, int | float):
        return checks.as_number(text, type(default))
    return text


def shown(settings: Settings) -> dict[str, object]:
    """Return the settings as JSON can carry them, with ``(set)`` in place of secrets."""
    values = asdict(settings)
    return {name: _hidden(value) if name in SECRETS else value for name, value in values.items()}


def _hidden(secret: object) -> str:
    return "(set)" if secret else ""


def _statuses(value: object) -> tuple[str, ...]:
    return tuple(checks.one_of(DLR_STATUSES)(item) for item in checks.items(value))


_CHECKS: Mapping[str, Callable[[object], object]] = {
    "api_key": checks.required_text,
    "api_secret": checks.required_text,
    "signature_secret": checks.text,
    "signature_method": checks.one_of(signatures.METHODS),
    "application_id": checks.text,
    "rate": checks.whole(0, 100_000),
    "balance": checks.real(1e9),
    "price": checks.real(1000),
    "message_id": checks.one_of(MESSAGE_IDS),
    "answer_delay": checks.real(checks.MAX_SECONDS),
    "dlr_url": checks.url,
    "dlr_method": checks.one_of(WEBHOOK_METHODS),
    "dlr_content_type": checks.flag,
    "dlr_delay": checks.real(checks.MAX_SECONDS),
    "dlr_statuses": _statuses,
    "dlr_err_code": checks.digits,
    "dlr_repeat": checks.whole(1, 100),
    "dlr_shuffle": checks.flag,
    "dlr_early": checks.flag,
    "dlr_off": checks.flag,
    "retry_delays": checks.delays,
    "retry_policy": checks.one_of(RETRY_POLICIES),
    "mo_url": checks.url,
    "mo_method": checks.one_of(WEBHOOK_METHODS),
    "flowroute_access_key": checks.required_text,
    "flowroute_secret_key": checks.required_text,
    "flowroute_numbers": checks.numbers,
    "flowroute_dlr_url": checks.url,
    "flowroute_mo_url": checks.url,
    "flowroute_mo_version": checks.one_of(FLOWROUTE_VERSIONS),
}

NAMES = tuple(field.name for field in fields(Settings))
