"""Texts as people configure and paste them, and what leaves."""

from __future__ import annotations

CLEANED = {
    "Hello": "Hello",
    "a\x00b\x07c\x1b\x7fd": "abcd",
    "next\x85line": "next\nline",
    "a\r\nb\nc\rd": "a\r\nb\nc\rd",
    "a\tb": "a b",
    "a\x0cb\x0bc": "a b c",
    "cafe\u0301": "café",
    "\u1100\u1161": "가",
    "a\ud800b": "a\ufffdb",
    "👩\u200d👩\u200d👧": "👩\u200d👩\u200d👧",
    "می\u200cخواهم": "می\u200cخواهم",
    "": "",
}
PLAIN = {
    "“Hi” – it’s me…": '"Hi" - it\'s me...',
    "a\u00a0b\u202fc\u2009d\u3000e": "a b c d e",
    "soft\u00adhyphen, zero\u200bwidth, \ufeffmark": "softhyphen, zerowidth, mark",
    "\u2066bidi\u2069": "bidi",
    "«Ça va?»": '"Ça va?"',
    "• one\u2028• two": "* one\n* two",
    "it`s ´fine´": "it's 'fine'",
    "１ “x”": "１ “x”",  # a full-width digit is no punctuation: untouched
    "It’s 😀": "It’s 😀",
    "“Привет”": "“Привет”",
    "‘naïve’ – ï is no letter of GSM": "‘naïve’ – ï is no letter of GSM",
    "❤\ufe0f “x”": "❤\ufe0f “x”",
    "plain": "plain",
}
