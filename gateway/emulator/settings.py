"""The settings of the simulated account: declared once, checked wherever they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar, cast

from gateway.emulator import checks
from gateway.emulator.checks import Check
from gateway.providers.vonage import signatures

MESSAGES_V1 = "MESSAGES-V1"
WEBHOOK_METHODS = ("GET", "POST", "POST-JSON", MESSAGES_V1)
DLR_STATUSES = ("accepted", "buffered", "delivered", "expired", "failed", "rejected", "unknown")
# How Flowroute tells of an MO: the document of its newer API, or the flat object of the older.
FLOWROUTE_VERSIONS = ("2", "2.1")
VOICE_METHODS = ("GET", "POST")
SECRETS = frozenset({"api_secret", "signature_secret", "jwt_secret", "flowroute_secret_key"})

_LOST = re.compile(r"(?:(?:in|out)bound:)?[a-z]{1,20}")

T = TypeVar("T")


def _setting(default: T, check: Check) -> T:
    """Declare a setting; check: of what is given for it."""
    return field(default=default, metadata={"check": check})


def _statuses(value: object) -> tuple[str, ...]:
    return tuple(checks.one_of(DLR_STATUSES)(item) for item in checks.items(value))


def _lost(value: object) -> tuple[str, ...]:
    found = tuple(checks.text(item) for item in checks.items(value))
    if not all(_LOST.fullmatch(item) for item in found):
        raise ValueError("must be statuses, with inbound: or outbound: before them or not")
    return found


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

    api_key: str = _setting("emulator", checks.required_text)
    api_secret: str = _setting("emulator-secret", checks.required_text)
    signature_secret: str = _setting("", checks.text)
    signature_method: str = _setting("md5hash", checks.one_of(signatures.METHODS))
    application_id: str = _setting("", checks.text)
    rate: int = _setting(30, checks.whole(0, 100_000))
    balance: float = _setting(1_000_000.0, checks.real(1e9))
    price: float = _setting(0.0333, checks.real(1000))
    answer_delay: float = _setting(0.0, checks.real(checks.MAX_SECONDS))
    dlr_url: str = _setting("", checks.url)
    dlr_method: str = _setting("POST-JSON", checks.one_of(WEBHOOK_METHODS))
    dlr_content_type: bool = _setting(True, checks.flag)
    dlr_delay: float = _setting(0.5, checks.real(checks.MAX_SECONDS))
    dlr_statuses: tuple[str, ...] = _setting(("delivered",), _statuses)
    dlr_err_code: str = _setting("", checks.digits)
    dlr_repeat: int = _setting(1, checks.whole(1, 100))
    dlr_shuffle: bool = _setting(False, checks.flag)
    dlr_early: bool = _setting(False, checks.flag)
    dlr_off: bool = _setting(False, checks.flag)
    retry_delays: tuple[float, ...] = _setting((0.2, 0.4, 0.8, 1.6, 3.2), checks.delays)
    mo_url: str = _setting("", checks.url)
    mo_method: str = _setting("POST-JSON", checks.one_of(WEBHOOK_METHODS))
    jwt_secret: str = _setting("", checks.text)
    owned_numbers: tuple[str, ...] = _setting((), checks.numbers)
    insight_delay: float = _setting(0.0, checks.real(checks.MAX_SECONDS))
    answer_url: str = _setting("", checks.url)
    answer_method: str = _setting("GET", checks.one_of(VOICE_METHODS))
    fallback_answer_url: str = _setting("", checks.url)
    event_url: str = _setting("", checks.url)
    event_method: str = _setting("POST", checks.one_of(VOICE_METHODS))
    voice_connect_timeout: float = _setting(3.0, checks.real(60))
    voice_read_timeout: float = _setting(5.0, checks.real(60))
    voice_timeout_scale: float = _setting(1.0, checks.real(100))
    call_time_scale: float = _setting(1.0, checks.real(100))
    event_shuffle: bool = _setting(False, checks.flag)
    event_repeat: int = _setting(1, checks.whole(1, 100))
    event_lost: tuple[str, ...] = _setting((), _lost)
    flowroute_access_key: str = _setting("emulator", checks.required_text)
    flowroute_secret_key: str = _setting("emulator-secret", checks.required_text)
    flowroute_numbers: tuple[str, ...] = _setting((), checks.numbers)
    flowroute_dlr_url: str = _setting("", checks.url)
    flowroute_mo_url: str = _setting("", checks.url)
    flowroute_mo_version: str = _setting("2.1", checks.one_of(FLOWROUTE_VERSIONS))

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


_CHECKS: Mapping[str, Check] = {each.name: each.metadata["check"] for each in fields(Settings)}
NAMES = tuple(_CHECKS)
