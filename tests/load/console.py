"""Do the console's pages stay quick in a large store? ``python -m tests.load.console --help``."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

import redis
import uvloop

from gateway.store import valkey_process
from gateway.store.valkey_process import ValkeyProcess
from tests.load.console_filling import Filled, Size, fill
from tests.load.console_looking import Browser, Place, Watch, cpu_ms
from tests.load.console_places import HANDSETS, PLACES
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.valkey import start_temporary

MOST_MS = 200.0
MOST_SHARE = 1.0  # percent of a core that an open page may take
HUNDREDTH = 100
SETTLED = 0.5  # percent of a core; without any page a store takes about a quarter
SETTLE_SECONDS = 300.0
TOKEN = "correct-horse-battery"
OPTIONS = (
    "--message=Get the app: https://example.com/download",
    "--sender=12065550199",
    "--public_url=http://localhost:8888",
    "--nexmo_domain=127.0.0.1:9",
    f"--admin_token={TOKEN}",
)
GIGABYTE = 1 << 30
IDLE = "no page open"
HEAD = (
    "page",
    "a hundredth, ms",
    "all, ms",
    "ratio",
    "worst",
    "gateway CPU",
    "store CPU",
    "commands",
    "≤ 200 ms",
)
SHARE_HEAD = ("open page", "gateway, % of a core", "store, %", "events", "< 1 %")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a page took: ms of each answer; of one answer ms of both processors, and commands."""

    times: list[float]
    gateway_ms: float
    store_ms: float
    commands: int

    @property
    def median(self) -> float:
        """Of the times."""
        return median(self.times)


@dataclass(frozen=True, slots=True)
class Share:
    """Percents of a core; events: that an open page was sent."""

    label: str
    gateway: float
    store: float
    events: int = 0

    def beyond(self, *others: Share) -> Share:
        """Return what this is more than the mean of others."""
        gateway = self.gateway - mean(each.gateway for each in others)
        return replace(self, gateway=gateway, store=self.store - mean(e.store for e in others))


class Site:
    """A filled store and a gateway in front of it."""

    def __init__(self, store: redis.Redis, pids: tuple[int, int], browser: Browser) -> None:
        self._watch = Watch(store)
        self._pids = pids
        self._browser = browser
        self.problems: list[str] = []

    def measure(self, place: Place, names: Mapping[str, str], requests: int) -> Answers:
        """Ask for a page so often; what it must not ask of the store becomes a problem."""
        request = self._browser.find(place, names)
        self._browser.read(request)
        began, counted = self._clocks(), self._watch.calls()
        times = [self._browser.timed(request) for _ in range(requests)]
        ended, commands = self._clocks(), self._watch.calls() - counted
        gateway, store = ((b - a) / requests for a, b in zip(began, ended, strict=True))
        offences = self._watch.offences(lambda: self._browser.read(request))
        self.problems += [f"{place.label}: {each}" for each in offences]
        return Answers(times, gateway, store, round(commands.total() / requests))

    def follow(self, place: Place, names: Mapping[str, str], seconds: float) -> Share:
        """Keep a live page open for so long, while nothing happens."""
        with self._browser.following(self._browser.find(place, names)) as events:
            return replace(self.idle(place.label, seconds), events=events())

    def idle(self, label: str, seconds: float) -> Share:
        """Do nothing for so long."""
        began, start = self._clocks(), time.monotonic()
        time.sleep(seconds)
        took = (time.monotonic() - start) * 1000
        ended = self._clocks()
        gateway, store = ((b - a) / took * 100 for a, b in zip(began, ended, strict=True))
        return Share(label, gateway, store)

    def settle(self) -> None:
        """Return when the store has put its tables in order, which it does after a filling."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.idle(IDLE, 1).store > SETTLED and time.monotonic() < deadline:
            pass

    def _clocks(self) -> tuple[float, float]:
        gateway, store = map(cpu_ms, self._pids)
        return gateway, store


@dataclass(slots=True)
class Found:
    """What was measured in one store; shares: doing nothing, and with each live page open."""

    answers: dict[str, Answers]
    shares: list[Share]
    problems: list[str]


def look(title: str, size: Size, requests: int, seconds: float) -> Found:
    """Fill a store and ask for every page; keep live ones open for ``seconds``, 0 = not at all."""
    found = Found({}, [], [])
    with _filled_store(title, size) as (server, folder, filled):
        store = redis.Redis(port=server.port, decode_responses=True)
        common = (f"--redis_url={server.url}", f"--data_dir={folder}", filled.devices_option)
        for mode, places in (((), PLACES), (("--development_mode",), HANDSETS)):
            with GatewayProcess(*OPTIONS, *common, *mode) as gateway, store:
                browser = Browser(gateway.port, TOKEN)
                site = Site(store, (gateway.pid, server.pid), browser)
                for each in places:
                    found.answers[each.label] = site.measure(each, filled.names, requests)
                if seconds:
                    found.shares += _shares(site, places, filled.names, seconds)
                found.problems += [f"{title}: {each}" for each in site.problems]
                browser.close()
    return found


@contextmanager
def _filled_store(title: str, size: Size) -> Iterator[tuple[ValkeyProcess, Path, Filled]]:
    with TemporaryDirectory(prefix="console-") as folder:
        server = start_temporary(Path(folder))
        try:
            began, found = time.monotonic(), list[Filled]()

            async def filled() -> None:
                found.append(await fill(server, Path(folder), size))

            uvloop.run(filled())
            with valkey_process.blocking_client(server.port) as store:
                used = store.info("memory")["used_memory"] / GIGABYTE
            print(f"{title}: filled in {time.monotonic() - began:.0f} s, {used:.2f} GB", flush=True)
            yield server, Path(folder), found[0]
        finally:
            server.stop()


def _shares(
    site: Site, places: Sequence[Place], names: Mapping[str, str], seconds: float
) -> list[Share]:
    """Return what is taken without any page, before and after, and what each takes beyond that."""
    site.settle()
    before = site.idle(IDLE, seconds)
    opened = [site.follow(each, names, seconds) for each in places if each.live]
    after = site.idle(f"{IDLE}, afterwards", seconds)
    return [before, *(each.beyond(before, after) for each in opened), after]


# -- what is printed


def table(small: Found, large: Found) -> str:
    """Return a row for each page; small: the same pages in a store of which ratios are taken."""
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [_row(label, small.answers[label], each) for label, each in large.answers.items()]
    return _markdown(rows)


def _row(label: str, small: Answers, large: Answers) -> tuple[str, ...]:
    return (
        label,
        f"{small.median:.1f}",
        f"**{large.median:.1f}**",
        f"×{large.median / small.median:.2f}",
        f"{max(large.times):.1f}",
        f"{large.gateway_ms:.1f}",
        f"{large.store_ms:.1f}",
        f"{large.commands:,}",
        "yes" if max(large.times) <= MOST_MS else "**NO**",
    )


def share_table(shares: Sequence[Share]) -> str:
    """Return a row for each page that was kept open."""
    rows = [SHARE_HEAD, ("---",) * len(SHARE_HEAD)]
    for each in shares:
        both = each.gateway + each.store
        verdict = "" if each.label.startswith(IDLE) else "yes" if both < MOST_SHARE else "**NO**"
        figures = (f"{each.gateway:.2f}", f"{each.store:.2f}", f"{each.events}")
        rows.append((each.label, *figures, verdict))
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; the exit status is 1 when a page looked through keys, however quick."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of everything")
    parser.add_argument("--requests", type=int, default=25, help="of each page (default 25)")
    parser.add_argument(
        "--seconds", type=float, default=30, help="that a live page is open (default 30)"
    )
    parser.add_argument("--part", type=int, default=1, help="divide all sizes by (default 1)")
    given = parser.parse_args(argv)
    part = HUNDREDTH if given.quick else given.part
    # As in the gateway's own process.
    gc.freeze()
    gc.set_threshold(20_000)
    small = look("a hundredth", Size().part(part * HUNDREDTH), given.requests, 0)
    large = look("all", Size().part(part), given.requests, given.seconds)
    problems = [*small.problems, *large.problems]
    print(table(small, large), "", sep="\n")
    if large.shares:
        print(share_table(large.shares), "", sep="\n")
    print(*problems or ["No page looked through keys, or through all of a large one."], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
