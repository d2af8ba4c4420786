"""The texts made from the options: start line, help, OPTIONS.md and example environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conf import documents
from conf.settings import OPTIONS, Settings
from tests.support import ROOT
from tests.support.servers.settings_loading import CREDENTIALS, loaded

SECRETS = [name for name, each in OPTIONS.items() if each.secret]


def test_the_start_line_shows_what_differs_with_secrets_starred() -> None:
    settings = loaded(
        *CREDENTIALS, "--port=80", "--no_session_msg=", '--org_name=A "B"', "--nexmo_ssl=no"
    ).settings
    expected = (
        "port=80 nexmo_api_key=*** nexmo_api_secret=*** nexmo_ssl=false "
        'org_name="A \\"B\\"" no_session_msg='
    )
    assert expected == documents.describe(settings)


def test_the_start_line_is_one_line_always() -> None:
    assert "all options at their defaults" == documents.describe(Settings())
    assert 'sender="a?b"' == documents.describe(Settings(sender="a\nb"))


def test_the_start_line_shows_no_text_of_a_message() -> None:
    shown = documents.describe(Settings(message="private", no_session_msg="too", voice_wait_msg=""))
    assert "message=… no_session_msg=… voice_wait_msg=" == shown


def test_help_lists_every_option_in_100_columns() -> None:
    lines = documents.help_text().splitlines()
    assert [f"--{name}={each.default_text}" for name, each in OPTIONS.items()] == [
        line.strip() for line in lines if line.startswith("  --")
    ]
    assert [] == [line for line in lines if len(line) > 100]


def test_the_table_lists_every_option_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\| .+ \|$", documents.options_document(), re.M)
    assert [(name, each.default_text) for name, each in OPTIONS.items()] == rows
    assert len(SECRETS) == documents.options_document().count("(secret)")


def test_the_example_environment_lists_every_option_and_sets_none() -> None:
    text = documents.example_env()
    assert [name.upper() for name in OPTIONS] == re.findall(r"^# ([A-Z_]+)=", text, re.M)
    assert [] == [line for line in text.splitlines() if line and not line.startswith("#")]
    assert '# ORG_NAME="Your Org Name"' in text.splitlines()


def test_every_option_has_an_effect() -> None:
    for text in (documents.help_text(), documents.options_document(), documents.example_env()):
        assert "reserved" not in text


def test_every_option_belongs_to_one_group() -> None:
    assert list(OPTIONS) == [each.name for _, options in documents.grouped() for each in options]


def test_the_documents_of_this_project_are_current() -> None:
    assert [] == documents.outdated(ROOT)


def test_writing_brings_every_file_up_to_date(tmp_path: Path) -> None:
    """Those that are missing, too."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "OPTIONS.md").write_text("old")
    problems = [f"{name}: not current" for name in ("conf/examples/example.env", "conf/OPTIONS.md")]
    assert problems == documents.outdated(tmp_path)
    documents.write(tmp_path)
    assert [] == documents.outdated(tmp_path)


def test_the_readme_leads_to_the_options() -> None:
    """It has no list of its own that could be out of date."""
    assert "(conf/OPTIONS.md)" in (ROOT / "README.md").read_text("utf-8")


def test_an_unknown_command_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == documents.main(["--wriet"])
    assert "usage: python -m conf.documents --write | --check\n" == capsys.readouterr().out


def test_the_check_ends_with_status_1_when_something_is_not_current(
    capsys: pytest.CaptureFixture[str],
) -> None:
    problems = documents.outdated(ROOT)
    assert bool(problems) == documents.main(["--check"])
    assert ("\n".join(problems) or "all current") + "\n" == capsys.readouterr().out
