"""What came in a form that nobody can use, as it may be kept: without secrets, and not too long."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote_plus

import ujson

from gateway.providers import forms

# Bytes of UTF-8: more than a text of ten parts with all that comes around it.
LONGEST = 4_096
# What is looked at: numbers and secrets stand within it, or are cut off.
LOOKED_AT = 4 * LONGEST
GONE = "***"
# So many digits tell a person from others, with his country's code or without.
TELLING = 9

# A signature lets its secret be guessed at leisure. In a query or form, in JSON, in XML, and in a
# multipart form; what was cut off has no end.
_SECRET_FIELDS = re.compile(
    r"(?P<begin>(?:^|[?&])(?:sig|secret)="
    r'|"(?:sig|secret)"\s*:\s*"'
    r"|<(?:sig|secret)>"
    r'|name="(?:sig|secret)"(?:\r?\n[^\r\n]{1,200}+){0,4}+\r?\n\r?\n)'
    r'[^&"<\r\n]*',
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\s().\u00a0\u2010-\u2015/-]+")


def kept(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Return at most LONGEST bytes of a body as text; secrets: texts that must not stand in it."""
    text = forms.as_text(body[:LOOKED_AT])
    for secret in secrets:
        for written in _spellings(secret):
            text = text.replace(written, GONE)
    text = _SECRET_FIELDS.sub(rf"\g<begin>{GONE}", text)
    return text.encode()[:LONGEST].decode(errors="ignore")


def names(text: str, digits: str) -> bool:
    """Tell whether a kept body names a number, however its digits are set apart or encoded."""
    return digits[-TELLING:] in _SEPARATORS.sub("", unquote_plus(text))


def _spellings(secret: str) -> set[str]:
    """Return a secret as it may stand in a form, in JSON and in XML."""
    as_json = ujson.dumps(secret, escape_forward_slashes=False)[1:-1]
    as_xml = {html.escape(secret), html.escape(secret, quote=False)}
    return {secret, quote(secret, safe=""), quote_plus(secret), as_json, *as_xml} - {""}
