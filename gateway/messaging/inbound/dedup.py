"""By what an MO is taken once: the provider's id of a single one, the parts of a joined one."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.providers.base import Inbound
from gateway.store import keys


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
