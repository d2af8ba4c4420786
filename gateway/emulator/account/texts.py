"""What a handset is told to text: the order, checked, and the SMS that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from gateway.emulator import checks
from gateway.emulator.settings import MESSAGES_V1, Settings
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
    text: str = ""
    provider: str = ""
    type: str = ""
    data: str = ""
    udh: str = ""
    parts: int = 0
    shuffle: bool = False
    repeat: int = 1
    ref: int | None = None
    drop: frozenset[int] = frozenset()


def parse(body: Mapping[str, object], settings: Settings) -> TextOrder:
    """Return the order that JSON means; raises BadRequest naming a wrong or missing key."""
    order = TextOrder(**cast(dict[str, Any], checks.handset_order(body, _CHECKS)))
    order = replace(
        order,
        provider=order.provider or default_provider(order.to, settings),
        type=order.type or _default_type(order),
    )
    _check_binary(order, settings)
    return order


def default_provider(number: str, settings: Settings) -> str:
    """Return the provider that a virtual number (bare digits) is rented from."""
    return "flowroute" if number in settings.flowroute_numbers else "nexmo"


def cut(text: str, count: int) -> list[str]:
    """Return the text in ``count`` parts of nearly the same length, the last ones maybe empty."""
    size = -(-len(text) // count)
    return [text[index * size : (index + 1) * size] for index in range(count)]


def parts_of(order: TextOrder, settings: Settings) -> list[str]:
    """Return the text of each webhook.

    Raises BadRequest for more parts than a header can number, and for dropping one there is not.
    """
    found = _parts_of(order, settings)
    if len(found) > MAX_PARTS:
        raise BadRequest(f"text: is longer than {MAX_PARTS} parts", field="text")
    if max(order.drop, default=0) > len(found):
        raise BadRequest(f"drop: there are {len(found)} parts", field="drop")
    return found


def _parts_of(order: TextOrder, settings: Settings) -> list[str]:
    if order.type == "binary" or _joins(order.provider, settings):
        return [order.text]
    if order.parts:
        return cut(order.text, order.parts)
    return segments.split(order.text, ucs2=order.type != "text")


def _joins(provider: str, settings: Settings) -> bool:
    # These put the parts together before they tell of them.
    return provider == "flowroute" or settings.mo_method == MESSAGES_V1


def _default_type(order: TextOrder) -> str:
    if order.data or order.udh:
        return "binary"
    return "text" if segments.is_gsm7(order.text) else "unicode"


def _check_binary(order: TextOrder, settings: Settings) -> None:
    if order.type != "binary":
        return
    if _joins(order.provider, settings):
        raise BadRequest("type: this API knows no binary SMS", field="type")
    if order.parts > 1:
        raise BadRequest("parts: a binary SMS is one", field="parts")


def _part_numbers(value: object) -> frozenset[int]:
    return frozenset(checks.whole(1, MAX_PARTS)(item) for item in checks.items(value, MAX_PARTS))


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
