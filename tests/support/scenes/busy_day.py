"""A day at a small gateway, for pictures: texts, a call, failures, a phone, a blocked address."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import redis

from gateway.emulator.smssync import Handset
from gateway.store import keys
from tests.support.browser import handsets_url
from tests.support.servers.processes import GatewayProcess, wait_for

SECRET = "phone-secret"
DEVICES = f"""
[[device]]
name = "reception"
secret = "{SECRET}"
results = true

[[device]]
name = "workshop"
secret = "{SECRET}-2"
"""
# Of fiction, see https://nationalnanpa.com: 555-0100 to 0199; addresses of documentation, RFC 5737.
ANNA, BERT, CARLA, DORA, EMIL, FAY, STRANGER = (f"120655501{n}" for n in range(21, 28))
VISITORS = tuple(f"198.51.100.{n}" for n in (17, 42))
EAGER, EAGER_ASKS_FOR = "203.0.113.9", range(170, 182)
TALKS: Sequence[tuple[str, str, Sequence[str]]] = (
    (
        ANNA,
        BERT,
        (
            "Hello, I am your driver. I stand in front of the station.",
            "Great, I come out by the east door in two minutes.",
            "The blue car. Take your time!",
        ),
    ),
    (CARLA, DORA, ("Is the flat still free?", "Yes. Would Thursday at six suit you?", "Perfect.")),
    (EMIL, FAY, ("Your parcel is with the neighbours at number 12.",)),
)
# How busy the last hour was, as a share of what the script itself has done.
WAVE = 0.35
HOUR, DAY = 60, 144


def options(folder: Path, redis_url: str) -> list[str]:
    """Return the options of a gateway for such a day; visitors come by a proxy."""
    devices = folder / "devices.toml"
    devices.write_text(DEVICES, encoding="utf-8")
    return [
        "--development_mode",
        f"--redis_url={redis_url}",
        f"--smssync_devices_file={devices}",
        "--trusted_proxies=127.0.0.1",
        "--org_name=Acme",
        "--client_address_header=X-Real-Ip",
    ]


@dataclass
class Day:
    """Lets people text, call and try to get more than they may."""

    gateway: GatewayProcess

    def __post_init__(self) -> None:
        wait_for(lambda: "(the handsets" in self.gateway.log)
        self._emulator = handsets_url(self.gateway)

    def fill(self) -> None:
        """Let everything happen that the pages show."""
        self._emulate("settings", {"call_time_scale": 0.0, "dlr_delay": 0.0})
        answers = [self._order_link(f"+1206555{n:04}", EAGER) for n in EAGER_ASKS_FOR]
        assert "limit_acceded" in answers
        for a, b, texts in TALKS:
            self._talk(a, b, texts)
        self._emulate("calls", {"from": BERT, "to": self._line(BERT), "duration": 74, "wait": True})
        self._text(STRANGER, self._line(ANNA), "Is this still your number?")
        asyncio.run(self._phone())
        self._fail()
        for number, address in enumerate(VISITORS):
            self._order_link(f"+1206555013{number}", address)

    def _talk(self, a: str, b: str, texts: Sequence[str]) -> None:
        body = {"participant_a": a, "participant_b": b, "mode": "both"}
        self._ask("/session", body)
        for turn, text in enumerate(texts):
            sender, receiver = (a, b) if turn % 2 == 0 else (b, a)
            self._text(sender, self._line(sender), text)
            self._arrives(receiver, text)

    def _fail(self) -> None:
        """Let one text not be delivered and one be refused for good."""
        self._emulate("settings", {"dlr_statuses": ["failed"]})
        text = "I will be ten minutes late."
        self._text(FAY, self._line(FAY), text)
        self._arrives(EMIL, text)
        self._emulate("settings", {"dlr_statuses": ["delivered"]})
        self._emulate("next", {"failure": "status:6"})
        self._text(DORA, self._line(DORA), "Ring twice, the bell is weak.")
        wait_for(lambda: self._ask("/dead-letters")["total_dead_letters"])

    async def _phone(self) -> None:
        """Let a phone send what waits for it and tell of its battery; more comes afterwards."""
        for to, text in (("+1206555014", "Your table is ready."), ("+1206555015", "See you at 8!")):
            self._ask("/smssync/messages", {"to": f"{to}0", "message": text, "device": "reception"})
        address = f"{self.gateway.url}/smssync/reception/"
        async with Handset(address, version="2.7.3", secret=SECRET) as phone:
            await phone.poll()
            await phone.report()
            await phone.battery_low(64)
        for hour in ("nine", "ten"):
            body = {
                "to": "+12065550160",
                "message": f"Please come at {hour}.",
                "device": "workshop",
            }
            self._ask("/smssync/messages", body)

    def _order_link(self, receiver: str, address: str) -> str:
        body = urlencode({"receiver": receiver}).encode()
        request = Request(f"{self.gateway.url}/message/", body, {"X-Real-Ip": address})
        with urlopen(request, timeout=10) as answer:
            return str(json.load(answer).get("error", ""))

    def _line(self, number: str) -> str:
        """Return the virtual number by which a participant reaches the other one."""
        for each in self._ask("/session")["sessions"]:
            for side in ("a", "b"):
                if each[f"participant_{side}"] == number:
                    return str(each[f"virtual_tn_{side}"])
        raise LookupError(number)

    def _arrives(self, number: str, text: str) -> None:
        """Wait until a handset has received a text."""

        def received() -> bool:
            return text in [each["text"] for each in self._emulate(f"messages?to={number}")]

        wait_for(received)

    def _text(self, sender: str, to: str, text: str) -> None:
        self._emulate("inbound", {"from": sender, "to": to, "text": text, "wait": True})

    def _emulate(self, path: str, body: object = None) -> Any:
        return _call(f"{self._emulator}/emulator/{path}", body)

    def _ask(self, path: str, body: object = None) -> Any:
        return _call(self.gateway.url + path, body)


def fill_the_past(redis_url: str) -> None:
    """Spread what was counted just now over the hour and the day before, in waves.

    The plots of a gateway that has run for a minute are empty but for their last point.
    """
    store: redis.Redis = redis.Redis.from_url(redis_url, decode_responses=True)
    with closing(store):
        now = int(time.time())
        for step, count, key in ((60, HOUR, keys.stats_minute), (600, DAY, keys.stats_ten_minutes)):
            last = now // step
            sums: dict[str, float] = {}
            for each in (last - 1, last):
                sums |= {
                    str(name): float(value) for name, value in store.hgetall(key(each)).items()
                }
            empty = (each for each in range(1, count) if not store.exists(key(last - each)))
            for back in empty:
                for name, value in _scaled(sums, back, count):
                    store.hset(key(last - back), name, str(value))


def _scaled(sums: Mapping[str, float], back: int, count: int) -> list[tuple[str, float]]:
    """Return the sums of a bucket so many buckets ago."""
    share = WAVE * (1.5 + math.sin(9 * back / count) + 0.4 * math.sin(47 * back / count))
    levels, fractions = ("queue.", "sessions.", "calls."), ("spend.", "latency.")
    return [
        (
            name,
            round(
                value * (1 if name.startswith(levels) else share), 4 * name.startswith(fractions)
            ),
        )
        for name, value in sums.items()
    ]


def _call(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data), timeout=10) as answer:
            return json.load(answer)
    except HTTPError as error:
        with error:
            raise RuntimeError(f"{url}: {error.read().decode()}") from error
