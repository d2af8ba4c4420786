"""``/optouts``, ``/dead-letters``, ``/unknown``, ``/inbox``: what is left to the operator."""

from __future__ import annotations

from typing import Any

from gateway.errors import BadRequest, NotFound
from gateway.messaging.inbound.inbox import InboxItem
from gateway.messaging.optouts import OptOut
from gateway.messaging.outbox.queue import DeadLetter
from gateway.messaging.outbox.shelf import ANY, Shelf, Wanted
from handlers.admin.base import AdminHandler, FieldsHandler
from handlers.admin.fields import MAX_NAME, Fields, digits, utc

# What texts of unknown outcome are looked for by.
FILTERS = ("session", "reason", "since")
MOST_REQUEUED = 1000


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


class UnknownHandler(AdminHandler):
    """``GET /unknown``."""

    async def get(self) -> None:
        """Answer the texts of which nobody knows whether they were sent."""
        wanted = _wanted(Fields(self.arguments(), frozenset(FILTERS)))
        found = await self.services.unknown.page(*self.page(), wanted)
        letters = [letter_fields(each) for each in found.items]
        self.reply({"total": found.total, "unknown": letters, "next": found.next})


class ShelfHandler(AdminHandler):
    """A route of one kept text."""

    def initialize(self, shelf: str, **kwargs: object) -> None:
        """Take the name of the service that keeps the text."""
        super().initialize(**kwargs)
        self.shelf: Shelf = getattr(self.services, shelf)


class KeptTextHandler(ShelfHandler):
    """``DELETE /dead-letters/<id>``, ``DELETE /unknown/<id>``."""

    async def delete(self, element: str) -> None:
        """Give one up."""
        if not await self.shelf.discard(element):
            raise NotFound(f"no such {self.shelf.noun}")
        self.reply({"message": "discarded", "id": element})


class RequeueHandler(ShelfHandler):
    """``POST /dead-letters/<id>/requeue``, ``POST /unknown/<id>/requeue``."""

    async def post(self, element: str) -> None:
        """Try one again."""
        if not await self.shelf.requeue(element):
            raise NotFound(f"no such {self.shelf.noun}")
        self.services.outbox_worker.wake()
        self.reply({"message": "queued again", "id": element})


class RequeueManyHandler(FieldsHandler):
    """``POST /unknown/requeue {"ids"}``, or with the filters of ``GET /unknown``."""

    async def post(self) -> None:
        """Try many again, the oldest first, and tell which were not."""
        given = self.fields("ids", *FILTERS)
        ids = given.ids("ids", MOST_REQUEUED)
        unknown, wanted = self.services.unknown, _wanted(given)
        if bool(ids) is (wanted != ANY):
            raise BadRequest(f"ids: give them, or one of {', '.join(FILTERS)}")
        chosen = ids or [each.id async for each in unknown.all_of(wanted)]
        try:
            refused = await unknown.requeue_many(chosen)
        finally:
            self.services.outbox_worker.wake()
        self.reply(
            {
                "message": f"queued {len(chosen) - len(refused)} of {len(chosen)} again",
                "requeued": len(chosen) - len(refused),
                "refused": [{"id": each, "message": why} for each, why in refused.items()],
            }
        )


class InboxHandler(AdminHandler):
    """``GET /inbox``."""

    async def get(self) -> None:
        """Answer the texts that belong to no session, the newest first."""
        found = await self.services.inbox.page(*self.page())
        messages = [inbox_fields(each) for each in found.items]
        self.reply({"total_inbox": found.total, "messages": messages, "next": found.next})


def _optout_fields(optout: OptOut) -> dict[str, Any]:
    return {"number": digits(optout.number), "since": utc(optout.since)}


def _wanted(given: Fields) -> Wanted:
    """Return which texts the filters mean."""
    return Wanted(
        session=given.text("session", MAX_NAME).lower(),
        reason=given.text("reason", MAX_NAME),
        since=given.moment("since"),
    )


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


ROUTES: list[tuple[str, type[AdminHandler]] | tuple[str, type[AdminHandler], dict[str, str]]] = [
    (r"/optouts/?", OptOutsHandler),
    (r"/optouts/([^/]+)/?", OptOutHandler),
    (r"/dead-letters/?", DeadLettersHandler),
    (r"/dead-letters/([^/]+)/?", KeptTextHandler, {"shelf": "dead_letters"}),
    (r"/dead-letters/([^/]+)/requeue/?", RequeueHandler, {"shelf": "dead_letters"}),
    (r"/unknown/?", UnknownHandler),
    (r"/unknown/requeue/?", RequeueManyHandler),
    (r"/unknown/([^/]+)/?", KeptTextHandler, {"shelf": "unknown"}),
    (r"/unknown/([^/]+)/requeue/?", RequeueHandler, {"shelf": "unknown"}),
    (r"/inbox/?", InboxHandler),
]
