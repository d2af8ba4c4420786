"""Texts before they leave: what no phone shows goes, and one part serves where one will do.

One curly quote makes a text travel in UCS-2, where a part holds 70 characters in place of 160.
Letters are never changed.
"""

from __future__ import annotations

import re
import unicodedata

from gateway.telephony.segments import is_gsm7

# Control characters but line ends; a lone surrogate is no character and fits no store.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Those that stand between words.
_BLANKS = {ord("\t"): " ", 0x0B: " ", 0x0C: " ", 0x85: "\n"}
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_SURROGATE = re.compile("[\ud800-\udfff]")

# Punctuation and blanks that have a plain form in GSM 03.38, by that form.
_PLAIN_FORMS = {
    "'": "‘’‚‛′‵`´‹›＇",
    '"': "“”„‟″‶«»〝〞＂",
    "-": "‐‑‒–—―−⁃﹘﹣－",
    "...": "…",
    "..": "‥",
    ".": "․．",
    ",": "，﹐",
    ":": "：﹕",
    ";": "；﹔",
    "!": "！",
    "?": "？",
    "!!": "‼",
    "??": "⁇",
    "?!": "⁈",
    "!?": "⁉",
    "*": "•∙●▪◦‣＊",
    "/": "⁄∕／",
    "(": "（",
    ")": "）",
    "%": "％",
    "&": "＆",
    # Every blank of another width: figure, thin, no-break, ideographic …
    " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u3000",
    "\n": "\u2028\u2029",
}
_TABLE = {ord(char): plain for plain, chars in _PLAIN_FORMS.items() for char in chars}


def clean(text: str) -> str:
    """Return a text without control characters but line ends, in normal form C.

    https://www.unicode.org/reports/tr15/: an e and its accent become one letter, which the
    alphabet of SMS has.
    """
    if text.isascii() and text.isprintable():
        return text
    visible = _CONTROL.sub("", text.translate(_BLANKS))
    return unicodedata.normalize("NFC", _SURROGATE.sub("\ufffd", visible))


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen."""
    return all(unicodedata.category(each) in _UNSEEN for each in text)


def as_gsm7(text: str) -> str:
    """Return a clean text in plain punctuation if it becomes GSM-7 as a whole by that, or itself.

    What stays Unicode, such as emoji with their joiners or Persian, is returned untouched.
    """
    if is_gsm7(text):
        return text
    plain = "".join(
        char for char in text.translate(_TABLE) if unicodedata.category(char) != "Cf" and
        not "\ufe00" <= char <= "\ufe0f"  # variation selectors
    )  # fmt: skip
    return plain if is_gsm7(plain) else text
