"""``/validate_number/``: is this a number, which one, and can it receive SMS?"""

from __future__ import annotations

from gateway.errors import LimitExceeded
from handlers.public.base import PublicHandler


class ValidationHandler(PublicHandler):
    """``GET|POST /validate_number/?number=[&country=]``."""

    get_is_safe = True

    async def get(self) -> None:
        """Answer the number in its forms, or ``"number": false``."""
        try:
            await self.services.validation_limits.hit(self.client_address)
        except LimitExceeded as error:
            self.limited(error)
            return
        given = self.arguments()
        text = given.get("number", "")
        if not text.strip():
            self.fail("number_missing")
            return
        number = self.number(text, given.get("country"))
        if number is None:
            self.reply({"status": "ok", "number": False})
            return
        self.reply(
            {
                "status": "ok",
                "number": number.international,
                "e164": number.e164,
                "country": number.country,
                "type": number.type,
                "sms": number.sms,
            }
        )

    post = get


ROUTES = [(r"/validate_number/?", ValidationHandler)]
