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
    "talk with options": ([TALK | {"language": "de-DE", "style": 1, "bargeIn": True}], True),
    "connect": ([connect(timeout=45, limit=3600)], True),
    "input": ([{"action": "input", "timeOut": 5, "maxDigits": 4, "submitOnHash": True}], True),
    "record": ([{"action": "record", "format": "mp3", "beepStart": True}], True),
    "stream": ([{"action": "stream", "streamUrl": ["https://example.com/a.mp3"]}], True),
    "conversation": ([{"action": "conversation", "name": "one"}], True),
    "empty": ([], False),
    "object": (TALK, False),
    "text": ("talk", False),
    "unknown action": ([{"action": "sing"}], False),
    "no action": ([{"text": "Hello"}], False),
    "talk without text": ([{"action": "talk"}], False),
    "text as number": ([TALK | {"text": 5}], False),
    "text too long": ([TALK | {"text": "x" * 1501}], False),
    "unknown language": ([TALK | {"language": "tlh"}], False),
    "loop as text": ([TALK | {"loop": "1"}], False),
    "timeout as text": ([connect(timeout="45")], False),
    "limit above two hours": ([connect(limit=7201)], False),
    "from with a plus": ([connect(**{"from": f"+{MASK}"})], False),
    "number with a plus": ([changed_endpoint(number=f"+{BERLIN}")], False),
    "number as number": ([changed_endpoint(number=int(BERLIN))], False),
    "number too short": ([changed_endpoint(number="110")], False),
    "dtmfAnswer": ([changed_endpoint(dtmfAnswer="1p2#")], True),
    "dtmfAnswer with letters": ([changed_endpoint(dtmfAnswer="one")], False),
    "unknown endpoint": ([connect(endpoint=[{"type": "pigeon"}])], False),
    "endpoint is no array": ([connect(endpoint={"type": "phone", "number": BERLIN})], False),
    "no endpoint": ([{"action": "connect"}], False),
    "eventUrl as text": ([connect(eventUrl="https://example.com/")], False),
    "eventUrl without scheme": ([connect(eventUrl=["example.com"])], False),
    "eventMethod": ([connect(eventMethod="PUT")], False),
    "eventType": ([connect(eventType="later")], False),
    "maxDigits": ([{"action": "input", "maxDigits": 21}], False),
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
    "wait": ([{"action": "wait", "timeout": 5}], True),
    "notify": ([{"action": "notify", "payload": {}, "eventUrl": ["https://example.com/"]}], True),
    "newer input": ([{"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 4}}], True),
    "app": ([connect(endpoint=[{"type": "app", "user": "jane"}])], True),
    "long ssml": ([TALK | {"text": f"<speak>{'<break/>' * 200}</speak>"}], True),
    "two endpoints": ([connect(endpoint=connect()["endpoint"] * 2)], False),
    "two eventUrls": ([connect(eventUrl=["https://example.com/"] * 2)], False),
    "random with from": ([connect(randomFromNumber=True)], False),
    "misspelt key": ([connect(eventURL=["https://example.com/"])], False),
    "empty text": ([TALK | {"text": ""}], False),
}


@pytest.mark.parametrize(("value", "valid"), BEYOND_SCHEMA.values(), ids=BEYOND_SCHEMA.keys())
def test_judges_what_the_schema_does_not_know(value: Any, valid: bool) -> None:
    """By the reference, which is newer; a key it does not name is taken for a mistake."""
    assert valid == is_ncco(value)
