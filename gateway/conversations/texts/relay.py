"""An MO comes in: whose is it, and what becomes of it?

Everything is read first; then one script takes the MO, if what was read still holds, and does all
that follows from it at once: the log, the outbox, the inbox. When ``receive`` returns, the MO is
stored or was stored before; a process that dies sooner has not acknowledged it. What lies in the
outbox is sent by ``OutboxWorker`` (gateway/messaging/outbox/worker.py) of any process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import ujson

from conf.providers import is_phone
from gateway.access.answers import Answers
from gateway.conversations.notices import Notices
from gateway.conversations.outcomes import MOS, NotTaken, Taken
from gateway.conversations.session import Route, Seat, routes_and_own
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.consent import TOLD_MS, Consent
from gateway.conversations.texts.lobby import Lobby
from gateway.conversations.texts.media import Media
from gateway.conversations.texts.mo import Look, Mo
from gateway.conversations.texts.passing import Passing
from gateway.errors import StoreUnavailable
from gateway.messaging.inbound.concatenation import Concatenation
from gateway.messaging.inbound.dedup import Token, single
from gateway.messaging.inbound.inbox import Inbox
from gateway.monitoring.metrics import provider_label
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.telephony.networks import e164_of, readings
from gateway.telephony.plain_text import is_blank
from gateway.telephony.plans import all_spellings, spellings

log = logging.getLogger(__name__)

_LOOK = Script.load(__file__, "relay_look", "_enqueue")
_STRANGER = Script.load(
    __file__, "relay_stranger", "_enqueue", "_once", "_inbox", "_window", "_answers"
)

# Sessions may begin and end between the look and the script; not that often.
MOST_LOOKS = 10
NOT_OURS = "not_our_number"
# Below six digits it is a short code, which may belong to a machine.
SHORTEST_NUMBER = len("+123456")


class Relay:
    """Decides what becomes of MOs."""

    def __init__(
        self,
        store: Store,
        *,
        sessions: Sessions,
        notices: Notices,
        inbox: Inbox,
        assemblies: Concatenation,
        consent: Consent,
        passing: Passing,
        lobby: Lobby,
        media: Media,
        answers: Answers,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._notices = notices
        self._inbox = inbox
        self._assemblies = assemblies
        self._consent = consent
        self._passing = passing
        self._lobby = lobby
        self._media = media
        self._answers = answers
        self._wake = wake

    async def receive(self, inbound: Inbound) -> Taken:
        """Take one MO and return what became of it; it is stored when this returns.

        Raises StoreUnavailable when it may not be stored: the provider is to repeat it.
        """
        if inbound.long is None:
            happened = await self._take(inbound, single(inbound))
        else:
            joined = await self._assemblies.add(inbound)
            for each in joined:
                happened = await self._take(each.inbound, Token(each.token, each.digest))
            if not joined:
                happened = Taken.PART
        MOS[provider_label(inbound.provider), happened].inc()
        return happened

    async def join_due(self) -> None:
        """Send on what has come of long MOs whose other parts stay away."""
        for each in await self._assemblies.due():
            try:
                happened = await self._take(each.inbound, Token(each.token, each.digest))
            except StoreUnavailable:
                raise
            except Exception:  # one text that breaks something must not hold up the others
                log.exception("a joined MO could not be taken; it is tried again")
            else:
                MOS[provider_label(each.inbound.provider), happened].inc()

    async def _take(self, inbound: Inbound, token: Token) -> Taken:
        number = e164_of(inbound.to)
        if is_phone(inbound.provider):
            # Most of a phone's SMS are its owner's, all of another provider's MOs are ours.
            ours = self._lobby.answers(number) or await self._consent.is_meant(inbound)
            happened: str = await self._inbox.keep_stray(inbound, token, number, ours=ours)
            if happened:
                return Taken(happened)
        for _ in range(MOST_LOOKS):
            happened = await self._decide(*await self._look(inbound, token, number))
            if happened != NotTaken.CHANGED:
                return Taken(happened)
        log.error("an MO found no rest: its session changed %d times", MOST_LOOKS)
        raise StoreUnavailable

    async def _look(self, inbound: Inbound, token: Token, number: str) -> tuple[Mo, Look]:
        """Return an MO with the numbers by which it is known here, and what it meets."""
        read = readings(inbound.sender, number)
        if not number:  # a phone that does not know its own, a short code of ours
            return Mo(inbound, token, read.whose(()), ""), Look("", None, own=False, now=0)
        numbers, senders = all_spellings(number), read.spellings
        ours, record, now, *found = await self._store.run(
            _LOOK,
            [keys.NUMBERS, *map(keys.routes, senders), *map(keys.past, senders)],
            [len(numbers), *numbers, *senders],
        )
        routes, owned = routes_and_own(senders, found[: 2 * len(senders)])
        left = dict(zip(senders, map(_left, found[2 * len(senders) :]), strict=True))
        sender = read.whose(routes)
        own = not owned.isdisjoint(spellings(sender)) or self._lobby.answers(sender)
        provider = ujson.loads(record)["provider"] if record else self._lobby.provider_of(number)
        mo = Mo(_completed(inbound, sender), token, sender, ours)
        ambiguous = bool(read.people) and not sender
        route = routes.get(sender)
        return mo, Look(provider, route, own, now, left.get(sender, 0), ambiguous)

    async def _decide(self, mo: Mo, look: Look) -> str:
        """Return what became of an MO, or that it is to be looked at again, "changed"."""
        reason = _only_kept(mo, look)
        if not reason or (reason == NOT_OURS and _may_have_heard_from_us(mo, look)):
            happened = await self._consent.take(mo, look)
            if happened:
                await self._media.keep(mo)
                return happened
        if reason:
            return await self._inbox.keep(mo.inbound, mo.token, reason)
        if look.route:
            return await self._passing.take(mo, look, look.route)
        if self._lobby.answers(mo.number):
            return await self._chat(mo, look)
        return await self._stranger(mo, look)

    async def _stranger(self, mo: Mo, look: Look) -> str:
        """Keep a text that belongs to no session and answer it, seldom enough."""
        seat = Seat(mo.sender, mo.number, look.provider)
        may = look.left or self._answers.may(mo.sender, mo.number)
        end, no_session = self._notices.end(seat), self._notices.no_session(seat) if may else None
        direction = f"{mo.number}>{mo.sender}"
        happened: str = await self._store.run(
            _STRANGER,
            [
                *mo.token.keys,
                keys.routes(mo.sender),
                keys.past(mo.sender),
                keys.told(mo.number, mo.sender),
                keys.INBOX,
                keys.DUE,
                keys.queue(direction),
                keys.answered(mo.number),
            ],
            [
                mo.token.digest,
                mo.number,
                self._inbox.entry(mo.inbound, "no_session"),
                self._inbox.lifetime,
                direction,
                end.to_json() if end else "",
                replace(no_session, stranger=True).to_json() if no_session else "",
                TOLD_MS,
                self._answers.most,
            ],
        )
        if happened not in {Taken.REPEATED, NotTaken.CHANGED}:
            self._wake()
        return happened

    async def _chat(self, mo: Mo, look: Look) -> str:
        """Hand a text on a chat number to the chat its sender has elsewhere, or to the lobby."""
        for number, session_id in (await self._sessions.open_of(mo.sender)).items():
            session = await self._sessions.get(session_id)
            if session is not None and session.is_chat:
                side = session.side_of(mo.sender)
                route = Route(session_id, side, session.other(side).person)
                return await self._passing.take(replace(mo, number=number), look, route)
        # A repeat must not count against the lobby's limit.
        if await self._was_taken(mo.token):
            return Taken.REPEATED
        await self._media.keep(mo)
        seat = Seat(mo.sender, mo.number, look.provider)
        return await self._lobby.receive(mo.inbound, mo.token, seat)

    async def _was_taken(self, token: Token) -> bool:
        """Tell whether an MO was taken: a single one is marked then, the parts of one deleted."""
        exists = bool(await self._store.execute("EXISTS", token.key))
        return not exists if token.digest else exists


def _completed(inbound: Inbound, sender: str) -> Inbound:
    """Return an MO with the number that was made of its sender, for whoever reads the inbox."""
    same = not sender or inbound.sender.removeprefix("+") == sender[1:]
    return inbound if same else replace(inbound, sender=sender)


def _may_have_heard_from_us(mo: Mo, look: Look) -> bool:
    """Tell whether a STOP to a number outside of the pool counts.

    Senders of message endpoints and of the back-end need not be in the pool. Of a phone's other
    SMS only those come so far that answer what it sent.
    """
    return len(mo.sender) >= SHORTEST_NUMBER and not look.own


def _only_kept(mo: Mo, look: Look) -> str:
    """Return why an MO goes to the inbox without an answer, '' when it does not."""
    if look.provider != mo.inbound.provider:
        return NOT_OURS
    if look.ambiguous:
        return "ambiguous_sender"
    if len(mo.sender) < SHORTEST_NUMBER:
        return "no_number"
    if look.own:
        return "own_number"
    if mo.inbound.data:
        return "binary"
    return "empty" if is_blank(mo.inbound.text) and not mo.inbound.media else ""


def _left(past: str) -> int:
    """Return when a session ended of which this is known, ms, 0 for nothing."""
    return int(past.partition(" ")[0] or 0)
