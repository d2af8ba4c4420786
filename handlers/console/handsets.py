"""Being written."""

from __future__ import annotations

from typing import Protocol

from handlers.base import BaseHandler


class Handsets(Protocol):
    """The phones of the emulator, as far as the page needs them."""


ROUTES: list[tuple[str, type[BaseHandler]]] = []
