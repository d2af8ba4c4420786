"""Messages: a search among them, a form that sends one, and the life of each."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from conf.providers import is_phone
from gateway.errors import NotFound
from gateway.store.values import ID
from gateway.telephony import phonenumber
from gateway.telephony.judges import is_possible
from gateway.telephony.segments import MAX_CHARACTERS
from handlers.admin.messages import (
    NewMessage,
    look_at,
    message_fields,
    preview_fields,
    read_message,
    send,
)
from handlers.console.base import path
from handlers.console.page import Action, Page, Question, page_or_first
from handlers.console.pages import message_life

ROWS = 50
# Characters of a text that the list shows; its page has all of it.
SHORT = 90
LONGEST_SEARCH = 100
GONE = "The message of this link is not kept any longer: these are all."


class MessagesPage(Page):
    """``/console/messages``: the newest first, all or those to one number.

    Whom ``?to=<id>`` means is told by a message to him, so that no number stands in an address.
    """

    template = "messages.html"
    live = "messages_live.html"
    every = 2.0
    labels: ClassVar[dict[str, str]] = {
        "q": "What is looked for",
        "to": "To",
        "sender": "Sender",
        "text": "Text",
        "provider": "Provider",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return a page of the list."""
        to, after = (self.get_query_argument(name, "") for name in ("to", "after"))
        log = self.services.history
        known = await log.message(to) if to else None
        number = known.to if known else ""
        listed = partial(log.messages_of, number) if number else log.messages
        found = await page_or_first(listed, ROWS, after)
        return {
            "to": to if known else "",
            "number": number,
            "problem": GONE if to and not known else "",
            "total": found.total,
            "messages": [
                message_fields(each) | {"text": _short(each.text)} for each in found.items
            ],
            "next": found.next,
            "paged": bool(after),
            "providers": self.services.messenger.providers,
            "default_provider": self.services.default_provider,
            "default_sender": self.services.default_sender,
            "longest": MAX_CHARACTERS,
            "seen": None,
        }


class SearchMessages(Action, MessagesPage):
    """``POST /console/messages/search``: by our id, a provider's id of a part, or number."""

    async def perform(self, *args: str) -> str:
        """Return the path of the message, or of those to a number."""
        wanted = self.fields("q").text("q", LONGEST_SEARCH).strip()
        services = self.services
        if not wanted:
            return path("messages")
        found = await services.history.find(wanted, services.messenger.providers)
        if found:
            return path("messages", found)
        number = phonenumber.parse_international(wanted, is_possible)
        if number is None:
            raise NotFound(_nothing_found(wanted))
        newest = await services.history.messages_of(number.e164, 1, "")
        if not newest.items:
            raise NotFound(f"no message to {number.international} is kept")
        return f"{path('messages')}?to={newest.items[0].id}"


class NewMessagePage(MessagesPage):
    """The form for a new message."""

    def message(self) -> NewMessage:
        """Return what was typed; raises BadRequest for what cannot be used."""
        given = self.fields("to", "text", "sender", "provider", "possible")
        texts = {name: given.text(name, 2 * MAX_CHARACTERS) for name in given.values}
        return read_message(texts, self.services)


class PreviewMessage(Question, NewMessagePage):
    """``POST /console/messages/preview``."""

    async def ask(self, *args: str) -> dict[str, Any]:
        """Return what the text would be and cost."""
        return {"seen": preview_fields(await look_at(self.message(), self.services))}


class SendMessage(Action, NewMessagePage):
    """``POST /console/messages/send``."""

    async def perform(self, *args: str) -> str:
        """Send a text as the back-end's ``POST /messages`` does, and lead to its life."""
        message = self.message()
        sent = await send(message, self.services, source="console")
        by_phone = is_phone(message.provider or self.services.default_provider)
        done = "waits" if by_phone else "sent"
        return path("messages", sent.id, done=done if sent.ok else "")


class MessagePage(Page):
    """``/console/messages/<id>``: step by step what became of one message."""

    template = "message.html"
    live = "message_live.html"
    done_words: ClassVar[dict[str, str]] = {
        "sent": "Sent: the provider has taken it. Its receipts appear here.",
        "waits": "Waits for the phone. What becomes of it appears here.",
    }

    async def data(self, message_id: str = "", *args: str) -> dict[str, Any]:
        """Return the message and its steps."""
        message = await self.services.history.message(message_id)
        if message is None:
            raise NotFound("There is no such message, or not any more")
        return {"message": message_fields(message), "steps": message_life.steps(message)}


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[:SHORT].rstrip() + "…"


def _nothing_found(wanted: str) -> str:
    """Return what to look for instead; somebody may have left out the country of a number."""
    digits = sum(map(str.isdigit, wanted))
    if digits >= 5 and not any(map(str.isalpha, wanted)):
        return (
            "nothing was found. Is it a number? Then write it with its country: "
            "+49 176 …, not 0176 …"
        )
    return (
        "nothing was found. Look for a message's id, a provider's id of one of its parts, "
        "or an international number."
    )


ROUTES = [
    (r"/console/messages/?", MessagesPage),
    (r"/console/messages/search/?", SearchMessages),
    (r"/console/messages/send/?", SendMessage),
    (r"/console/messages/preview/?", PreviewMessage),
    (rf"/console/messages/({ID.pattern})/?", MessagePage),
]
