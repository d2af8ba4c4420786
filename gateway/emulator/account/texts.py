"""What a handset is told to text: the order, checked, and the SMS that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from gateway.emulator import checks
from gateway.emulator.settings import Settings
from gateway.emulator.webhooks.outgoing import MESSAGES_V1
from gateway.errors import BadRequest
from gateway.telephony import segments

PROVIDERS = ("nexmo", "flowroute")
TYPES = ("text", "unicode", "binary")
# The header of a long SMS has one octet for the number of parts, and one or two for its reference.
MAX_PARTS = 255
MAX_REF = 65_535
MAX_CHARACTERS = 40_000


@dataclass(frozen=True, slots=True)
class TextOrder:
    """A text for a handset to send.

    sender: '' = withheld; parts: 0 = by length; repeat: how often each webhook is sent; ref:
    ``None`` = the handset's next; drop: the parts (from 1) whose webhooks are not sent.
    """

    sender: str
    to: str
    text: str
    provider: str
    type: str
    data: str
    udh: str
    parts: int
    shuffle: bool
    repeat: int
    ref: int | None
    drop: frozenset[int]


def parse(body: Mapping[str, object], settings: Settings) -> TextOrder:
    """Return the order that JSON means; raises BadRequest naming a wrong or missing key."""
    for name in ("from", "to"):
        if name not in body:
            raise BadRequest(f"{name}: is missing", field=name)
    given = checks.checked(body, _CHECKS, "key")
    values = {**_DEFAULTS, **given, "sender": given["from"]}
    del values["from"]
    values["provider"] = values["provider"] or default_provider(str(values["to"]), settings)
    values["type"] = values["type"] or _default_type(values)
    order = TextOrder(**cast(dict[str, Any], values))
    _check_binary(order, settings)
    return order


def default_provider(number: str, settings: Settings) -> str:
    """Return the provider that a virtual number (bare digits) is rented from."""
    return "flowroute" if number in settings.flowroute_numbers else "nexmo"


def cut(text: str, count: int) -> list[str]:
    """Return the text in ``count`` parts of nearly the same length, the last ones maybe empty."""
    size = -(-len(text) // count)
    return [text[index * size : (index + 1) * size] for index in range(count)]


def pieces(order: TextOrder, settings: Settings) -> list[str]:
    """Return the text of each webhook.

    Raises BadRequest for more parts than a header can number, and for dropping one there is not.
    """
    found = _pieces(order, settings)
    if len(found) > MAX_PARTS:
        raise BadRequest(f"text: is longer than {MAX_PARTS} parts", field="text")
    if max(order.drop, default=0) > len(found):
        raise BadRequest(f"drop: there are {len(found)} parts", field="drop")
    return found


def _pieces(order: TextOrder, settings: Settings) -> list[str]:
    if order.type == "binary" or _joins(order.provider, settings):
        return [order.text]
    if order.parts:
        return cut(order.text, order.parts)
    return segments.split(order.text, ucs2=order.type != "text")


def _joins(provider: str, settings: Settings) -> bool:
    # These put the parts together before they tell of them.
    return provider == "flowroute" or settings.mo_method == MESSAGES_V1


def _default_type(values: Mapping[str, object]) -> str:
    if values["data"] or values["udh"]:
        return "binary"
    return "text" if segments.is_gsm7(str(values["text"])) else "unicode"


def _check_binary(order: TextOrder, settings: Settings) -> None:
    if order.type != "binary":
        return
    if _joins(order.provider, settings):
        raise BadRequest("type: this API knows no binary SMS", field="type")
    if order.parts > 1:
        raise BadRequest("parts: a binary SMS is one", field="parts")


def _part_numbers(value: object) -> frozenset[int]:
    return frozenset(checks.whole(1, MAX_PARTS)(item) for item in checks.items(value, MAX_PARTS))


_DEFAULTS: Mapping[str, object] = {
    "text": "",
    "provider": "",
    "type": "",
    "data": "",
    "udh": "",
    "parts": 0,
    "shuffle": False,
    "repeat": 1,
    "ref": None,
    "drop": frozenset(),
}
_CHECKS: Mapping[str, checks.Check] = {
    "from": checks.address,
    "to": checks.number,
    "text": checks.text_up_to(MAX_CHARACTERS),
    "provider": checks.one_of(PROVIDERS),
    "type": checks.one_of(TYPES),
    "data": checks.hexadecimal,
    "udh": checks.hexadecimal,
    "parts": checks.whole(1, MAX_PARTS),
    "shuffle": checks.flag,
    "repeat": checks.whole(1, 100),
    "ref": checks.whole(0, MAX_REF),
    "drop": _part_numbers,
}
