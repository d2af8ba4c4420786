"""Print every case with its kind, its input, what is right and what comes out."""

from __future__ import annotations

import sys
from collections.abc import Sized

from gateway.telephony import networks
from gateway.telephony.country import CountryGuesser
from gateway.telephony.phonenumber import parse
from tests.field import bodies, machines, persons
from tests.field.numbers import CASES, Case


def read(case: Case) -> str | None:
    """Return the number that is read where the region stands in the argument ``country``."""
    guesser = CountryGuesser(lambda _: None, default_country="ZZ", guess=True)
    number = parse(case.text, guesser.candidates(case.region or None, "", None))
    return number.e164 if number else None


def main() -> int:
    """Return 1 when a case comes out wrong."""
    kinds: tuple[Sized, ...] = (
        CASES,
        bodies.CASES,
        persons.CASES,
        persons.SPELLINGS,
        machines.CASES,
    )
    wrong, total = 0, sum(map(len, kinds))
    for case in CASES:
        found = read(case)
        wrong += found != case.number
        verdict = "right" if found == case.number else f"WRONG, not {case.number}"
        print(f"{case.kind:28} {case.text!r:52} {case.region:3} → {found!s:16} {verdict}")
    for body in bodies.CASES:
        said = bodies.said(body)
        wrong += said != body.said
        verdict = "right" if said == body.said else f"WRONG, not {body.said!a}"
        print(f"{body.kind:28} {body.label!r:52} {body.content_type:33} → {said!a} {verdict}")
    for person in persons.CASES:
        people = networks.persons(person.sender, person.reached)
        wrong += people != person.people
        verdict = "right" if people == person.people else f"WRONG, not {person.people}"
        result = " or ".join(people) or "nobody"
        print(f"{person.kind:28} {person.sender[:40]!r:52} {person.reached} → {result} {verdict}")
    for kind, numbers in persons.SPELLINGS.items():
        meant = {networks.persons(each) for each in numbers}
        wrong += meant != {numbers[:1]}
        verdict = "right" if meant == {numbers[:1]} else f"WRONG: {meant}"
        print(f"{kind:28} {' '.join(numbers)} → {numbers[0]} {verdict}")
    for pair in machines.CASES:
        paused = machines.passed(pair) <= machines.MOST
        wrong += paused != pair.paused
        verdict = "right" if paused == pair.paused else "WRONG"
        result = "paused" if paused else "passed on"
        print(f"{pair.kind:28} {' '.join(pair.a)!r:52} {' '.join(pair.b)!r} → {result} {verdict}")
    print(f"{total} cases, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
