"""What may be sent where: the rules of the protection file and the defaults, by destination."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from conf.protection import DEFAULT_RULES, Action, Protection, Rule, Special
from gateway.access.limiter import Limit
from gateway.protection.destinations.newcomers import limit_class
from gateway.protection.exempt import by_person
from gateway.protection.links.judgement import in_words
from gateway.telephony import destinations, phonenumber, plans
from gateway.telephony.phonenumber import NEWER, PhoneNumber, mask

# With more characters (``+`` and digits) a range could be somebody's number.
LONGEST_RANGE_SHOWN = 10


class Basis(StrEnum):
    """By what a verdict was reached, the narrowest first.

    BREAKER: nobody opens the links that go there; NEW_COUNTRY: nothing was sent there.
    """

    EXEMPT = "exempt"
    RANGE = "range"
    BREAKER = "breaker"
    COUNTRY = "country"
    CALLING_CODE = "calling_code"
    NEW_COUNTRY = "new_country"
    KIND = "kind"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for the messages of an endpoint to a number.

    reason: for the operator alone; destination: of the rule, ``*`` = everything; limit: of LIMIT,
    whose messages are counted under limit_class and subject; exempt: no limit refuses it.
    """

    action: Action
    basis: Basis
    destination: str
    reason: str = ""
    limit_class: str = ""
    subject: str = ""
    limit: Limit | None = None
    exempt: bool = False

    @property
    def words(self) -> str:
        """What it is about, as an operator may read it: no number in full."""
        if self.basis is Basis.EVERYTHING:
            return "everything"
        if self.basis is Basis.BREAKER:
            return in_words(self.destination)
        is_a_number = len(self.destination) > LONGEST_RANGE_SHOWN
        shown = mask(self.destination) if is_a_number else self.destination
        return f"{self.basis.replace('_', ' ')} {shown.replace('_', ' ')}"


ALLOWED = Verdict(Action.ALLOW, Basis.EVERYTHING, "*")
# Where a rule stands: what it is told by, which destination of these, for which endpoint.
_Place = tuple[Basis, str, str]


class NewCountries(Protocol):
    """Knows which countries are new to which endpoint."""

    def limit(self, endpoint: str, place: str) -> Limit | None:
        """Return what an endpoint may send to a country (or calling code), None: it is known."""


class Rules:
    """Judges destinations: the narrowest rule that fits decides.

    A range comes before a country, a country before a calling code, that before a kind and a kind
    before everything, but that a kind which is blocked stays so in every country; a longer range
    before a shorter one, and of equals an endpoint's own rule before one for all, one of the file
    before a default.
    """

    def __init__(self, protection: Protection, newcomers: NewCountries) -> None:
        self.exempt = by_person(protection.exempt)
        self._newcomers = newcomers
        self._rules = {place_of(each): each for each in (*DEFAULT_RULES, *protection.rules)}
        ranges = {len(each.range) for each in self._rules.values() if each.range}
        self._lengths = sorted(ranges, reverse=True)
        self._verdicts: dict[tuple[str, str, Special | None], Verdict] = {}

    @property
    def in_force(self) -> list[Rule]:
        """The rules that hold, narrowest first."""
        order = list(Basis)
        places = sorted(self._rules, key=lambda place: (order.index(place[0]), place[1:]))
        return [self._rules[each] for each in places]

    def verdict(self, endpoint: str, number: PhoneNumber) -> Verdict:
        """Return what holds for a message of an endpoint (its path) to a number."""
        if self.exempt and number.person in self.exempt:
            note = self.exempt[number.person].note
            return Verdict(Action.ALLOW, Basis.EXEMPT, number.person, note, exempt=True)
        if self._lengths and (rule := self._of_range(endpoint, number.e164)):
            return as_verdict(rule)
        place = _place(number)
        verdict = self._verdict(endpoint, place, number)
        if verdict.action is not Action.ALLOW or verdict.basis in _NAMED:
            return verdict
        return self._newcomers_verdict(endpoint, place) or verdict

    def blocks(self, endpoint: str, region: str) -> bool:
        """Tell whether an endpoint sends nothing to a country (ISO 3166), ranges aside."""
        by_code = (Basis.CALLING_CODE, phonenumber.calling_code(region))
        places = ((Basis.COUNTRY, region), by_code, (Basis.EVERYTHING, "*"))
        rule = self._first(endpoint, *places)
        return rule is not None and rule.action is Action.BLOCK

    def _of_range(self, endpoint: str, e164: str) -> Rule | None:
        spellings = plans.all_spellings(e164)
        for length in self._lengths:
            for whose in (endpoint, ""):
                for spelling in spellings:
                    rule = self._rules.get((Basis.RANGE, spelling[:length], whose))
                    if rule is not None:
                        return rule
        return None

    def _verdict(self, endpoint: str, place: str, number: PhoneNumber) -> Verdict:
        """Return the verdict on all numbers of a country (or calling code) and a kind."""
        special = destinations.special_of(number)
        known = self._verdicts.get((endpoint, place, special))
        if known is not None:
            return known
        of_kind = self._first(endpoint, (Basis.KIND, special or ""))
        if of_kind and of_kind.action is Action.BLOCK and number.country:
            rule: Rule | None = of_kind  # who allows a country does not mean its satellites
        else:
            by_code = (Basis.CALLING_CODE, destinations.calling_code(number.e164))
            by_place = self._first(endpoint, (Basis.COUNTRY, place), by_code)
            rule = by_place or of_kind or self._first(endpoint, (Basis.EVERYTHING, "*"))
        verdict = as_verdict(rule) if rule else ALLOWED
        self._verdicts[endpoint, place, special] = verdict
        return verdict

    def _first(self, endpoint: str, *places: tuple[Basis, str]) -> Rule | None:
        """Return the first rule about one of these, of equals the endpoint's own."""
        wanted = ((*each, whose) for each in places for whose in (endpoint, ""))
        return next((self._rules[each] for each in wanted if each in self._rules), None)

    def _newcomers_verdict(self, endpoint: str, place: str) -> Verdict | None:
        """Return the verdict on a country to which an endpoint never sent, None on others."""
        limit = self._newcomers.limit(endpoint, place)
        if limit is None:
            return None
        return Verdict(
            Action.LIMIT,
            Basis.NEW_COUNTRY,
            place,
            "nothing was delivered there before",
            limit_class(endpoint),
            place,
            limit,
        )


_NAMED = frozenset({Basis.COUNTRY, Basis.CALLING_CODE})


def place_of(rule: Rule) -> _Place:
    """Return where a rule stands; two at one place contradict each other."""
    named = {
        Basis.RANGE: rule.range,
        Basis.COUNTRY: rule.country,
        Basis.CALLING_CODE: rule.calling_code,
        Basis.KIND: rule.kind or "",
    }
    basis = next((each for each, value in named.items() if value), Basis.EVERYTHING)
    return basis, named.get(basis, "*"), rule.endpoint


def as_verdict(rule: Rule) -> Verdict:
    """Return the verdict on what a rule is about."""
    basis, destination, endpoint = place_of(rule)
    if rule.action is not Action.LIMIT:
        return Verdict(rule.action, basis, destination, rule.reason)
    counted_as = f"rule:{endpoint}" if endpoint else "rule"
    limit = Limit(rule.amount, rule.window)
    return Verdict(rule.action, basis, destination, rule.reason, counted_as, destination, limit)


def _place(number: PhoneNumber) -> str:
    """Return the country of a number, its calling code where that is not known."""
    if number.country is None or (
        number.type == NEWER and len(destinations.countries_of(number)) > 1
    ):
        return destinations.calling_code(number.e164)
    return number.country
