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
# The shortest number that is in use has four digits (Tokelau, Niue, Saint Helena).
SHORTEST = 4
# Floors, houses and counts before a number; extensions behind one.
MOST_BEFORE, MOST_BEHIND = 3, 5
LONGEST_COUNTRY_CODE = 3

# Control, format (zero-width, BOM, bidi marks, soft hyphen), enclosing and combining marks
# (variation selectors, keycaps), and every blank but the ASCII one, which may have been a "+".
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Me", "Mn", "Zl", "Zp", "Zs"})
# Blank glyphs that Unicode files under letters and symbols: Hangul fillers, empty Braille cell.
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_FULL_WIDTH = 0xFEE0  # distance from "！…～" to "!…~"
# Behind a wide colon nobody puts the blank that follows a colon.
_LIKE_ASCII = {"：": ": ", "−": "-", "ー": "-", "∼": "~", "⁓": "~", "·": ".", "•": ".", "・": "."}

_PLAIN = re.compile(r"[0-9+ ()\[\]/.~-]*")
_FIRST_DIGIT_OR_PLUS = re.compile(r"[0-9+]")
_RUN = re.compile(r"[+(\[]*[0-9][0-9+ ()\[\]/.~-]*")
LETTER = re.compile(r"[A-Za-z]")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
# A keycap before a number is a list's, where the number itself is not in keycaps.
_KEYCAP = re.compile("(?<!\u20e3)([1-9]\ufe0f?\u20e3) +(?! *[0-9]\ufe0f?\u20e3)")

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
GLOBAL_CONTEXT = ";phone-context=+"

# A link as programs write it. One with a capital, or a blank behind it, is a person's label: the
# number behind it is written as people there write it.
_LINK = re.compile(r"[a-z]+:(?://)?")
LINK = "tel:"

# How a number begins that needs nothing before it, and the mark of one behind a note.
_BEGINNINGS = ("0", "+", "(0", "(+")
_NOTE = "note: "

_TRAILING_BRACKETS = re.compile(r"[ .~-]*[(\[] *[0-9][0-9 /.~-]{0,9}[)\]]? *$")
# What a list or a note may have put before a number: "1.", "(1)", "2)"; "Mobile2", "Nr. 2".
_LISTED = re.compile(r" *[(\[]? *[1-9][0-9]{0,2} *(?:\.?[)\]][ .:~-]*|[./~-]+ +| +[./~-]+ +)")
_COUNT = re.compile(r" *[1-9][0-9]{0,2}[ ()\[\]/.~-]+")
_BEFORE_A_COUNT = re.compile(r".*(?:[^\W\d_][.]? *|[#№] *|[^\s:=(\[)\]])")
# What a note behind a number may begin with: "2nd", "24h", "24/7", "50€", "9-17 Uhr".
_HOURS = re.compile(r"(.*[0-9]) +(?:- *)?[0-9]{1,2} ?[/.~-] ?[0-9]{1,2}[ .]*")
_LAST_GROUP = re.compile(r"(.*[0-9])[)\]]*([ .-]+)([0-9]{1,4})[ .]*")
_UNIT = re.compile(
    r"(?![xwp] ?[0-9]|ext)[^\W\d_]| ?[€$£¥₹%°º]| ?(?:h|am|pm|uhr|eur|usd)\b|:[0-9]", re.IGNORECASE
)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b", re.IGNORECASE)
# Behind so many digits in one block, or a first block of the shortest, none of the number follows.
_COMPLETE = re.compile(r".*[0-9]{5}|(?:\+[0-9]{1,3} +)?[0-9]{4}")
# Digits that were hidden, or typed as letters, behind the first ones of a number.
_HIDDEN = re.compile(
    r"(?<=[0-9])(?!ext)(?:[^\W\d_]{1,2}|[OoIlSZB]{3}|[!|])[0-9]"
    r"| *[(\[]?(?:(?:[xX×хХ] ?){2}|(?:[*?_•●■□○#] ?){2}|[…‥]|[nN]{3}|[OoОо]{2,3}(?![A-Za-z]))"
    r"| *(?:[OoIlSZB]{1,2}[0-9]|[Oo] [0-9])"
    r"|(?<=[0-9])[OoОо](?![A-Za-z])"
)
_LETTERS_X = re.compile(r"[xX]{2,}")
_HIDDEN_TOKEN = re.compile(r"[\w*?•●■□○×#…‥!|()\[\] -]+")
_CUT_OFF = re.compile(r"(?<=[0-9]) *([.~-]{2,}) *")
_INTERNATIONAL = re.compile(r"[ (\[]*(?:\+|00)")
_NOUGHT_IN_BRACKETS = re.compile(r"[(\[] *0 *[)\]]")


@dataclass(frozen=True, slots=True)
class Written:
    """A number from its first digit or plus on, and the mark before it (blanks, a link's)."""

    mark: str
    number: str


@dataclass(frozen=True, slots=True)
class Rank:
    """Readings that are as likely as each other: two that are different numbers are none.

    mobile_wins: but the only mobile of the regions is taken, before land lines that a note makes;
    first_wins: but the first is taken where it is a number of the regions;
    uncut: what the number may be of which digits are hidden: if that is another one, none is taken.
    """

    readings: tuple[Written, ...]
    mobile_wins: bool = False
    first_wins: bool = False
    uncut: tuple[Written, ...] = ()


def attempts(text: str) -> Iterator[Rank]:
    """Yield what may be the number in a text, likeliest first."""
    shown = visible(text)
    if shown is None:
        return
    profile = _PROFILE.search(shown)
    if profile is not None:
        yield Rank((Written("", f"+{profile[1]}"),))
        return
    scheme = _SCHEME.match(shown)
    if scheme is not None:
        yield from _linked(scheme[0], shown[scheme.end() :])
    elif _PLAIN.fullmatch(shown):
        yield from _plain(*_marked(shown))
    else:
        yield from _among_notes(shown)


def plain(text: str) -> Written | None:
    """Return the number in a text that is nothing else, punctuation left out of account."""
    shown = visible(text)
    if shown is None or LETTER.search(shown):
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
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_visible, _KEYCAP.sub(r"\1) ", text)))
    fits = len(text) <= MAX_CHARACTERS and _FIRST_DIGIT_OR_PLUS.search(text)
    return text if fits else None


def _visible(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in _INVISIBLE_CATEGORIES or char in _INVISIBLE_LETTERS:
        return ""
    if char in _LIKE_ASCII:
        return _LIKE_ASCII[char]
    if "！" <= char <= "～":
        return chr(ord(char) - _FULL_WIDTH)
    return "-" if category == "Pd" else char


def _marked(shown: str) -> tuple[str, str]:
    start = _FIRST_DIGIT_OR_PLUS.search(shown)
    first = start.start() if start else len(shown)
    return shown[:first], shown[first:]


def _linked(scheme: str, rest: str) -> Iterator[Rank]:
    """Yield the number of a link: what follows ``?``, ``@`` and ``;`` are its parameters."""
    if GLOBAL_CONTEXT in rest:
        yield Rank((Written("", rest),))
        return
    number = re.split("[?@;,]", rest, maxsplit=1)[0]
    if _PLAIN.fullmatch(number):
        is_link = _LINK.fullmatch(scheme) and not number.startswith(" ")
        mark, number = _marked(number)
        yield from _plain(LINK if is_link else _NOTE + mark, number)
    else:
        yield from _among_notes(_NOTE + number)


def _plain(mark: str, number: str, behind: str = "") -> Iterator[Rank]:
    """Yield the readings of digits, plus signs and punctuation alone, with what stands behind."""
    uncounted = _behind_a_count(mark, number)
    written = [Written(mark, number), *([Written(_NOTE, uncounted)] if uncounted else [])]
    tails = _tails(number, behind)
    written += [Written(each.mark, each.number[:-tail]) for each in written for tail in tails]
    readings = (
        Written(each.mark, reading)
        for each in written
        for plain in _readings(each.number)
        for reading in (plain, _NOUGHT_IN_BRACKETS.sub("", plain))
    )
    yield Rank(
        tuple(dict.fromkeys(readings)),
        mobile_wins=len(written) > 1,
        first_wins=bool(tails) and uncounted is None and not _is_a_note(number, behind),
        uncut=tuple(Written(mark, each) for each in _uncut(number, behind)),
    )


def _readings(number: str) -> list[str]:
    """Return what digits, plus signs and punctuation may be, all as likely as each other."""
    if "+" in number.lstrip("+"):
        return _around_a_plus(number.lstrip("+"))
    brackets = _TRAILING_BRACKETS.search(number)
    if brackets and _digits(number[: brackets.start()]) >= SHORTEST:
        return [number, number[: brackets.start()]]
    return _around_a_slash(number) if "/" in number else [number]


def _behind_a_count(mark: str, number: str) -> str | None:
    """Return a number without the digits before it that may be a note's, None without such."""
    bracketed = mark[-1:] + number if mark.endswith(("(", "[")) else number
    count = _LISTED.match(bracketed)
    text = bracketed if count else number
    if count is None and mark.strip() and _BEFORE_A_COUNT.fullmatch(mark):
        count = _COUNT.match(number)
    rest = _marked(text[count.end() :])[1] if count else ""
    return rest if _digits(rest) >= SHORTEST else None


def _tails(number: str, behind: str) -> list[int]:
    """Return the lengths of what may be a note's at the end of a number, with what follows it."""
    found = [_HOURS.fullmatch(number), _LAST_GROUP.fullmatch(number) if behind else None]
    heads = [each[1] for each in found if each and _digits(each[1]) >= SHORTEST]
    if _ORDINAL.match(behind) and number[-2:].isdigit():
        heads.append(number[:-1])
    return [len(number) - len(head) for head in heads]


def _is_a_note(number: str, behind: str) -> bool:
    """Tell whether the end of a number is as likely a note's as one of its groups of digits."""
    found = _LAST_GROUP.fullmatch(number)
    if found is None or _HOURS.fullmatch(number) or _UNIT.match(behind):
        return True
    head, between, last = found.groups()
    before = re.split("[^0-9]", head)[-1]
    is_set_apart = between == " " and head[: -len(before)].endswith((".", "-"))
    is_shorter = len(last) == 1 or len(last) < len(before) - 1
    return is_shorter or is_set_apart or _COMPLETE.fullmatch(head) is not None


def _uncut(number: str, behind: str) -> list[str]:
    """Return some numbers that a number may be of which digits are hidden."""
    cut = _CUT_OFF.search(number) if not behind else None
    if cut and cut.end() == len(number):
        hidden, number = "x" * len(cut[1]), number[: cut.start()]
    elif _is_torn(number, behind) and (token := _HIDDEN_TOKEN.match(behind)):
        hidden = re.sub(r"[()\[\]]", "", token[0]).strip()
    else:
        return []
    hidden = re.sub("[…‥]", "xx", hidden)
    # The first word may be followed by a note; two letters x may stand for any number of digits.
    several = {hidden, hidden.partition(" ")[0]}
    some = {re.sub("[^0-9 -]", digit, each) for each in several for digit in "0123456789"}
    return [number + each for each in {*some, _LETTERS_X.sub("", hidden)} if each]


def _is_torn(number: str, behind: str) -> bool:
    """Tell whether digits of a number are hidden by what stands behind it."""
    return _HIDDEN.match(number[-1:] + behind, 1) is not None


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
        return [f"+{behind}"] if again else [f"+{head}{behind}", f"+{behind}"]
    return [head, f"+{behind}"] if _digits(head) >= FEWEST_OF_A_NUMBER else []


def _around_a_slash(number: str) -> list[str]:
    """Return the readings of a number with slashes: one number, two, or one and its last digits."""
    pieces = [each for each in number.split("/") if _may_be_whole(each)]
    if len(pieces) > 1:
        return pieces
    head, _, last = number.rpartition("/")
    is_variant = _digits(head) > FEWEST_OF_A_NUMBER and _digits(last) <= MOST_BEFORE
    return [number, head] if is_variant else [number]


def _may_be_whole(piece: str) -> bool:
    """Tell whether what stands before or behind a slash has enough digits for a number.

    With the code of a country in front it needs more: 0049 176/12345678 is one number.
    """
    bare = _NOUGHT_IN_BRACKETS.sub("", piece)
    abroad = _INTERNATIONAL.match(bare)
    return _digits(bare[abroad.end() if abroad else 0 :]) >= FEWEST_OF_A_NUMBER + 2 * bool(abroad)


def _among_notes(shown: str) -> Iterator[Rank]:
    """Yield the number in a text with letters and other signs; then the one that letters spell."""
    runs = list(_RUN.finditer(shown))
    if not runs:
        return
    number = max(runs, key=lambda run: _digits(run[0]))
    if all(_is_note(run, number) for run in runs if run is not number):
        mark = shown[: number.start()] if number is runs[0] else _NOTE
        run = number[0].rstrip(" ([")
        yield from _plain(
            mark + _marked(run)[0], _marked(run)[1], shown[number.start() + len(run) :]
        )
    else:
        several = [run[0] for run in runs if _digits(run[0]) >= FEWEST_OF_A_NUMBER]
        if any(_is_torn(run[0], shown[run.end() :]) for run in runs[:-1]):
            return
        if len(several) > 1:
            numbers = (_marked(each.rstrip(" (["))[1] for each in several)
            yield Rank(tuple(Written(_NOTE, each) for each in numbers))
            return
    mark, spelled = _marked(shown)
    if LETTER.search(spelled):
        yield Rank((Written(mark, spelled),))


def _is_note(run: re.Match[str], number: re.Match[str]) -> bool:
    """Tell whether digits beside a number are a note on it, not a part of it."""
    if "+" in run[0]:
        return False
    if run.start() > number.start():
        return _digits(run[0]) <= MOST_BEHIND
    # Before a number that begins anyhow, they could be its first digits.
    is_count = not run[0].startswith("0") and _digits(run[0]) <= MOST_BEFORE
    return is_count and number[0].startswith(_BEGINNINGS)


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))
