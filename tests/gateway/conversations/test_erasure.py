"""An erasure takes as long as it takes: each of its steps has the store's second for itself."""

from __future__ import annotations

import pytest

from gateway.conversations.transcript import Transcript
from gateway.store import budget, keys
from gateway.store.pipeline import Store
from tests.support.servers.settings_loading import loaded
from wiring.services import open_services

NUMBER = "+4917604069050"


@pytest.mark.parametrize("sessions", [0, 3])
async def test_it_goes_on_when_the_second_of_its_request_is_spent(
    redis_url: str, store: Store, sessions: int
) -> None:
    """A number has any number of sessions, and a log thousands of texts."""
    for n in range(sessions):
        session = f"{n:032x}"
        await store.execute("ZADD", keys.logs_of(NUMBER), 1, session)
        said = Transcript(store, days=30).entry("a", "Hello", f"{n:032x}")
        await store.execute("RPUSH", keys.session_log(session), said)
    settings = loaded(f"--redis_url={redis_url}").settings
    async with open_services(settings) as services:
        budget.current.set(budget.Budget(0))
        erased = await services.erasure.erase_number(NUMBER)
        budget.current.set(None)
    assert sessions == erased
