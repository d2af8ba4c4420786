"""STOP, START and HELP: who wants no texts any more, who wants them again, who asks for help."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from conf.providers import is_phone
from gateway.access.answers import Answers
from gateway.conversations.notices import OPTED_OUT, Notices
from gateway.conversations.outcomes import Taken
from gateway.conversations.session import Seat, across, log_keys
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.mo import Look, Mo
from gateway.conversations.transcript import Transcript
from gateway.messaging.history import History
from gateway.messaging.keywords import Keywords
from gateway.messaging.outbox.queue import OutboxEntry
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.store.values import DAY_MS
from gateway.telephony.networks import e164_of
from gateway.telephony.plans import person, spellings

_STOP = Script.load(
    *(__file__, "relay_stop", "_enqueue", "_once", "_log", "_owe", "_optouts", "_window"),
    "_answers",
)
_START = Script.load(__file__, "relay_start", "_once", "_optouts")
_HELP = Script.load(__file__, "relay_help", "_enqueue", "_window", "_answers")

# Who asks for help is answered once in so many milliseconds.
HELPED_MS = DAY_MS
# A stranger hears once in so many milliseconds that he has no session on a number.
TOLD_MS = 3_600_000
# So many of the last messages to a person are looked at for the number that he answers.
LAST_MESSAGES = 20


class Consent:
    """Takes the texts by which a person opts out and in again, and answers who asks for help.

    senders: numbers of ours that need not be in the pool; chat_numbers: where HELP is answered by
    the lobby. E.164.
    """

    def __init__(
        self,
        store: Store,
        *,
        words: Keywords,
        sessions: Sessions,
        notices: Notices,
        transcript: Transcript,
        history: History,
        answers: Answers,
        senders: Collection[str],
        chat_numbers: Collection[str],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._words = words
        self._sessions = sessions
        self._notices = notices
        self._transcript = transcript
        self._history = history
        self._answers = answers
        self._senders = frozenset(senders)
        self._chat_numbers = frozenset(chat_numbers)
        self._wake = wake

    async def take(self, mo: Mo, look: Look) -> str:
        """Take a STOP, or a START that undoes one; '' for any other text, a HELP among them."""
        text = mo.inbound.text
        if self._words.is_stop(text):
            return await self._stop(mo, look)
        if self._words.is_start(text):
            return await self._start(mo)
        if self._words.is_help(text) and mo.number not in self._chat_numbers:
            await self._help(mo, look)
        return ""

    async def is_meant(self, inbound: Inbound) -> bool:
        """Tell whether an SMS that a phone received is a STOP or a START of one whom it has texted.

        All its other SMS that belong to nothing are its owner's.
        """
        text = inbound.text
        if not (self._words.is_stop(text) or self._words.is_start(text)):
            return False
        last = await self._history.messages_of(person(e164_of(inbound.sender)), LAST_MESSAGES, "")
        return any(is_phone(message.provider) for message in last.items)

    async def _stop(self, mo: Mo, look: Look) -> str:
        """Never text this person again, and tell the one he was talking with."""
        chat = mo.number in self._chat_numbers
        confirmation, most = await self._answer(mo, look, partial(self._notices.stopped, chat=chat))
        found = [
            *mo.token.keys,
            keys.OPTOUTS,
            keys.LOBBY,
            keys.LOBBY_PEOPLE,
            keys.DUE,
            keys.ERASED_OPTOUTS,
            keys.queue(_direction(mo)),
            keys.answered(mo.number),
        ]
        args = (mo.token.digest, person(mo.sender), _direction(mo), confirmation, most)
        session = await self._sessions.find_open(look.route.session) if look.route else None
        if look.route is None or session is None or session.is_over(look.now):
            stopped: str = await self._store.run(_STOP, found, args)
        else:
            there = across(look.route.side)
            logged = self._transcript.entry(look.route.side, mo.inbound.text, kind="event")
            stopped = await self._store.run(
                _STOP,
                [*found, keys.session(session.id), *log_keys(session), keys.ANNOUNCE],
                [*args, session.id, there, logged, self._notices.word_of_stop(there)],
            )
            if stopped == Taken.STOPPED:
                await self._notices.announce(OPTED_OUT[there], session)
        if confirmation and stopped == Taken.STOPPED:
            self._wake()
        return stopped

    async def _start(self, mo: Mo) -> str:
        happened: str = await self._store.run(
            _START,
            [*mo.token.keys, keys.OPTOUTS, keys.ERASED_OPTOUTS],
            [mo.token.digest, *spellings(mo.sender)],
        )
        return happened

    async def _help(self, mo: Mo, look: Look) -> None:
        answer, most = await self._answer(mo, look, self._notices.help)
        if answer and await self._store.run(
            _HELP,
            [
                *(keys.helped(mo.sender), keys.DUE, keys.queue(_direction(mo))),
                *(keys.answered(mo.number), keys.told(mo.number, mo.sender)),
            ],
            [_direction(mo), answer, HELPED_MS, most, 0 if look.route else TOLD_MS],
        ):
            self._wake()

    async def _answer(
        self, mo: Mo, look: Look, write: Callable[[Seat], OutboxEntry | None]
    ) -> tuple[str, int]:
        """Return the answer to a text, as a queue holds it, '' when there is none.

        It comes with the most answers an hour of which it is one, 0 when it is owed because he
        has heard from us. Another program may share the account: from a number that is not ours
        nobody else is answered.
        """
        answer = write(Seat(mo.sender, mo.number, mo.inbound.provider))
        if answer is None or look.provider not in {"", mo.inbound.provider}:
            return "", 0
        if look.route or look.left or await self._has_texted(mo):
            return answer.to_json(), 0
        ours = look.provider or mo.number in self._senders
        if ours and self._answers.may(mo.sender, mo.number):
            return replace(answer, stranger=True).to_json(), self._answers.most
        return "", 0

    async def _has_texted(self, mo: Mo) -> bool:
        """Tell whether we have texted this person from the number that he answers."""
        last = await self._history.messages_of(mo.sender, LAST_MESSAGES, "")
        return any(e164_of(message.sender) == mo.number for message in last.items)


def _direction(mo: Mo) -> str:
    return f"{mo.number}>{mo.sender}"
