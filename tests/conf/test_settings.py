"""Options: every source, every contradiction, development mode, and secrets that stay secret."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from conf.documents import describe
from conf.messages import DEMO_SENDER, DEMO_TEXT, MessageEndpoint
from conf.settings import OPTIONS, Settings
from tests.support.servers.settings_loading import (
    CREDENTIALS,
    DEFAULT_ENDPOINT,
    loaded,
    table,
    with_file,
)

SECRETS = sorted(name for name, each in OPTIONS.items() if each.secret)


# --- where a value comes from ----------------------------------------------------------------


def test_every_option_of_the_contract_has_its_default() -> None:
    expected = {
        "port": 8888,
        "localhostonly": False,
        "http_server": "tornado",
        "public_url": "",
        "trusted_proxies": "",
        "client_address_header": "X-Real-Ip",
        "development_mode": False,
        "data_dir": "var",
        "admin_token": "",
        "webhook_token": "",
        "open_webhooks": False,
        "message": "",
        "sender": "",
        "request_path": "/message/",
        "messages_file": "",
        "guess_country": True,
        "default_country": "DE",
        "geoip_file": "",
        "limit_amount": 10,
        "limit_expires": 3600,
        "receiver_limit_amount": 5,
        "receiver_limit_expires": 86400,
        "message_log_days": 7,
        "provider": "nexmo",
        "nexmo_api_key": "",
        "nexmo_api_secret": "",
        "nexmo_domain": "rest.nexmo.com",
        "nexmo_endpoint": "sms/json",
        "nexmo_ssl": True,
        "nexmo_api_domain": "api.nexmo.com",
        "nexmo_long_virtual_number": "",
        "nexmo_dlr_url": "",
        "nexmo_signature_secret": "",
        "nexmo_signature_method": "md5hash",
        "nexmo_signature_max_age": 90_000,
        "nexmo_application_id": "",
        "nexmo_application_jwt_secret": "",
        "nexmo_rate": 30,
        "number_rate": 1,
        "provider_timeout": 10,
        "flowroute_access_key": "",
        "flowroute_secret_key": "",
        "flowroute_url": "https://api.flowroute.com/v2.1/messages",
        "smssync_secret": "",
        "smssync_devices_file": "",
        "smssync_reply": "",
        "smssync_lease": 300,
        "smssync_confirm": 24,
        "org_name": "Your Org Name",
        "session_start_msg": "Your new session has started, send a message!",
        "session_end_msg": "This session has ended, talk to you again soon!",
        "no_session_msg": "An active session was not found. Please contact support@yourorg.com",
        "voice_start_msg": "Call this number to talk to your contact",
        "voice_wait_msg": "Please wait whilst we connect your call",
        "voice_pin_msg": "Please enter your PIN, followed by the hash key.",
        "voice_sorry_msg": "We are sorry, this call cannot be connected. Goodbye.",
        "ring_timeout": 45,
        "call_limit": 3600,
        "loop_guard": True,
        "paused_msg": "Not passed on, as two machines seem to be talking. Write something else to "
        "go on.",
        "side_limit_amount": 60,
        "side_limit_expires": 600,
        "side_limit_day": 300,
        "side_limit_msg": "You have sent many messages in a short time. They are passed on later.",
        "optout_msg": "Your contact has chosen to receive no more messages.",
        "stop_msg": "You will get no more messages. Text {start} to get them again.",
        "help_msg": "For help contact support@yourorg.com. Text {stop} to get no more messages.",
        "help_words": "HELP,INFO,AIDE",
        "answer_countries": "",
        "rate_shares": "public:2,relay:2,notices:1",
        "answer_limit": 60,
        "media_msg": "Pictures and other media cannot be passed on. Please send a text instead.",
        "stop_words": "STOP,STOPALL,UNSUBSCRIBE,QUIT,END,REVOKE,OPTOUT,CANCEL,ARRET,ARRETER,"
        "DESABONNER",
        "protection": "on",
        "protection_file": "",
        "same_text_seconds": 60,
        "budget_day": 25,
        "budget_month": 250,
        "proof": "off",
        "proof_by": "altcha",
        "proof_site_key": "",
        "proof_secret": "",
        "proof_url": "",
        "allowed_origins": "",
        "form_link": "",
        "link_ios": "",
        "link_android": "",
        "wait_msg": "Your messages have to wait for some hours. They are passed on later.",
        "smart_encoding": True,
        "resend_unknown": "refused",
        "unknown_msg": "",
        "start_words": "START,UNSTOP",
        "tn_exclusive": False,
        "number_cooldown": 0,
        "chat_numbers": "",
        "chat_wait": 30,
        "session_log_days": 30,
        "number_insight": "off",
        "redis_url": "",
        "redis_host": "localhost",
        "redis_port": 6379,
        "redis_password": "",
        "redis_db": 0,
        "sentinel_password": "",
        "logging": "info",
        "log_to_stderr": None,
        "log_file_prefix": "",
        "log_file_max_size": 100_000_000,
        "log_file_num_backups": 10,
        "access_log": False,
    }
    assert expected == dataclasses.asdict(Settings())


def test_every_default_would_be_accepted_as_a_flag() -> None:
    argv = [f"--{name}={each.default_text}" for name, each in OPTIONS.items()]
    argv.remove("--log_to_stderr=")
    result = loaded(*argv)
    assert [] == result.problems
    assert Settings() == result.settings


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        pytest.param((), {}, 8888, id="nothing set: the default"),
        pytest.param((), {"PORT": "9000"}, 9000, id="environment over default"),
        pytest.param(("--port=9001",), {"PORT": "9000"}, 9001, id="flag over environment"),
        pytest.param(("--port=9001",), {"PORT": "abc"}, 9001, id="flag hides a bad environment"),
        pytest.param((), {"PORT": ""}, 8888, id="an empty variable is not set"),
        pytest.param((), {"port": "9000"}, 8888, id="a lower-case variable is someone else's"),
        pytest.param(("--port", "9002"), {}, 9002, id="value as the next word"),
        pytest.param(("--port= 9003 ",), {}, 9003, id="blanks around a number"),
        pytest.param(("--port=+9004",), {}, 9004, id="plus sign"),
        pytest.param(("--port=0",), {}, 0, id="lowest port"),
        pytest.param(("--port=65535",), {}, 65535, id="highest port"),
        pytest.param(("--port=9", "--port=9"), {}, 9, id="the same twice"),
    ],
)
def test_the_first_source_that_is_set_wins(
    argv: tuple[str, ...], environ: Mapping[str, str], expected: int
) -> None:
    result = loaded(*argv, environ=environ)
    assert [] == result.problems
    assert expected == result.settings.port


@pytest.mark.parametrize("flag", ["--limit_amount=3", "--limit-amount=3", "--limit-amount"])
def test_dashes_may_stand_for_underscores(flag: str) -> None:
    argv = [flag] if "=" in flag else [flag, "3"]
    assert 3 == loaded(*argv).settings.limit_amount


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(text, True) for text in ("true", "TRUE", "True", "yes", "on", "1", " On ")],
        *[(text, False) for text in ("false", "False", "no", "NO", "off", "0", " oFF")],
    ],
)
def test_booleans_are_written_in_four_ways_in_any_case(text: str, expected: bool) -> None:
    assert expected is loaded(f"--guess_country={text}").settings.guess_country
    assert expected is loaded(environ={"GUESS_COUNTRY": text}).settings.guess_country


def test_a_bare_boolean_flag_means_true_and_takes_no_value() -> None:
    result = loaded("--access_log", "--log-to-stderr", "--port=1")
    assert (True, True) == (result.settings.access_log, result.settings.log_to_stderr)
    assert ["unexpected argument after --nexmo_ssl: options are written --name=value"] == (
        loaded("--nexmo_ssl", "no").problems
    )


@pytest.mark.parametrize(
    "name", ["session_start_msg", "session_end_msg", "no_session_msg", "voice_start_msg"]
)
def test_an_empty_flag_switches_a_notice_off_an_empty_variable_does_not(name: str) -> None:
    assert "" == getattr(loaded(f"--{name}=").settings, name)
    assert OPTIONS[name].default == getattr(loaded(environ={name.upper(): ""}).settings, name)


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_is_requested(word: str) -> None:
    assert loaded(word).help_requested
    assert [] == loaded(word).problems
    assert not loaded().help_requested


# --- command lines --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(["--prot=1"], "unknown option --prot (did you mean --port?)", id="typo"),
        pytest.param(
            ["--prot", "1"], "unknown option --prot (did you mean --port?)", id="typo and value"
        ),
        pytest.param(
            ["-port=1"], "unknown option -port (did you mean --port?)", id="a single dash"
        ),
        pytest.param(["--PORT=1"], "unknown option --PORT (did you mean --port?)", id="wrong case"),
        pytest.param(["--xyzzy=1"], "unknown option --xyzzy", id="nothing like it"),
        pytest.param(
            ["serve"], "unexpected argument: options are written --name=value", id="positional"
        ),
        pytest.param(
            ["--port=1", "2"],
            "unexpected argument after --port: options are written --name=value",
            id="positional after a flag",
        ),
        pytest.param(
            ["--"], "unexpected argument: options are written --name=value", id="two dashes"
        ),
        pytest.param(
            ["--port"], "--port: needs a value, as in --port=value", id="no value at the end"
        ),
        pytest.param(
            ["--port", "--access_log"],
            "--port: needs a value, as in --port=value",
            id="no value before a flag",
        ),
        pytest.param(
            ["--port=1", "--port=2"],
            "--port: given more than once, with different values",
            id="two values",
        ),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_a_problem(argv: list[str], expected: str) -> None:
    assert [expected] == loaded(*argv).problems


def test_an_environment_problem_names_the_variable() -> None:
    assert ["LIMIT_AMOUNT=-1: must be 0 or more"] == loaded(environ={"LIMIT_AMOUNT": "-1"}).problems


def test_all_problems_are_collected_at_once() -> None:
    result = loaded("--port=abc", "--prot=1", "--message=Hi", environ={"LIMIT_AMOUNT": "-1"})
    assert [
        "unknown option --prot (did you mean --port?)",
        "--port=abc: not a whole number",
        "LIMIT_AMOUNT=-1: must be 0 or more",
        "message is set but sender is not: set both or neither",
    ] == result.problems


def test_a_long_or_unprintable_value_is_shown_on_one_short_line() -> None:
    (problem,) = loaded("--default_country=" + "x\n" * 500).problems
    assert re.fullmatch(r"--default_country=(x\?){30}…: must be .*", problem)


# --- contradictions --------------------------------------------------------------------------

TOO_LONG = "nexmo_dlr_url has 101 characters, the provider takes at most 100"
PAIR = "nexmo_api_key and nexmo_api_secret belong together"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(
            [*CREDENTIALS, "--message=Hi"],
            ["message is set but sender is not: set both or neither"],
            id="message alone",
        ),
        pytest.param(
            [*CREDENTIALS, "--sender=Me", "--message="],
            ["sender is set but message is not: set both or neither"],
            id="sender alone",
        ),
        pytest.param(
            [*CREDENTIALS, "--message= ", "--sender= "],
            ["--message= : the text is empty", "--sender= : the sender is empty"],
            id="only blanks",
        ),
        pytest.param(
            [*CREDENTIALS, f"--message={'x' * 3201}", "--sender=Me"],
            [
                f"--message={'x' * 60}…: the text has 3201 characters, at most 3200 can be sent",
            ],
            id="a bad message is not also a missing one",
        ),
        pytest.param(DEFAULT_ENDPOINT, [], id="messages without credentials start with a warning"),
        pytest.param(
            [*DEFAULT_ENDPOINT, "--development_mode=maybe"],
            ["--development_mode=maybe: not a boolean (true, false, yes, no, on, off, 1, 0)"],
            id="credentials are not asked for while the mode is unclear",
        ),
        pytest.param([*CREDENTIALS, *DEFAULT_ENDPOINT], [], id="messages with credentials"),
        pytest.param([*DEFAULT_ENDPOINT, "--development_mode"], [], id="development needs none"),
        pytest.param(
            ["--proof=always", "--proof_by=turnstile", "--proof_site_key=1x"],
            ["proof_secret is not set: proof_by=turnstile needs it"],
            id="a service's proof without a secret",
        ),
        pytest.param(
            ["--proof=pressure", "--proof_by=hcaptcha"],
            [
                "proof_site_key is not set: proof_by=hcaptcha needs it",
                "proof_secret is not set: proof_by=hcaptcha needs it",
            ],
            id="a service's proof without anything",
        ),
        pytest.param(["--nexmo_api_key=k"], [f"nexmo_api_secret is not set: {PAIR}"], id="key"),
        pytest.param(["--nexmo_api_secret=s"], [f"nexmo_api_key is not set: {PAIR}"], id="secret"),
        pytest.param(
            ["--limit_expires=0"],
            ["limit_expires must be 1 or more while limit_amount is not 0"],
            id="a limit without window",
        ),
        pytest.param(["--limit_expires=0", "--limit_amount=0"], [], id="no limit, no window"),
        pytest.param(
            ["--receiver_limit_expires=0"],
            ["receiver_limit_expires must be 1 or more while receiver_limit_amount is not 0"],
            id="a receiver limit without window",
        ),
        pytest.param(["--nexmo_dlr_url=http://h/" + "d" * 92], [TOO_LONG], id="receipt URL"),
        pytest.param(
            ["--nexmo_dlr_url=http://h/" + "d" * 83, "--webhook_token=12345678"],
            ["nexmo_dlr_url with webhook_token has 101 characters, the provider takes at most 100"],
            id="receipt URL with token",
        ),
        pytest.param(
            ["--nexmo_dlr_url=http://h/" + "d" * 82 + "/", "--webhook_token=12345678"],
            [],
            id="receipt URL with token and exactly 100 characters",
        ),
        pytest.param(
            [
                *CREDENTIALS,
                *DEFAULT_ENDPOINT,
                "--request_path=/12345678",
                "--webhook_token=12345678",
            ],
            ["webhook_token: a message endpoint has it as its path"],
            id="token as message path",
        ),
        pytest.param(
            ["--flowroute_access_key=12345678"],
            [
                "flowroute_secret_key is not set: flowroute_access_key and flowroute_secret_key"
                " belong together"
            ],
            id="half of Flowroute's credentials",
        ),
        pytest.param(
            ["--provider=smssync:default"],
            ["provider smssync:default: there is no such SMSsync phone"],
            id="a phone that there is not",
        ),
        pytest.param(["--provider=smssync:default", "--smssync_secret=123456"], [], id="a phone"),
        pytest.param(
            ["--smssync_secret=123456", "--smssync_devices_file=conf/examples/devices.toml"],
            ["smssync_secret and smssync_devices_file are both set: set one of them"],
            id="two sources of phones",
        ),
    ],
)
def test_contradictions_are_problems(argv: list[str], expected: list[str]) -> None:
    assert expected == loaded(*argv).problems


@pytest.mark.parametrize(
    "written", ["+1 (206) 555-0131", "1-206-555-0131", "0012065550131", "1 206 555‑0131"]
)
def test_a_virtual_number_is_digits_however_it_is_written(written: str) -> None:
    result = loaded(f"--nexmo_long_virtual_number={written}", f"--chat_numbers={written}")
    assert [] == result.problems
    settings = result.settings
    assert ("12065550131", "+12065550131") == (
        settings.nexmo_long_virtual_number,
        settings.chat_numbers,
    )


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--public_url=http://sms.example.com"], "public_url"),
        (["--public_url=HTTP://sms.example.com"], "public_url"),
        (["--nexmo_dlr_url=http://sms.example.com/dlr/"], "nexmo_dlr_url"),
        (["--flowroute_url=http://api.example.com/v2.1/messages"], "flowroute_url"),
        (["--nexmo_ssl=no"], "nexmo_ssl"),
        (["--smssync_secret=7chars!"], "smssync_secret"),
        (["--proof_by=hcaptcha", "--proof_url=http://api.example.com/siteverify"], "proof_url"),
        (["--proof_by=hcaptcha", "--proof_url=http://127.0.0.1:8000/siteverify"], ""),
        (["--public_url=http://127.0.0.1:8888"], ""),
        (["--public_url=http://localhost:8888"], ""),
        (["--flowroute_url=http://[::1]:8001/v2.1/messages"], ""),
        (["--nexmo_ssl=no", "--nexmo_domain=127.0.0.1:8001"], ""),
        (["--public_url=https://sms.example.com"], ""),
        (["--smssync_secret=twelve chars"], ""),
    ],
    ids=str,
)
def test_what_can_be_read_on_the_way_or_guessed_is_warned_about(argv: list[str], said: str) -> None:
    """What stays on this machine is not."""
    result = loaded(*argv)
    assert [] == result.problems
    assert ([said] if said else []) == [line.partition(" ")[0] for line in result.warnings]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--proof=always", "--protection=off"], ["proof is without effect: protection is off"]),
        (["--proof=always", "--protection=monitor"], []),
        (["--proof_secret=s"], ["proof_secret is without effect: proof_by is altcha"]),
        (["--proof_by=turnstile", "--proof_secret=s"], []),
    ],
    ids=str,
)
def test_options_of_proofs_that_do_nothing_are_warned_about(
    argv: list[str], expected: list[str]
) -> None:
    result = loaded(*argv)
    assert [] == result.problems
    assert expected == result.warnings


def test_short_secrets_of_the_phones_of_a_file_are_warned_about(tmp_path: Path) -> None:
    """One line for each phone, without the secret."""
    file = tmp_path / "devices.toml"
    file.write_text(
        '[[device]]\nname = "front"\nsecret = "11 letters."\nold_secret = "7chars!"\n'
        '[[device]]\nname = "side"\nsecret = "twelve chars"\n'
        '[[device]]\nname = "back"\nsecret = "long enough secret"\nold_secret = "6chars"\n'
    )
    result = loaded(f"--smssync_devices_file={file}")
    assert [] == result.problems
    assert [
        f"the secret of {name} has fewer than 12 characters: it can be guessed"
        for name in ("front", "back")
    ] == result.warnings


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        (["--admin_token=same-secret", "--webhook_token=same-secret"], "admin_token webhook_token"),
        (
            ["--admin_token=same-secret", "--smssync_secret=same-secret"],
            "admin_token smssync_secret",
        ),
        (
            ["--webhook_token=same-secret", "--smssync_secret=same-secret"],
            "webhook_token smssync_secret",
        ),
    ],
    ids=["admin, webhook", "admin, phone", "webhook, phone"],
)
def test_one_secret_for_two_doors_is_refused(argv: list[str], names: str) -> None:
    first, second = names.split()
    expected = f"{first} and {second} are the same: each needs a secret of its own"
    assert [expected] == loaded(*argv).problems


def test_a_secret_of_a_phone_is_nobody_else_s(tmp_path: Path) -> None:
    file = tmp_path / "devices.toml"
    file.write_text(
        '[[device]]\nname = "front"\nsecret = "same-secret"\nold_secret = "same-secret"\n'
        '[[device]]\nname = "back"\nsecret = "same-secret"\n'
    )
    expected = (
        "the secret of front and the secret of back are the same: each needs a secret of its own"
    )
    assert [expected] == loaded(f"--smssync_devices_file={file}").problems


@pytest.mark.parametrize("secret", ["12345", "a"])
def test_a_phone_s_secret_that_is_found_in_no_time_is_refused(secret: str, tmp_path: Path) -> None:
    file = tmp_path / "devices.toml"
    file.write_text(f'[[device]]\nname = "front"\nsecret = "{secret}"\n')
    for option in (f"--smssync_secret={secret}", f"--smssync_devices_file={file}"):
        [problem] = loaded(option).problems
        assert "6 characters" in problem
        assert f'"{secret}"' not in problem


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param([], [], id="default"),
        pytest.param(["--number_insight=off"], [], id="off"),
        pytest.param(
            ["--number_insight=basic"],
            ["number_insight: the provider ends Number Insight on 4 February 2027"],
            id="basic",
        ),
    ],
)
def test_a_service_that_ends_is_warned_about(argv: list[str], expected: list[str]) -> None:
    result = loaded(*argv)
    assert ([], expected) == (result.problems, result.warnings)


def test_no_warning_is_derived_from_a_secret_that_could_not_be_read() -> None:
    result = loaded("--nexmo_signature_max_age=300", "--nexmo_signature_secret=\udcff")
    assert ["--nexmo_signature_secret: not valid UTF-8"] == result.problems
    assert [] == result.warnings


# --- development mode and Redis --------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        pytest.param([], {}, False, id="not in production"),
        pytest.param(["--development_mode"], {}, True, id="implied"),
        pytest.param(["--development_mode", "--localhostonly=no"], {}, False, id="unless by flag"),
        pytest.param(["--development_mode"], {"LOCALHOSTONLY": "0"}, False, id="or by variable"),
        pytest.param([], {"DEVELOPMENT_MODE": "on"}, True, id="implied by the variable"),
    ],
)
def test_development_mode_listens_on_loopback_only(
    argv: list[str], environ: dict[str, str], expected: bool
) -> None:
    assert expected is loaded(*argv, environ=environ).settings.localhostonly


DEMO = MessageEndpoint("/message", DEMO_TEXT, DEMO_SENDER)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param([], DEMO, id="nothing set"),
        pytest.param(["--message="], DEMO, id="message set to nothing"),
        pytest.param(DEFAULT_ENDPOINT, MessageEndpoint("/message", "Hi", "Me"), id="own message"),
        pytest.param(
            ["--request_path=/x"], MessageEndpoint("/x", DEMO_TEXT, DEMO_SENDER), id="own path"
        ),
    ],
)
def test_development_mode_has_a_demo_message(argv: list[str], expected: MessageEndpoint) -> None:
    result = loaded("--development_mode", *argv)
    assert ([], (expected,)) == (result.problems, result.endpoints)


def test_the_demo_message_gives_way_to_the_messages_file(tmp_path: Path) -> None:
    result = with_file(tmp_path, table(path='"/message/"'), "--development_mode")
    assert ([], (MessageEndpoint("/message", "Hello", "Me"),)) == (
        result.problems,
        result.endpoints,
    )


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        pytest.param([], {}, False, id="nothing"),
        pytest.param(["--port=1"], {}, False, id="something else"),
        pytest.param(["--redis_host=localhost"], {}, True, id="the default, but said"),
        pytest.param(["--redis_db=0"], {}, True, id="database 0, but said"),
        pytest.param([], {"REDIS_URL": "redis://h"}, True, id="by variable"),
        pytest.param([], {"REDIS_PORT": ""}, False, id="by an empty variable"),
        pytest.param(["--redis_url="], {}, False, id="by an empty flag"),
    ],
)
def test_it_is_known_whether_a_redis_was_named(
    argv: list[str], environ: dict[str, str], expected: bool
) -> None:
    assert expected is loaded(*argv, environ=environ).redis_named


# --- secrets ---------------------------------------------------------------------------------


def test_these_options_are_secret() -> None:
    assert [
        "admin_token",
        "flowroute_secret_key",
        "nexmo_api_key",
        "nexmo_api_secret",
        "nexmo_application_jwt_secret",
        "nexmo_signature_secret",
        "proof_secret",
        "redis_password",
        "redis_url",
        "sentinel_password",
        "smssync_secret",
        "webhook_token",
    ] == SECRETS


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["--{}=hunter2"], id="too simple"),
        pytest.param(["--{}=hunter2", "--{}=hunter2-again"], id="twice"),
        pytest.param(["--{}", "redis://hunter2"], id="as next word"),
        pytest.param(["--{}=redis://hunter2 hunter2", "hunter2"], id="a blank in it"),
        pytest.param(["--{}hunter2"], id="no equals sign"),
        pytest.param(["--{}:hunter2"], id="a colon"),
        pytest.param(["--x{}=hunter2"], id="wrong name"),
        pytest.param(["--x{}", "hunter2"], id="wrong name and next word"),
        pytest.param(["-{}", "hunter2"], id="a single dash"),
        pytest.param(["{}=hunter2"], id="no dashes"),
    ],
)
def test_no_secret_is_ever_shown(name: str, argv: list[str]) -> None:
    result = loaded(*(word.format(name) for word in argv), "--development_mode")
    said = [*result.problems, *result.warnings, repr(result), describe(result.settings)]
    assert "hunter2" not in "\n".join(said)
