"""By what an MO is taken once: the provider's id of a single one, the parts of a joined one.

An SMS that a phone imports again has another id: it is known by its words and its time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.values import DAY_MS
from gateway.telephony.networks import e164_of

IMPORTED_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Token:
    """What a script checks before it takes an MO; digest: '' for a single one."""

    key: str
    digest: str = ""

    @property
    def keys(self) -> tuple[str, str]:
        """The first two KEYS of every script that takes an MO."""
        return self.key, keys.ASSEMBLIES


def single(inbound: Inbound) -> Token:
    """Return the token of an MO that is no part of a longer one."""
    return Token(keys.seen(inbound.provider, inbound.id))


def imported(inbound: Inbound) -> str:
    """Return the key by which an SMS of a phone is known under another id."""
    lines = inbound.text.replace("\r\n", "\n").replace("\r", "\n")
    words = json.dumps([e164_of(inbound.sender) or inbound.sender, inbound.sent, lines])
    return keys.imported(inbound.provider, hashlib.sha256(words.encode()).hexdigest()[:32])
