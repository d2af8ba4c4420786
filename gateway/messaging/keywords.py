"""The texts by which a person opts out, opts in again, or asks who is texting him.

https://www.ecfr.gov/current/title-47/section-64.1200 (a)(10): any of these words revokes consent.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


class Keywords:
    """The words that count, as a whole text only: "stop by at six" is talk.

    Case, width, accents, punctuation and blanks do not matter: ``Stop.``, ``"STOP"``, ``STOP ALL``.
    """

    def __init__(self, stop: Iterable[str], start: Iterable[str], help: Iterable[str] = ()) -> None:
        self._stop, self._start, self._help = (
            {letters_of(word) for word in words} - {""} for words in (stop, start, help)
        )

    def is_stop(self, text: str) -> bool:
        """Tell whether ``text`` opts out."""
        return letters_of(text) in self._stop

    def is_start(self, text: str) -> bool:
        """Tell whether ``text`` opts in again."""
        return letters_of(text) in self._start

    def is_help(self, text: str) -> bool:
        """Tell whether ``text`` asks who is texting and how to be rid of it."""
        return letters_of(text) in self._help


# No word is longer, and few texts are shorter: the others need no look at each character.
LONGEST = 64


def letters_of(text: str) -> str:
    """Return the letters and digits of a short text without case, width and accents, else ''.

    A ``#`` stays: ``#end`` is a command of the random chat.
    """
    if len(text) > LONGEST:
        return ""
    plain = text if text.isascii() else unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if char.isalnum() or char == "#").casefold()
