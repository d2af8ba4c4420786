"""Lua scripts and what goes into and comes out of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# The preludes that several rooms use; the others lie with the scripts of their room.
SHARED = Path(__file__).parent / "lua"
Argument = str | int | float
Reply = Any  # what a command answers is known where the command is written, not here


class Script:
    """A Lua script by its text and SHA-1."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def load(cls, module: str, name: str, *preludes: str) -> Script:
        """Return the script ``lua/<name>.lua`` beside a module, behind its preludes' functions.

        module: the ``__file__`` of who runs it; preludes lie beside the script, in the folder
        above or in ``SHARED``.
        """
        here = Path(module).parent
        places = (here / "lua", here.parent / "lua", SHARED)
        names = [f"{each}.lua" for each in (*preludes, name)]
        files = [next(p / n for p in places if (p / n).exists()) for n in names]
        return cls("".join(file.read_text(encoding="utf-8") for file in files))


ScriptCall = tuple[Script, Sequence[str], Iterable[Argument]]


def pairs(reply: Reply) -> dict[str, str]:
    """Return the hash in a reply of HGETALL: a flat list, or on a Cluster a dict.

    Scripts that answer field and value one after the other are read alike.
    """
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))
