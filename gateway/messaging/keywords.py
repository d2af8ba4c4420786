"""The texts by which a person opts out, opts in again, or asks who is texting him.

https://www.ecfr.gov/current/title-47/section-64.1200 (a)(10): any of these words revokes consent.
"""

from __future__ import annotations

import re
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
        """Tell whether ``text`` opts out; who says it again and again means it, too."""
        letters = letters_of(text)
        if letters in self._stop:
            return True
        return any(
            letters == word * (len(letters) // len(word))
            for word in self._stop
            if letters.startswith(word)
        )

    def is_start(self, text: str) -> bool:
        """Tell whether ``text`` opts in again."""
        return letters_of(text) in self._start

    def is_help(self, text: str) -> bool:
        """Tell whether ``text`` asks who is texting and how to be rid of it."""
        return letters_of(text) in self._help


# No word is longer, and few texts are shorter: the others need no look at each character.
LONGEST, LONGEST_WITH_SIGNATURE = 64, 160
CHAT_END = "#end"
_SIGNATURE = re.compile(
    r"\n\s*(?:--|__|sent from\b|gesendet von\b|von meinem\b|envoyé d|enviado d).*",
    re.IGNORECASE | re.DOTALL,
)


def letters_of(text: str) -> str:
    """Return the letters and digits of a short text without case, width and accents, else ''.

    What a phone puts below it, such as "Sent from my phone", is left out. ``#end`` stays what it
    is, a command of the random chat.
    """
    if len(text) > LONGEST_WITH_SIGNATURE:
        return ""
    text = _SIGNATURE.sub("", text)
    if len(text) > LONGEST:
        return ""
    plain = text if text.isascii() else unicodedata.normalize("NFKD", text)
    letters = "".join(char for char in plain if char.isalnum()).casefold()
    return CHAT_END if letters == CHAT_END[1:] and "#" in plain else letters
