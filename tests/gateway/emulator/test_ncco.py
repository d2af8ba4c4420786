"""The emulator's judgement of NCCOs, compared with the provider's published schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gateway.emulator.voice import ncco
from tests.support import DATA
from tests.support.scenes.emulation import BERLIN
from tests.support.stand_ins.voice_application import MASK, TALK, connect

SCHEMA = json.loads((DATA / "ncco-schema.json").read_text("utf-8"))


def changed_endpoint(**more: Any) -> dict[str, Any]:
    return connect(endpoint=[{"type": "phone", "number": BERLIN, **more}])


BY_SCHEMA: dict[str, tuple[Any, bool]] = {
    "talk": ([TALK], True),
    "talk in a language": ([TALK | {"language": "de-DE"}], True),
    "connect": ([connect(timeout=45, limit=3600)], True),
    "empty": ([], False),
    "object": (TALK, False),
    "text": ("talk", False),
    "unknown action": ([{"action": "sing"}], False),
    "no action": ([{"text": "Hello"}], False),
    "talk without text": ([{"action": "talk"}], False),
    "text as number": ([TALK | {"text": 5}], False),
    "text too long": ([TALK | {"text": "x" * 1501}], False),
    "unknown language": ([TALK | {"language": "tlh"}], False),
    "timeout as text": ([connect(timeout="45")], False),
    "limit above two hours": ([connect(limit=7201)], False),
    "from with a plus": ([connect(**{"from": f"+{MASK}"})], False),
    "number with a plus": ([changed_endpoint(number=f"+{BERLIN}")], False),
    "number as number": ([changed_endpoint(number=int(BERLIN))], False),
    "number too short": ([changed_endpoint(number="110")], False),
    "unknown endpoint": ([connect(endpoint=[{"type": "pigeon"}])], False),
    "endpoint is no array": ([connect(endpoint={"type": "phone", "number": BERLIN})], False),
    "no endpoint": ([{"action": "connect"}], False),
    "eventUrl as text": ([connect(eventUrl="https://example.com/")], False),
    "eventUrl without scheme": ([connect(eventUrl=["example.com"])], False),
    "second is wrong": ([TALK, {"action": "talk"}], False),
}


def is_ncco(value: Any) -> bool:
    try:
        ncco.parse(json.dumps(value).encode())
    except ncco.NccoError:
        return False
    return True


@pytest.mark.parametrize(("value", "valid"), BY_SCHEMA.values(), ids=BY_SCHEMA.keys())
def test_judges_an_ncco_as_the_published_schema_does(value: Any, valid: bool) -> None:
    validator = jsonschema.Draft4Validator(SCHEMA)
    assert (valid, valid) == (validator.is_valid(value), is_ncco(value))


BEYOND_SCHEMA: dict[str, tuple[Any, bool]] = {
    "input": ([{"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 4}}], True),
    "too many digits": ([{"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 21}}], False),
    "older input": ([{"action": "input", "maxDigits": 4}], False),
    "speech": ([{"action": "input", "type": ["speech"]}], False),
    "wait": ([{"action": "wait", "timeout": 5}], False),
    "record": ([{"action": "record"}], False),
    "app": ([connect(endpoint=[{"type": "app", "user": "jane"}])], False),
    "whisper": ([changed_endpoint(onAnswer={"url": "https://example.com/"})], False),
    "two endpoints": ([connect(endpoint=connect()["endpoint"] * 2)], False),
    "two eventUrls": ([connect(eventUrl=["https://example.com/"] * 2)], False),
    "misspelt key": ([connect(eventURL=["https://example.com/"])], False),
    "empty text": ([TALK | {"text": ""}], False),
}


@pytest.mark.parametrize(("value", "valid"), BEYOND_SCHEMA.values(), ids=BEYOND_SCHEMA.keys())
def test_takes_only_what_the_gateway_sends(value: Any, valid: bool) -> None:
    """By the reference, which is newer than the schema."""
    assert valid == is_ncco(value)


def test_says_which_actions_it_knows() -> None:
    """In one line, with the place of the one that it refuses."""
    with pytest.raises(
        ncco.NccoError, match=r"^\[1\]\.action: must be one of talk, connect, input$"
    ):
        ncco.parse(json.dumps([TALK, {"action": "record"}]).encode())
