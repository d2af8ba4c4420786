"""Bodies of requests, read by what they are: senders name the wrong content type, or none.

https://url.spec.whatwg.org/#urlencoded-parsing
https://www.rfc-editor.org/rfc/rfc7578
https://html.spec.whatwg.org/#text/plain-encoding-algorithm
"""

from __future__ import annotations

import codecs
import json
import re

from tornado import httputil
from tornado.escape import parse_qs_bytes

from gateway.store.values import well_formed

Form = dict[str, list[bytes]]

# What has more is no form of anybody's, and would take long.
MOST_FIELDS = 1_000

# A complete character of several octets: where one is, the text is UTF-8.
_MULTIBYTE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_CUT_CHARACTER = re.compile(rb"(?:[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")
# Where Windows-1252 differs from ISO-8859-1; to five octets it gives no meaning.
_WINDOWS_1252 = {
    octet: char
    for octet in range(0x80, 0xA0)
    if (char := bytes([octet]).decode("cp1252", "ignore"))
}
# The first line of a multipart body, and the beginning of the first header after it.
_MULTIPART = re.compile(rb"--([^\r\n]{1,200}?)[ \t]*\r?\ncontent-", re.IGNORECASE)
# A form begins with a name; neither prose, markup nor a JSON text does.
_FIRST_NAME = re.compile(rb"[^\s=&\"<>]*[=&]")
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)


def as_utf8(body: bytes) -> bytes:
    """Return a body in UTF-8 without a byte order mark; it may have come in UTF-16 or UTF-32.

    Without a mark its zero octets tell (https://www.rfc-editor.org/rfc/rfc4627#section-3).
    """
    encoding = json.detect_encoding(body)
    if encoding == "utf-8":
        return body
    if encoding == "utf-8-sig":
        return body.removeprefix(codecs.BOM_UTF8)
    return body.decode(encoding, "replace").encode()


def decoded(octets: bytes) -> str:
    """Return a text in UTF-8, or in Windows-1252 where it is no UTF-8.

    Halves of a character that were encoded one by one (CESU-8) stay halves; wrong octets in UTF-8
    become U+FFFD.
    """
    try:
        return octets.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        if _MULTIBYTE.search(octets) or _CUT_CHARACTER.search(octets):
            return octets.decode("utf-8", "replace")
    return octets.decode("latin1").translate(_WINDOWS_1252)


def as_text(body: bytes) -> str:
    """Return a body as text that can be stored and shown."""
    return well_formed(decoded(as_utf8(body)))


def is_json(body: bytes) -> bool:
    """Tell whether a body in UTF-8 is a JSON object or list, be it a broken one."""
    return body.lstrip()[:1] in {b"{", b"["}


def read_form(body: bytes, content_type: str) -> Form | None:
    """Return the values of a form in UTF-8 by name, None for a body that is none.

    The content type decides only what cannot be told from the body: a form in ``text/plain``.
    """
    content = body.strip(b"\r\n\0")
    boundary = _boundary(content, content_type)
    if boundary:
        return _multipart(content, boundary)
    if b"=" not in content or not _FIRST_NAME.match(content):
        return None
    if content_type.strip().lower().startswith("text/plain") and b"\n" in body:
        return _lines(content) or None
    try:
        return parse_qs_bytes(content, keep_blank_values=True, max_num_fields=MOST_FIELDS) or None
    except ValueError:
        return None


def _boundary(content: bytes, content_type: str) -> bytes:
    """Return the boundary of a multipart body, b"" for any other body."""
    first = _MULTIPART.match(content)
    said = _BOUNDARY.search(content_type)
    boundary = said[1].strip().encode() if said else b""
    if first:
        return first[1]
    return boundary if boundary and b"--" + boundary in content else b""


def _multipart(content: bytes, boundary: bytes) -> Form | None:
    found: Form = {}
    begin = content.index(b"--" + boundary)  # a preamble may stand before it
    try:
        httputil.parse_multipart_form_data(boundary, content[begin:], found, {})
    except (httputil.HTTPInputError, ValueError):
        return None
    return found or None  # files alone are no fields


def _lines(content: bytes) -> Form:
    """Return the values of a form that a browser sends as ``text/plain``: nothing is encoded."""
    found: Form = {}
    for line in content.splitlines():
        name, equals, value = line.partition(b"=")
        if equals:
            found.setdefault(decoded(name), []).append(value)
    return found
