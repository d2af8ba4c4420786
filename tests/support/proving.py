"""How a person without our widget proves his work: by the solver that handlers/API.md shows."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support import ROOT
from tests.support.visitor import RECEIVER, Reply, Visitor

Challenge = Mapping[str, Any]


def documented(language: str) -> str:
    """Return the solver of a language as the page has it."""
    page = (ROOT / "handlers" / "API.md").read_text("utf-8")
    section = page[page.index("#### Proof of work") :]
    found = re.search(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def _solver() -> Callable[[Challenge], str]:
    names: dict[str, Any] = {}
    exec(documented("python"), names)
    found: Callable[[Challenge], str] = names["solve"]
    return found


solve = _solver()


def read(answer: str) -> Any:
    """Return what an answer to a challenge says."""
    return json.loads(base64.b64decode(answer))


def written(document: object) -> str:
    """Return an answer that says so."""
    return base64.b64encode(json.dumps(document).encode()).decode()


async def asked(visitor: Visitor, receiver: str = RECEIVER, **more: str) -> Challenge:
    """Call without a proof and return the challenge."""
    reply = await visitor.send(receiver, **more)
    assert "proof_needed" == reply.json["error"], reply.text
    challenge: Challenge = reply.json["challenge"]
    return challenge


async def proven(visitor: Visitor, receiver: str = RECEIVER, **more: str) -> Reply:
    """Call, solve what is asked for, and call again."""
    challenge = await asked(visitor, receiver, **more)
    return await visitor.send(receiver, altcha=solve(challenge), **more)
