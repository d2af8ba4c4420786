"""The message endpoints: text a configured message to the number a visitor typed."""

from __future__ import annotations

from typing import Any

from conf.messages import MessageEndpoint
from gateway.errors import LimitExceeded
from gateway.telephony.phonenumber import PhoneNumber
from handlers.public.base import PublicHandler


class MessageHandler(PublicHandler):
    """``GET|POST <path>?receiver=[&country=]``: limits, presence, validity, opt-out, then send.

    Subclass it for a text or a sender that depends on the request; README shows how.
    """

    def initialize(self, endpoint: MessageEndpoint, **kwargs: object) -> None:
        """Take the endpoint that this route serves."""
        super().initialize(**kwargs)
        self.endpoint = endpoint

    @property
    def link(self) -> str:
        """Where the message leads."""
        return self.link_of(self.endpoint)

    def text(self, number: PhoneNumber) -> str:
        """Return the text to send to ``number``; override it to make it depend on the request."""
        return (self.site.message if self.site else "") or self.endpoint.text

    def sender(self, number: PhoneNumber) -> str:
        """Return the sender that ``number`` sees."""
        return (self.site.sender if self.site else "") or self.endpoint.sender

    async def get(self, *_: str) -> None:
        """Answer the contract's bodies; the endpoint's own errors are HTTP 200."""
        limits = self.services.message_limits.of(self.endpoint)
        try:
            await limits.address.hit(self.client_address)
            given, site = self.given, self.site
            receiver = given.get("receiver", "")
            if not receiver.strip():
                self.fail("receiver_missing")
                return
            number = self.number(receiver, given.get("country"))
            if number is None or not number.sms:
                self.fail("receiver_validation")
                return
            if await self.services.optouts.is_out(number.e164):
                self.fail("receiver_opted_out")
                return
            await limits.receiver.hit(number.person)
        except LimitExceeded as error:
            self.limited(error)
            return
        await self._send(number, site.key if site else "")

    post = get

    async def _send(self, number: PhoneNumber, site: str) -> None:
        sent = await self.services.messenger.send(
            number.e164,
            self.text(number),
            self.sender(number),
            source=self.endpoint.path,
            site=site,
        )
        shown: dict[str, Any] = {"number": number.international, "id": sent.id}
        if sent.ok:
            self.reply({"status": "ok", "message": "Message sent"} | shown)
        else:
            self.fail("nexmo_error", message="Nexmo Service Error", **shown)
