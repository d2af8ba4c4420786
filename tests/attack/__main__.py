"""Play the attacks and print what came of each; of those that spend, a table as well."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from gateway.store import valkey_process
from tests.attack import doors, elsewhere, links, machines, spending, texts
from tests.attack.attacks import ATTACKS, Attack, Outcome, Verdict
from tests.attack.costs import table
from tests.support.servers.valkey import start_temporary

# Importing them is what puts their attacks into the list.
WHERE = (doors, texts, spending, links, machines, elsewhere)
SECONDS = 1200.0


async def played(attack: Attack, redis_url: str) -> Outcome:
    """Return what came of an attack; one that breaks has shown nothing, so nothing stopped it."""
    try:
        async with asyncio.timeout(SECONDS):
            return await attack.play(redis_url)
    except Exception as error:
        return Outcome(Verdict.NOT_STOPPED, f"it broke: {type(error).__name__} {error}")


def main(words: list[str]) -> int:
    """Return 1 when an attack was not stopped; words: of the names of those to play."""
    logging.disable(logging.CRITICAL)  # attacks are loud
    chosen = [each for each in ATTACKS if all(word in each.name for word in words)]
    wide = max((len(each.name) for each in chosen), default=0)
    reached, costs = 0, []
    with tempfile.TemporaryDirectory() as folder:
        server = start_temporary(Path(folder))
        try:
            for each in chosen:
                with valkey_process.blocking_client(server.port, seconds=30) as client:
                    client.flushall()
                found = asyncio.run(played(each, server.url))
                reached += found.verdict is Verdict.NOT_STOPPED
                if found.cost:
                    costs.append((each.name.removeprefix("spending: "), found.cost))
                print(f"{each.name:{wide}}  {found.verdict:11}  {found.seen}", flush=True)
        finally:
            server.stop()
            logging.disable(logging.NOTSET)
    if costs:
        print(f"\n{table(costs)}\n")
    print(f"{len(chosen)} attacks, {reached} not stopped")
    return 1 if reached else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
