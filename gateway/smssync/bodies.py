"""The two ways in which SMSsync phones send parameters: in a query and in a body of any kind."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from gateway.providers import forms
from gateway.store.values import well_formed

# A post has seven; versions 3.0.0 to 3.0.3 send those of all earlier SMS before them.
MAX_FIELDS = 100
# Bytes of a broken post that are looked at: far more than those of one SMS.
LONGEST_CUT = 64 * 1024

# https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# References by number; those in a CDATA section are none.
_REFERENCE = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|&#(?:x(?P<hex>[0-9a-f]{1,8})|(?P<number>[0-9]{1,10}));",
    re.DOTALL | re.IGNORECASE,
)
_LAST_CHARACTER = 0x10FFFF


def query(raw: str) -> dict[str, str]:
    """Return the parameters in a raw query string by name, with every ``?`` read as ``&``.

    The app appends ``?task=…`` to the address as its owner typed it, which may have a query of
    its own, and version 3 appends what alerts and tests have left behind after one more ``?``.
    The first value of a name wins, because these leftovers repeat names and come last. A ``?``
    in a value is always ``%3F``.
    """
    pieces = raw.encode("utf-8", "replace").replace(b"?", b"&").split(b"&", MAX_FIELDS)[:MAX_FIELDS]
    return dict(reversed(_decoded(pieces)))


def fields(body: bytes, content_type: str) -> dict[str, str] | None:
    """Return the fields of a post by name, {} for an empty body, None for one of no use.

    The body is looked at, since versions send XML as JSON and forms as YAML. The last value of a
    name wins: 3.0.0 to 3.0.3 put the current SMS behind all earlier ones. JSON's null, lists and
    objects become ''.
    """
    content = forms.as_utf8(body).lstrip()
    if not content:
        return {}
    if content.startswith(b"<"):
        return _xml_fields(content)
    if content.startswith(b"{"):
        document = json_value(forms.decoded(content))
        words = document.items() if isinstance(document, dict) else None
        return None if words is None else {name: word(value) for name, value in words}
    if content.startswith(b"--"):
        return _multipart_fields(content, content_type)
    # Only the last pieces are split off, however many there are.
    pieces = content.rsplit(b"&", MAX_FIELDS)[-MAX_FIELDS:]
    return dict(_decoded(pieces)) or None


def said(body: bytes, name: str) -> str | None:
    """Return the text of a field in a body that was cut off or is broken, None without it.

    None of a document with a DTD, which no phone writes.
    """
    called = re.escape(name)
    text = forms.decoded(forms.as_utf8(body[:LONGEST_CUT]))
    found = (
        None
        if "<!DOCTYPE" in text
        else re.search(
            rf'"{called}"\s*:\s*(?P<json>"(?:[^"\\]|\\.)*")'
            rf"|<{called}>(?P<xml>[^<]*)</"
            rf'|name="{called}"(?:\r?\n[^\r\n]{{1,200}}+){{0,4}}+\r?\n\r?\n(?P<part>[^\r\n]*)\r?\n',
            text,
        )
    )
    if found is None:
        return None
    if found["json"]:
        return word(json_value(found["json"]))
    return found["part"] if found["xml"] is None else html.unescape(found["xml"])


def _decoded(pieces: Iterable[bytes]) -> list[tuple[str, str]]:
    split = [piece.split(b"=", 1) for piece in pieces if b"=" in piece]
    return [(_unquoted(name), _unquoted(value)) for name, value in split]


def _unquoted(octets: bytes) -> str:
    """Return form text decoded."""
    return well_formed(forms.decoded(unquote_to_bytes(octets.replace(b"+", b" "))))


def _xml_fields(content: bytes) -> dict[str, str] | None:
    """Return the texts of the root's children; documents with a DTD are of no use.

    Old Androids write a character beyond U+FFFF as two references, one for each half, and control
    characters, which XML has none of, by number or as they are: those are dropped.
    """
    elements = _Elements()
    text = _REFERENCE.sub(_referenced, forms.decoded(content))
    try:
        elements.parser.Parse(_NOT_XML.sub("", well_formed(text)), True)
    except (expat.ExpatError, ValueError):
        return None
    return elements.found


def _referenced(found: re.Match[str]) -> str:
    """Return half a character for its reference, nothing for that of no character, others as is."""
    if not (found["hex"] or found["number"]):
        return found[0]
    code = int(found["hex"], 16) if found["hex"] else int(found["number"])
    if 0xD800 <= code <= 0xDFFF:
        return chr(code)
    return found[0] if code <= _LAST_CHARACTER and not _NOT_XML.match(chr(code)) else ""


class _Elements:
    """Collects the texts of the root's children.

    Text is given to the parser, so that it ignores the encoding which the document declares.
    """

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._depth = 0
        self._text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.CharacterDataHandler = self._characters
        self.parser.EndElementHandler = self._end
        # Entities, which could grow without bounds or name files, are declared in a DTD only.
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.EntityDeclHandler = _refuse
        self.parser.ExternalEntityRefHandler = _refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1

    def _characters(self, text: str) -> None:
        if self._depth == 2:
            self._text.append(text)

    def _end(self, name: str) -> None:
        if self._depth == 2:
            self.found[name] = "".join(self._text)
            self._text.clear()
        self._depth -= 1


def _refuse(*_: object) -> NoReturn:
    raise ValueError("a document type declaration")


def _multipart_fields(body: bytes, content_type: str) -> dict[str, str] | None:
    found = forms.read_form(body, content_type)
    if found is None:
        return None
    return {name: well_formed(forms.decoded(values[-1])) for name, values in found.items()}


# Numbers stay as they are written: they are ids and codes here. Gson and org.json write control
# characters into texts unescaped.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)
# As printed in the example on the project's page for developers.
_MISSING_COMMA = re.compile(r'"(\s+)(?="[a-z_]+"\s*:)')


def json_value(text: str) -> Any:
    """Return what ``text`` is as JSON, with numbers as text; None when it is not JSON."""
    with suppress(ValueError, RecursionError):
        return _DECODER.decode(text)
    with suppress(ValueError, RecursionError):
        return _DECODER.decode(_MISSING_COMMA.sub(r'",\1', text))
    return None


def word(value: object) -> str:
    """Return a text, number or boolean of JSON as text, '' for everything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return ""
    return well_formed(value)
