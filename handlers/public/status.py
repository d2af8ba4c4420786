"""``/status/``: what became of a message, for the page that sent it."""

from __future__ import annotations

from handlers.public.base import PublicHandler


class StatusHandler(PublicHandler):
    """``GET|POST /status/?id=``; the id is unguessable, so whoever has it may ask."""

    get_is_safe = True

    async def get(self) -> None:
        """Answer delivery, finality and the number of parts."""
        message_id = self.arguments().get("id", "").strip()
        if not message_id:
            self.fail("id_missing")
            return
        status = await self.services.receipts.status(message_id)
        if status is None:
            self.fail("id_unknown")
            return
        self.reply(
            {
                "status": "ok",
                "id": message_id,
                "delivery": status.delivery.value,
                "final": status.final,
                "parts": status.parts,
            }
        )

    post = get


ROUTES = [(r"/status/?", StatusHandler)]
