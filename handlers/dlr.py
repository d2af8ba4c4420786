"""``/dlr/``: delivery receipts of Nexmo/Vonage, of the SMS API and of Messages v1."""

from __future__ import annotations

from gateway.providers import vonage
from handlers.webhook import Payload, WebhookHandler


class DlrHandler(WebhookHandler):
    """One receipt for one part of a message."""

    async def receive(self, payload: Payload) -> bool:
        """Apply or park the receipt."""
        if vonage.is_messages_v1(payload.document):
            receipt = vonage.parse_messages_v1_status(payload.document)
        else:
            receipt = vonage.parse_receipt(payload.params)
        if receipt is None:
            return False
        await self.services.receipts.receive(receipt)
        return True


ROUTES = [(r"/dlr(?:/([^/]+))?/?", DlrHandler)]
