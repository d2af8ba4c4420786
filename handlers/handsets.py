"""What the console needs of the phones that development_mode emulates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Entry(Protocol):
    """A text or a call as one handset shows it; see ``gateway.emulator.control.conversation``."""

    @property
    def kind(self) -> str:
        """``text`` or ``call``."""

    @property
    def time(self) -> float:
        """Unix seconds."""

    @property
    def own(self) -> bool:
        """Whether this handset sent or placed it."""

    @property
    def other(self) -> str:
        """The number (bare digits) or name at the other end."""

    @property
    def state(self) -> str:
        """What became of it."""

    @property
    def text(self) -> str:
        """What a text says."""

    @property
    def heard(self) -> tuple[str, ...]:
        """What was read to this side of a call."""

    @property
    def seconds(self) -> int:
        """How long a call lasted."""

    @property
    def going_on(self) -> bool:
        """Whether a call can be hung up."""


class Conversations(Protocol):
    """What the phones received and sent."""

    def conversation_of(self, number: str, limit: int) -> Sequence[Entry]:
        """Return the newest texts and calls of a phone (bare digits), oldest first."""


class Handsets(Conversations, Protocol):
    """The phones of the emulator, as far as the page needs them; numbers are bare digits."""

    async def text(
        self, sender: str, to: str, text: str, *, wait: bool, **options: object
    ) -> object:
        """Let a phone text a number; raises BadRequest."""

    async def call(self, sender: str, to: str, *, wait: bool, **options: object) -> object:
        """Let a phone call a number; raises BadRequest."""

    def hang_up(self, number: str) -> object:
        """Let a phone end the calls it is in."""
