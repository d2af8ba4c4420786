"""What rules of the protection file name that there is not, before they are put in force."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from conf.protection import Protection, Rule
from gateway.protection.destinations.rules import place_of
from gateway.telephony.destinations import begins_some_number, calling_code, todays_range
from gateway.telephony.phonenumber import is_region, mask


def rule_problems(protection: Protection) -> list[str]:
    """Return a line for each rule, price or number that can never be meant."""
    found = [line for rule in protection.rules for line in _of_rule(rule)]
    countries = {each.country for each in protection.prices} - {""}
    found += [
        f"price: no such country: {each}" for each in sorted(countries) if not is_region(each)
    ]
    numbers = (each.number for each in protection.exempt)
    return found + [
        f"exempt: no country has the number {mask(each)}"
        for each in numbers
        if not calling_code(each)
    ]


def unknown_endpoints(
    protection: Protection, paths: Collection[str], whose: str = "protection_file"
) -> list[str]:
    """Return a line for each path of a rule, a limit or a budget that no message endpoint has.

    whose: what says so, with which the lines begin.
    """
    shares = (each.of.removeprefix("endpoint:") for each in protection.budgets if ":/" in each.of)
    ruled = (each.endpoint for each in protection.rules)
    limited = (each.endpoint for each in protection.own_limits)
    named = {*shares, *ruled, *limited} - {"", *paths}
    return [f"{whose}: no message endpoint has the path {each}" for each in sorted(named)]


def _of_rule(rule: Rule) -> Iterator[str]:
    _, destination, _ = place_of(rule)
    if rule.country and not is_region(rule.country):
        yield f"rule: no such country: {destination}"
    if rule.calling_code and calling_code(f"+{rule.calling_code}") != rule.calling_code:
        yield f"rule: no such calling code: {destination}"
    if rule.range and not begins_some_number(rule.range):
        yield f"rule: no number begins with {mask(destination)}"
    elif today := todays_range(rule.range):
        yield f"rule: numbers that began with {mask(destination)} begin with {mask(today)} today"
