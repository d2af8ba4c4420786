"""Pictures and other media that people send: kept with their addresses, never passed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway.conversations.notices import Notices
from gateway.conversations.outcomes import Taken
from gateway.conversations.session import Route, Session
from gateway.conversations.texts.mo import Mo
from gateway.messaging.inbound.dedup import Token
from gateway.messaging.inbound.inbox import Inbox
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

_MEDIA = Script.load(__file__, "relay_media", "_enqueue", "_once", "_inbox")
REASON = "media"


class Media:
    """Keeps what came with a text, or instead of one; the text itself goes its own way after it.

    Where both are taken the media have a token of their own, so that a process that dies between
    the two loses nothing and keeps nothing twice.
    """

    def __init__(
        self, store: Store, *, notices: Notices, inbox: Inbox, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._notices = notices
        self._inbox = inbox
        self._wake = wake

    async def keep(self, mo: Mo) -> None:
        """Keep media that came with a text which is taken for itself, if any did."""
        if mo.inbound.media:
            await self._inbox.keep(_without_text(mo.inbound), _token(mo.inbound), REASON)

    async def take(self, mo: Mo, session: Session, route: Route) -> str:
        """Keep those of a participant and tell him once per session that they do not pass.

        Returns what became of them, or NotTaken.CHANGED.
        """
        seat = session.seat(route.side)
        token = _token(mo.inbound) if mo.inbound.text else mo.token
        direction = f"{seat.number}>{seat.person}"
        notice = self._notices.media(session, route.side)
        happened: str = await self._store.run(
            _MEDIA,
            [
                *token.keys,
                keys.routes(mo.sender),
                keys.session(session.id),
                keys.INBOX,
                keys.DUE,
                keys.queue(direction),
            ],
            [
                token.digest,
                mo.number,
                str(route),
                route.side,
                self._inbox.entry(_without_text(mo.inbound), REASON),
                self._inbox.lifetime,
                direction,
                notice.to_json() if notice else "",
            ],
        )
        if happened == Taken.KEPT:
            self._wake()
        return happened


def _token(inbound: Inbound) -> Token:
    """Return by what media are taken once, while the MO's own token is left to its text."""
    return Token(keys.seen(inbound.provider, f"media:{inbound.id}"))


def _without_text(inbound: Inbound) -> Inbound:
    """Return media alone: what participants say stands in the session's log and nowhere else."""
    return replace(inbound, text="")
