"""Sessions without a gateway around them: opened, and nobody is told."""

from __future__ import annotations

from typing import Any

from gateway.conversations.notices import Notices, NoticeTexts
from gateway.conversations.opening import NewSession, Opening
from gateway.conversations.session import Session
from gateway.conversations.sessions import Sessions
from gateway.store.pipeline import Store


class OpenedSessions(Sessions):
    """The sessions of a store with the way to open some; options: of ``Opening``."""

    def __init__(
        self, store: Store, *, cooldown: float = 0, log_days: float = 30, **options: Any
    ) -> None:
        super().__init__(store, cooldown=cooldown, log_days=log_days)
        silent = Notices(store, NoticeTexts("", "", "", "", "", ""), lambda: None)
        self._opening = Opening(store, sessions=self, notices=silent, cooldown=cooldown, **options)

    async def create(self, wanted: NewSession) -> tuple[Session, bool]:
        """Return the session, and whether it is new."""
        return await self._opening.create(wanted)
