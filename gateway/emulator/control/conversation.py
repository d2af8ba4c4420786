"""What one handset shows: the texts it received and sent, and the calls it is or was in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    its answer to its end; going_on: it can be hung up.
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
    state = NO_RECEIPT
    if last is not None:
        state = last.status if is_taken(last.http_status) else RECEIPT_NOT_TAKEN
    return Entry(TEXT, message.time, False, message.sender, state, message.text)


def _sent(text: HandsetText) -> Entry:
    last = [_last(part.attempts) for part in text.parts]
    state = ON_ITS_WAY
    if any(each is not None and not is_taken(each.http_status) for each in last):
        state = NOT_TAKEN
    elif all(last):
        state = SENT
    return Entry(TEXT, text.time, True, text.to, state, text.text)


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
