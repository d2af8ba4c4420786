"""``/optouts``, ``/dead-letters`` and ``/inbox``: what the relay leaves to the operator."""

from __future__ import annotations

from typing import Any

from gateway.errors import NotFound
from gateway.messaging.inbound.inbox import InboxItem
from gateway.messaging.optouts import OptOut
from gateway.messaging.outbox.queue import DeadLetter
from handlers.admin.base import AdminHandler, FieldsHandler
from handlers.admin.fields import digits, utc


class OptOutsHandler(AdminHandler):
    """``GET /optouts``."""

    async def get(self) -> None:
        """Answer who wants no texts."""
        limit, after = self.page()
        found = await self.services.optouts.page(limit, f"+{after}" if after else "")
        optouts = [_optout_fields(each) for each in found.items]
        following = found.next and digits(found.next)
        body = {"total_optouts": found.total, "optouts": optouts, "next": following}
        erased = await self.services.optouts.erased()
        self.reply(body | ({"erased": erased} if erased else {}))


class OptOutHandler(FieldsHandler):
    """``DELETE /optouts/<number>``."""

    async def delete(self, element: str) -> None:
        """Take back a STOP, as the person's own START would."""
        number = self.fields(number=element).known_number("number")
        if not await self.services.optouts.remove(number.e164):
            raise NotFound("number: has not opted out")
        self.reply({"message": "removed the opt-out", "number": digits(number.e164)})


class DeadLettersHandler(AdminHandler):
    """``GET /dead-letters``."""

    async def get(self) -> None:
        """Answer the texts that could not be sent."""
        found = await self.services.dead_letters.page(*self.page())
        letters = [letter_fields(each) for each in found.items]
        self.reply({"total_dead_letters": found.total, "dead_letters": letters, "next": found.next})


class DeadLetterHandler(AdminHandler):
    """``DELETE /dead-letters/<id>``."""

    async def delete(self, element: str) -> None:
        """Give one up."""
        if not await self.services.dead_letters.discard(element):
            raise NotFound("no such dead letter")
        self.reply({"message": "discarded", "id": element})


class RequeueHandler(AdminHandler):
    """``POST /dead-letters/<id>/requeue``."""

    async def post(self, element: str) -> None:
        """Try one again."""
        if not await self.services.dead_letters.requeue(element):
            raise NotFound("no such dead letter")
        self.services.outbox_worker.wake()
        self.reply({"message": "queued again", "id": element})


class InboxHandler(AdminHandler):
    """``GET /inbox``."""

    async def get(self) -> None:
        """Answer the texts that belong to no session, the newest first."""
        found = await self.services.inbox.page(*self.page())
        messages = [inbox_fields(each) for each in found.items]
        self.reply({"total_inbox": found.total, "messages": messages, "next": found.next})


def _optout_fields(optout: OptOut) -> dict[str, Any]:
    return {"number": digits(optout.number), "since": utc(optout.since)}


def letter_fields(letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter as the admin routes show it; at: '' when nobody knows."""
    return {
        "id": letter.id,
        "to": digits(letter.to),
        "sender": digits(letter.sender),
        "provider": letter.provider,
        "text": letter.text,
        "kind": letter.kind,
        "session": letter.session,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "at": utc(letter.at) or "",
    }


def inbox_fields(item: InboxItem) -> dict[str, Any]:
    """Return a kept MO as the admin routes show it, without what its provider did not say."""
    mo = item.mo
    said = {"data": mo.data, "sent": mo.sent, "media": list(mo.media), "raw": item.raw}
    return {
        "provider": mo.provider,
        "id": mo.id,
        "from": mo.sender,
        "to": mo.to,
        "text": mo.text,
        "reason": item.reason,
        **{name: value for name, value in said.items() if value},
        "at": utc(item.at),
        "inbox_id": item.id,
    }


ROUTES = [
    (r"/optouts/?", OptOutsHandler),
    (r"/optouts/([^/]+)/?", OptOutHandler),
    (r"/dead-letters/?", DeadLettersHandler),
    (r"/dead-letters/([^/]+)/?", DeadLetterHandler),
    (r"/dead-letters/([^/]+)/requeue/?", RequeueHandler),
    (r"/inbox/?", InboxHandler),
]
