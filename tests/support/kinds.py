"""Tests that run on several kinds of gateway: a module lists them, a test names its own."""

from __future__ import annotations

import pytest


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on these kinds of gateway."""
    return pytest.mark.parametrize("kind", kinds, indirect=True)
