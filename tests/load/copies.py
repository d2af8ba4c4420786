"""Copies of what one thing has left in a store, written as fast as the store takes them.

A specimen is made by the gateway's own services. What it has changed in the store is read back
and written again with other ids, numbers and times of the same length, so that nothing here has
to know a record.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Thread
from types import TracebackType
from typing import Any, Self

import redis

from gateway.store.valkey_process import LOOPBACK

# What belongs to no thing: plots, money, limits, paces, sign-ins, and the outbox, which is at rest.
IGNORED = (
    b"{stats}:",
    b"{budget}:",
    b"limit:",
    b"pace:",
    b"console:",
    b"{relay}:turns",
    b"{relay}:reserved",
    b"{relay}:due",
    b"{relay}:claims",
    b"{relay}:queue:",
)
PIECE_BYTES = 1 << 20
END = b"all was read"

# Ids of ours, of a provider, digests; and times in ms of this century's first half.
_ID = rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{16,64}(?![0-9A-Za-z])"
_TIME = rb"(?<![0-9A-Za-z])[12][0-9]{12}(?![0-9A-Za-z])"

Command = tuple[bytes, ...]
# By key: its type, what it holds, and when it is gone (ms, -1 = never).
Snapshot = Mapping[bytes, tuple[str, Any, int]]


def snapshot(store: redis.Redis) -> Snapshot:
    """Return all that a small store holds."""
    found: dict[bytes, tuple[str, Any, int]] = {}
    read: Mapping[str, Callable[[bytes], Any]] = {
        "string": store.get,
        "hash": store.hgetall,
        "list": lambda key: store.lrange(key, 0, -1),
        "set": store.smembers,
        "zset": partial(_scores, store),
        "stream": store.xrange,
    }
    for key in store.scan_iter(count=1000):
        if not key.startswith(IGNORED):
            kind: Any = store.type(key)
            found[key] = (kind.decode(), read[kind.decode()](key), store.pexpiretime(key))
    return found


def _scores(store: redis.Redis, key: bytes) -> dict[bytes, float]:
    found: Any = store.zrange(key, 0, -1, withscores=True)
    return dict(found)


def difference(before: Snapshot, after: Snapshot) -> list[Command]:
    """Return the commands that bring about what is new in ``after``."""
    commands: list[Command] = []
    for key, (kind, now, gone) in after.items():
        old = before[key][1] if key in before else type(now)()
        commands += [each for each in _changes(kind, key, old, now) if len(each) > 2]
        if key not in before and gone > 0:
            commands.append((b"PEXPIREAT", key, b"%d" % gone))
    return commands


def _changes(kind: str, key: bytes, old: Any, now: Any) -> list[Command]:
    if kind == "string":
        return [(b"SET", key, now)] if now != old else []
    if kind == "list":
        return [(b"RPUSH", key, *now[len(old) :])]
    if kind == "set":
        return [(b"SADD", key, *(now - old)), (b"SREM", key, *(old - now))]
    if kind == "stream":
        fresh = now[len(old) :]
        return [(b"XADD", key, at, *_flat(fields)) for at, fields in fresh]
    fresh = {name: value for name, value in now.items() if old.get(name) != value}
    gone = [name for name in old if name not in now]
    if kind == "hash":
        return [(b"HSET", key, *_flat(fresh)), (b"HDEL", key, *gone)]
    scored = [word for name, score in fresh.items() for word in (b"%.17g" % score, name)]
    return [(b"ZADD", key, *scored), (b"ZREM", key, *gone)]


def _flat(pairs: Mapping[bytes, bytes]) -> Iterable[bytes]:
    return (each for pair in pairs.items() for each in pair)


class Template:
    """A specimen's commands with gaps for what is different in every copy.

    marks: what of the specimen is replaced by what a copy is given, by its name; all other ids
    are new in every copy. Commands without an id would only repeat what is there already.
    """

    def __init__(self, commands: Iterable[Command], marks: Mapping[str, bytes]) -> None:
        names = {text: name for name, text in marks.items()}
        known = b"|".join(re.escape(text) for text in names)
        told = re.compile(known + b"|" + _ID)
        kept = [each for each in commands if told.search(b" ".join(each))]
        wire = b"".join(_packed(each) for each in kept).replace(b"%", b"%%")
        gaps = re.compile(b"|".join((known, _ID, _TIME)))
        self._gaps = gaps.findall(wire)
        self._form = gaps.sub(b"%b", wire)
        self._names = names
        self._times = {each: int(each) for each in set(self._gaps) if re.fullmatch(_TIME, each)}
        self._ids = sorted(set(self._gaps) - self._times.keys() - names.keys())
        self._entropy = sum(len(each) for each in self._ids)
        self.commands = len(kept)

    def copy(self, values: Mapping[str, bytes], earlier_ms: int) -> bytes:
        """Return the commands of a copy, all of whose times are so much earlier.

        values: in the place of the marks, each as long as the mark.
        """
        found = {text: values[name] for text, name in self._names.items()}
        found |= {text: b"%d" % (moment - earlier_ms) for text, moment in self._times.items()}
        digits, start = os.urandom(self._entropy // 2 + 1).hex().encode(), 0
        for each in self._ids:
            found[each] = digits[start : start + len(each)]
            start += len(each)
        return self._form % tuple([found[each] for each in self._gaps])


def _packed(command: Command) -> bytes:
    words = (b"$%d\r\n%b\r\n" % (len(each), each) for each in command)
    return b"*%d\r\n%b" % (len(command), b"".join(words))


class Pipe:
    """A connection that writes and looks at the answers for errors only."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port))
        self._waiting: list[bytes] = []
        self._size = 0
        self._refused = b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, commands: bytes) -> None:
        """Write commands, a little later."""
        self._waiting.append(commands)
        self._size += len(commands)
        if self._size > PIECE_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._socket.sendall(b"".join(self._waiting))
        self._waiting.clear()
        self._size = 0

    def _read(self) -> None:
        tail = b""
        while not tail.endswith(END + b"\r\n"):
            piece = self._socket.recv(PIECE_BYTES)
            if not piece:
                self._refused = b"the store hung up"
                return
            tail = tail[-200:] + piece
            wrong = re.search(rb"(?:^|\r\n)-([^\r]+)", tail)
            if wrong:
                self._refused = wrong[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()
        self._socket.close()

    def finish(self) -> None:
        """Wait until the store has taken everything; raises ValueError when it refused some."""
        self.send(_packed((b"ECHO", END)))
        self._flush()
        self._reader.join()
        self._socket.close()
        if self._refused:
            raise ValueError(f"the store refused a copy: {self._refused.decode()}")
