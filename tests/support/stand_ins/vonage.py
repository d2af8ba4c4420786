"""A stand-in for Vonage's SMS API that keeps every request as it came and answers as told.

It follows the provider's documents only (https://developer.vonage.com/en/api/sms) and shares
nothing with the gateway or with its emulator, so that both cannot be wrong in the same way.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

API_KEY = "abcd1234"
API_SECRET = "stand-in-secret-17"
TEXT = "Get the app: https://example.com/app"
SENDER = "Example"

GIVEN_UP = 30.0  # seconds after which a held answer is given anyway, so that no thread stays


@dataclass(frozen=True)
class Post:
    """One request, undecoded; ``at`` is when it was read, in monotonic seconds."""

    method: str
    target: str
    headers: Message
    body: bytes
    at: float

    @property
    def form(self) -> dict[str, str]:
        """The parameters of the body; raises ValueError when it is no clean form."""
        pairs = parse_qsl(self.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        if len(dict(pairs)) != len(pairs):
            raise ValueError(f"a parameter came twice: {sorted(name for name, _ in pairs)}")
        return dict(pairs)


@dataclass(frozen=True)
class Answer:
    """What goes back over the wire; ``close`` ends the connection without announcing it."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    location: str = ""
    close: bool = False

    def raw(self) -> bytes:
        """The whole response in one piece."""
        head = (
            f"HTTP/1.1 {self.status} Answer\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n"
        )
        if self.location:
            head += f"Location: {self.location}\r\n"
        return f"{head}\r\n".encode() + self.body


# What a test orders: an answer to a request, or None to close the connection instead.
Answering = Callable[[Post], Answer | None]


def new_ids(count: int) -> list[str]:
    """Return message ids that no other test uses."""
    return [str(uuid.uuid4()) for _ in range(count)]


def said(content: Any, **how: Any) -> Answering:
    """Always answer with this JSON, or with these bytes as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda post: Answer(body, **how)


def accepted(*ids: str, **how: Any) -> Answering:
    """Accept with one part for each id; without ids, one part with an id of its own."""

    def answer(post: Post) -> Answer:
        items = [_accepted_part(post.form, part) for part in ids or new_ids(1)]
        return Answer(_envelope(items), **how)

    return answer


def refused(status: str, text: str = "Refused") -> Answering:
    """Answer HTTP 200 with an error status of the API."""
    return said({"message-count": "1", "messages": [{"status": status, "error-text": text}]})


def partly(part: str, status: str, text: str = "Refused") -> Answering:
    """Accept one part and refuse another."""

    def answer(post: Post) -> Answer:
        refusal = {"status": status, "error-text": text}
        return Answer(_envelope([_accepted_part(post.form, part), refusal]))

    return answer


def dropped(post: Post) -> None:
    """Close the connection without an answer."""


def in_turn(*answers: Answering) -> Answering:
    """Answer with each of these once, then with the last for ever."""
    left = list(answers)

    def answer(post: Post) -> Answer | None:
        following = left.pop(0) if len(left) > 1 else left[0]
        return following(post)

    return answer


def held(gate: threading.Event, then: Answering) -> Answering:
    """Answer only when the gate is open."""

    def answer(post: Post) -> Answer | None:
        gate.wait(GIVEN_UP)
        return then(post)

    return answer


@dataclass
class _Record:
    posts: list[Post] = field(default_factory=list)
    answer: Answering = field(default_factory=accepted)
    connections_closed: int = 0


class VonageStandin(ThreadingHTTPServer):
    """The stand-in, listening on loopback while it is entered as a context."""

    request_queue_size = 128  # a burst of new connections is not turned away

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.record = _Record()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    @property
    def domain(self) -> str:
        """What ``nexmo_domain`` has to be."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def posts(self) -> list[Post]:
        """Every request since the last ``expect``, in order of arrival."""
        return self.record.posts

    @property
    def connections_closed(self) -> int:
        """How many connections have ended since the last ``expect``."""
        return self.record.connections_closed

    def expect(self, answer: Answering | None = None) -> Self:
        """Forget what came so far and answer like this from now on (default: accept)."""
        self.record = _Record(answer=answer or accepted())
        return self

    def options(self, redis_url: str, **options: object) -> list[str]:
        """Command line of a gateway that sends through this stand-in, unlimited unless told.

        Without a token or a secret among the options its webhooks are open to this machine.
        """
        values: Mapping[str, object] = {
            "redis_url": redis_url,
            "nexmo_domain": self.domain,
            "nexmo_ssl": "no",
            "nexmo_api_key": API_KEY,
            "nexmo_api_secret": API_SECRET,
            "message": TEXT,
            "sender": SENDER,
            "limit_amount": 0,
            "receiver_limit_amount": 0,
            "protection": "off",
            "nexmo_rate": 0,
            "budget_day": 0,
            "budget_month": 0,
            "open_webhooks": "yes",
        }
        return [f"--{name}={value}" for name, value in {**values, **options}.items()]

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and count it."""
        super().shutdown_request(request)
        self.record.connections_closed += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    server: VonageStandin

    def do_GET(self) -> None:
        """Keep a request of the wrong kind as well; the tests refuse it."""
        self.do_POST()

    def do_POST(self) -> None:
        """Keep the request and answer as the test ordered."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        post = Post(self.command, self.path, self.headers, body, time.monotonic())
        record = self.server.record
        record.posts.append(post)
        answer = record.answer(post)
        if answer is None or answer.close:
            self.close_connection = True
        if answer is not None:
            self.wfile.write(answer.raw())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet; the tests look at the record."""


def _envelope(items: list[dict[str, str]]) -> bytes:
    return json.dumps({"message-count": str(len(items)), "messages": items}).encode()


def _accepted_part(form: Mapping[str, str], part: str) -> dict[str, str]:
    return {
        "to": form["to"],
        "message-id": part,
        "status": "0",
        "remaining-balance": "37.43563628",
        "message-price": "0.04120000",
        "network": "26201",
        "client-ref": form.get("client-ref", ""),
    }
