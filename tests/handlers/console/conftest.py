"""What the tests of the console share: a gateway with an empty store, and who has signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.scenes.console import OPTIONS, Operator
from tests.support.servers.serving import Gateway, serving


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway with an admin token and an empty store."""
    async with serving(*OPTIONS, redis_url=redis_url) as running:
        yield running


@pytest.fixture
async def operator(gateway: Gateway) -> Operator:
    """A person who has signed in."""
    return await Operator.signed_in(gateway)
