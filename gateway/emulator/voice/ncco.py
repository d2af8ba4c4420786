"""NCCOs, checked strictly: the actions that a call is told to carry out.

Only what the gateway sends is known here. Every other action and key is refused, since the
provider passes over a key that its reference does not name, and a misspelt option with it.

https://developer.vonage.com/en/voice/voice-api/ncco-reference
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from gateway.emulator.account.calls import Action
from gateway.emulator.checks import Check, flag, one_of, real, whole
from gateway.emulator.loopback import url_host

SYNTAX_ERROR = "Syntax error in NCCO. Invalid value type or action."
DEFAULT_RING_SECONDS = 60
DEFAULT_DIGITS = 4
MAX_CALL_SECONDS = 7200

# https://developer.vonage.com/en/voice/voice-api/concepts/text-to-speech
_LANGUAGES = (
    "ar bn-IN ca-ES cmn-CN cmn-TW cs-CZ cy-GB da-DK de-DE el-GR en-AU en-GB en-GB-WLS en-IN "
    "en-US en-ZA es-ES es-MX es-US eu-ES fi-FI fil-PH fr-CA fr-FR he-IL hi-IN hu-HU id-ID is-IS "
    "it-IT ja-JP ko-KR ml-IN nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK sv-SE ta-IN te-IN "
    "th-TH tr-TR uk-UA vi-VN yue-CN"
)


class NccoError(ValueError):
    """What a webhook answered is no NCCO; says where it is wrong."""


def parse(body: bytes) -> list[Action]:
    """Return the actions of an NCCO; raises NccoError."""
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise NccoError("the answer is not JSON in UTF-8") from None
    if not isinstance(value, list) or not value:
        raise NccoError("the answer is not an array of actions")
    return [_action(index, item) for index, item in enumerate(value)]


def _action(index: int, value: object) -> Action:
    name = value.get("action") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in _ACTIONS:
        raise NccoError(f"[{index}].action: must be one of {', '.join(_ACTIONS)}")
    action = cast(dict[str, object], value)
    try:
        _ACTIONS[name]({key: item for key, item in action.items() if key != "action"})
    except ValueError as error:
        raise NccoError(f"[{index}] {name}: {error}") from None
    return action


def _text(longest: int, pattern: str = r"[\s\S]+") -> Check:
    def check(value: object) -> object:
        if isinstance(value, str) and len(value) <= longest and re.fullmatch(pattern, value):
            return value
        raise ValueError(f"must be a text of at most {longest} characters: {pattern}")

    return check


def _web_url(value: object) -> object:
    if isinstance(value, str) and url_host(value):
        return value
    raise ValueError("must be an http or https URL")


def _only(check: Check) -> Check:
    def checked(value: object) -> object:
        if not isinstance(value, list) or len(value) != 1:
            raise ValueError("must be an array of one item")
        return check(value[0])

    return checked


def _object(table: Mapping[str, Check], *required: str) -> Check:
    """Return the check for an object with the keys of ``table`` and no others."""

    def check(value: object) -> object:
        if not isinstance(value, dict):
            raise ValueError("must be an object")
        for name in required:
            if name not in value:
                raise ValueError(f"{name}: is missing")
        for name, item in value.items():
            _check_item(table, name, item)
        return value

    return check


def _check_item(table: Mapping[str, Check], name: str, value: object) -> None:
    if name not in table:
        raise ValueError(f"{name}: there is no such key")
    try:
        table[name](value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


_TELLS: Mapping[str, Check] = {"eventUrl": _only(_web_url)}
_PHONE = _object(
    {"type": one_of(("phone",)), "number": _text(15, "[0-9]{10,15}")}, "type", "number"
)
_ACTIONS: Mapping[str, Check] = {
    "talk": _object(
        {"text": _text(1500), "language": one_of(tuple(_LANGUAGES.split()))},
        "text",
    ),
    "connect": _object(
        {
            **_TELLS,
            "endpoint": _only(_PHONE),
            "from": _text(15, "[0-9]+"),
            "timeout": real(MAX_CALL_SECONDS),
            "limit": real(MAX_CALL_SECONDS),
        },
        "endpoint",
    ),
    "input": _object(
        {
            **_TELLS,
            "type": _only(one_of(("dtmf",))),
            "dtmf": _object({"timeOut": real(10), "maxDigits": whole(0, 20), "submitOnHash": flag}),
        },
        "type",
    ),
}
