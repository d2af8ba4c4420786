"""Time that has passed, as far as limits know: what they have counted is made older.

The clock is the machine's; moving what is stored comes to the same.
"""

from __future__ import annotations

from gateway.store.pipeline import Store


async def pass_time(store: Store, seconds: float) -> None:
    """Make all that limits have counted so much older."""
    for name in await store.execute("KEYS", "*"):
        kind = name.partition(":")[0]
        if kind in {"limit", "share"}:
            for place, time in enumerate(await store.execute("LRANGE", name, 0, -1)):
                await store.execute("LSET", name, place, _earlier(time, seconds))
        elif kind == "callers":
            for member in await store.execute("ZRANGE", name, 0, -1):
                time = await store.execute("ZSCORE", name, member)
                await store.execute("ZADD", name, _earlier(time, seconds), member)


def _earlier(time: str, seconds: float) -> int:
    return int(float(time)) - round(seconds * 1000)
