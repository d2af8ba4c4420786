"""The texts made from the options: start line, help, README table and example environment."""

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
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\| .+ \|$", documents.options_table(), re.M)
    assert [(name, each.default_text) for name, each in OPTIONS.items()] == rows
    assert len(SECRETS) == documents.options_table().count("(secret)")


def test_the_example_environment_lists_every_option_and_sets_none() -> None:
    text = documents.example_env()
    assert [name.upper() for name in OPTIONS] == re.findall(r"^# ([A-Z_]+)=", text, re.M)
    assert [] == [line for line in text.splitlines() if line and not line.startswith("#")]
    assert '# ORG_NAME="Your Org Name"' in text.splitlines()


def test_every_option_has_an_effect() -> None:
    for text in (documents.help_text(), documents.options_table(), documents.example_env()):
        assert "reserved" not in text


def test_every_option_belongs_to_one_group() -> None:
    assert list(OPTIONS) == [each.name for _, options in documents.grouped() for each in options]


def test_the_documents_of_this_project_are_current() -> None:
    assert [] == documents.outdated(ROOT)


MARKED = f"# Title\n\n{documents.README_START}\nold\n{documents.README_END}\n\nThe end.\n"


def test_writing_changes_only_what_stands_between_the_markers(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "README.md").write_text(MARKED)
    assert [
        "conf/example.env: not current",
        "README.md: the table of options is not current",
    ] == documents.outdated(tmp_path)
    documents.write(tmp_path)
    assert [] == documents.outdated(tmp_path)
    assert (
        MARKED.replace("old\n", documents.options_table()) == (tmp_path / "README.md").read_text()
    )


@pytest.mark.parametrize(
    ("readme", "expected"),
    [
        pytest.param(None, "README.md: there is no such file", id="absent"),
        pytest.param(
            "# Title\n",
            "README.md: needs one line <!-- options:start --> and after it one line "
            "<!-- options:end -->",
            id="no markers",
        ),
    ],
)
def test_a_readme_without_markers_is_left_alone_but_not_current(
    tmp_path: Path, readme: str | None, expected: str
) -> None:
    (tmp_path / "conf").mkdir()
    if readme is not None:
        (tmp_path / "README.md").write_text(readme)
    documents.write(tmp_path)
    assert [expected] == documents.outdated(tmp_path)
    assert (readme is not None) is (tmp_path / "README.md").exists()


def test_an_unknown_command_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == documents.main(["--wriet"])
    assert "usage: python -m conf.documents --write | --check\n" == capsys.readouterr().out


def test_the_check_ends_with_status_1_when_something_is_not_current(
    capsys: pytest.CaptureFixture[str],
) -> None:
    problems = documents.outdated(ROOT)
    assert bool(problems) == documents.main(["--check"])
    assert ("\n".join(problems) or "all current") + "\n" == capsys.readouterr().out
