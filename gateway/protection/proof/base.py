"""The one interface of all proofs: what is to be proven for a call, and whether it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a proof is for: a message of an endpoint (its path) to a person (E.164).

    address: of the caller.
    """

    endpoint: str
    receiver: str
    address: str = ""


class Worth(StrEnum):
    """What a proof is worth; FOREIGN: it was made for another purpose or page."""

    ACCEPTED = "accepted"
    WRONG = "wrong"
    EXPIRED = "expired"
    FOREIGN = "foreign"
    REPLAYED = "replayed"


class Proof(Protocol):
    """A kind of proof; ``field``: the argument of a call that carries one."""

    field: str

    async def challenge(self, purpose: Purpose, pressure: float) -> Mapping[str, Any]:
        """Return what a caller is told to prove; pressure: 0 to 1, by which the price rises.

        Raises StoreUnavailable. Nothing is kept of it.
        """

    async def judge(self, answer: str, purpose: Purpose) -> Worth:
        """Return what an answer is worth; it is accepted once, over all processes.

        Raises StoreUnavailable, ProofUnavailable.
        """

    async def close(self) -> None:
        """Let go of connections."""
