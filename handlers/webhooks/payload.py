"""What a webhook carries, in whichever of its three forms: query, form or JSON object."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tornado.httputil import HTTPServerRequest

from gateway.store.values import well_formed


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of a webhook: flat parameters, and the JSON object behind them if it was one.

    repeated: a name came twice; then the last value stands and no signature can be checked.
    """

    params: dict[str, str]
    document: dict[str, Any]
    repeated: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing came."""
        return not self.params and not self.document


# Of no use, and no signature can be checked.
UNREADABLE = Payload({}, {}, repeated=True)


def read(request: HTTPServerRequest) -> Payload:
    """Return the parameters of the query of a GET, of the body of anything else.

    A POST without a body may carry them in its query. The two are never mixed, since a signature
    covers one of them.
    """
    body = request.body.removeprefix(codecs.BOM_UTF8).strip()
    if request.method == "GET" or not body:
        return _flat(request.query_arguments)
    return _json(body) if body.startswith(b"{") else _flat(request.body_arguments)


def _flat(arguments: Mapping[str, Sequence[bytes]]) -> Payload:
    params = {name: values[-1].decode("utf-8", "replace") for name, values in arguments.items()}
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
            body.decode("utf-8", "replace"),
            parse_int=str,
            parse_float=str,
            parse_constant=str,
            object_pairs_hook=unique,
        )
    except (ValueError, RecursionError):
        return UNREADABLE
    params = {name: _text(value) for name, value in document.items() if _is_scalar(value)}
    return Payload(params, document, repeated)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | bool)


def _text(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return well_formed(value or "")
