"""What of a text is a telephone number, and what only stands around it.

People write names, extensions and second numbers into a field for one number; their programs add
links and marks for the direction of writing. A reading never takes a digit from any of that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

# Longest written form we know is below 40 characters ("tel:" link with an extension).
MAX_CHARACTERS = 64
# Before invisible characters are removed; it also bounds what the caches can hold.
MAX_RAW_CHARACTERS = 256

# A second number in the field, or an extension as long as one: nobody can tell which is meant.
FEWEST_OF_A_NUMBER = 6
# Floors, houses and counts before a number; extensions behind one.
MOST_BEFORE, MOST_BEHIND = 3, 5
LONGEST_COUNTRY_CODE = 3

# Control, format (zero-width, BOM, bidi marks, soft hyphen), enclosing and combining marks
# (variation selectors, keycaps), and every blank but the ASCII one, which may have been a "+".
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Me", "Mn", "Zl", "Zp", "Zs"})
# Blank glyphs that Unicode files under letters and symbols: Hangul fillers, empty Braille cell.
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_FULL_WIDTH = 0xFEE0  # distance from "！…～" to "!…~"
_LIKE_ASCII = {"−": "-", "ー": "-", "∼": "~", "⁓": "~", "·": ".", "•": ".", "・": "."}

_PLAIN = re.compile(r"[0-9+ ()\[\]/.~-]*")
_FIRST_DIGIT_OR_PLUS = re.compile(r"[0-9+]")
_RUN = re.compile(r"[+(\[]*[0-9][0-9+ ()\[\]/.~-]*")
_LETTER = re.compile(r"[A-Za-z]")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")

# Links that name a number: https://www.rfc-editor.org/rfc/rfc3966 (tel), rfc5724 (sms),
# rfc3261#section-19.1.6 (sip); the others follow their example.
_SCHEME = re.compile(
    r" *(?:tel|sms|smsto|mms|mmsto|sips?|callto|whatsapp|viber|signal|facetime|imessage): *(?://)?",
    re.IGNORECASE,
)
# https://faq.whatsapp.com/5913398998672934, https://core.telegram.org/api/links#phone-number-links:
# international, with or without "+".
_PROFILE = re.compile(
    r"(?:wa\.me/|t\.me/|signal\.me/#p/|[?&]phone=)[+ ]*([0-9]+)(?![0-9])", re.IGNORECASE
)
_GLOBAL_CONTEXT = ";phone-context=+"

# How a number begins that needs nothing before it, and the mark of one behind a note.
_BEGINNINGS = ("0", "+", "(0", "(+")
_NOTE = "note "

_TRAILING_BRACKETS = re.compile(r"[ .~-]*[(\[] *[0-9]{1,4} *[)\]] *$")
_NOUGHT_IN_BRACKETS = re.compile(r"[(\[] *0 *[)\]]")


@dataclass(frozen=True, slots=True)
class Written:
    """A number from its first digit or plus on, and the mark before it (blanks, ``tel:``)."""

    mark: str
    number: str


Rank = tuple[Written, ...]


def attempts(text: str) -> Iterator[Rank]:
    """Yield what may be the number in a text, likeliest first.

    Those of one rank are as likely as each other: two that are different numbers are none.
    """
    shown = visible(text)
    if shown is None:
        return
    profile = _PROFILE.search(shown)
    if profile is not None:
        yield (Written("", f"+{profile[1]}"),)
        return
    scheme = _SCHEME.match(shown)
    if scheme is not None:
        yield from _linked(shown[scheme.end() :])
    elif _PLAIN.fullmatch(shown):
        yield from _plain(*_marked(shown))
    else:
        yield from _among_notes(shown)


def plain(text: str) -> Written | None:
    """Return the number in a text that is nothing else, punctuation left out of account."""
    shown = visible(text)
    if shown is None or _LETTER.search(shown):
        return None
    return Written(*_marked(shown))


def visible(text: str) -> str | None:
    """Return the characters of a text that can be seen, digits and signs as ASCII.

    None for one that is too long, or has neither a digit nor a plus.
    """
    if len(text) > MAX_RAW_CHARACTERS:
        return None
    if "%" in text and _ESCAPED.search(text):  # encoded twice on its way
        text = unquote(text)
    shown = text if text.isascii() and text.isprintable() else "".join(map(_visible, text))
    fits = len(shown) <= MAX_CHARACTERS and _FIRST_DIGIT_OR_PLUS.search(shown)
    return shown if fits else None


def _visible(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in _INVISIBLE_CATEGORIES or char in _INVISIBLE_LETTERS:
        return ""
    if "！" <= char <= "～":
        return chr(ord(char) - _FULL_WIDTH)
    return "-" if category == "Pd" else _LIKE_ASCII.get(char, char)


def _marked(shown: str) -> tuple[str, str]:
    start = _FIRST_DIGIT_OR_PLUS.search(shown)
    first = start.start() if start else len(shown)
    return shown[:first], shown[first:]


def _linked(rest: str) -> Iterator[Rank]:
    """Yield the number of a link: what follows ``?``, ``@`` and ``;`` are its parameters."""
    if _GLOBAL_CONTEXT in rest:
        yield (Written("", rest),)
        return
    number = re.split("[?@;,]", rest, maxsplit=1)[0]
    if _PLAIN.fullmatch(number):
        mark, number = _marked(number)
        yield from _plain(f"tel:{mark}", number)
    else:
        yield from _among_notes(number)


def _plain(mark: str, number: str) -> Iterator[Rank]:
    """Yield the readings of digits, plus signs and punctuation alone."""
    if "+" in number.lstrip("+"):
        yield tuple(Written(mark, each) for each in _around_a_plus(number.lstrip("+")))
        return
    brackets = _TRAILING_BRACKETS.search(number)
    if brackets and _digits(number[: brackets.start()]) >= FEWEST_OF_A_NUMBER:
        yield Written(mark, number), Written(mark, number[: brackets.start()])
    elif "/" in number:
        yield tuple(Written(mark, each) for each in _around_a_slash(number))
    else:
        yield (Written(mark, number),)
    without = _NOUGHT_IN_BRACKETS.sub("", number)
    if without != number:
        yield (Written(mark, without),)


def _around_a_plus(number: str) -> list[str]:
    """Return the readings of a number with a plus in its middle or at its end.

    On pages that are written from right to left the code stands behind the number, or the plus
    behind the code; a number that was pasted behind its code has the code twice.
    """
    *before, behind = number.split("+")
    head = "".join(before)
    code = re.sub("[^0-9]", "", head)
    if not _digits(behind):
        turned = re.fullmatch(r"(.*[0-9])[^0-9]+([0-9]{1,3})[^0-9]*", head)
        return [f"+{head}", *([f"+{turned[2]} {turned[1]}"] if turned else [])]
    if _digits(behind) <= LONGEST_COUNTRY_CODE:
        return [f"+{behind}{head}"]
    if len(code.lstrip("0")) <= LONGEST_COUNTRY_CODE:
        again = re.sub("[^0-9]", "", behind).startswith(code.lstrip("0"))
        return [f"+{behind}" if again else f"+{head}{behind}"]
    return [head, f"+{behind}"] if _digits(head) >= FEWEST_OF_A_NUMBER else []


def _around_a_slash(number: str) -> list[str]:
    """Return the readings of a number with slashes: one number, two, or one and its last digits."""
    pieces = [each for each in number.split("/") if _digits(each) >= FEWEST_OF_A_NUMBER]
    if len(pieces) > 1:
        return pieces
    head, _, last = number.rpartition("/")
    is_variant = _digits(head) > FEWEST_OF_A_NUMBER and _digits(last) <= MOST_BEFORE
    return [number, head] if is_variant else [number]


def _among_notes(shown: str) -> Iterator[Rank]:
    """Yield the number in a text with letters and other signs; then the one that letters spell."""
    runs = list(_RUN.finditer(shown))
    if not runs:
        return
    number = max(runs, key=lambda run: _digits(run[0]))
    if all(_is_note(run, number) for run in runs if run is not number):
        mark = shown[: number.start()] if number is runs[0] else _NOTE
        brackets, digits = _marked(number[0].rstrip(" (["))
        yield from _plain(mark + brackets, digits)
    else:
        several = [run[0] for run in runs if _digits(run[0]) >= FEWEST_OF_A_NUMBER]
        if len(several) > 1:
            yield tuple(Written(_NOTE, _marked(each.rstrip(" (["))[1]) for each in several)
            return
    mark, spelled = _marked(shown)
    if _LETTER.search(spelled):
        yield (Written(mark, spelled),)


def _is_note(run: re.Match[str], number: re.Match[str]) -> bool:
    """Tell whether digits beside a number are a note on it, not a part of it."""
    if "+" in run[0]:
        return False
    if run.start() > number.start():
        return _digits(run[0]) <= MOST_BEHIND
    # Before a number that begins anyhow, they could be its first digits.
    return number[0].startswith(_BEGINNINGS) and _digits(run[0]) <= MOST_BEFORE


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))
