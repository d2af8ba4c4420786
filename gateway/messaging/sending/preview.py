"""What a text will be and cost before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from gateway.messaging.history import History, Message
from gateway.messaging.sending.messenger import Messenger
from gateway.telephony import segments
from gateway.telephony.phonenumber import country_of

# So many of the newest messages are looked at for what a part to a country has cost.
MOST_MESSAGES = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as it would leave; encoding: gsm7 or ucs2; parts: how many SMS it takes.

    price: what they are likely to cost in EUR, None when nothing of the kind was paid for lately.
    """

    text: str
    encoding: str
    parts: int
    price: Decimal | None


async def preview(
    to: str, text: str, provider: str, *, messenger: Messenger, history: History
) -> Preview:
    """Return what a text to a number (E.164) becomes; provider: a name that ``Messenger`` knows."""
    sent = messenger.as_sent(text)
    counted = segments.count(sent)
    part = await _price_of_part(history, provider, country_of(to))
    price = None if part is None else part * counted.parts
    return Preview(sent, counted.encoding, counted.parts, price)


async def _price_of_part(history: History, provider: str, country: str) -> Decimal | None:
    """Return what a part to a country cost when one was last paid for."""
    newest = await history.messages(MOST_MESSAGES, "")
    alike = (m for m in newest.items if m.provider == provider and country_of(m.to) == country)
    return next(filter(None, map(_paid, alike)), None)


def _paid(message: Message) -> Decimal | None:
    try:
        price = Decimal(message.price)
    except InvalidOperation:
        return None
    return price / message.status.parts if price.is_finite() and message.status.parts else None
