"""How long does a rehearsal take, how much memory? ``python -m tests.load.rehearsal --help``."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

from gateway.store import keys
from tests.support import ROOT
from tests.support.servers.valkey import start_temporary

DAY_MS = 86_400_000
AT_ONCE = 1000
# Of ten messages eight are customers', who click; two are of an attack, which nobody does.
ATTACKED = "880171200"
NARROWER = """
[[rule]]
action = "limit"
country = "BD"
amount = 20

[[limit]]
by = "calling_code"
amount = 100
window = 3600
"""


def records(
    count: int, days: int, dice: random.Random
) -> Iterator[tuple[str, int, dict[str, str | int]]]:
    """Yield id, time (ms) and fields of made-up messages, oldest first."""
    end = int(time.time() * 1000)
    for n in range(count):
        at = end - days * DAY_MS + n * days * DAY_MS // count
        is_attack = dice.random() < 0.2
        number = f"+{ATTACKED}{dice.randrange(10**4):04}" if is_attack else _customer(dice)
        fields: dict[str, str | int] = {
            "created": at,
            "counted": at,
            "to": number,
            "sender": "Sender",
            "text": "Get the app",
            "provider": "nexmo",
            "source": "/message",
            "expected": 1,
            "outcome": "accepted",
            "price": "0.35" if is_attack else "0.08",
            "parts": 1,
            f"p:{n:016x}": "4 delivered",
            "caller": _caller(dice, is_attack=is_attack),
            "link": f"{n:x}",
        }
        if not is_attack and dice.random() < 0.6:
            fields["clicked"] = at + 60_000
        yield f"{n:032x}", at, fields


def _customer(dice: random.Random) -> str:
    return f"+49176{dice.randrange(10**8):08}"


def _caller(dice: random.Random, *, is_attack: bool) -> str:
    """Return the digests of one of many visitors, or of an attacker with a /48."""
    if is_attack:
        return f"{dice.randrange(65_536):024x} {1:024x}"
    return f"{dice.getrandbits(96):024x}"


def fill(client: redis.Redis, count: int, days: int) -> None:
    """Write so many messages of the last days down."""
    made = records(count, days, random.Random(14))
    while some := list(islice(made, AT_ONCE)):
        pipeline = client.pipeline(transaction=False)
        for message_id, at, fields in some:
            flat = [each for pair in fields.items() for each in pair]
            pipeline.hset(keys.message(message_id), items=flat)
            pipeline.zadd(keys.MESSAGES, {message_id: at})
        pipeline.execute()


def measured(*command: str) -> tuple[int, float, float, float]:
    """Run a command: its exit status, seconds, seconds of CPU, and the most MB that it held."""
    begin = time.monotonic()
    process = os.posix_spawn(sys.executable, [sys.executable, *command], os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.monotonic() - begin
    cpu = usage.ru_utime + usage.ru_stime
    return os.waitstatus_to_exitcode(status), seconds, cpu, usage.ru_maxrss / 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report of a rehearsal and what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="in the log")
    parser.add_argument("--days", type=int, default=7, help="over which they are spread")
    asked = parser.parse_args(argv)
    os.chdir(ROOT)
    with TemporaryDirectory() as folder:
        server = start_temporary(Path(folder))
        try:
            url = server.url
            fill(redis.Redis.from_url(url), asked.messages, asked.days)
            file = Path(folder) / "protection.toml"
            file.write_text(NARROWER)
            options = (f"--days={asked.days}", f"--redis_url={url}", "--protection=off")
            dlr = "--nexmo_dlr_url=https://example.com/dlr"
            money = ("--budget_day=0", "--budget_month=0")
            status, seconds, cpu, held = measured(
                "-m", "gateway.protection", "rehearse", str(file), *options, dlr, *money
            )
        finally:
            server.stop()
    print(f"\n{asked.messages:,} messages: {seconds:.1f} s, {cpu:.1f} s of CPU, {held:.0f} MB")
    return status


if __name__ == "__main__":
    sys.exit(main())
