"""Which regions a number without country code is tried in."""

from __future__ import annotations

import pytest

from gateway.telephony.country import CountryGuesser

COUNTRIES = {"198.51.100.1": "US", "198.51.100.2": "DE", "198.51.100.3": "XX"}


def guesser(*, default_country: str = "DE", guess: bool = True) -> CountryGuesser:
    return CountryGuesser(COUNTRIES.get, default_country=default_country, guess=guess)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("FR", ("FR",)),
        ("fr", ("FR",)),
        (" fR\t", ("FR",)),
        (None, ("US", "GB", "DE")),
        ("", ("US", "GB", "DE")),
        ("  ", ("US", "GB", "DE")),
        ("ZZ", ("US", "GB", "DE")),
        ("XX", ("US", "GB", "DE")),
        ("USA", ("US", "GB", "DE")),
        ("F", ("US", "GB", "DE")),
        ("49", ("US", "GB", "DE")),
        ("001", ("US", "GB", "DE")),
        ("ß", ("US", "GB", "DE")),
        ("ıt", ("US", "GB", "DE")),
        ("ＦＲ", ("US", "GB", "DE")),
        ("\ud800\ud800", ("US", "GB", "DE")),
        ("FR" * 100_000, ("US", "GB", "DE")),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_valid_country_argument_alone_decides_and_any_other_is_as_if_absent(
    argument: str | None, expected: tuple[str, ...]
) -> None:
    assert expected == guesser().candidates(argument, "198.51.100.1", "en-GB")


@pytest.mark.parametrize(
    ("address", "accept_language", "expected"),
    [
        ("198.51.100.1", "en-GB", ("US", "GB", "DE")),
        ("198.51.100.1", None, ("US", "DE")),
        ("198.51.100.2", "en-US,en;q=0.8,de;q=0.6", ("DE", "US")),
        ("198.51.100.3", None, ("DE",)),
        ("127.0.0.1", "", ("DE",)),
        ("", "en-US,de-DE,en-GB", ("US", "DE", "GB")),
    ],
)
def test_the_address_comes_before_the_languages_before_the_default_each_once(
    address: str, accept_language: str | None, expected: tuple[str, ...]
) -> None:
    assert expected == guesser().candidates(None, address, accept_language)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("de-CH", ("CH",), id="one"),
        pytest.param("de-ch", ("CH",), id="lower-case"),
        pytest.param("de_CH", ("CH",), id="underscore"),
        pytest.param("DE", (), id="a-language-alone-has-no-region"),
        pytest.param("zh-Hans-CN", ("CN",), id="script-is-no-region"),
        pytest.param("sl-IT-nedis", ("IT",), id="variant-after-region"),
        pytest.param("zh-cmn-Hant-TW", ("TW",), id="extended-language"),
        pytest.param("de-DE-u-co-phonebk", ("DE",), id="extension-is-no-region"),
        pytest.param("en-x-fr", (), id="private-use-is-no-region"),
        pytest.param("es-419", (), id="area-is-no-region"),
        pytest.param("en-ZZ, en-EU", (), id="unknown-regions"),
        pytest.param("*, fr-FR", ("FR",), id="star-is-ignored"),
        pytest.param("de-DE;q=0.5,en-GB", ("GB", "DE"), id="no-q-is-one"),
        pytest.param("fr-FR;q=0.1, it-IT;q=0.9, es-ES;q=0.55", ("IT", "ES", "FR"), id="by-q"),
        pytest.param("fr-FR;q=0.8,it-IT;q=0.8,es-ES;q=0.8", ("FR", "IT", "ES"), id="ties"),
        pytest.param("fr-FR;q=0, it-IT;q=0.000, es-ES", ("ES",), id="q-0-is-not-wanted"),
        pytest.param("fr-FR ; Q = .5 , it-IT", ("IT", "FR"), id="loose-spelling"),
        pytest.param("fr-FR;level=1;q=0.5,it-IT", ("IT", "FR"), id="other-parameters"),
        pytest.param("fr-FR;q=1.000,it-IT;q=1,es-ES;q=1.", ("FR", "IT", "ES"), id="whole-q"),
        pytest.param("fr-FR;q=abc,it-IT;q=,es-ES;q=2,pl-PL;q=-1", (), id="junk-q"),
        pytest.param("fr-FR;q=nan,it-IT;q=inf,es-ES;q=1e-1", (), id="python-only-q"),
        pytest.param("fr-FR;q=０.５,it-IT;q=0x1", (), id="unicode-q"),
        pytest.param(",,;, ;q=1,--,fr--FR,-FR,é-FR,fr FR", (), id="junk-tags"),
        pytest.param("fr-FR,fr-FR;q=0.2,FR-fr", ("FR",), id="repeats"),
        pytest.param(",".join(["en"] * 20) + ",fr-FR", (), id="only-the-first-twenty"),
        pytest.param("fr-FR," + "x" * 994 + ",it-IT", ("FR",), id="only-the-first-thousand"),
        pytest.param("fr-FR," * 100_000, ("FR",), id="huge"),
        pytest.param("\ud800-FR,\x00,\u202e", (), id="broken-unicode"),
    ],
)
def test_languages_give_their_regions_by_q(header: str, expected: tuple[str, ...]) -> None:
    found = guesser(default_country="AQ").candidates(None, "", header)
    assert (*expected, "AQ") == found


@pytest.mark.parametrize("argument", [None, "FR", "ZZ", ""])
def test_without_guessing_there_is_only_the_default_country(argument: str | None) -> None:
    expected = ("DE",)
    assert expected == guesser(guess=False).candidates(argument, "198.51.100.1", "en-GB")


def test_the_default_country_may_be_written_in_lower_case() -> None:
    expected = guesser(default_country="GB").candidates(None, "", None)
    assert expected == guesser(default_country="gb").candidates(None, "", None)
