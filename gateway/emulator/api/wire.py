"""Request bodies and queries as plain parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import parse_qsl

from tornado.httputil import HTTPServerRequest

from gateway.errors import BadRequest, PayloadTooLarge

# The longest text takes 3200 characters, 12 bytes each in a percent-encoded form.
MAX_BODY_BYTES = 65_536
MAX_FIELDS = 100


def read_params(request: HTTPServerRequest) -> dict[str, str]:
    """Return the parameters of query and form; the form wins.

    Raises BadRequest for another body, PayloadTooLarge above MAX_BODY_BYTES.
    """
    params = _form(request.query.encode("latin-1"))
    if request.body:
        params.update(_body(request))
    return params


def read_object(body: bytes) -> dict[str, object]:
    """Return the JSON object in ``body``; raises BadRequest or PayloadTooLarge."""
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes")
    try:
        value = json.loads(body.decode())
        json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object")
    return value


def _body(request: HTTPServerRequest) -> dict[str, str]:
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type in {"", "application/x-www-form-urlencoded"}:
        return _form(request.body)
    raise BadRequest("the body must be a form")


def _form(encoded: bytes) -> dict[str, str]:
    if len(encoded) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"the parameters are larger than {MAX_BODY_BYTES} bytes")
    try:
        pairs = parse_qsl(
            encoded.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise BadRequest(f"the parameters are not UTF-8, or more than {MAX_FIELDS}") from None
    return _unique(pairs)


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    params: dict[str, str] = {}
    for name, value in pairs:
        if name in params:
            raise BadRequest(f"{name}: given more than once", field=name)
        params[name] = value
    return params
