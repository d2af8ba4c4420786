"""The services are opened together and closed together, whatever happens to one of them."""

from __future__ import annotations

import pytest
import redis

from conf.protection import Site
from conf.settings import Settings
from gateway.monitoring.metrics import MESSAGES
from gateway.store import keys
from wiring import from_settings
from wiring.services import open_services


def _connections(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return len(client.client_list()) - 1


async def _last_flush(url: str, *command: str) -> None:
    """Open the services, run a command and count something; the close writes that down."""
    before = _connections(url)
    async with open_services(Settings(redis_url=url)) as services:
        await services.store.execute(*command)
        assert before < _connections(url)
        MESSAGES["nexmo", "accepted"].inc()


async def test_what_runs_by_itself_ends_before_the_store_closes(redis_url: str) -> None:
    """What was counted until the end has been written."""
    await _last_flush(redis_url, "PING")
    with redis.Redis.from_url(redis_url) as client:
        assert client.hexists(keys.STATS_LATEST, "messages.nexmo.accepted")


async def test_a_failing_close_leaves_nothing_open(redis_url: str) -> None:
    """The connections to the store are closed after it, and the failure is told."""
    before = _connections(redis_url)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        await _last_flush(redis_url, "SET", keys.STATS_LATEST, "no hash")
    assert before == _connections(redis_url)


def test_a_stop_to_the_sender_of_a_shop_is_one_to_the_site() -> None:
    sites = [Site("one", sender="12065550100"), Site("two", sender="Two"), Site("three")]
    assert frozenset({"+12065550100"}) == from_settings.own_senders(Settings(), [], sites)
