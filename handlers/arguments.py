"""Arguments of a request as text, exactly as they were sent: query, form body or JSON object."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from tornado.httputil import HTTPServerRequest

from gateway.errors import BadRequest
from gateway.providers import forms

# https://262.ecma-international.org/#prod-ReservedWord
_RESERVED = frozenset(
    "await break case catch class const continue debugger default delete do else enum export "
    "extends false finally for function if import in instanceof new null return super switch "
    "this throw true try typeof var void while with yield let static implements interface "
    "package private protected public".split()
)
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*", re.ASCII)
_MAX_CALLBACK = 64
# JSON can write half a surrogate pair, which is no character and cannot be encoded.
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class InvalidCallback(BadRequest):
    """The JSONP function's name is no JavaScript identifier."""

    code = "callback_invalid"


def read(
    request: HTTPServerRequest, content_type: str, flags: Collection[str] = ()
) -> dict[str, str]:
    """Return the arguments of query and body by name; flags: those that JSON may say as booleans.

    Raises BadRequest for a name that comes twice, invalid UTF-8, a body that is neither a form nor
    a JSON object, and a JSON value that is neither text nor number.
    """
    found: dict[str, str] = {}
    for name, values in request.query_arguments.items():
        _add(found, name, values)
    if request.method == "GET" or not request.body:
        return found
    form = body_form(request, content_type)
    for name, values in (form or {}).items():
        _add(found, name, values)
    for name, value in (json_object(request) if form is None else {}).items():
        if isinstance(value, bool) and name in flags:
            _add(found, name, [str(value).lower()])
        elif value is not None:
            _add(found, name, [_text(name, value)])
    return found


def body_form(request: HTTPServerRequest, content_type: str) -> forms.Form | None:
    """Return the values of the form in the body by name, None for a body that is none."""
    body = forms.as_utf8(request.body)
    return None if forms.is_json(body) else forms.read_form(body, content_type)


def json_object(request: HTTPServerRequest) -> dict[str, Any]:
    """Return the JSON object in the body, {} for no body; raises BadRequest for anything else."""
    if not request.body:
        return {}
    try:
        document = json.loads(
            forms.as_utf8(request.body).decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError:
        raise BadRequest("the body is not valid UTF-8") from None
    except (ValueError, RecursionError):
        raise BadRequest("the body is not valid JSON") from None
    if not isinstance(document, dict):
        raise BadRequest("the body must be a JSON object")
    return document


def jsonp_callback(request: HTTPServerRequest) -> str:
    """Return the JSONP function's name, a dotted ASCII identifier of at most 64 characters.

    Raises InvalidCallback for anything else; the name is not trimmed.
    """
    values = request.query_arguments["callback"]
    name = values[0].decode("ascii", "replace")
    if len(values) > 1 or not _is_identifier(name):
        raise InvalidCallback
    return name


@lru_cache(maxsize=1024)
def _is_identifier(name: str) -> bool:
    if len(name) > _MAX_CALLBACK or not _CALLBACK.fullmatch(name):
        return False
    return name.partition(".")[0] not in _RESERVED  # behind a dot they are names like others


def _add(found: dict[str, str], name: str, values: list[bytes] | list[str]) -> None:
    if len(values) > 1 or name in found:
        raise BadRequest(f"{_printable(name)}: given more than once")
    value = values[0]
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest(f"{_printable(name)}: not valid UTF-8") from None
    found[name] = value


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        if not LONE_SURROGATE.search(value):
            return value
        raise BadRequest(f"{_printable(name)}: not valid Unicode")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadRequest(f"{_printable(name)}: must be text")


def _printable(name: str) -> str:
    """Return a name of the caller's as it may stand in an answer."""
    return re.sub(r"[^\w.-]", "?", name, flags=re.ASCII)[:40]


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise BadRequest("the body names a field more than once")
    return document


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")
