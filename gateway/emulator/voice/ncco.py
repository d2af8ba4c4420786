"""NCCOs, checked strictly: the actions that a call is told to carry out.

Stricter than the provider in one thing: a key that its reference does not name is an error, since
there it is passed over in silence, and a misspelt option with it.

https://developer.vonage.com/en/voice/voice-api/ncco-reference
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from gateway.emulator.account.calls import Action
from gateway.emulator.checks import flag
from gateway.emulator.voice.ncco_checks import (
    Table,
    an_object,
    any_object,
    number,
    one_of,
    only,
    some,
    text,
    web_url,
    whole,
)

SYNTAX_ERROR = "Syntax error in NCCO. Invalid value type or action."
MAX_TEXT_CHARACTERS = 1500
DEFAULT_RING_SECONDS = 60
MAX_CALL_SECONDS = 7200

# https://developer.vonage.com/en/voice/voice-api/concepts/text-to-speech
LANGUAGES = (
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
        raise NccoError(f"[{index}].action: there is no such action")
    table, required = _ACTIONS[name]
    try:
        an_object({"action": text(20), **table}, required)(value)
        action = cast(dict[str, Any], value)
        _check_together(name, action)
    except ValueError as error:
        raise NccoError(f"[{index}] {name}: {error}") from None
    return action


def _check_together(name: str, action: Action) -> None:
    if name == "connect" and {"from", "randomFromNumber"} <= set(action):
        raise ValueError("from: not with randomFromNumber")
    if (
        name == "talk"
        and not _is_ssml(action["text"])
        and len(action["text"]) > MAX_TEXT_CHARACTERS
    ):
        raise ValueError(f"text: must have at most {MAX_TEXT_CHARACTERS} characters")


def _is_ssml(words: str) -> bool:
    return words.lstrip().startswith("<speak")


def _endpoint(value: object) -> object:
    kind = cast(dict[str, object], any_object(value)).get("type")
    if not isinstance(kind, str) or kind not in _ENDPOINTS:
        raise ValueError(f"type: must be one of {', '.join(_ENDPOINTS)}")
    table, required = _ENDPOINTS[kind]
    return an_object({"type": text(20), **table}, required)(value)


def _one_url(value: object) -> object:
    # The reference shows an array here, the published schema a text.
    return only(web_url)(value) if isinstance(value, list) else web_url(value)


_METHOD = one_of("GET POST")
_TELLS: Table = {"eventUrl": only(web_url), "eventMethod": _METHOD}
_ENDPOINTS: Mapping[str, tuple[Table, tuple[str, ...]]] = {
    "phone": (
        {
            "number": text(15, "[0-9]{10,15}"),
            "dtmfAnswer": text(100, "[0-9#*p]*"),
            "onAnswer": an_object({"url": web_url, "ringbackTone": web_url}, ("url",)),
            "shaken": text(4000),
        },
        ("number",),
    ),
    "app": ({"user": text(200)}, ("user",)),
    "vbc": ({"extension": text(20, "[0-9]+")}, ("extension",)),
    "sip": (
        {
            "uri": text(1000, r"sips?:\S+"),
            "headers": any_object,
            "standardHeaders": any_object,
        },
        ("uri",),
    ),
    "websocket": (
        {
            "uri": text(1000, r"wss?:\S+"),
            "content-type": text(100),
            "headers": any_object,
            "authorization": any_object,
        },
        ("uri",),
    ),
}
_DTMF: Table = {
    "timeOut": number(0, 10),
    "maxDigits": whole(0, 20),
    "submitOnHash": flag,
}
# Action → its keys and those that must be there.
_ACTIONS: Mapping[str, tuple[Table, tuple[str, ...]]] = {
    "talk": (
        {
            # With SSML the limit counts less than what is sent.
            "text": text(10 * MAX_TEXT_CHARACTERS),
            "language": one_of(LANGUAGES),
            "style": whole(0, 100),
            "premium": flag,
            "voiceName": text(30, "[A-Z][a-z]+"),
            "bargeIn": flag,
            "loop": whole(0, 1000),
            "level": number(-1, 1),
        },
        ("text",),
    ),
    "connect": (
        {
            **_TELLS,
            "endpoint": only(_endpoint),
            "from": text(15, "[0-9]+"),
            "randomFromNumber": flag,
            "eventType": one_of("synchronous"),
            "timeout": number(0),
            "limit": number(0, MAX_CALL_SECONDS),
            "machineDetection": one_of("continue hangup"),
            "advancedMachineDetection": an_object(
                {
                    "behavior": one_of("continue hangup"),
                    "mode": one_of("default detect detect_beep"),
                    "beep_timeout": whole(45, 120),
                }
            ),
            "ringbackTone": web_url,
        },
        ("endpoint",),
    ),
    "input": (
        {
            **_TELLS,
            **_DTMF,
            "type": some(one_of("dtmf speech")),
            "dtmf": an_object(_DTMF),
            "speech": any_object,
            "mode": one_of("synchronous asynchronous"),
        },
        (),
    ),
    "notify": ({**_TELLS, "payload": any_object}, ("payload", "eventUrl")),
    "record": (
        {
            **_TELLS,
            "format": one_of("mp3 wav ogg"),
            "split": one_of("conversation"),
            "channels": whole(1, 32),
            "endOnSilence": whole(3, 10),
            "endOnKey": text(1, "[0-9#*]"),
            "timeOut": whole(3, MAX_CALL_SECONDS),
            "beepStart": flag,
            "transcription": any_object,
        },
        (),
    ),
    "stream": (
        {"streamUrl": only(web_url), "level": number(-1, 1), "bargeIn": flag, "loop": number(0)},
        ("streamUrl",),
    ),
    "conversation": (
        {
            **_TELLS,
            "name": text(200),
            "musicOnHoldUrl": _one_url,
            "startOnEnter": flag,
            "endOnExit": flag,
            "record": flag,
            "canSpeak": some(text(100)),
            "canHear": some(text(100)),
            "mute": flag,
            "transcription": any_object,
        },
        ("name",),
    ),
    "wait": ({"timeout": number(0.1, MAX_CALL_SECONDS)}, ()),
    "transfer": (
        {
            **_TELLS,
            "conversationId": text(100),
            "canHear": some(text(100)),
            "canSpeak": some(text(100)),
            "mute": flag,
        },
        ("conversationId",),
    ),
}
