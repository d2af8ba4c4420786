"""The base of the operator's routes: the admin token, lists in pages."""

from __future__ import annotations

from typing import Any

import ujson

from gateway.errors import BadRequest
from handlers.admin.fields import Fields, read
from handlers.base import BaseHandler, Guard


class AdminHandler(BaseHandler):
    """A route for the operator, opened by the admin token."""

    guard = Guard.ADMIN
    get_is_safe = True
    # Whether an answer waits in ``held_back`` in place of being sent, see ``once``.
    holds_back = False
    made_id = ""  # of what a request with an Idempotency-Key makes, 32 hex digits
    held_back = ""

    def reply(self, body: dict[str, Any]) -> None:
        """Finish with ``body`` as JSON, or hold that back."""
        if self.holds_back:
            self.held_back = ujson.dumps(body, escape_forward_slashes=False)
        else:
            super().reply(body)

    def prepare(self) -> None:
        """Let nobody in without the token."""
        self.services.admin.check(
            self.request.headers.get("Authorization", ""),
            developer=self.is_asked_here,
            client=self.client_address,
        )

    def page(self) -> tuple[int, str]:
        """Return ``limit`` (100, at most 1000) and ``after`` of a list request."""
        given = self.arguments()
        text = given.get("limit", "100")
        limit = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
        if not 1 <= limit <= 1000:
            raise BadRequest("limit: a whole number from 1 to 1000")
        return limit, given.get("after", "")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Like every handler's, with the challenge that a 401 must carry."""
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="gateway"')
        super().write_error(status_code, **kwargs)


class FieldsHandler(AdminHandler):
    """An admin route whose verbs take fields."""

    def fields(self, *known: str, **element: str | None) -> Fields:
        """Return the fields of query and body, and of the path when ``element`` is not None.

        Raises BadRequest for a field that is neither ``known`` nor an element, is given twice,
        or is not valid UTF-8, and for a body that is no JSON object and no form.
        """
        self.check_body_size()
        texts = {name: value for name, value in element.items() if value is not None}
        return read(self.request, self.content_type, {*known, *element}, texts, self.services.judge)
