"""JSON as Android's two libraries read it: with far more patience than the standard has.

Both Gson's lenient JsonReader and Android's org.json take unquoted and single-quoted strings,
comments, ``=`` and ``=>`` for a colon, ``;`` for a comma and keywords in any case
(https://www.javadoc.io/doc/com.google.code.gson/gson/latest/com.google.gson/com/google/gson/stream/JsonReader.html).
"""

from __future__ import annotations

import re
from typing import TypeAlias

Json: TypeAlias = "bool | str | list[Json] | dict[str, Json] | None"

_KEYWORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|#[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r"[^{}\[\]:,;=#/\\\s\"']+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
# What servers put before an answer so that it is no script; Gson skips it.
_NON_EXECUTE_PREFIX = ")]}'\n"
MAX_DEPTH = 100


class Number(str):
    """A number as it was written: the libraries give it to whoever asks for a string."""

    __slots__ = ()


class Unreadable(ValueError):
    """The text is no JSON, or not of the form that the app expects."""


def parse(text: str, *, trailing: bool) -> Json:
    """Return the first value of ``text``; numbers stay text (Number).

    trailing: whether anything may follow the value, as with org.json. Raises Unreadable.
    """
    reader = _Reader(text.removeprefix(_NON_EXECUTE_PREFIX))
    value = reader.value()
    if not trailing and not reader.at_end():
        raise Unreadable("something follows the value")
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def at_end(self) -> bool:
        """Tell whether nothing but blanks and comments is left."""
        self._skip()
        return self._at >= len(self._text)

    def value(self) -> Json:
        """Return the value that begins here; raises Unreadable."""
        opening = self._peek()
        if opening in ("{", "["):
            return self._nested(opening)
        if opening in ('"', "'"):
            return self._quoted()
        return _literal(self._word())

    def _nested(self, opening: str) -> Json:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        self._at += 1
        value: Json = self._object() if opening == "{" else self._array()
        self._depth -= 1
        return value

    def _object(self) -> dict[str, Json]:
        found: dict[str, Json] = {}
        while self._peek() != "}":
            name = self._quoted() if self._peek() in ('"', "'") else self._word()
            self._take(":", "=")
            if self._text.startswith(">", self._at):
                self._at += 1
            found[name] = self.value()
            if self._peek() != "}":
                self._take(",", ";")
        self._at += 1
        return found

    def _array(self) -> list[Json]:
        found: list[Json] = []
        while self._peek() != "]":
            # A missing element counts as null.
            found.append(None if self._peek() in (",", ";") else self.value())
            if self._peek() != "]":
                self._take(",", ";")
        self._at += 1
        return found

    def _quoted(self) -> str:
        quote = self._text[self._at]
        self._at += 1
        found: list[str] = []
        while (char := self._char()) != quote:
            found.append(self._escaped() if char == "\\" else char)
        # Escaped characters beyond the first 65,536 come as two halves.
        return "".join(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _escaped(self) -> str:
        char = self._char()
        if char != "u":
            return _ESCAPES.get(char, char)
        digits = self._text[self._at : self._at + 4]
        if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
            raise Unreadable("a bad escape")
        self._at += 4
        return chr(int(digits, 16))

    def _word(self) -> str:
        match = _WORD.match(self._text, self._at)
        if not match:
            raise Unreadable("a value is missing")
        self._at = match.end()
        return match[0]

    def _char(self) -> str:
        if self._at >= len(self._text):
            raise Unreadable("the text ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, *expected: str) -> None:
        if self._peek() not in expected:
            raise Unreadable(f"{expected[0]} is missing")
        self._at += 1

    def _peek(self) -> str:
        self._skip()
        if self._at >= len(self._text):
            raise Unreadable("the text ends too early")
        return self._text[self._at]

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at


def _literal(word: str) -> Json:
    if word.lower() in _KEYWORDS:
        return _KEYWORDS[word.lower()]
    return Number(word) if _NUMBER.fullmatch(word) else word
