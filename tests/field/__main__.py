"""Print every case with its kind, its input, what is right and what comes out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from gateway.messaging.inbound.sending_time import written_ms
from gateway.telephony import networks
from gateway.telephony.country import CountryGuesser
from gateway.telephony.phonenumber import parse
from gateway.telephony.plain_text import as_gsm7, clean
from tests.field import bodies, encodings, machines, numbers, persons, times, words

LONGEST_INPUT = 60


class Row(NamedTuple):
    """A kind, an input, what comes out and what is right."""

    kind: str
    given: str
    result: object
    right: object


def read(case: numbers.Case) -> str | None:
    """Return the number that is read where the region stands in the argument ``country``."""
    guesser = CountryGuesser(lambda _: None, default_country="ZZ", guess=True)
    number = parse(case.text, guesser.candidates(case.region or None, "", None))
    return number.e164 if number else None


def rows() -> Iterator[Row]:
    """Yield all cases."""
    for case in numbers.CASES:
        yield Row(case.kind, f"{case.text!r} {case.region}", read(case), case.number)
    for person in persons.CASES:
        people = networks.persons(person.sender, person.reached)
        yield Row(person.kind, f"{person.sender!r} to {person.reached}", people, person.people)
    for kind, forms in persons.SPELLINGS.items():
        meant = {networks.persons(each) for each in forms}
        yield Row(kind, " ".join(forms), meant, {forms[:1]})
    for written, ms in times.WRITTEN.items():
        yield Row("time of sending", repr(written), written_ms(written), ms)
    for meaning, texts in (("stop", words.STOPS), ("start", words.STARTS), ("talk", words.TALK)):
        for text in texts:
            yield Row(f"a text that means {meaning}", repr(text), words.meaning(text), meaning)
    for body in bodies.CASES:
        yield Row(body.kind, f"{body.label}, {body.content_type}", bodies.said(body), body.said)
    for text, cleaned in encodings.CLEANED.items():
        yield Row("control characters", repr(text), clean(text), cleaned)
    for text, plain in encodings.PLAIN.items():
        yield Row("plain punctuation", repr(text), as_gsm7(text), plain)
    for pair in machines.CASES:
        paused = machines.passed(pair) <= machines.MOST
        yield Row(f"machines: {pair.kind}", " ".join((*pair.a, *pair.b)), paused, pair.paused)


def main() -> int:
    """Return 1 when a case comes out wrong."""
    wrong, total = 0, 0
    for row in rows():
        is_right = row.result == row.right
        wrong, total = wrong + (not is_right), total + 1
        verdict = "right" if is_right else f"WRONG, not {row.right!a}"
        print(f"{row.kind:28} {row.given[:LONGEST_INPUT]!a:64} → {row.result!a} {verdict}")
    print(f"{total} cases, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
