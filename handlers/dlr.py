"""``/dlr/``: delivery receipts of Nexmo/Vonage, of the SMS API and of Messages v1."""

from __future__ import annotations

from handlers.webhooks.messaging import InboundHandler


class DlrHandler(InboundHandler):
    """Receipts as a rule; an account may send its MOs to the same address, and they are taken."""


ROUTES = [(r"/dlr(?:/([^/]+))?/?", DlrHandler)]
