"""Texts with ``{link}``: refused at the start when their link would lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.messages import CODE_LENGTH
from conf.protection import DAY, Breaker, Mode
from tests.support.servers.settings_loading import loaded
from wiring.text_costs import costly_texts

URL, PAGE = "--public_url=https://sms.example.com", "--form_link=https://www.example.com"
MESSAGE, SENDER = "--message=Get {link}", "--sender=Me"
NO_ADDRESS = "the message of {}: {{link}} is a link of this gateway: set public_url"
NOWHERE = "the message of {}: {{link}} leads nowhere: set link beside it, or form_link"
VOUCHER = '[[message]]\npath = "/voucher/"\ntext = "Yours: {link}"\nsender = "Me"\n'
SHOP = '[[site]]\nkey = "one"\nmessage = "One: {link}"\n'
OWN = 'link = "https://own.example"\n'


def files(folder: Path, messages: str = "", shops: str = "") -> list[str]:
    """Return the options that name these files."""
    found = []
    for name, content in (("messages_file", messages), ("protection_file", shops)):
        if content:
            (folder / name).write_text(content)
            found.append(f"--{name}={folder / name}")
    return found


@pytest.mark.parametrize(
    ("options", "messages", "shops", "problems"),
    [
        ((MESSAGE, SENDER, URL, PAGE), "", "", []),
        ((MESSAGE, SENDER, PAGE), "", "", [NO_ADDRESS.format("/message")]),
        ((MESSAGE, SENDER, URL), "", "", [NOWHERE.format("/message")]),
        (
            (MESSAGE, SENDER),
            "",
            "",
            [NOWHERE.format("/message"), NO_ADDRESS.format("/message")],
        ),
        # Where those lead that are neither is not known.
        (
            (MESSAGE, SENDER, URL, "--link_ios=https://i.example"),
            "",
            "",
            [NOWHERE.format("/message")],
        ),
        ((URL,), VOUCHER, "", [NOWHERE.format("/voucher")]),
        ((URL,), VOUCHER + OWN, "", []),
        ((URL, PAGE), VOUCHER, "", []),
        ((), VOUCHER + OWN, "", [NO_ADDRESS.format("/voucher")]),
        ((URL,), "", SHOP, [NOWHERE.format("site one")]),
        ((URL,), "", SHOP + OWN, []),
        ((URL, PAGE), "", SHOP, []),
        # A shop's text goes out by every endpoint.
        ((URL,), VOUCHER + OWN, SHOP, []),
        (("--message=Hi", SENDER, URL), VOUCHER + OWN, SHOP, [NOWHERE.format("site one")]),
        ((), "", SHOP + OWN, [NO_ADDRESS.format("site one")]),
        # Texts of other kinds are what they say.
        (("--no_session_msg=See {link}",), "", "", []),
        (("--message=Hi {name}", SENDER), "", "", []),
        (("--development_mode", MESSAGE, SENDER, PAGE), "", "", []),
        (("--development_mode", MESSAGE, SENDER), "", "", [NOWHERE.format("/message")]),
    ],
)
def test_a_link_needs_an_address_and_somewhere_to_lead(
    options: tuple[str, ...], messages: str, shops: str, problems: list[str], tmp_path: Path
) -> None:
    assert problems == loaded(*options, *files(tmp_path, messages, shops)).problems


@pytest.mark.parametrize("written", ["{Link}", "{LINK}", "{ link }", "{{link}}", "{{ link }}"])
def test_a_link_that_is_written_otherwise_is_warned_about(written: str, tmp_path: Path) -> None:
    messages, shops = (each.replace("{link}", written) + OWN for each in (VOUCHER, SHOP))
    found = loaded(URL, *files(tmp_path, messages, shops))
    said = f"a short link is written {{link}}, not {written}"
    lines = [f"the message of {whose}: {said}" for whose in ("/voucher", "site one")]
    assert lines == [each for each in found.warnings if "short link" in each]
    assert [] == found.problems


@pytest.mark.parametrize("text", ["{link}", "{link} or {link}", "link", "{links}", "{a} link {b}"])
def test_other_words_are_no_mistake(text: str, tmp_path: Path) -> None:
    found = loaded(URL, *files(tmp_path, VOUCHER.replace("{link}", text) + OWN))
    assert not [each for each in found.warnings if "short link" in each]


def test_of_options_that_are_wrong_already_nothing_more_is_said() -> None:
    found = loaded(MESSAGE, SENDER, "--public_url=nowhere", "--form_link=nowhere").problems
    assert 2 == len(found)
    assert not [each for each in found if "{link}" in each]


@pytest.mark.parametrize(("length", "fits"), [(3200, True), (3201, False)])
def test_a_text_has_to_be_short_enough_with_its_link(length: int, fits: bool) -> None:
    link = len("https://sms.example.com/l/") + CODE_LENGTH
    found = loaded(f"--message={'x' * (length - link)}{{link}}", SENDER, URL, PAGE).problems
    assert fits is (found == [])
    assert fits or "with its link the text has 3201 characters" in found[0]


def test_parts_are_counted_with_the_link_as_it_leaves() -> None:
    """Ten characters more than one part, for one letter that no plain text has."""
    found = loaded(f"--message={'x' * 40}ş {{link}}", SENDER, URL, PAGE)
    [line] = costly_texts(found.settings, found.endpoints)
    assert line.startswith("the message of /message: 2 parts; it would be 1 without")
    without = loaded(f"--message={'x' * 40}ş link", SENDER, URL, PAGE)
    assert [] == list(costly_texts(without.settings, without.endpoints))


@pytest.mark.parametrize("name", ["link", "link_ios", "link_android"])
@pytest.mark.parametrize("link", ["http://a.example", "a.example", "javascript:x"])
def test_a_link_is_an_address_with_tls(name: str, link: str, tmp_path: Path) -> None:
    given = f'{name} = "{link}"\n'
    for options in (files(tmp_path, VOUCHER + given), files(tmp_path, shops=SHOP + given)):
        assert any(f"{name}: must be an https:// URL" in each for each in loaded(*options).problems)


def breaker(folder: Path, content: str) -> tuple[Breaker, list[str]]:
    found = loaded(*files(folder, shops=content))
    return found.protection.breaker, found.problems


def test_the_breaker_holds_by_itself(tmp_path: Path) -> None:
    assert Breaker(Mode.ENFORCE, 20, DAY) == loaded().protection.breaker
    own = '[[breaker]]\nmode = "monitor"\nleast = 50\nwindow = 21600\n'
    assert (Breaker(Mode.MONITOR, 50, 21_600), []) == breaker(tmp_path, own)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('mode = "on"', "mode: must be one of enforce, monitor, off"),
        ("least = 0", "least: must be 1 or more"),
        ("window = 1000", "window: must be a multiple of 600, up to a day (86400)"),
        ("window = 0", "window: must be a multiple of 600, up to a day (86400)"),
        ("window = 172800", "window: must be a multiple of 600, up to a day (86400)"),
        ("least = 1\n[[breaker]]", "there is one already"),
    ],
)
def test_what_is_wrong_with_it_is_said(content: str, reason: str, tmp_path: Path) -> None:
    [problem] = breaker(tmp_path, f"[[breaker]]\n{content}\n")[1]
    assert reason in problem
