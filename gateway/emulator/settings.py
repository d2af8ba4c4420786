"""The settings of the simulated account: declared once, checked wherever they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

from gateway.emulator import checks
from gateway.providers.vonage import signatures

MESSAGES_V1 = "MESSAGES-V1"
WEBHOOK_METHODS = ("GET", "POST", "POST-JSON", MESSAGES_V1)
DLR_STATUSES = ("accepted", "buffered", "delivered", "expired", "failed", "rejected", "unknown")
# How Flowroute tells of an MO: the document of its newer API, or the flat object of the older.
FLOWROUTE_VERSIONS = ("2", "2.1")
VOICE_METHODS = ("GET", "POST")
SECRETS = frozenset({"api_secret", "signature_secret", "jwt_secret", "flowroute_secret_key"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the owner of an account can set, and how its receipts misbehave.

    rate: API requests per second, 0 = not throttled; balance and price: EUR;
    answer_delay, dlr_delay (before each receipt) and retry_delays: seconds;
    dlr_repeat: how often each receipt is sent; dlr_shuffle: not in their order;
    dlr_early: before the answer to the send; dlr_err_code: '' = the usual one of the status;
    dlr_content_type: false = JSON webhooks of the SMS API come without a Content-Type;
    mo_url: told of the texts of handsets; flowroute_numbers: the account's own there, digits
    ('' = any).
    owned_numbers: rented from the start, of the application; insight_delay: seconds before the
    answer of Number Insight. answer_url to event_method: of the voice application, whose id is
    application_id; jwt_secret: signs its webhooks and those of Messages v1 ('' = the
    signature_secret). voice_connect_timeout, voice_read_timeout: seconds for the answer URL,
    multiplied by voice_timeout_scale like the second between two tries. call_time_scale: real
    seconds that a second of ringing or talking takes (0 = none). event_shuffle: a call's events
    come after it, not in their order; event_repeat: how often each is sent; event_lost: the
    statuses never sent, of one leg only as ``inbound:completed`` or ``outbound:completed``.
    What is not named for a provider (rate, delays, dlr_*, retry_delays) is for both.
    """

    api_key: str = "emulator"
    api_secret: str = "emulator-secret"  # noqa: S105  the emulator's public default
    signature_secret: str = ""
    signature_method: str = "md5hash"
    application_id: str = ""
    rate: int = 30
    balance: float = 1_000_000.0
    price: float = 0.0333
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
    mo_url: str = ""
    mo_method: str = "POST-JSON"
    jwt_secret: str = ""
    owned_numbers: tuple[str, ...] = ()
    insight_delay: float = 0.0
    answer_url: str = ""
    answer_method: str = "GET"
    fallback_answer_url: str = ""
    event_url: str = ""
    event_method: str = "POST"
    voice_connect_timeout: float = 3.0
    voice_read_timeout: float = 5.0
    voice_timeout_scale: float = 1.0
    call_time_scale: float = 1.0
    event_shuffle: bool = False
    event_repeat: int = 1
    event_lost: tuple[str, ...] = ()
    flowroute_access_key: str = "emulator"
    flowroute_secret_key: str = "emulator-secret"  # noqa: S105  the emulator's public default
    flowroute_numbers: tuple[str, ...] = ()
    flowroute_dlr_url: str = ""
    flowroute_mo_url: str = ""
    flowroute_mo_version: str = "2.1"

    @property
    def token_secret(self) -> str:
        """The key of JSON web tokens, '' when webhooks carry none."""
        return self.jwt_secret or self.signature_secret

    @property
    def voice_timeouts(self) -> tuple[float, float]:
        """Seconds to connect to, and to wait for, a webhook that is to answer something."""
        # aiohttp takes 0 for no limit at all.
        scale = self.voice_timeout_scale
        times = (self.voice_connect_timeout, self.voice_read_timeout)
        connect, read = (max(0.001, each * scale) for each in times)
        return connect, read


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


def _lost(value: object) -> tuple[str, ...]:
    found = tuple(checks.text(item) for item in checks.items(value))
    if not all(_LOST.fullmatch(item) for item in found):
        raise ValueError("must be statuses, with inbound: or outbound: before them or not")
    return found


_LOST = re.compile(r"(?:(?:in|out)bound:)?[a-z]{1,20}")

_CHECKS: Mapping[str, Callable[[object], object]] = {
    "api_key": checks.required_text,
    "api_secret": checks.required_text,
    "signature_secret": checks.text,
    "signature_method": checks.one_of(signatures.METHODS),
    "application_id": checks.text,
    "rate": checks.whole(0, 100_000),
    "balance": checks.real(1e9),
    "price": checks.real(1000),
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
    "mo_url": checks.url,
    "mo_method": checks.one_of(WEBHOOK_METHODS),
    "jwt_secret": checks.text,
    "owned_numbers": checks.numbers,
    "insight_delay": checks.real(checks.MAX_SECONDS),
    "answer_url": checks.url,
    "answer_method": checks.one_of(VOICE_METHODS),
    "fallback_answer_url": checks.url,
    "event_url": checks.url,
    "event_method": checks.one_of(VOICE_METHODS),
    "voice_connect_timeout": checks.real(60),
    "voice_read_timeout": checks.real(60),
    "voice_timeout_scale": checks.real(100),
    "call_time_scale": checks.real(100),
    "event_shuffle": checks.flag,
    "event_repeat": checks.whole(1, 100),
    "event_lost": _lost,
    "flowroute_access_key": checks.required_text,
    "flowroute_secret_key": checks.required_text,
    "flowroute_numbers": checks.numbers,
    "flowroute_dlr_url": checks.url,
    "flowroute_mo_url": checks.url,
    "flowroute_mo_version": checks.one_of(FLOWROUTE_VERSIONS),
}

NAMES = tuple(field.name for field in fields(Settings))
