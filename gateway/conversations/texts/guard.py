"""What keeps two machines from texting each other for ever, as the options have it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.conversations.session import Session
from gateway.conversations.texts.loops import Judgement, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """How texts of participants are bounded; see loops.py and lua/_sides.lua.

    loops: machines that answer each other are paused; amount: texts of one side of a session that
    are passed on within window_ms, day: those within 24 h, 0 = any number.
    """

    loops: bool = True
    amount: int = 60
    window_ms: int = 600_000
    day: int = 300

    def judge(self, session: Session, side: str, text: str, now: int) -> Judgement:
        """Return what is to be thought of a text; now: ms."""
        if not self.loops:
            return Judgement("", looped=False, familiar=False)
        seed = int(session.id[:8], 16)
        return judge(session.said, side, text, now, seed, paused=session.paused > 0)

    @property
    def cap(self) -> tuple[int, int, int]:
        """Return amount, window (ms) and the amount of a day, as the script wants them."""
        return (self.amount if self.window_ms else 0), self.window_ms, self.day
