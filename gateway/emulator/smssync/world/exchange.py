"""Requests and answers between the phone and the server."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a request is for."""

    SYNC = "sync"
    SEND = "task=send"
    SENT = "task=sent"
    ASK = "GET task=result"
    REPORT = "POST task=result"
    ALERT = "alert"
    TEST = "test"
    STATUS = "@20"


class NoAnswer(Exception):
    """The request was not made, or no answer came: no connection, a timeout, a lost answer."""


@dataclass(frozen=True)
class Body:
    """A request body as it goes over the wire."""

    content: bytes
    content_type: str


@dataclass(frozen=True)
class Request:
    """A request; url is the sync URL as typed, with what the app appends to it."""

    kind: Kind
    url: str
    method: str = "GET"
    body: Body | None = None


@dataclass(frozen=True)
class Response:
    """An answer: its status and its text."""

    status: int
    text: str
