"""What a text is like: the form in which the guard against machines remembers and compares it.

Machines put counters, clocks, dates, ids and quotes into what is else the same text. Two texts are
like when they share most of their words; whatever has a digit in it is one and the same word, and
so are the names of days and months. Compared is in lua/_loops.lua.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from binascii import crc32

# So much of a text is looked at, and so many of its words, those with the lowest hashes.
LONGEST = 1_000
MOST_FEATURES = 16
# Weights of a text that is like another one, of which the script wants 70 of each side: 7 texts in
# a row, or 9 of few letters, which people, too, vary by a number ("at 5"). Numbers alone are never
# like.
ENOUGH_LETTERS, FEW_LETTERS = 8, 3
WEIGHTY, LIGHT, NONE = 10, 8, 0

_WORD = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
# Scripts that put no blanks between words: their letters are taken in pairs.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff]")
_HEX = re.compile(r"[0-9a-f]{8,}")
_VARIABLE = "#"
# Days and months in English, German, French and Spanish, short and long; halves of the day.
_TIMES = frozenset(
    """
    mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday
    sunday jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june
    july august september october november december am pm utc gmt
    mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar
    märz mai juni juli oktober dezember okt dez uhr
    lundi mardi mercredi jeudi vendredi samedi dimanche lun mer jeu ven sam dim janvier février
    mars avril juin juillet août septembre octobre novembre décembre
    lunes martes miércoles jueves viernes sábado domingo enero febrero marzo abril mayo junio julio
    agosto septiembre octubre noviembre diciembre
    """.split()
)


def likeness(text: str, seed: int) -> str:
    """Return "<digest> <weight> <features>": of the very text, and of what it is like.

    seed: another one for each session, so that features tell nothing beyond it.
    """
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    words = [_plain(each) for each in _words(text)]
    hashes = sorted({crc32(each.encode(errors="surrogatepass"), seed) & 0xFFFF for each in words})
    features = "".join(f"{each:04x} " for each in hashes[:MOST_FEATURES])
    return f"{digest} {_weight(words)} {features}"


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    words: list[str] = _WORD.findall(folded)
    if folded.isascii() or not _UNSPACED.search(folded):
        return words
    return [part for each in words for part in _parts(each)]


def _parts(word: str) -> list[str]:
    """Return a word as it is, or in pairs of letters where words are not parted."""
    if not _UNSPACED.search(word) or len(word) < 2:
        return [word]
    spelt = re.sub(r"\d+", _VARIABLE, word)
    return [spelt[at : at + 2] for at in range(max(1, len(spelt) - 1))]


def _plain(word: str) -> str:
    varies = _DIGIT.search(word) or word in _TIMES or _HEX.fullmatch(word)
    return _VARIABLE if varies else word


def _weight(words: list[str]) -> int:
    letters = sum(len(each) for each in words if each != _VARIABLE)
    if letters >= ENOUGH_LETTERS:
        return WEIGHTY
    return LIGHT if letters >= FEW_LETTERS else NONE
