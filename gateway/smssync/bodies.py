"""The two ways in which SMSsync phones send parameters: in a query and in a body of any kind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import unquote_plus
from xml.parsers import expat

from tornado import httputil

from gateway.store.values import well_formed

# A post has seven; versions 3.0.0 to 3.0.3 send those of all earlier SMS before them.
MAX_FIELDS = 100

BOM = b"\xef\xbb\xbf"
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)
# https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def query(raw: str) -> dict[str, str]:
    """Return the parameters in a raw query string by name, with every ``?`` read as ``&``.

    The app appends ``?task=…`` to the address as its owner typed it, which may have a query of
    its own, and version 3 appends what alerts and tests have left behind after one more ``?``.
    The first value of a name wins, because these leftovers repeat names and come last. A ``?``
    in a value is always ``%3F``.
    """
    pieces = raw.replace("?", "&").split("&", MAX_FIELDS)[:MAX_FIELDS]
    return dict(reversed(_decoded(pieces)))


def fields(body: bytes, content_type: str) -> dict[str, str] | None:
    """Return the fields of a post by name, {} for an empty body, None for one of no use.

    The body is looked at, since versions send XML as JSON and forms as YAML. It is read as
    UTF-8, wrong bytes as U+FFFD. The last value of a name wins: 3.0.0 to 3.0.3 put the current
    SMS behind all earlier ones. JSON's null, lists and objects become ''.
    """
    content = body.removeprefix(BOM).lstrip()
    if not content:
        return {}
    if content.startswith(b"<"):
        return _xml_fields(content)
    if content.startswith(b"{"):
        document = json_value(content.decode("utf-8", "replace"))
        words = document.items() if isinstance(document, dict) else None
        return None if words is None else {name: word(value) for name, value in words}
    if content_type.strip().lower().startswith("multipart/"):
        return _multipart_fields(body, content_type)
    # Only the last pieces are split off, however many there are.
    pieces = content.decode("utf-8", "replace").rsplit("&", MAX_FIELDS)[-MAX_FIELDS:]
    return dict(_decoded(pieces)) or None


def _decoded(pieces: Iterable[str]) -> list[tuple[str, str]]:
    split = [piece.split("=", 1) for piece in pieces if "=" in piece]
    return [(_unquoted(name), _unquoted(value)) for name, value in split]


def _unquoted(text: str) -> str:
    """Return form text decoded; most names and many values have nothing to decode."""
    return unquote_plus(text) if "%" in text or "+" in text else text


def _xml_fields(content: bytes) -> dict[str, str] | None:
    """Return the texts of the root's children; documents with a DTD are of no use."""
    elements = _Elements()
    text = _NOT_XML.sub("\ufffd", content.decode("utf-8", "replace"))
    try:
        elements.parser.Parse(text, True)
    except (expat.ExpatError, ValueError):
        return None
    return elements.found


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
    boundary = _BOUNDARY.search(content_type)
    found: dict[str, list[bytes]] = {}
    kind = f"multipart/form-data; boundary={boundary[1].strip() if boundary else ''}"
    try:
        httputil.parse_body_arguments(kind, body, found, {})
    except httputil.HTTPInputError:
        return None
    return {name: values[-1].decode("utf-8", "replace") for name, values in found.items()}


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
