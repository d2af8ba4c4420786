"""Calls by Vonage: what its webhooks say, and the actions (NCCO) by which it is answered.

https://developer.vonage.com/en/voice/voice-api/webhook-reference
https://developer.vonage.com/en/voice/voice-api/ncco-reference
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.providers.http.answers import word

Action = dict[str, Any]

MAX_NUMBER_LENGTH = 64
MAX_WORD_LENGTH = 64
MAX_REASON_LENGTH = 200
# https://developer.vonage.com/en/voice/voice-api/ncco-reference#talk, without SSML
MAX_TEXT_LENGTH = 1500
# https://developer.vonage.com/en/voice/voice-api/ncco-reference#connect (limit)
MAX_CALL_SECONDS = 7200
# https://developer.vonage.com/en/voice/voice-api/ncco-reference#input (dtmf.timeOut)
MOST_INPUT_SECONDS = 10
# One more than a PIN has, so that one that is too long is not cut to a right one.
MOST_DIGITS = 9

# A leg's status moves to a higher rank only, the first of the highest stays. Any other status,
# such as those of answering machines and recordings, changes nothing.
RANKS: Mapping[str, int] = {
    "started": 1,
    "ringing": 2,
    "answered": 3,
    "completed": 4,
    "busy": 4,
    "cancelled": 4,
    "unanswered": 4,
    "rejected": 4,
    "failed": 4,
    "timeout": 4,
}

# https://developer.vonage.com/en/voice/voice-api/concepts/text-to-speech: the language in which a
# text is read to people in a country; where several are spoken, the one of most of them.
_SPOKEN = {
    "ar": "AE BH DJ DZ EG IQ JO KW LB LY MA MR OM PS QA SA SD SY TN YE",
    "bn-IN": "BD",
    "ca-ES": "AD",
    "cmn-CN": "CN",
    "cmn-TW": "TW",
    "cs-CZ": "CZ",
    "da-DK": "DK FO GL",
    "de-DE": "AT CH DE LI",
    "el-GR": "CY GR",
    "en-AU": "AU NZ",
    "en-GB": "GB GG GI IE IM JE MT",
    "en-IN": "IN",
    "en-US": "AG AI AS BB BM BS CA DM GD GU JM KN KY LC MP MS TC TT US VC VG VI",
    "en-ZA": "ZA",
    "es-ES": "ES",
    "es-MX": "AR BO CL CO CR CU DO EC GT HN MX NI PA PE PY SV UY VE",
    "es-US": "PR",
    "fi-FI": "AX FI",
    "fil-PH": "PH",
    "fr-FR": "BL FR GF GP MC MF MQ PM RE YT",
    "he-IL": "IL",
    "hu-HU": "HU",
    "id-ID": "ID",
    "is-IS": "IS",
    "it-IT": "IT SM VA",
    "ja-JP": "JP",
    "ko-KR": "KR",
    "nb-NO": "NO SJ",
    "nl-NL": "AW BE BQ CW NL SR SX",
    "pl-PL": "PL",
    "pt-BR": "BR",
    "pt-PT": "AO MZ PT",
    "ro-RO": "MD RO",
    "ru-RU": "BY KZ RU",
    "sk-SK": "SK",
    "sv-SE": "SE",
    "th-TH": "TH",
    "tr-TR": "TR",
    "uk-UA": "UA",
    "vi-VN": "VN",
    "yue-CN": "HK MO",
}
LANGUAGES: Mapping[str, str] = {
    country: language for language, countries in _SPOKEN.items() for country in countries.split()
}

# What is kept of an event. Neither the numbers, which stand in all of them, nor keyed digits.
_KEPT = (
    *("timestamp", "start_time", "end_time", "duration", "price", "rate", "network"),
    *("detail", "sub_state", "disconnected_by", "sip_code", "conversation_uuid_to"),
)

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_DIRECTIONS = frozenset({"inbound", "outbound"})


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call that waits to be told what happens, '' for what the provider did not tell.

    id: of the conversation, shared by both legs; leg: of the caller's leg; caller and number (which
    was called): as the provider writes them, ``anonymous`` included; reason: why the fallback is
    asked and not the usual address.
    """

    id: str
    leg: str
    caller: str
    number: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Keyed:
    """What a caller has keyed in: digits (and ``*``), '' for nothing; at: when, in its words."""

    id: str
    digits: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """What happened to one leg of a call.

    direction: ``inbound`` or ``outbound``, '' when it is not told; status: any word, those of
    RANKS say how far the leg is; fields: what else is kept of it.
    """

    id: str
    leg: str
    direction: str
    status: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        """How far a leg of this status is, 0 when the status says nothing of that."""
        return RANKS.get(self.status, 0)


def parse_answer(fields: Mapping[str, Any]) -> IncomingCall:
    """Return the call in a request to the answer URL or to its fallback."""
    leg = _leg(fields)
    return IncomingCall(
        # Without a conversation the leg stands for it: that is all that a repeat can be known by.
        _id(fields.get("conversation_uuid")) or leg,
        leg,
        word(fields.get("from"), MAX_NUMBER_LENGTH),
        word(fields.get("to"), MAX_NUMBER_LENGTH),
        word(fields.get("reason"), MAX_REASON_LENGTH),
    )


def parse_keyed(fields: Mapping[str, Any]) -> Keyed | None:
    """Return what was keyed in after an input action, None for any other request.

    ``dtmf`` is an object today, text in the older webhook.
    """
    if "dtmf" not in fields:
        return None
    entered = fields["dtmf"]
    if isinstance(entered, Mapping):
        entered = entered.get("digits")
    return Keyed(
        _id(fields.get("conversation_uuid")) or _leg(fields),
        word(entered, MAX_WORD_LENGTH).removesuffix("#"),
        word(fields.get("timestamp"), MAX_WORD_LENGTH),
    )


def parse_event(fields: Mapping[str, Any]) -> CallEvent | None:
    """Return the event in a webhook, None when it belongs to no call.

    A transfer has no status but a type; what is wrong with an NCCO comes with a reason alone.
    """
    conversation = fields.get("conversation_uuid") or fields.get("conversation_uuid_from")
    call_id = _id(conversation) or _leg(fields)
    status = word(fields.get("status") or fields.get("type"), MAX_WORD_LENGTH)
    reason = word(fields.get("reason"), MAX_REASON_LENGTH)
    if not call_id or not (status or reason):
        return None
    direction = word(fields.get("direction"), MAX_WORD_LENGTH)
    kept = {name: word(fields.get(name), MAX_WORD_LENGTH) for name in _KEPT} | {"reason": reason}
    return CallEvent(
        call_id,
        _leg(fields),
        direction if direction in _DIRECTIONS else "",
        status or "error",
        {name: value for name, value in kept.items() if value},
    )


def talk(text: str, country: str = "") -> list[Action]:
    """Return the action that reads a text out, none for no text.

    country: ISO 3166, in whose language it is read when the provider speaks that.
    """
    if not text:
        return []
    action: Action = {"action": "talk", "text": text[:MAX_TEXT_LENGTH]}
    language = LANGUAGES.get(country)
    return [action | {"language": language} if language else action]


def connect(
    callee: str, *, caller_id: str, ring_timeout: int, call_limit: int, event_url: str
) -> list[Action]:
    """Return the action that connects a caller.

    callee and caller_id: E.164; ring_timeout and call_limit: seconds; event_url: where the events
    of the leg to the callee go, '' = where those of the application go.
    """
    action: Action = {
        "action": "connect",
        "from": caller_id.removeprefix("+"),
        "timeout": ring_timeout,
        "limit": min(call_limit, MAX_CALL_SECONDS),
        "endpoint": [{"type": "phone", "number": callee.removeprefix("+")}],
    }
    return [action | {"eventUrl": [event_url]} if event_url else action]


def key_in(url: str) -> list[Action]:
    """Return the action that waits for digits and brings them to ``url``."""
    digits = {"maxDigits": MOST_DIGITS, "submitOnHash": True, "timeOut": MOST_INPUT_SECONDS}
    return [{"action": "input", "type": ["dtmf"], "dtmf": digits, "eventUrl": [url]}]


def _id(value: object) -> str:
    """Return an id of the provider's, '' for what is none."""
    text = word(value, MAX_WORD_LENGTH + 1)
    return text if _ID.fullmatch(text) else ""


def _leg(fields: Mapping[str, Any]) -> str:
    """Return the id of a leg, which comes with and without dashes."""
    return _id(fields.get("uuid") or fields.get("call_uuid")).replace("-", "").lower()
