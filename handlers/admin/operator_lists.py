"""``/optouts``, ``/dead-letters`` and ``/inbox``: what the relay leaves to the operator."""

from __future__ import annotations

from gateway.errors import NotFound
from handlers.admin.base import AdminHandler
from handlers.admin.fields import FieldsHandler, digits


class OptOutsHandler(AdminHandler):
    """``GET /optouts``."""

    async def get(self) -> None:
        """Answer who wants no texts."""
        total, optouts, following = await self.services.optouts.page(*self.page())
        self.reply({"total_optouts": total, "optouts": optouts, "next": following})


class OptOutHandler(FieldsHandler):
    """``DELETE /optouts/<number>``."""

    async def delete(self, element: str) -> None:
        """Take back a STOP, as the person's own START would."""
        number = self.fields(number=element).number("number")
        if not await self.services.optouts.remove(number.e164):
            raise NotFound("number: has not opted out")
        self.reply({"message": "removed the opt-out", "number": digits(number.e164)})


class DeadLettersHandler(AdminHandler):
    """``GET /dead-letters``."""

    async def get(self) -> None:
        """Answer the texts that could not be sent."""
        total, letters, following = await self.services.outbox.dead_letters(*self.page())
        self.reply({"total_dead_letters": total, "dead_letters": letters, "next": following})


class DeadLetterHandler(AdminHandler):
    """``DELETE /dead-letters/<id>``."""

    async def delete(self, element: str) -> None:
        """Give one up."""
        if not await self.services.outbox.discard(element):
            raise NotFound("no such dead letter")
        self.reply({"message": "discarded", "id": element})


class RequeueHandler(AdminHandler):
    """``POST /dead-letters/<id>/requeue``."""

    async def post(self, element: str) -> None:
        """Try one again."""
        if not await self.services.outbox.requeue(element):
            raise NotFound("no such dead letter")
        self.services.outbox_worker.wake()
        self.reply({"message": "queued again", "id": element})


class InboxHandler(AdminHandler):
    """``GET /inbox``."""

    async def get(self) -> None:
        """Answer the texts that belong to no session, the newest first."""
        total, messages, following = await self.services.inbox.page(*self.page())
        self.reply({"total_inbox": total, "messages": messages, "next": following})


ROUTES = [
    (r"/optouts/?", OptOutsHandler),
    (r"/optouts/([^/]+)/?", OptOutHandler),
    (r"/dead-letters/?", DeadLettersHandler),
    (r"/dead-letters/([^/]+)/?", DeadLetterHandler),
    (r"/dead-letters/([^/]+)/requeue/?", RequeueHandler),
    (r"/inbox/?", InboxHandler),
]
