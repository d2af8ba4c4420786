"""How the benchmark of the console looks at pages, and at what they ask of the store."""

from __future__ import annotations

import html
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import redis

from gateway.store.valkey_process import LOOPBACK
from tests.support.scenes.console import token_of

SECONDS = 30.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# What looks through all keys, or through all of a key.
FORBIDDEN = frozenset({"keys", "scan", "sscan", "hscan", "zscan", "randomkey", "sort", "sort_ro"})
# Commands that read all of a key, some of them only of the range 0 to -1, and what counts that.
WHOLE = {
    "HGETALL": "hlen",
    "HKEYS": "hlen",
    "HVALS": "hlen",
    "SMEMBERS": "scard",
    "LRANGE": "llen",
    "ZRANGE": "zcard",
    "ZREVRANGE": "zcard",
}
RANGES = frozenset({"LRANGE", "ZRANGE", "ZREVRANGE"})
# More entries than the pool of numbers has here, which is the longest list that is read as a whole.
BIG = 1_000

_OLDER = re.compile(r'<a[^>]* href="([^"]+)"[^>]*>(?:Older|Earlier|More)</a>')


@dataclass(frozen=True, slots=True)
class Place:
    """A page, or the answer to a form.

    path: with names of what it is asked for in braces; older: how often the link to what is older
    is followed, as far as there is one; form: fields of a form that is posted, {} = a GET; live:
    whether the page has an event stream.
    """

    label: str
    path: str
    older: int = 0
    form: Mapping[str, str] = field(default_factory=dict)
    live: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; body '' = a GET."""

    path: str
    body: str = ""


class Browser:
    """A person who has signed in by the form, at a browser with one connection."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._connection = HTTPConnection(LOOPBACK, port, timeout=SECONDS)
        self._headers: dict[str, str] = {}
        answer = self._ask(Request("/console/sign-in", urlencode({"token": token})))
        if answer.status != 303:
            raise ValueError(f"the sign-in was answered with {answer.status}")
        self._headers["Cookie"] = (answer.headers["Set-Cookie"] or "").partition(";")[0]
        answer.read()
        self._xsrf = token_of(self.read(Request("/console/conversations")))

    def find(self, place: Place, names: Mapping[str, str]) -> Request:
        """Return the request for a place."""
        request = Request(place.path.format_map(names))
        if place.form:
            fields = {name: text.format_map(names) for name, text in place.form.items()}
            return Request(request.path, urlencode({"xsrf": self._xsrf, **fields}))
        for _ in range(place.older):
            found = _OLDER.search(self.read(request))
            if not found:
                break
            request = Request(html.unescape(found[1]))
        return request

    def read(self, request: Request) -> str:
        """Return what is answered; raises ValueError for an answer that is no page."""
        answer = self._ask(request)
        text = answer.read().decode()
        if answer.status not in {200, 303}:
            raise ValueError(f"{request.path}: {answer.status}\n{text[-2000:]}")
        return text

    def timed(self, request: Request) -> float:
        """Return the ms until the whole answer has come."""
        began = time.perf_counter()
        self.read(request)
        return (time.perf_counter() - began) * 1000

    @contextmanager
    def following(self, request: Request) -> Iterator[Callable[[], int]]:
        """Keep the event stream of a page open.

        Yields, when its first event has come, what tells how many others have.
        """
        connection = HTTPConnection(LOOPBACK, self._port, timeout=SECONDS)
        headers = {"Accept": "text/event-stream", **self._headers}
        connection.request("GET", request.path, headers=headers)
        answer = connection.getresponse()
        if "event-stream" not in answer.headers["Content-Type"]:
            raise ValueError(f"{request.path}: is not live")
        while answer.readline() != b"\n":
            pass
        connection.sock.settimeout(0.05)
        try:
            yield lambda: _waiting(answer).count(b"event: part")
        finally:
            connection.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _ask(self, request: Request) -> HTTPResponse:
        method, headers = ("POST", self._headers | FORM) if request.body else ("GET", self._headers)
        self._connection.request(method, request.path, request.body or None, headers)
        return self._connection.getresponse()


def _waiting(answer: HTTPResponse) -> bytes:
    """Return what has come and was not read."""
    found = b""
    try:
        while piece := answer.read1(1 << 20):
            found += piece
    except TimeoutError:
        pass
    return found


class Watch:
    """Counts the commands of a store, those of scripts too, and sees what they read."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store

    def calls(self) -> Counter[str]:
        """Return how often each command has run; looking is not counted."""
        stats: dict[str, Any] = self._store.info("commandstats")
        found = {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}
        return Counter({name: calls for name, calls in found.items() if name != "info"})

    def offences(self, request: Callable[[], object]) -> list[str]:
        """Return what was asked of the store meanwhile that must not be."""
        before = self.calls()
        commands = self._commands(request)
        forbidden = (self.calls() - before).keys() & FORBIDDEN
        whole = sorted({(words[0], words[1]) for words in commands if _is_whole(words)})
        sizes = [getattr(self._store, WHOLE[name])(key) for name, key in whole]
        read = zip(whole, sizes, strict=True)
        big = [f"{name} {key}, {size:,} entries" for (name, key), size in read if size > BIG]
        return [*sorted(forbidden), *big]

    def _commands(self, request: Callable[[], object]) -> list[list[str]]:
        """Return the words of all commands that run meanwhile."""
        end = f"the end {time.monotonic_ns()}"
        found: list[list[str]] = []
        store: Any = self._store
        with store.monitor() as monitor:
            request()
            store.echo(end)
            while True:
                words = _words(monitor.connection.read_response())
                if words == ["ECHO", end]:
                    return found
                found.append([words[0].upper(), *words[1:]])


def _words(line: Any) -> list[str]:
    """Return the words of a line of MONITOR, which quotes each of them."""
    text = line if isinstance(line, str) else line.decode("utf-8", "replace")
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def _is_whole(words: list[str]) -> bool:
    name = words[0]
    return name in WHOLE and (name not in RANGES or words[2:4] == ["0", "-1"])


def cpu_ms(pid: int) -> float:
    """Return the processor time of a process, all its threads together, in ms.

    https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat: first figure, in ns.
    """
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in files) / 1e6
