"""The rules of a send request: which parameters the SMS API takes and what a handset shows of them.

https://developer.vonage.com/en/api/sms
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.emulator.account.refusals import RefusedError
from gateway.telephony import segments

MAX_TEXT_CHARACTERS = 3200
MAX_CALLBACK_CHARACTERS = 100
MAX_CLIENT_REF_CHARACTERS = 100
MAX_SENDER_DIGITS = 15

_RECIPIENT = re.compile(r"[0-9]{7,15}")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

# Parameter → lowest and highest value; ttl is in milliseconds.
_RANGES = {
    "ttl": (20_000, 604_800_000),
    "message-class": (0, 3),
    "protocol-id": (0, 255),
}

# A plausible MCC and MNC for some country codes, longest first; estimates in reality, too.
_NETWORKS = {"49": "26201", "61": "50501", "44": "23410", "33": "20801", "1": "310004"}


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that passed every rule. text: as the handset shows it; parts: how many SMS."""

    to: str
    sender: str
    text: str
    asked_text: str
    type: str
    encoding: str
    parts: int
    client_ref: str
    callback: str
    wants_receipt: bool


def parse(params: Mapping[str, str]) -> Submission:
    """Return what the parameters ask for; raises RefusedError as the API refuses it."""
    kind = params.get("type") or "text"
    _check_present(params)
    _check_recipient(params["to"])
    _check_sender(params["from"], params["to"])
    _check_options(params)
    _check_callback(params.get("callback", ""))
    shown, encoding, parts = _content(kind, params["text"])
    return Submission(
        to=params["to"],
        sender=params["from"],
        text=shown,
        asked_text=params["text"],
        type=kind,
        encoding=encoding,
        parts=parts,
        client_ref=params.get("client-ref", ""),
        callback=params.get("callback", ""),
        wants_receipt=_FLAGS.get(params.get("status-report-req", "").lower() or "1", True),
    )


def network(to: str) -> str:
    """Return the made-up MCCMNC of a number."""
    return next((code for prefix, code in _NETWORKS.items() if to.startswith(prefix)), "90101")


def _check_present(params: Mapping[str, str]) -> None:
    for name in ("from", "to", "text"):
        if not params.get(name):
            raise RefusedError("2", f"Missing {name} param")


def _check_recipient(to: str) -> None:
    if not _RECIPIENT.fullmatch(to):
        raise RefusedError("3", "Invalid to param")
    # No country code begins with 0, so this is a national number or one dialled with 00.
    if to.startswith("0"):
        raise RefusedError("6")


def _check_sender(sender: str, to: str) -> None:
    digits = sender.replace(" ", "")
    numeric = digits.isascii() and digits.isdigit()
    if numeric and len(digits) > MAX_SENDER_DIGITS:
        raise RefusedError("15")
    if to.startswith("1") and not numeric:
        raise RefusedError("15")


def _check_options(params: Mapping[str, str]) -> None:
    for name, (lowest, highest) in _RANGES.items():
        value = params.get(name)
        if value and not (_is_number(value) and lowest <= int(value) <= highest):
            raise RefusedError("3", f"Invalid {name} param")
    if len(params.get("client-ref", "")) > MAX_CLIENT_REF_CHARACTERS:
        raise RefusedError("3", "Invalid client-ref param")
    if params.get("status-report-req", "").lower() not in {"", *_FLAGS}:
        raise RefusedError("3", "Invalid status-report-req param")


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 12


def _check_callback(callback: str) -> None:
    if not callback:
        return
    if len(callback) > MAX_CALLBACK_CHARACTERS:
        raise RefusedError("23", "Bad callback :: Too Long")
    if not _SCHEME.match(callback):
        raise RefusedError("23", "Bad callback :: Missing Protocol")
    if not callback.isascii() or not callback.isprintable() or " " in callback:
        raise RefusedError("23", "Bad callback :: Illegal Characters")


def _content(kind: str, text: str) -> tuple[str, str, int]:
    encode = _ENCODERS.get(kind)
    if encode is None:
        raise RefusedError("3", "Invalid type param")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise RefusedError("12")
    return encode(text)


def _plain(text: str) -> tuple[str, str, int]:
    # The API does not detect the alphabet: what GSM-7 lacks arrives as a question mark.
    shown = "".join(each if segments.is_gsm7(each) else "?" for each in text)
    return shown, "gsm7", segments.count(shown).parts


def _unicode(text: str) -> tuple[str, str, int]:
    widths = [1 if ord(each) < 0x10000 else 2 for each in text]
    return text, "ucs2", 1 if sum(widths) <= 70 else _packed(widths, 67)


def _packed(widths: list[int], room: int) -> int:
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts


_ENCODERS: Mapping[str, Callable[[str], tuple[str, str, int]]] = {
    "text": _plain,
    "unicode": _unicode,
}
