"""Print every case with its kind, its input, what is right and what comes out."""

from __future__ import annotations

import sys

from gateway.telephony.country import CountryGuesser
from gateway.telephony.phonenumber import parse
from tests.field import machines
from tests.field.numbers import CASES, Case


def read(case: Case) -> str | None:
    """Return the number that is read where the region stands in the argument ``country``."""
    guesser = CountryGuesser(lambda _: None, default_country="ZZ", guess=True)
    number = parse(case.text, guesser.candidates(case.region or None, "", None))
    return number.e164 if number else None


def main() -> int:
    """Return 1 when a case comes out wrong."""
    wrong = 0
    for case in CASES:
        found = read(case)
        wrong += found != case.number
        verdict = "right" if found == case.number else f"WRONG, not {case.number}"
        print(f"{case.kind:28} {case.text!r:52} {case.region:3} → {found!s:16} {verdict}")
    for pair in machines.CASES:
        paused = machines.passed(pair) <= machines.MOST
        wrong += paused != pair.paused
        verdict = "right" if paused == pair.paused else "WRONG"
        result = "paused" if paused else "passed on"
        print(f"{pair.kind:28} {' '.join(pair.a)!r:52} {' '.join(pair.b)!r} → {result} {verdict}")
    print(f"{len(CASES) + len(machines.CASES)} cases, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
