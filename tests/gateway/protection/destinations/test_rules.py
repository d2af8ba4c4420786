"""Which of several rules decides about a message, and what holds where there is none."""

from __future__ import annotations

import itertools
import timeit

import pytest

from conf.protection import (
    DAY,
    DEFAULT_RULES,
    Action,
    BudgetShare,
    By,
    Exempt,
    LayerLimit,
    NewCountry,
    Protection,
    Rule,
    Special,
)
from gateway.access.limiter import Limit
from gateway.protection.destinations.newcomers import Newcomers
from gateway.protection.destinations.rule_checks import rule_problems, unknown_endpoints
from gateway.protection.destinations.rules import ALLOWED, Basis, Rules, Verdict, as_verdict
from gateway.store.pipeline import connect
from gateway.telephony.judges import is_possible
from gateway.telephony.phonenumber import PhoneNumber, parse_international

ALLOW, LIMIT, BLOCK = Action
APP, SHOP = "/app", "/shop"
GERMAN, AMERICAN, CANADIAN, IRIDIUM = (
    *("+4917612345678", "+12065550121", "+14165550121"),
    "+881612345678",
)
RUSSIAN_SATELLITE, THURAYA, NETWORK = "+79541234567", "+8821612345678", "+883510012345"
NOWHERE = "redis://127.0.0.1:1"


def number(e164: str) -> PhoneNumber:
    """Return a number as the gateway reads it, one of a new range, too."""
    read = parse_international(e164) or parse_international(e164, is_possible)
    assert read, e164
    return read


def rules(*own: Rule, exempt: tuple[Exempt, ...] = (), known: bool = True) -> Rules:
    """Return the rules of a file beside the defaults; known: whether every country is."""
    protection = Protection(rules=own, exempt=exempt, new_country=NewCountry(0 if known else 50))
    newcomers = Newcomers(connect(NOWHERE), protection.new_country)
    newcomers.learn({})
    return Rules(protection, newcomers)


def judged(e164: str, *own: Rule, endpoint: str = APP) -> Verdict:
    """Return the verdict of the rules of a file."""
    return rules(*own).verdict(endpoint, number(e164))


# --- Without a file --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e164", "action"),
    [
        pytest.param(GERMAN, ALLOW, id="a mobile"),
        pytest.param(AMERICAN, ALLOW, id="mobile or land line"),
        pytest.param("+18765550121", ALLOW, id="a mobile of a costly country"),
        pytest.param("+447012345678", ALLOW, id="a personal number"),
        pytest.param("+447911123456", ALLOW, id="a mobile again"),
        pytest.param("+19745550121", ALLOW, id="newer than our data"),
        pytest.param(IRIDIUM, BLOCK, id="Iridium"),
        pytest.param("+870773123456", BLOCK, id="Inmarsat"),
        pytest.param(THURAYA, BLOCK, id="Thuraya"),
        pytest.param(NETWORK, BLOCK, id="a network of no country"),
        pytest.param("+878101234567890", BLOCK, id="a personal number of no country"),
        pytest.param("+979123456789", BLOCK, id="premium of no country"),
        pytest.param("+80812345678", BLOCK, id="shared cost of no country"),
        pytest.param(RUSSIAN_SATELLITE, BLOCK, id="a satellite within a country"),
        pytest.param("+61147123456", BLOCK, id="in Australia"),
        pytest.param("+8617401234567", BLOCK, id="in China"),
        pytest.param("+499001234567", BLOCK, id="premium"),
        pytest.param("+4918012345678", BLOCK, id="shared cost"),
        pytest.param("+4990012345678", BLOCK, id="begins like premium, and is newer"),
    ],
)
def test_without_a_file_mobiles_of_all_countries_are_allowed_and_nothing_dearer(
    e164: str, action: Action
) -> None:
    verdict = judged(e164)
    assert action is verdict.action
    assert bool(verdict.reason) is (action is BLOCK)


# --- Which rule decides ----------------------------------------------------------------------

RANGE, LONGER = Rule(BLOCK, range="+491761"), Rule(ALLOW, range="+49176123")
COUNTRY, CODE = Rule(BLOCK, country="DE"), Rule(ALLOW, calling_code="49")
KIND, ALL = Rule(ALLOW, kind=Special.SATELLITE), Rule(BLOCK)
RU = Rule(LIMIT, country="RU")
US, NANP = Rule(BLOCK, country="US"), Rule(LIMIT, calling_code="1")


def at(endpoint: str, rule: Rule) -> Rule:
    """Return a rule for one endpoint, which does the opposite."""
    action = ALLOW if rule.action is BLOCK else BLOCK
    return Rule(action, rule.country, rule.calling_code, rule.range, rule.kind, endpoint)


@pytest.mark.parametrize(
    ("e164", "own", "decides"),
    [
        pytest.param(GERMAN, [RANGE, LONGER], LONGER, id="a longer range before a shorter"),
        pytest.param(GERMAN, [RANGE, CODE], RANGE, id="a range before a calling code"),
        pytest.param(GERMAN, [LONGER, COUNTRY], LONGER, id="a range before a country"),
        pytest.param(GERMAN, [COUNTRY, CODE], COUNTRY, id="a country before its code"),
        pytest.param(GERMAN, [CODE, ALL], CODE, id="a code before everything"),
        pytest.param(GERMAN, [ALL], ALL, id="everything before no rule"),
        pytest.param(AMERICAN, [US, NANP], US, id="the USA before +1"),
        pytest.param(CANADIAN, [US, NANP], NANP, id="Canada is +1 and not the USA"),
        pytest.param("+19745550121", [US, NANP], NANP, id="nobody knows where a newer +1 is"),
        pytest.param("+4915512345678", [COUNTRY], COUNTRY, id="a newer one where +49 is one"),
        pytest.param(IRIDIUM, [KIND, ALL], KIND, id="a kind before everything"),
        pytest.param(IRIDIUM, [ALL], DEFAULT_RULES[0], id="a default kind, too"),
        pytest.param(IRIDIUM, [KIND], KIND, id="the file before a default"),
        pytest.param(IRIDIUM, [Rule(ALLOW, calling_code="881")], None, id="a code before a kind"),
        pytest.param(
            RUSSIAN_SATELLITE,
            [Rule(ALLOW, country="RU"), Rule(LIMIT, calling_code="7")],
            DEFAULT_RULES[0],
            id="no country's or code's before a kind that is blocked",
        ),
        pytest.param(RUSSIAN_SATELLITE, [KIND, RU], RU, id="a country before one that is not"),
        pytest.param(RUSSIAN_SATELLITE, [Rule(ALLOW, range="+7954")], None, id="a range, too"),
        pytest.param(GERMAN, [COUNTRY, at(APP, COUNTRY)], at(APP, COUNTRY), id="its own first"),
        pytest.param(GERMAN, [at(APP, ALL), COUNTRY], COUNTRY, id="but a narrower before its own"),
        pytest.param(GERMAN, [at(APP, RANGE), LONGER], LONGER, id="a longer range as well"),
        pytest.param(
            GERMAN, [COUNTRY, at(SHOP, COUNTRY)], COUNTRY, id="another's is nobody else's"
        ),
        pytest.param(IRIDIUM, [at(APP, DEFAULT_RULES[0])], None, id="its own before a default"),
    ],
)
def test_the_narrowest_rule_that_fits_decides(
    e164: str, own: list[Rule], decides: Rule | None
) -> None:
    """In whichever order the file has them; None: the only rule of the file."""
    expected = as_verdict(decides or own[0])
    found = {judged(e164, *order) for order in itertools.permutations(own)}
    assert {expected} == found


@pytest.mark.parametrize(
    ("own", "others"),
    [
        pytest.param(US, [CANADIAN, GERMAN, "+18765550121"], id="a country"),
        pytest.param(CODE, [AMERICAN, IRIDIUM], id="a calling code"),
        pytest.param(LONGER, ["+4917612245678", "+4915112345678"], id="a range"),
        pytest.param(Rule(BLOCK, range="+4917612345678"), ["+4917612345679"], id="a number"),
        pytest.param(at(SHOP, ALL), [GERMAN, AMERICAN], id="everything of an endpoint"),
    ],
)
def test_a_rule_says_nothing_about_others(own: Rule, others: list[str]) -> None:
    assert [judged(each) for each in others] == [judged(each, own) for each in others]


@pytest.mark.parametrize(
    ("prefix", "e164"),
    [
        pytest.param("+5411", "+5491123456789", id="Argentina as it is called"),
        pytest.param("+54911", "+5491123456789", id="Argentina as it is texted"),
        pytest.param("+2410", "+24166123456", id="Gabon as it was"),
        pytest.param("+24166", "+24106123456", id="Gabon as it is"),
        pytest.param("+5255", "+5215512345678", id="Mexico of before in the number"),
        pytest.param("+551198", "+551187654321", id="Brazil of before in the number"),
    ],
)
def test_a_range_holds_for_all_spellings_of_a_number(prefix: str, e164: str) -> None:
    assert Basis.RANGE is judged(e164, Rule(BLOCK, range=prefix)).basis


def test_an_own_range_comes_first_in_whichever_spelling() -> None:
    own, general = Rule(ALLOW, range="+54112", endpoint=APP), Rule(BLOCK, range="+54911")
    assert as_verdict(own) == judged("+5491123456789", own, general)


def test_an_own_rule_holds_whatever_was_asked_before() -> None:
    """What is remembered of one endpoint, country or kind is nobody else's."""
    made = rules(at(SHOP, COUNTRY), COUNTRY, Rule(ALLOW, country="RU", endpoint=SHOP))
    asked = [(where, each) for where in (APP, SHOP) for each in (GERMAN, AMERICAN, IRIDIUM)]
    asked += [(where, each) for where in (SHOP, APP) for each in ("+79161234567", "+79541234567")]
    expected = [BLOCK, ALLOW, BLOCK, ALLOW, ALLOW, BLOCK, ALLOW, BLOCK, ALLOW, BLOCK]
    for _ in range(2):
        assert expected == [made.verdict(where, number(each)).action for where, each in asked]


# --- Limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "e164", "limit_class", "subject"),
    [
        (Rule(LIMIT, country="US", amount=3, window=60), AMERICAN, "rule", "US"),
        (Rule(LIMIT, calling_code="49", endpoint=APP), GERMAN, "rule:/app", "49"),
        (Rule(LIMIT, range="+49176"), GERMAN, "rule", "+49176"),
        (Rule(LIMIT, kind=Special.SATELLITE), IRIDIUM, "rule", "satellite"),
        (Rule(LIMIT), GERMAN, "rule", "*"),
    ],
)
def test_a_limit_counts_all_that_its_rule_is_about_together(
    rule: Rule, e164: str, limit_class: str, subject: str
) -> None:
    verdict = judged(e164, rule)
    assert (LIMIT, limit_class, subject) == (verdict.action, verdict.limit_class, verdict.subject)
    assert Limit(rule.amount, rule.window) == verdict.limit


# --- New countries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e164", "own", "basis"),
    [
        pytest.param(GERMAN, [], Basis.NEW_COUNTRY, id="a country"),
        pytest.param(GERMAN, [Rule(ALLOW)], Basis.NEW_COUNTRY, id="whatever holds for all"),
        pytest.param(IRIDIUM, [KIND], Basis.NEW_COUNTRY, id="a network that a kind allows"),
        pytest.param(GERMAN, [CODE], Basis.CALLING_CODE, id="a code that the file allows"),
        pytest.param(GERMAN, [Rule(ALLOW, country="DE")], Basis.COUNTRY, id="a country, too"),
        pytest.param(GERMAN, [LONGER], Basis.RANGE, id="a range, too"),
        pytest.param(GERMAN, [Rule(LIMIT)], Basis.EVERYTHING, id="a limit of the file"),
        pytest.param(GERMAN, [ALL], Basis.EVERYTHING, id="all that is blocked"),
        pytest.param(IRIDIUM, [], Basis.KIND, id="what is blocked by default"),
    ],
)
def test_a_country_is_new_where_no_rule_names_it(e164: str, own: list[Rule], basis: Basis) -> None:
    assert basis is rules(*own, known=False).verdict(APP, number(e164)).basis


def test_a_new_country_is_limited_for_itself() -> None:
    """By its code where it is none; a newer number of +1 belongs to no single country."""
    made = rules(KIND, known=False)
    asked = (GERMAN, AMERICAN, CANADIAN, "+19745550121", IRIDIUM)
    verdicts = [made.verdict(APP, number(each)) for each in asked]
    assert ["DE", "US", "CA", "1", "881"] == [each.subject for each in verdicts]
    assert {("new_country:/app", Limit(50, DAY))} == {(v.limit_class, v.limit) for v in verdicts}


# --- Exempt numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "asked"),
    [
        pytest.param(GERMAN, GERMAN, id="as it is declared"),
        pytest.param("+541123456789", "+5491123456789", id="an Argentine with and without his 9"),
        pytest.param("+5491123456789", "+541123456789", id="the other way round"),
        pytest.param("+5215512345678", "+525512345678", id="a Mexican of before"),
        pytest.param("+24106123456", "+24166123456", id="a Gabonese"),
        pytest.param(IRIDIUM, IRIDIUM, id="a satellite"),
        pytest.param("+4915512345678", "+4915512345678", id="one that is newer than our data"),
    ],
)
def test_an_exempt_number_passes_everything(declared: str, asked: str) -> None:
    made = rules(ALL, Rule(BLOCK, range=asked[:6]), exempt=(Exempt(declared, "mine"),))
    verdict = made.verdict(APP, number(asked))
    assert (ALLOW, "mine", True) == (verdict.action, verdict.reason, verdict.exempt)
    assert verdict.limit is None
    assert BLOCK is made.verdict(APP, number("+12065550199")).action


# --- What it tells, and what it costs --------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(BLOCK, country="DE"), "country DE"),
        (Rule(BLOCK, calling_code="49"), "calling code 49"),
        (Rule(BLOCK, kind=Special.SHARED_COST), "kind shared cost"),
        (Rule(BLOCK, range="+491761"), "range +491761"),
        (Rule(BLOCK, range=GERMAN), "range +49176•••••78"),
        (ALL, "everything"),
    ],
)
def test_a_rule_is_named_without_a_whole_number(rule: Rule, words: str) -> None:
    assert words == as_verdict(rule).words


def test_the_rules_that_hold_are_listed_narrowest_first() -> None:
    _, international, shared, premium = DEFAULT_RULES
    expected = [RANGE, COUNTRY, CODE, international, premium, KIND, shared, ALL]
    assert expected == rules(ALL, KIND, CODE, COUNTRY, RANGE).in_force


def test_a_verdict_costs_some_millionths_of_a_second() -> None:
    """Twenty times what it takes here, so that a loaded machine changes nothing."""
    made, german = rules(*(Rule(BLOCK, range=f"+4{n}") for n in range(10, 40))), number(GERMAN)
    best = min(timeit.repeat(lambda: made.verdict(APP, german), number=1000, repeat=5))
    assert best / 1000 < 100e-6


# --- What a file may not name ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Rule(BLOCK, country="XX"), "rule: no such country: XX"),
        (Rule(BLOCK, country="UK"), "rule: no such country: UK"),
        (Rule(BLOCK, calling_code="999"), "rule: no such calling code: 999"),
        (Rule(BLOCK, calling_code="21"), "rule: no such calling code: 21"),
        (Rule(BLOCK, calling_code="491"), "rule: no such calling code: 491"),
        (Rule(BLOCK, range="+2101"), "rule: no number begins with +2101"),
        (
            Rule(BLOCK, range="+52155"),
            "rule: numbers that began with +52155 begin with +5255 today",
        ),
    ],
)
def test_what_no_number_has_is_a_problem(rule: Rule, problem: str) -> None:
    assert [problem] == rule_problems(Protection(rules=(COUNTRY, rule)))


def test_an_exempt_number_of_no_country_is_a_problem() -> None:
    problems = rule_problems(Protection(exempt=(Exempt(GERMAN), Exempt("+21012345678"))))
    assert ["exempt: no country has the number +2101•••••78"] == problems


@pytest.mark.parametrize(
    "rule", [ALL, RANGE, COUNTRY, CODE, KIND, US, NANP, Rule(BLOCK, range="+8"), *DEFAULT_RULES]
)
def test_what_numbers_have_is_none(rule: Rule) -> None:
    assert [] == rule_problems(Protection(rules=(rule,)))


def test_a_path_that_no_endpoint_has_is_told() -> None:
    """Of rules, limits and budgets; a rule for it would never decide."""
    protection = Protection(
        rules=(at(APP, ALL), at("/ap", ALL), ALL),
        own_limits=(LayerLimit(By.ADDRESS, 1, 1, endpoint=SHOP), LayerLimit(By.ALL, 1, 1)),
        budgets=(
            BudgetShare("endpoint:/apps"),
            BudgetShare(f"endpoint:{APP}"),
            BudgetShare("calls"),
        ),
    )
    told = [
        f"protection_file: no message endpoint has the path {each}" for each in ("/ap", "/apps")
    ]
    assert told == unknown_endpoints(protection, [APP, SHOP])


def test_nothing_is_said_where_no_rule_is() -> None:
    assert ALLOWED == judged(GERMAN)
