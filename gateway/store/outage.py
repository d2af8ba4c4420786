"""What keeps an answer of Redis away, and what becomes of it: our own error, a line in the log."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from gateway.errors import StoreRefuses, StoreUnavailable
from gateway.store.script import Reply

log = logging.getLogger(__name__)
# Answers of a server that is up but cannot serve now; all other ResponseErrors are our mistakes.
_NOT_NOW = {
    AskError: "wrong_node",  # of a Cluster that was named by redis://; MovedError is one
    BusyLoadingError: "loading",
    ClusterDownError: "cluster_down",
    MasterDownError: "master_down",
    NoPermissionError: "no_permission",
    OutOfMemoryError: "out_of_memory",
    ReadOnlyError: "read_only",
    TryAgainError: "cluster_down",
}
# Those without a class of their own, and all of them inside a script, where Redis before 7
# wraps the error of a command in one of the script's.
_NOT_NOW_TEXT = re.compile(
    r"(?:^|: -)(BUSY|LOADING|MASTERDOWN|MISCONF|NOPERM|NOREPLICAS|OOM|READONLY) "
    r"|^(ACL failure in script)"
)
_REASONS = {
    "ACL failure in script": "no_permission",
    "BUSY": "busy",
    "LOADING": "loading",
    "MASTERDOWN": "master_down",
    "MISCONF": "cannot_save",
    "NOPERM": "no_permission",
    "NOREPLICAS": "too_few_replicas",
    "OOM": "out_of_memory",
    "READONLY": "read_only",
}
# What keeps an answer away. RedisClusterException is no RedisError.
UNAVAILABLE = (RedisError, RedisClusterException, OSError, TimeoutError, asyncio.CancelledError)


def is_lost(reply: Reply) -> bool:
    """Tell whether a node did not answer at all."""
    return isinstance(reply, UNAVAILABLE) and not isinstance(reply, ResponseError)


def translated(error: BaseException) -> Exception:
    """Return the error of our own that stands for ``error``."""
    reason = _refusal(error)
    if isinstance(error, ResponseError) and not reason:
        return error
    return StoreRefuses(reason) if reason else StoreUnavailable()


def _refusal(error: BaseException) -> str:
    """Return why a server that is up does not serve now, '' for all other errors."""
    known = [reason for kind, reason in _NOT_NOW.items() if isinstance(error, kind)]
    said = _NOT_NOW_TEXT.search(str(error)) if isinstance(error, ResponseError) else None
    return known[0] if known else _REASONS[said[1] or said[2]] if said else ""


def log_outage(replies: Iterable[Reply]) -> None:
    """Say once for a pipeline what kept its answers away."""
    error = next((each for each in replies if isinstance(each, BaseException)), None)
    if isinstance(error, ResponseError):
        if _refusal(error):
            log.warning("store refuses: %s %s", type(error).__name__, error)
    elif isinstance(error, UNAVAILABLE):
        log.warning("store unavailable: %s", type(error).__name__)
    elif error is not None:
        log.error("store failed unexpectedly", exc_info=error)
