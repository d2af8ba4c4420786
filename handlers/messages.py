"""``/messages``: the site's own back-end sends any text and looks at the life of messages."""

from __future__ import annotations

from gateway import phone, segments
from gateway.errors import BadRequest, NotFound
from handlers.base import AdminHandler


class MessagesHandler(AdminHandler):
    """``GET /messages`` and ``POST /messages {"to","text"[,"sender","provider"]}``."""

    async def get(self) -> None:
        """Answer the newest messages first, ``next`` being the ``after`` of the next page."""
        limit, after = self.page()
        total, messages, following = await self.services.receipts.messages(limit, after)
        self.reply({"total_messages": total, "messages": messages, "next": following})

    async def post(self) -> None:
        """Send one text; 200 when the provider took it, 502 when it did not."""
        given = self.arguments()
        to = phone.parse_international(given.get("to", ""))
        if to is None:
            raise BadRequest("to: must be a valid international number")
        text = given.get("text", "")
        if not text.strip():
            raise BadRequest("text: is missing")
        if len(text) > segments.MAX_CHARACTERS:
            raise BadRequest(f"text: longer than {segments.MAX_CHARACTERS} characters")
        sent = await self.services.messenger.send(
            to.e164, text, self._sender(given), source="admin", provider=self._provider(given)
        )
        self.set_status(200 if sent.ok else 502)
        self.reply(
            {
                "message": "sent" if sent.ok else f"not sent: {sent.outcome}",
                "id": sent.id,
                "to": to.e164.removeprefix("+"),
                "outcome": sent.outcome.value,
            }
        )

    def _sender(self, given: dict[str, str]) -> str:
        sender = given.get("sender", "").strip() or self.services.default_sender
        if not sender:
            raise BadRequest("sender: is missing, and there is no default")
        if len(sender) > 15 or not sender.isprintable():
            raise BadRequest("sender: a number or at most 15 printable characters")
        return sender

    def _provider(self, given: dict[str, str]) -> str:
        provider = given.get("provider", "")
        if provider and provider not in self.services.messenger.providers:
            raise BadRequest("provider: unknown")
        return provider


class MessageLifeHandler(AdminHandler):
    """``GET /messages/<id>``: accepted, sent, each receipt."""

    async def get(self, message_id: str) -> None:
        """Answer one message with its events."""
        message = await self.services.receipts.message(message_id)
        if message is None:
            raise NotFound("no such message")
        self.reply(message)


ROUTES = [
    (r"/messages/?", MessagesHandler),
    (r"/messages/([^/]+)/?", MessageLifeHandler),
]
