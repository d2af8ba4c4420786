"""The settings of the simulated account: declared once, checked wherever they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

from gateway.emulator.loopback import url_host
from gateway.errors import BadRequest
from gateway.providers import signatures

DLR_METHODS = ("GET", "POST", "POST-JSON", "MESSAGES-V1")
DLR_STATUSES = ("accepted", "buffered", "delivered", "expired", "failed", "rejected", "unknown")
MESSAGE_IDS = ("uuid", "hex")
# "classic" repeats after every answer but 2xx, "backoff" only after 429, 5xx and silence:
# the provider's older and newer rule, both still found in its support articles.
RETRY_POLICIES = ("classic", "backoff")
SECRETS = frozenset({"api_secret", "signature_secret"})

MAX_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Settings:
    """What the owner of an account can set, and how its receipts misbehave.

    rate: API requests per second, 0 = not throttled; balance and price: EUR;
    answer_delay, dlr_delay (before each receipt) and retry_delays: seconds;
    dlr_repeat: how often each receipt is sent; dlr_shuffle: not in their order;
    dlr_early: before the answer to the send; dlr_err_code: '' = the usual one of the status;
    dlr_content_type: false = JSON receipts come without a Content-Type.
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


def changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """Return the settings with the changes in them.

    Raises BadRequest naming the first setting that does not exist or has a wrong value.
    """
    checked = {name: _checked(name, value) for name, value in changes.items()}
    return replace(settings, **cast(dict[str, Any], checked))


def from_text(name: str, text: str) -> object:
    """Return the value that ``text`` (a command line argument) means for the setting ``name``."""
    default = getattr(Settings(), name)
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(default, int | float):
        return _number(text, type(default))
    return text


def shown(settings: Settings) -> dict[str, object]:
    """Return the settings as JSON can carry them, with ``(set)`` in place of secrets."""
    values = asdict(settings)
    return {name: _hidden(value) if name in SECRETS else value for name, value in values.items()}


def _hidden(secret: object) -> str:
    return "(set)" if secret else ""


def _number(text: str, kind: type[int] | type[float]) -> object:
    try:
        return kind(text)
    except ValueError:
        return text


def _checked(name: str, value: object) -> object:
    check = _CHECKS.get(name)
    if check is None:
        raise BadRequest(f"{name}: there is no such setting", field=name)
    try:
        return check(value)
    except ValueError as error:
        raise BadRequest(f"{name}: {error}", field=name) from None


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError("must be a text of at most 1000 characters")
    return value


def _required_text(value: object) -> str:
    if not _text(value):
        raise ValueError("must not be empty")
    return _text(value)


def _digits(value: object) -> str:
    text = _text(value)
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError("must be digits, or empty")
    return text


def _url(value: object) -> str:
    if _text(value) and not url_host(_text(value)):
        raise ValueError("must be an http or https URL, or empty")
    return _text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return value

    return check


def _real(highest: float) -> Callable[[object], float]:
    def check(value: object) -> float:
        valid = isinstance(value, int | float) and not isinstance(value, bool)
        number = float(cast(float, value)) if valid else math.nan
        if not 0 <= number <= highest:
            raise ValueError(f"must be a number from 0 to {highest:g}")
        return number

    return check


def _one_of(choices: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return check


def _items(value: object) -> list[object]:
    items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or len(items) > 100:
        raise ValueError("must be a list of at most 100 items, or a comma-separated text")
    return [item for item in items if item != ""]


def _statuses(value: object) -> tuple[str, ...]:
    return tuple(_one_of(DLR_STATUSES)(item) for item in _items(value))


def _delays(value: object) -> tuple[float, ...]:
    numbers = (_number(item, float) if isinstance(item, str) else item for item in _items(value))
    return tuple(_real(MAX_SECONDS)(number) for number in numbers)


_CHECKS: Mapping[str, Callable[[object], object]] = {
    "api_key": _required_text,
    "api_secret": _required_text,
    "signature_secret": _text,
    "signature_method": _one_of(signatures.METHODS),
    "application_id": _text,
    "rate": _whole(0, 100_000),
    "balance": _real(1e9),
    "price": _real(1000),
    "message_id": _one_of(MESSAGE_IDS),
    "answer_delay": _real(MAX_SECONDS),
    "dlr_url": _url,
    "dlr_method": _one_of(DLR_METHODS),
    "dlr_content_type": _flag,
    "dlr_delay": _real(MAX_SECONDS),
    "dlr_statuses": _statuses,
    "dlr_err_code": _digits,
    "dlr_repeat": _whole(1, 100),
    "dlr_shuffle": _flag,
    "dlr_early": _flag,
    "dlr_off": _flag,
    "retry_delays": _delays,
    "retry_policy": _one_of(RETRY_POLICIES),
}

NAMES = tuple(field.name for field in fields(Settings))
