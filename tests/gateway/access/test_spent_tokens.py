"""Tokens that are good for one request: which ends of it use one up."""

from __future__ import annotations

import pytest

from gateway.access.spent_tokens import SpentTokens
from gateway.errors import BadRequest, StoreUnavailable, Unauthenticated
from gateway.store.pipeline import Store


@pytest.mark.parametrize(
    ("error", "is_used_up"),
    [(None, True), (BadRequest("no"), True), (StoreUnavailable(), False), (RuntimeError(), False)],
    ids=["answered", "refused", "503", "500"],
)
async def test_only_an_answer_below_500_uses_a_token_up(
    store: Store, error: Exception | None, is_used_up: bool
) -> None:
    tokens = SpentTokens(store)
    try:
        async with tokens.used("jti-1", "first"):
            if error:
                raise error
    except (BadRequest, StoreUnavailable, RuntimeError):
        pass
    try:
        async with tokens.used("jti-1", "second"):
            opened = True
    except Unauthenticated:
        opened = False
    assert opened is not is_used_up
