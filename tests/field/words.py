"""Texts by which people opt out, opt in again or ask for help, and talk that looks like those."""

from __future__ import annotations

from gateway.messaging.keywords import Keywords

WORDS = Keywords("STOP,STOPALL,UNSUBSCRIBE,ARRET, Stop all".split(","), ["START", "Unstop", ""])

STOPS = [
    *("STOP", "stop", "Stop", "STOPALL", "Unsubscribe", "arret", "stop all", " Stop all"),
    *(" stop", "stop \r\n", "\tSTOP\n", "\u00a0stop\u00a0", "\u3000stop"),
    *("ＳＴＯＰ", "\u200bstop\u200b", "\ufeffSTOP", "st\u00adop"),
    *("Stop.", '"STOP"', "“Stop!”", "STOP\x00", "stop\nall", "STOP-ALL", "s.t.o.p", "stop 🛑"),
    *("Arrêt", "ARRE\u0302T", "arrêt !"),
    *("#STOP", "stop#", "STOP STOP", "stop,stop, stop"),
    *("STOP.\n\n--\nSent from my phone", "Stop\nSent from my iPhone", "STOP\n__\nAnna"),
]
STARTS = ["START", " start ", "unstop", "ｓｔａｒｔ"]
TALK = [
    *("", " ", "\u200b", "\ufeff \ufeff", "\u00a0"),
    *("stop it", "please stop", "stopp", "sto", "STOP, please", "stop by at six"),
    *("I quit my job", "the end", "#end", "stop " * 20),
    *("ステップ", "стоп", "\ud800", "🛑"),
]


def meaning(text: str) -> str:
    """Return what a text is taken for."""
    if WORDS.is_stop(text):
        return "stop"
    return "start" if WORDS.is_start(text) else "talk"
