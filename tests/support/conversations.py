"""Sessions and a relay without a gateway around them."""

from __future__ import annotations

from typing import Any

from gateway.access.answers import Answers
from gateway.access.limiter import Limiter
from gateway.conversations.notices import Notices, NoticeTexts
from gateway.conversations.opening import NewSession, Opening
from gateway.conversations.session import Session
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.guard import Guard
from gateway.conversations.texts.relay import Relay
from gateway.conversations.transcript import Transcript
from gateway.messaging.history import History
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.keywords import Keywords
from gateway.messaging.optouts import OptOuts
from gateway.messaging.receipts import Receipts
from gateway.store.pipeline import Store
from gateway.telephony.answerable import Answerable
from wiring.texts import relay_and_lobby


def silent(store: Store) -> Notices:
    """Return notices without a word."""
    return Notices(store, NoticeTexts("", "", "", "", "", ""), lambda: None)


class OpenedSessions(Sessions):
    """The sessions of a store and the way to open some without a word; options: of ``Opening``."""

    def __init__(
        self, store: Store, *, cooldown: float = 0, log_days: float = 30, **options: Any
    ) -> None:
        super().__init__(store, cooldown=cooldown, log_days=log_days)
        self._opening = Opening(
            store, sessions=self, notices=silent(store), cooldown=cooldown, **options
        )

    async def create(self, wanted: NewSession) -> tuple[Session, bool]:
        """Return the session, and whether it is new."""
        return await self._opening.create(wanted)


def relay_on(store: Store, notices: Notices, guard: Guard | None = None) -> Relay:
    """Return a relay without chat numbers; nothing sends what it queues."""
    relay, _ = relay_and_lobby(
        store,
        sessions=Sessions(store),
        notices=notices,
        inbox=Inbox(store, days=30),
        transcript=Transcript(store, days=30),
        history=History(store, Receipts(store, days=7), days=7),
        optouts=OptOuts(store),
        answers=Answers(Limiter(store), Answerable(), 0),
        words=Keywords(["STOP"], ["START"]),
        guard=guard or Guard(),
        wake=lambda: None,
    )
    return relay
