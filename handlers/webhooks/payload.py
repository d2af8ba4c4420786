"""What a webhook carries, in whichever of its three forms: query, form or JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tornado.httputil import HTTPServerRequest

from gateway.providers import forms


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of a webhook: flat parameters, and the JSON object behind them if it was one.

    Texts may hold half a character, whose other half comes with the next part of a long text.
    repeated: a name came twice; then the last value stands and no signature can be checked.
    readable: False for a body that is neither JSON object nor form.
    """

    params: dict[str, str]
    document: dict[str, Any]
    repeated: bool = False
    readable: bool = True

    @property
    def empty(self) -> bool:
        """Whether nothing came."""
        return self.readable and not self.params and not self.document


# No signature of parameters can be checked.
UNREADABLE = Payload({}, {}, repeated=True, readable=False)


def read(request: HTTPServerRequest, content_type: str) -> Payload:
    """Return the parameters of the query of a GET, of the body of anything else.

    A POST without a body may carry them in its query. The two are never mixed, since a signature
    covers one of them.
    """
    body = forms.as_utf8(request.body).strip(b" \t\r\n\0")
    if request.method == "GET" or not body:
        return _flat(request.query_arguments)
    if forms.is_json(body):
        return _json(body)
    form = forms.read_form(body, content_type)
    return UNREADABLE if form is None else _flat(form)


def _flat(arguments: Mapping[str, Sequence[bytes]]) -> Payload:
    params = {name: forms.decoded(values[-1]) for name, values in arguments.items()}
    return Payload(params, {}, any(len(values) > 1 for values in arguments.values()))


def _json(body: bytes) -> Payload:
    """Return a JSON object; numbers stay as they were written, for they may be signed."""
    repeated = False

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) < len(pairs)
        return found

    try:
        document = json.loads(
            forms.decoded(body),
            strict=False,  # control characters may stand in texts as they are
            parse_int=str,
            parse_float=str,
            parse_constant=str,
            object_pairs_hook=unique,
        )
    except (ValueError, RecursionError):
        return UNREADABLE
    if not isinstance(document, dict):
        return UNREADABLE
    params = {name: _text(value) for name, value in document.items() if _is_scalar(value)}
    return Payload(params, document, repeated)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | bool)


def _text(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or ""
