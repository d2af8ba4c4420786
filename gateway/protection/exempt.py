"""Numbers that no rule and no limit refuses."""

from __future__ import annotations

from collections.abc import Iterable

from conf.protection import Exempt
from gateway.telephony import plans
from gateway.telephony.judges import is_possible
from gateway.telephony.phonenumber import parse_international


def by_person(exempt: Iterable[Exempt]) -> dict[str, Exempt]:
    """Return exempt numbers by the person (E.164) whom each means, whatever its spelling."""
    read = ((each, parse_international(each.number, is_possible)) for each in exempt)
    return {(number.person if number else plans.person(each.number)): each for each, number in read}
