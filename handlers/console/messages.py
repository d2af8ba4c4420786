"""Messages: a search among them, a form that sends one, and the life of each."""

from __future__ import annotations

from typing import Any, ClassVar

from gateway import phone
from gateway.errors import NotFound
from gateway.message_search import message_of
from gateway.segments import MAX_CHARACTERS
from handlers.console import message_life
from handlers.console.base import Action, Page, path
from handlers.messages import read_message, send

ROWS = 50
# Characters of a text that the list shows; its page has all of it.
SHORT = 90
LONGEST_SEARCH = 100


class MessagesPage(Page):
    """``/console/messages``: the newest first; ``q``: an id or a number that is looked for."""

    template = "messages.html"

    async def get(self, *args: str) -> None:
        """Answer the list; who looks for an id is led to its message."""
        services, wanted = self.services, self._wanted
        found = await message_of(wanted, services.messenger.providers, services.store)
        if found:
            self.redirect(path("messages", found), status=303)
        else:
            await super().get(*args)

    async def data(self, *args: str) -> dict[str, Any]:
        """Return a page of the list, or what was found."""
        wanted, after = self._wanted, self.get_query_argument("after", "")
        number = phone.parse_international(wanted)
        log = self.services.message_log
        if number is not None:
            total, messages, following = await log.messages_of(number.e164, ROWS, after)
        elif wanted:
            total, messages, following = 0, [], None
        else:
            total, messages, following = await log.messages(ROWS, after)
        return {
            "wanted": wanted,
            "number": number.international if number else "",
            "looks_like_number": _looks_like_number(wanted),
            "total": total,
            "messages": [each | {"text": _short(each["text"])} for each in messages],
            "next": following,
            "paged": bool(after),
            "providers": self.services.messenger.providers,
            "default_provider": self.services.default_provider,
            "default_sender": self.services.default_sender,
            "longest": MAX_CHARACTERS,
        }

    @property
    def _wanted(self) -> str:
        """What is looked for; forms that are posted here look for nothing."""
        return self.get_query_argument("q", "")[:LONGEST_SEARCH]


class SendMessage(Action, MessagesPage):
    """``POST /console/messages/send``."""

    async def perform(self, *args: str) -> str:
        """Send a text as the back-end's ``POST /messages`` does, and lead to its life."""
        given = self.fields("to", "text", "sender", "provider")
        texts = {name: given.text(name, 2 * MAX_CHARACTERS) for name in given.values}
        message = read_message(texts, self.services)
        sent = await send(message, self.services, source="console")
        return path("messages", sent.id, done="sent" if sent.ok else "")


class MessagePage(Page):
    """``/console/messages/<id>``: step by step what became of one message."""

    template = "message.html"
    live = "message_live.html"
    done_words: ClassVar[dict[str, str]] = {
        "sent": "Sent: the provider has taken it. Its receipts appear here.",
    }

    async def data(self, message_id: str = "", *args: str) -> dict[str, Any]:
        """Return the message and its steps."""
        message = await self.services.message_log.message(message_id)
        if message is None:
            raise NotFound("There is no such message, or not any more")
        return {"message": message, "steps": message_life.steps(message)}


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[:SHORT].rstrip() + "…"


def _looks_like_number(wanted: str) -> bool:
    """Tell whether somebody who found nothing has left out the country of a number."""
    digits = sum(map(str.isdigit, wanted))
    return digits >= 5 and not any(map(str.isalpha, wanted))


ROUTES = [
    (r"/console/messages/?", MessagesPage),
    (r"/console/messages/send/?", SendMessage),
    (r"/console/messages/([0-9a-f]{32})/?", MessagePage),
]
