"""The file of rules, limits, budgets and shops: shops, and what names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.loading import Loaded
from conf.protection import Site
from tests.support.servers.settings_loading import loaded

SITE = '[[site]]\nkey = "one"\n'
LIMIT = '[[limit]]\nby = "site"\namount = 1\nwindow = 1\nsite = "{}"\n'
BUDGET = '[[budget]]\nof = "site:{}"\nday = 1\n'


def with_protection(folder: Path, content: str) -> Loaded:
    """Load with this protection file."""
    file = folder / "protection.toml"
    file.write_text(content)
    return loaded(f"--protection_file={file}")


def test_a_shop_has_origins_a_text_a_sender_and_a_link(tmp_path: Path) -> None:
    more = 'origins = ["HTTPS://A.example:443"]\nmessage = "Hi"\nsender = "+1 206 555 0100"\n'
    more += 'link = "https://a.example/app"\n'
    found = with_protection(tmp_path, SITE + more)
    assert [] == found.problems
    assert (
        Site("one", ("https://a.example",), "Hi", "12065550100", "https://a.example/app"),
    ) == found.protection.sites


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SITE + SITE, "key: the same as in number 1"),
        ('[[site]]\nkey = "a b"\n', "key: must be 1 to 64 ASCII letters"),
        (SITE + 'origins = "https://a.example"\n', "origins: must be a list"),
        (SITE + 'origins = ["https://a.example/b"]\n', "origins: an origin is written"),
        (SITE + 'link = "a.example"\n', "link: must be an https:// URL"),
        ("[[price]]\nprice = nan\n", "price: must be a number"),
        ('[[provider]]\nprovider = "nexmo"\nrate = -nan\n', "rate: must be a number"),
        (SITE + LIMIT.format("two"), "limit: there is no site two"),
        (SITE + BUDGET.format("two"), "budget: there is no site two"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_at_the_start(
    content: str, reason: str, tmp_path: Path
) -> None:
    [problem] = with_protection(tmp_path, content).problems
    assert reason in problem


def test_limits_and_budgets_may_name_a_shop(tmp_path: Path) -> None:
    content = SITE + LIMIT.format("one") + BUDGET.format("one")
    assert [] == with_protection(tmp_path, content).problems


def test_a_sender_of_a_shop_that_networks_will_not_show_is_a_warning(tmp_path: Path) -> None:
    [warning] = with_protection(tmp_path, SITE + 'sender = "LongerThanEleven"\n').warnings
    assert warning.startswith("site one: the alphanumeric sender")
