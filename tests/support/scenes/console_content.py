"""A gateway in whose console every page has something to show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from handlers.console.handsets.phones import FIRST_NUMBER
from tests.support.browser import handsets_url
from tests.support.scenes.console import PAGES
from tests.support.scenes.phones_town import devices_file
from tests.support.servers.processes import GatewayProcess, wait_for

# The first two phones of the handsets' page are those who talk with each other.
ANNA, BERT = str(FIRST_NUMBER), str(FIRST_NUMBER + 1)
STRANGER, LEAVER, VISITOR = "4917604069011", "4917604069012", "4917604069013"
MARKUP = '<b>Hello</b> & "welcome", here is a long-word-without-blanks-' + "x" * 60


@dataclass(frozen=True, slots=True)
class Content:
    """A running gateway; ``paths``: those of PAGES with the ids of what there is."""

    gateway: GatewayProcess
    paths: Mapping[str, str]

    def url(self, page: str) -> str:
        """Return the address of one of PAGES."""
        return self.gateway.url + self.paths[page]


@contextmanager
def everything(folder: Path) -> Iterator[Content]:
    """Run a gateway in development_mode; folder: an empty one for what it keeps."""
    options = (
        "--development_mode",
        f"--data_dir={folder / 'data'}",
        devices_file(folder),
        "--receiver_limit_amount=1",
        "--receiver_limit_expires=3600",
    )
    with GatewayProcess(*options) as gateway:
        yield Content(gateway, _fill(gateway))


def _fill(gateway: GatewayProcess) -> dict[str, str]:
    """Let everything happen once that a page shows; return the paths."""
    provider = handsets_url(gateway)

    def ask(path: str, body: object = None) -> Any:
        return call(gateway.url + path, body)

    def text(sender: str, to: str, words: str) -> None:
        order = {"from": sender, "to": to, "text": words, "wait": True}
        call(f"{provider}/emulator/inbound", order)

    call(f"{provider}/emulator/settings", {"dlr_delay": 0})
    session = ask(
        "/session",
        {
            "participant_a": f"+{ANNA}",
            "participant_b": f"+{BERT}",
            "mode": "both",
            "expiry_window": 60,
            "unique_name": "order-4711",
        },
    )
    number = session["virtual_tn"]
    text(ANNA, number, MARKUP)
    text(BERT, number, "Two minutes, please.")
    call(f"{provider}/emulator/calls", {"from": ANNA, "to": number, "ring": 0, "duration": 0})
    wait_for(lambda: _final(ask("/messages"), 4))  # two notices, two texts
    call(f"{provider}/emulator/next", {"failure": "status:7", "count": 1})
    text(ANNA, number, "This one is refused.")
    wait_for(lambda: ask("/dead-letters")["total_dead_letters"])
    text(STRANGER, number, "Who is this?")
    text(LEAVER, number, "STOP")
    for _ in range(2):  # the second is one too many
        ask(f"/message/?receiver=%2B{VISITOR}")
    for device in ("front", ""):
        ask("/smssync/messages", {"to": f"+{VISITOR}", "message": "Hello", "device": device})
    names = {"session": session["session_id"], "number": number, "device": "front"}
    wait_for(lambda: ask("/optouts")["total_optouts"])
    sent = ask("/messages", {"to": f"+{VISITOR}", "text": MARKUP})
    names["message"] = sent["id"]
    wait_for(lambda: ask(f"/messages/{sent['id']}")["final"])
    return {page: page.format_map(names) for page in PAGES}


def _final(answer: Mapping[str, Any], count: int) -> bool:
    """Tell whether so many messages were sent, and it is known what became of each."""
    return len(answer["messages"]) >= count and all(each["final"] for each in answer["messages"])


def call(url: str, body: object = None) -> Any:
    """Return the JSON that is answered, to a POST if there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())
