"""Being written."""

from __future__ import annotations

from handlers.base import BaseHandler

ROUTES: list[tuple[str, type[BaseHandler]]] = []
