"""The bodies of incoming SMS and alerts, byte for byte as the app's libraries write them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from gateway.emulator.smssync.world.exchange import Body
from gateway.emulator.smssync.world.traits import YAML, Traits

XML_HEAD = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>"


def encode_value(text: str, space: str = "+") -> str:
    """Return ``text`` as java.net.URLEncoder writes it; space: ``+`` or, with OkHttp 3, ``%20``.

    https://docs.oracle.com/javase/8/docs/api/java/net/URLEncoder.html
    """
    return quote(text, safe="*").replace("~", "%7E").replace("%20", space)


def query(pairs: Sequence[tuple[str, str]], space: str = "+") -> str:
    """Return the pairs joined as a query or form."""
    return "&".join(
        f"{encode_value(name, space)}={encode_value(value, space)}" for name, value in pairs
    )


def android_json(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a flat object as org.json.JSONObject of Android prints it; the last of a name wins.

    It writes a slash as ``\\/`` and leaves every other printable character as it is.
    """
    text = json.dumps(dict(pairs), ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/")


def gson_json(value: object) -> str:
    """Return ``value`` as Gson prints it: compact, with the characters of HTML escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(f"\\u{ord(char):04x}" if char in "<>&='" else char for char in text)


def form(pairs: Sequence[tuple[str, str]], traits: Traits) -> Body:
    """Return the pairs as a url-encoded form."""
    return Body(query(pairs, traits.space).encode(), traits.form_type)


def encode(pairs: Sequence[tuple[str, str]], data_format: str, traits: Traits) -> Body:
    """Return the pairs in one of the app's formats, with the Content-Type that it really sends."""
    match data_format:
        case "json":
            return Body(android_json(pairs).encode(), traits.json_type)
        case "xml":
            return Body(_xml(pairs).encode(), traits.xml_type)
        case "yaml":
            # The format was never written: the body stays a form.
            return Body(form(pairs, traits).content, YAML)
        case "multipart":
            return _multipart(pairs)
    return form(pairs, traits)


def _xml(pairs: Sequence[tuple[str, str]]) -> str:
    elements = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in pairs)
    return f"{XML_HEAD}<payload>{elements}</payload>"


def _multipart(pairs: Sequence[tuple[str, str]]) -> Body:
    boundary = f"------------------------{uuid.uuid4().hex[:16]}"
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    )
    content = f"{parts}--{boundary}--\r\n".encode()
    return Body(content, f"multipart/form-data; boundary={boundary}")
