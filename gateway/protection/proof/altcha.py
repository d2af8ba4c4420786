"""Proof of work by ALTCHA: a challenge of ours, which any browser or program solves by computing.

https://altcha.org/docs/v2/proof-of-work/
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import altcha
import msgspec

from gateway.protection.proof.base import Purpose, Worth
from gateway.protection.shared_key import SharedKey
from gateway.store import keys
from gateway.store.pipeline import Store

ALGORITHM = "PBKDF2/SHA-256"
# One key in 256 begins so: who solves computes 256 on average, who checks computes one.
PREFIX = "00"
# Iterations for one key: without any pressure, and when nothing more is left.
LEAST_COST, HIGHEST_COST = 1_000, 20_000
LIFETIME_SECONDS = 300
# Clocks of processes differ: an answered challenge is remembered for longer than any is good for.
REMEMBERED_SECONDS = LIFETIME_SECONDS + 60
# Answers have some 700 characters.
LONGEST = 2_000


class _Parameters(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    algorithm: str
    nonce: str
    salt: str
    cost: int
    key_length: int
    key_prefix: str
    expires_at: int
    data: dict[str, str]


class _Challenge(msgspec.Struct):
    parameters: _Parameters
    signature: str


class _Solution(msgspec.Struct, rename="camel"):
    counter: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    derived_key: str


class _Answer(msgspec.Struct):
    challenge: _Challenge
    solution: _Solution


class AltchaProof:
    """Challenges that all processes know by their signature; clock: seconds since the epoch."""

    field = "altcha"

    def __init__(
        self, store: Store, shared_key: SharedKey, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._shared_key = shared_key
        self._clock = clock

    async def challenge(self, purpose: Purpose, pressure: float) -> Mapping[str, Any]:
        """Return a challenge as the widget takes it; raises StoreUnavailable."""
        made = altcha.create_challenge(
            ALGORITHM,
            round(LEAST_COST + (HIGHEST_COST - LEAST_COST) * min(max(pressure, 0.0), 1.0)),
            key_prefix=PREFIX,
            expires_at=math.ceil(self._clock()) + LIFETIME_SECONDS,
            data={"for": await self._bound(purpose)},
            hmac_secret=await self._secret(),
        )
        return made.to_dict()

    async def judge(self, answer: str, purpose: Purpose) -> Worth:
        """Return what a widget's payload is worth; raises StoreUnavailable."""
        read = _read(answer)
        if read is None:
            return Worth.WRONG
        parameters = read.challenge.parameters
        if parameters.expires_at <= self._clock():
            return Worth.EXPIRED
        payload = altcha.Payload.from_dict(msgspec.to_builtins(read))
        # Computing a key takes milliseconds, and leaves the interpreter to others meanwhile.
        checked = await asyncio.to_thread(altcha.verify_solution, payload, await self._secret())
        if not checked.verified:
            return Worth.EXPIRED if checked.expired else Worth.WRONG
        if parameters.data.get("for") != await self._bound(purpose):
            return Worth.FOREIGN
        return Worth.ACCEPTED if await self._spend(parameters.nonce) else Worth.REPLAYED

    async def close(self) -> None:
        """Do nothing: the store is not its own."""

    async def _spend(self, nonce: str) -> bool:
        """Note that a challenge was answered; False if it was before."""
        key = keys.proof(nonce)
        return bool(await self._store.execute("SET", key, 1, "NX", "EX", REMEMBERED_SECONDS))

    async def _secret(self) -> bytes:
        key = await self._shared_key.get()
        return hashlib.blake2b(b"altcha", key=key, digest_size=32).digest()

    async def _bound(self, purpose: Purpose) -> str:
        """Return what stands for a purpose, and tells nobody the number."""
        return await self._shared_key.digest(f"altcha {purpose.endpoint} {purpose.receiver}")


def _read(answer: str) -> _Answer | None:
    """Return what a payload says, None for what is none."""
    if len(answer) > LONGEST:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(answer), type=_Answer)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
