"""``/messages``: the site's own back-end sends any text and looks at the life of messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conf.messages import as_digits
from gateway.errors import BadRequest, NotFound, OptedOut
from gateway.messaging.history import Event, Message
from gateway.messaging.sending.messenger import Sent
from gateway.messaging.sending.preview import Preview, preview
from gateway.telephony import segments
from gateway.telephony.plain_text import clean, is_blank
from handlers.admin.base import AdminHandler
from handlers.admin.fields import digits, read_number, utc
from handlers.admin.once import once
from wiring.services import Services


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A text that the operator wants to be sent.

    to: E.164; provider: '' = the default; despite_optout: also to one who has texted STOP.
    """

    to: str
    text: str
    sender: str
    provider: str
    despite_optout: bool = False


def read_message(given: Mapping[str, str], services: Services) -> NewMessage:
    """Return the message that the fields to, text, sender and provider ask for.

    Raises BadRequest for the first of them that cannot be used.
    """
    possible = _flag("possible", given)
    to = read_number("to", given.get("to", ""), possible=possible, judge=services.judge).person
    text = clean(given.get("text", ""))
    if is_blank(text):
        raise BadRequest("text: is missing")
    if len(text) > segments.MAX_CHARACTERS:
        raise BadRequest(f"text: longer than {segments.MAX_CHARACTERS} characters")
    wanted = given.get("sender", "").strip()
    sender = as_digits(wanted) if wanted else services.default_sender
    if not sender:
        raise BadRequest("sender: is missing, and there is no default")
    if len(sender) > 15 or not sender.isprintable():
        raise BadRequest("sender: a number or at most 15 printable characters")
    provider = given.get("provider", "")
    if provider and provider not in services.messenger.providers:
        raise BadRequest("provider: unknown")
    return NewMessage(to, text, sender, provider, _flag("despite_optout", given))


async def send(message: NewMessage, services: Services, *, source: str) -> Sent:
    """Send a message and return what became of it; source: who asked, for the log of messages.

    Raises OptedOut, before anything is sent, for a receiver who has texted STOP.
    """
    if not message.despite_optout and await services.optouts.is_out(message.to):
        raise OptedOut("this number has texted STOP")
    return await services.messenger.send(
        message.to, message.text, message.sender, source=source, provider=message.provider
    )


async def look_at(message: NewMessage, services: Services) -> Preview:
    """Return what a message would be and cost; nothing is sent."""
    provider = message.provider or services.default_provider
    return await preview(
        message.to,
        message.text,
        provider,
        messenger=services.messenger,
        history=services.history,
    )


class MessagesHandler(AdminHandler):
    """``GET /messages[?number=]``, ``POST /messages[?preview=true] {"to","text"[,…]}``."""

    async def get(self) -> None:
        """Answer the newest first, of one ``number`` if asked; ``next``: the next ``after``."""
        limit, after = self.page()
        log, wanted = self.services.history, self.arguments().get("number")
        found = (
            await log.messages(limit, after)
            if wanted is None
            else await log.messages_of(self._number(wanted), limit, after)
        )
        messages = [message_fields(each) for each in found.items]
        self.reply({"total_messages": found.total, "messages": messages, "next": found.next})

    @once
    async def post(self) -> None:
        """Send one text; 200 when the provider took it, 502 when it did not."""
        given = self.arguments("despite_optout", "possible", "preview")
        message = read_message(given, self.services)
        if _flag("preview", given):
            seen = await look_at(message, self.services)
            self.reply({"to": digits(message.to), **preview_fields(seen)})
            return
        sent = await send(message, self.services, source="admin")
        self.set_status(200 if sent.ok else 502)
        self.reply(
            {
                "message": "sent" if sent.ok else f"not sent: {sent.outcome}",
                "id": sent.id,
                "to": digits(message.to),
                "outcome": sent.outcome.value,
            }
        )

    def _number(self, wanted: str) -> str:
        return read_number("number", wanted, possible=True, judge=self.services.judge).e164


class MessageLifeHandler(AdminHandler):
    """``GET /messages/<id>``: accepted, sent, each receipt."""

    async def get(self, message_id: str) -> None:
        """Answer one message with its events."""
        message = await self.services.history.message(message_id)
        if message is None:
            raise NotFound("no such message")
        events = [_event_fields(each) for each in message.events]
        self.reply(message_fields(message) | {"events": events})


def preview_fields(seen: Preview) -> dict[str, Any]:
    """Return a preview as the admin routes show it; ``price``: EUR, null when it is not known."""
    return {
        "preview": True,
        "text": seen.text,
        "encoding": seen.encoding,
        "parts": seen.parts,
        "price": None if seen.price is None else f"{seen.price.normalize():f}",
    }


def message_fields(message: Message) -> dict[str, Any]:
    """Return a message as the admin routes show it."""
    return {
        "id": message.id,
        "to": digits(message.to),
        "created": utc(message.created),
        "delivery": message.status.delivery.value,
        "final": message.status.final,
        "parts": message.status.parts,
        "attempts": message.attempts,
        "sender": digits(message.sender),
        "text": message.text,
        "provider": message.provider,
        "source": message.source,
        "site": message.site,
        "clicked": utc(message.clicked) if message.clicked else None,
        "session": message.session,
        "outcome": message.outcome,
        "code": message.code,
        "error": message.error,
        "price": message.price,
        "network": message.network,
    }


def _event_fields(event: Event) -> dict[str, Any]:
    return {"at": event.at, "event": event.kind, **event.facts}


def _flag(name: str, given: Mapping[str, str]) -> bool:
    value = given.get(name, "false").lower()
    if value not in {"true", "false"}:
        raise BadRequest(f"{name}: must be true or false")
    return value == "true"


ROUTES = [
    (r"/messages/?", MessagesHandler),
    (r"/messages/([^/]+)/?", MessageLifeHandler),
]
