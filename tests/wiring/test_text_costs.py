"""Which configured texts are said to cost more than they need."""

from __future__ import annotations

import pytest

from conf.messages import MessageEndpoint
from conf.protection import Site
from conf.settings import Settings
from wiring.text_costs import costly_texts

LONG = "x" * 140


@pytest.mark.parametrize(
    ("smart_encoding", "text", "said"),
    [
        (False, f"“{LONG}”", r"3 parts; it would be 1 without '\u201c \u201d'"),
        (False, f"{LONG}\u00a0x", r"3 parts; it would be 1 without '\xa0'"),
        (True, f"{LONG} ça", r"3 parts; it would be 1 without '\xe7'"),
        (True, f"“{LONG} ça”", r"3 parts; it would be 1 without '\xe7 \u201c \u201d'"),
        (True, f"“{LONG}”", ""),  # is sent in plain punctuation
        (True, "ça va", ""),  # one part in any case
        (True, LONG, ""),
        (True, "ж" * 140, ""),  # has no plain form
        (True, f"{LONG} 🚀", ""),
    ],
    ids=ascii,
)
def test_a_text_that_costs_more_than_its_plain_form_is_said_with_both_counts(
    smart_encoding: bool, text: str, said: str
) -> None:
    settings = Settings(smart_encoding=smart_encoding)
    endpoint = MessageEndpoint("/link", text, "Example")
    expected = [f"the message of /link: {said}"] if said else []
    assert expected == list(costly_texts(settings, [endpoint]))


def test_the_text_of_a_shop_is_looked_at_as_well() -> None:
    sites = [Site("one", message="ç" + LONG), Site("two")]
    [line] = costly_texts(Settings(), [], sites)
    assert line.startswith("the message of site one: ")


def test_the_notices_are_looked_at_as_well() -> None:
    settings = Settings(help_msg="ç" + LONG, smssync_reply=f"{LONG}ç")
    assert ["help_msg", "smssync_reply"] == [
        line.partition(":")[0] for line in costly_texts(settings, [])
    ]
