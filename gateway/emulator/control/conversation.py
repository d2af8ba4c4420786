"""What handsets show: the texts they received and sent, and the calls they are or were in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from gateway.emulator.account.account import Account
from gateway.emulator.account.call_order import CALLEE, CALLER
from gateway.emulator.account.calls import Call, Leg
from gateway.emulator.account.records import Attempt, HandsetText, SentMessage, is_taken

Kept = TypeVar("Kept", SentMessage, HandsetText)

TEXT, CALL = "text", "call"
# States of texts: of a received one the status of its receipt once that was taken.
ON_ITS_WAY, SENT, NOT_TAKEN = "on its way", "sent", "not taken"
NO_RECEIPT, RECEIPT_NOT_TAKEN = "", "receipt not taken"
# States of calls in progress; later the provider's last word, such as completed or busy.
CALLING, RINGING, CONNECTED = "calling", "ringing", "connected"


@dataclass(frozen=True, slots=True)
class Entry:
    """A text or a call. time: unix seconds; own: whether this handset sent or placed it.

    other: the number (bare digits) or name at the other end; text: '' for a call; state: a word
    of this module or the provider's; heard: what was read to this side of a call; seconds: from
    its answer to its end; going_on: it can be hung up; detail: what went wrong, '' for nothing;
    provider: of a text.
    """

    kind: str
    time: float
    own: bool
    other: str
    state: str
    text: str = ""
    heard: tuple[str, ...] = ()
    seconds: int = 0
    going_on: bool = False
    detail: str = ""
    provider: str = ""


def of_handset(account: Account, number: str, limit: int) -> list[Entry]:
    """Return the newest ``limit`` entries of a handset (bare digits), oldest first."""
    received = _newest(account.sent, limit, lambda message: message.to == number)
    sent = _newest(account.texts, limit, lambda text: text.sender == number)
    found = [
        *map(_received, received),
        *map(_sent, sent),
        *islice(_calls(account.calls, number), limit),
    ]
    return sorted(found, key=lambda entry: entry.time)[-limit:]


def by_handset(account: Account, limit: int) -> Mapping[str, Sequence[Entry]]:
    """Return the newest ``limit`` texts of each direction and calls, oldest first, by handset."""
    calls = list(islice(reversed(account.calls), limit))
    ends = [
        *((message.to, _received(message)) for message in islice(reversed(account.sent), limit)),
        *((text.sender, _sent(text)) for text in islice(reversed(account.texts), limit)),
        *((call.sender, _placed(call)) for call in calls),
        # A number may forward its calls to a SIP address, which is no handset.
        *((leg.to, _answered(leg)) for call in calls for leg in call.rang if leg.to.isdecimal()),
    ]
    found: dict[str, list[Entry]] = {}
    for number, entry in sorted(ends, key=lambda end: end[1].time):
        found.setdefault(number, []).append(entry)
    return found


def hang_up(account: Account, number: str) -> int:
    """Let a handset (bare digits) end the calls it is in; returns how many there were."""
    ended = 0
    for call in account.calls:
        if call.over:
            continue
        called = any(leg.to == number and not leg.ended for leg in call.rang)
        if called or call.sender == number:
            call.hang_up(CALLER if call.sender == number else CALLEE)
            ended += 1
    return ended


def _newest(kept: Sequence[Kept], limit: int, wanted: Callable[[Kept], bool]) -> Iterator[Kept]:
    return islice(filter(wanted, reversed(kept)), limit)


def _calls(kept: Sequence[Call], number: str) -> Iterator[Entry]:
    """Yield both ends of the calls of a handset, the newest call first."""
    for call in reversed(kept):
        if call.sender == number:
            yield _placed(call)
        yield from (_answered(leg) for leg in reversed(call.rang) if leg.to == number)


def _received(message: SentMessage) -> Entry:
    last = _last(attempt for part in message.parts for attempt in part.receipts)
    state, detail = NO_RECEIPT, ""
    if last is not None:
        taken = is_taken(last.http_status)
        state, detail = (last.status, "") if taken else (RECEIPT_NOT_TAKEN, _reason(last))
    return Entry(
        TEXT,
        message.time,
        False,
        message.sender,
        state,
        message.text,
        detail=detail,
        provider=message.provider,
    )


def _sent(text: HandsetText) -> Entry:
    last = [_last(part.attempts) for part in text.parts]
    refused = next((each for each in last if each and not is_taken(each.http_status)), None)
    state = SENT if all(last) else ON_ITS_WAY
    return Entry(
        TEXT,
        text.time,
        True,
        text.to,
        NOT_TAKEN if refused else state,
        text.text,
        detail=_reason(refused) if refused else "",
        provider=text.provider,
    )


def _placed(call: Call) -> Entry:
    leg = call.rang[-1] if call.rang else None
    if call.over:
        state, seconds = (leg or call.inbound).status, (leg or call.inbound).duration
    else:
        state, seconds = CALLING if leg is None else _going_on(leg), 0
    return Entry(
        CALL,
        call.time,
        True,
        call.to,
        state or "failed",
        heard=tuple(call.heard),
        seconds=seconds,
        going_on=not call.over,
        detail=call.problem,
    )


def _answered(leg: Leg) -> Entry:
    state = leg.status if leg.ended else _going_on(leg)
    return Entry(
        CALL,
        leg.started,
        False,
        leg.sender,
        state,
        heard=tuple(leg.heard),
        seconds=leg.duration,
        going_on=not leg.ended,
    )


def _going_on(leg: Leg) -> str:
    return CONNECTED if leg.answered else RINGING


def _last(attempts: Iterable[Attempt]) -> Attempt | None:
    return max(attempts, key=lambda attempt: attempt.time, default=None)


def _reason(refused: Attempt) -> str:
    return refused.error if refused.http_status is None else f"HTTP {refused.http_status}"
