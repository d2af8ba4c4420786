"""Webhooks of the SMS API and of Messages as networks, phones and proxies spoil them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from tornado.httputil import HTTPServerRequest, RequestStartLine

from gateway.providers.base import Receipt
from gateway.providers.vonage import webhooks
from handlers.webhooks import payload

FORM, JSON, TEXT = "application/x-www-form-urlencoded", "application/json", "text/plain"
MO = {"msisdn": "12065550121", "to": "12065550151", "messageId": "0A01", "text": "Grüße 😀"}
SAID = "Grüße 😀"
V0_1 = {
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": {"type": "sms", "number": "12065550150"},
    "from": {"type": "sms", "number": "12065550121"},
    "timestamp": "2026-01-01T14:00:00.000Z",
}
V0_1_TEXT = V0_1 | {"message": {"content": {"type": "text", "text": SAID}}}
V0_1_STATUS = V0_1 | {"status": "rejected", "error": {"code": 1300, "reason": "x"}}
V1 = {"message_uuid": "bbbb", "from": "12065550121", "to": "12065550150", "channel": "mms"}
PICTURE = V1 | {"message_type": "image", "image": {"url": "https://example.com/1", "caption": SAID}}


@dataclass(frozen=True, slots=True)
class Case:
    """A body, the content type that came with it, and what it says: a text, a state, a reason."""

    kind: str
    label: str
    body: bytes
    content_type: str
    said: str


def _form(encoding: str = "utf-8") -> bytes:
    return urlencode(MO | {"text": "Grüße"}, encoding=encoding).encode()


def _json(document: object = MO) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _multipart() -> bytes:
    head = "--b\r\nContent-Disposition: form-data; name="
    parts = "".join(f'{head}"{name}"\r\n\r\n{value}\r\n' for name, value in MO.items())
    return f"{parts}--b--\r\n".encode()


CASES = [
    Case("byte order marks", "JSON in UTF-8", b"\xef\xbb\xbf" + _json(), JSON, SAID),
    Case("byte order marks", "JSON in UTF-16", _json().decode().encode("utf-16"), JSON, SAID),
    Case("byte order marks", "JSON in UTF-32", _json().decode().encode("utf-32"), JSON, SAID),
    Case("byte order marks", "a form", b"\xef\xbb\xbf" + _form(), FORM, "Grüße"),
    Case("content types", "a form called JSON", _form(), JSON, "Grüße"),
    Case("content types", "a form called text", _form(), TEXT, "Grüße"),
    Case("content types", "a form called nothing", _form(), "", "Grüße"),
    Case("content types", "a form called multipart", _form(), "multipart/form-data", "Grüße"),
    Case("content types", "JSON called a form", _json(), FORM, SAID),
    Case("content types", "JSON called nothing", _json(), "", SAID),
    Case("content types", "multipart called a form", _multipart(), FORM, SAID),
    Case("content types", "multipart without a boundary", _multipart(), "multipart/mixed", SAID),
    Case("alphabets", "a form in ISO-8859-1", _form("latin1"), FORM, "Grüße"),
    Case("alphabets", "JSON in ISO-8859-1", _json(MO | {"text": "Grüße"}).decode().encode("latin1"),
         JSON, "Grüße"),
    Case("halves", "an emoji as two", b"to=1&messageId=a&text=%ED%A0%BD%ED%B8%80", FORM, "😀"),
    Case("halves", "half an emoji", b'{"to":"1","messageId":"a","text":"\\ud83d"}', JSON, "\ufffd"),
    Case("halves", "NUL and line end in JSON", b'{"to":"1","messageId":"a","text":"a\nb"}\0', JSON,
         "a\nb"),
    Case("shapes", "Messages v0.1", _json(V0_1_TEXT), JSON, SAID),
    Case("shapes", "Messages v0.1, a status", _json(V0_1_STATUS), JSON, "rejected 1300"),
    Case("shapes", "a picture", _json(PICTURE), JSON, f"{SAID} https://example.com/1"),
    Case("shapes", "the text by another name", b"msisdn=1&to=2&body=Hi", FORM, "unusable"),
    Case("shapes", "a reaction", _json(V1 | {"message_type": "reaction"}), JSON, "unusable"),
    Case("cut off", "JSON", _json()[:-1], JSON, "unreadable"),
    Case("cut off", "multipart", _multipart()[:-5], FORM, "unreadable"),
    Case("cut off", "a form before its text", _form()[:40], FORM, "unusable"),
    Case("cut off", "a receipt in its status", b"to=1&messageId=a&status=deli", FORM, "unusable"),
    Case("cut off", "a status that nobody knows", b"to=1&messageId=a&status=seen", FORM, "ignored"),
    Case("junk", "a word", b"hello", TEXT, "unreadable"),
    Case("junk", "a list", b"[]", JSON, "unreadable"),
    Case("junk", "XML", b"<mo text='hello'/>", "application/xml", "unreadable"),
]  # fmt: skip


def said(case: Case) -> str:
    """Return what a webhook says, or the reason for which it is kept or ignored."""
    line = RequestStartLine("POST", "/inbound/", "HTTP/1.0")
    request = HTTPServerRequest(start_line=line, body=case.body)
    came = payload.read(request, case.content_type)
    if not came.readable:
        return "unreadable"
    found = webhooks.parse(came.params, came.document)
    if isinstance(found, Receipt):
        return f"{found.state} {found.error_code}".strip()
    if found is None:
        return "ignored" if webhooks.is_report(came.document or came.params) else "unusable"
    return " ".join([found.text, *found.media])
