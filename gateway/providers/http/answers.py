"""What an answer of a provider says, and why there is none; clean JSON fields."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import ujson

from gateway.providers.base import Obstacle, Outcome, SubmitResult
from gateway.store.values import well_formed


def word(value: object, longest: int) -> str:
    """Return the beginning of a scalar as text that can be stored, '' for everything else."""
    return (scalar(value) or "")[:longest]


# What the machine in front of a provider's own says by its status alone. 502 and 504: behind it a
# request may have been processed all the same. https://www.rfc-editor.org/rfc/rfc9110#section-15.6
OBSTACLES: Mapping[int, Obstacle] = {
    401: Obstacle.ACCOUNT,
    402: Obstacle.ACCOUNT,
    403: Obstacle.ACCOUNT,
    429: Obstacle.TURNED_AWAY,
    502: Obstacle.EDGE,
    503: Obstacle.TURNED_AWAY,
    504: Obstacle.EDGE,
}
# However long the provider wants to be left alone, it is asked again after an hour.
LONGEST_WAIT_SECONDS = 3600.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

# More digits than any number in a webhook has; Python refuses to write out very large ones.
_LARGEST_NUMBER = 10**30


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; ``retry_after`` is that header, '' without it."""

    status: int
    body: bytes
    retry_after: str = ""


def unanswered(obstacle: Obstacle, code: str, text: str) -> SubmitResult:
    """Return the outcome of a request without an answer; after SILENCE it may have been done."""
    sent = obstacle is Obstacle.SILENCE
    outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
    return SubmitResult(outcome, code=code, text=text, obstacle=obstacle)


def wait_seconds(retry_after: str) -> float | None:
    """Return the seconds of a header Retry-After, an hour at most; None when it says nothing.

    It is a number or a date, https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3.
    """
    if _SECONDS.fullmatch(retry_after):
        return min(float(retry_after), LONGEST_WAIT_SECONDS)
    try:
        wait = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(wait, LONGEST_WAIT_SECONDS) if wait > 0 else None


def without_word(http_status: int, text: str, retry_after: str) -> SubmitResult:
    """Return what an HTTP status means that comes without the provider's word on the text.

    4xx: refused before anything was sent; all else may have been sent before it went wrong.
    """
    if http_status == 429:
        outcome = Outcome.THROTTLED
    else:
        outcome = Outcome.REFUSED if 400 <= http_status < 500 else Outcome.UNKNOWN
    obstacle = OBSTACLES.get(http_status)
    wait = wait_seconds(retry_after) if obstacle is Obstacle.TURNED_AWAY else None
    return SubmitResult(
        outcome, code=str(http_status), text=text, retry_after=wait, obstacle=obstacle
    )


def basic(user: str, password: str) -> str:
    """Return the value of the header Authorization, https://www.rfc-editor.org/rfc/rfc7617."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def json_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in an answer, None when it is none."""
    try:
        found = ujson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def scalar(value: object) -> str | None:
    """Return a JSON text or number as text, '' for null, None for what is neither."""
    if value is None:
        return ""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value) if abs(value) < _LARGEST_NUMBER else None


def content_id(sender: str, to: str, text: str) -> str:
    """Return an id for an MO that came without a usable one.

    No id made of content alone can tell a repeat from the same words said again: who recognises
    repeats remembers an id of this form for 3 minutes (gateway/store/lua/_once.lua), as long as
    providers that give none repeat a webhook, and not longer.
    """
    digest = hashlib.sha256(json.dumps([sender, to, text]).encode()).hexdigest()
    return f"hash:{digest[:40]}"
