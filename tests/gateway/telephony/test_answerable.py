"""Whom a machine may answer, by what he reached."""

from __future__ import annotations

import pytest

from gateway.telephony.answerable import EVERY_COUNTRY, Answerable

GERMAN, AMERICAN, AUSTRALIAN = "+4917604069051", "+12065550151", "+61491570156"
CASES = [
    pytest.param("+4917604069011", GERMAN, "", True, id="a mobile at home"),
    pytest.param("+12065550121", AMERICAN, "", True, id="mobile or land line, nobody can tell"),
    pytest.param("+14165550121", AMERICAN, "", False, id="Canada is another country"),
    pytest.param("+14165550121", "+16135550121", "", True, id="Canada at home"),
    pytest.param("+18765550121", AMERICAN, "", False, id="Jamaica, under the same code"),
    pytest.param("+4917604069011", AMERICAN, "", False, id="abroad"),
    pytest.param("+4917604069011", AMERICAN, "DE", True, id="a country that is named"),
    pytest.param("+12065550121", AMERICAN, "DE", True, id="its own stays beside that"),
    pytest.param("+447911123456", AMERICAN, "DE", False, id="another one than is named"),
    pytest.param("+447911123456", AMERICAN, EVERY_COUNTRY, True, id="from everywhere"),
    pytest.param("+493012345678", GERMAN, "", False, id="a land line"),
    pytest.param("+499001234567", GERMAN, "", False, id="premium"),
    pytest.param("+4990012345678", GERMAN, "", False, id="premium with a digit too many"),
    pytest.param("+19001234567", AMERICAN, "", False, id="premium, if it were in use"),
    pytest.param("+338991234567", "+33612345678", EVERY_COUNTRY, False, id="the same in France"),
    pytest.param("+15555550121", AMERICAN, "", True, id="newer, like no service"),
    pytest.param("+19002345678", AMERICAN, "", False, id="premium in North America"),
    pytest.param("+33899123456", "+33612345678", "", False, id="premium in France"),
    pytest.param("+4918012345678", GERMAN, "", False, id="shared cost"),
    pytest.param("+18002345678", AMERICAN, "", False, id="toll-free"),
    pytest.param("+19745550121", AMERICAN, "", True, id="newer, at home"),
    pytest.param("+19745550121", "+16135550121", "", True, id="newer, of the same calling code"),
    pytest.param("+19745550121", GERMAN, "", False, id="newer, abroad"),
    pytest.param("+12425551234", AMERICAN, "", False, id="newer, by an area code of the Bahamas"),
    pytest.param("+12425551234", "+12423591234", "", True, id="newer, in the Bahamas"),
    pytest.param("+77005550121", "+79161234567", "", False, id="newer, of Kazakhstan"),
    pytest.param("+447700900123", "+447400123456", "", True, id="for documentation"),
    pytest.param("12065550121", AMERICAN, "", True, id="without its plus"),
    pytest.param("22395", AMERICAN, EVERY_COUNTRY, False, id="a short code"),
    pytest.param("ACME", AMERICAN, EVERY_COUNTRY, False, id="a name"),
    pytest.param("", AMERICAN, EVERY_COUNTRY, False, id="nobody"),
    pytest.param("+447911123456", "", "", True, id="nothing known to have been reached"),
    pytest.param("+493012345678", "", "", False, id="a land line, nothing known"),
    pytest.param("+19002345678", "", "", False, id="premium, nothing known"),
]
NO_COUNTRY = ["+870773123456", "+881612345678", "+8821612345678", "+883510012345", "+979123456789"]
NO_COUNTRY += ["+80812345678", "+80012345678", "+878101234567890", "+88812345678"]
SATELLITE = ["+61147123456", "+61145123456", "+79541234567"]


@pytest.mark.parametrize(("sender", "reached", "countries", "expected"), CASES)
def test_answered_are_mobiles_of_the_countries_meant(
    sender: str, reached: str, countries: str, expected: bool
) -> None:
    whom = Answerable(filter(None, [countries]))
    assert expected is whom.may(sender, filter(None, [reached]))


@pytest.mark.parametrize("sender", NO_COUNTRY + SATELLITE)
@pytest.mark.parametrize("reached", [AMERICAN, AUSTRALIAN, "+79161234567", ""])
def test_satellites_and_numbers_of_no_country_are_never_answered(sender: str, reached: str) -> None:
    assert not Answerable([EVERY_COUNTRY]).may(sender, filter(None, [reached]))


def test_of_several_numbers_the_country_of_any_will_do() -> None:
    whom = Answerable()
    assert whom.may("+4917604069011", [AMERICAN, GERMAN])
    assert not whom.may("+447911123456", [AMERICAN, GERMAN])
