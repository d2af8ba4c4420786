"""What a text is like: the form in which the guard against machines remembers and compares it.

Machines put counters, clocks, dates, ids and quotes into what is else the same text. Two texts are
like when they share most of their words; whatever has a digit in it is one and the same word, and
so are the names of days and months.
"""

from __future__ import annotations

import re
import unicodedata
from binascii import crc32

import msgspec

# So much of a text is looked at, and so many of its words, those with the lowest hashes.
LONGEST = 1_000
MOST_FEATURES = 16
HASHES, FIRST = 0x4000, 0x100
# Texts that are not the same are like when they share so many words, and such a part of them.
SHARED, SHARE = 3, 0.6
# What it weighs that a text is like another one, by its letters. People, too, vary short texts by a
# number ("at 5"), and send numbers alone in series: these are never like.
ENOUGH_LETTERS, FEW_LETTERS = 8, 3
WEIGHTY, LIGHT, NONE = 10, 8, 0
# People say shorter ones again and again: "ok", "love you too", "I am on floor 3".
LONG = 24

_WORD = re.compile(r"[^\W_]+")
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


class Likeness(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """digest: of the very text; letters: how many it has; features: of its words.

    A feature is a character, any but those that JSON writes in another way.
    """

    digest: int
    letters: int
    features: str

    def to(self, before: Likeness) -> int:
        """Return what it weighs that this text is like one of before, 0 when it is not."""
        if self.digest == before.digest:
            return WEIGHTY
        weight = _weight(self.letters)
        if self.features == before.features:
            return weight
        here, there = len(self.features), len(before.features)
        least = max(SHARED, SHARE * max(here, there))
        if weight < WEIGHTY or min(here, there) < least:
            return NONE
        shared = len({*self.features}.intersection(before.features))
        return weight if shared >= least else NONE


def likeness(text: str, seed: int) -> Likeness:
    """Return what is remembered of a text.

    seed: another one for each session, so that features tell nothing beyond it.
    """
    words = _words(text)
    hashes = sorted({crc32(each.encode(errors="replace"), seed) % HASHES for each in {*words}})
    features = "".join([chr(FIRST + each) for each in hashes[:MOST_FEATURES]])
    letters = sum(map(len, words)) - words.count(_VARIABLE)
    return Likeness(crc32(text.encode(errors="replace"), seed), letters, features)


def _words(text: str) -> list[str]:
    """Return the words of a text, what varies in texts of machines as one and the same word."""
    text = text[:LONGEST]
    if text.isascii():
        found = _WORD.findall(text.lower())
    else:
        found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
        if _UNSPACED.search(text):
            found = [part for each in found for part in _parts(each)]
    # What is found has letters and digits alone.
    return [
        _VARIABLE if not each.isalpha() or each in _TIMES or _HEX.fullmatch(each) else each
        for each in found
    ]


def _parts(word: str) -> list[str]:
    """Return a word as it is, or in pairs of letters where words are not parted."""
    if not _UNSPACED.search(word):
        return [word]
    spelt = re.sub(r"\d+", _VARIABLE, word)
    return [spelt[at : at + 2] for at in range(max(1, len(spelt) - 1))]


def _weight(letters: int) -> int:
    if letters >= ENOUGH_LETTERS:
        return WEIGHTY
    return LIGHT if letters >= FEW_LETTERS else NONE
