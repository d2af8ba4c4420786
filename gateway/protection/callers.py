"""Who calls, as far as it is kept: digests of addresses by a key that all processes share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from gateway.access.client_address import limit_subject, network_subject
from gateway.protection.shared_key import SharedKey


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller without his address: digests of his IPv4 or /64, and of his /48 ('' for IPv4).

    Both are '' for one of whom nothing is known.
    """

    visitor: str = ""
    network: str = ""

    @property
    def known_as(self) -> str:
        """By what he is known among those who wrote to a number or a range of numbers.

        His network, as an IPv6 customer has thousands of addresses.
        """
        return self.network or self.visitor

    @property
    def note(self) -> str:
        """Both digests, as the record of a message has them."""
        return f"{self.visitor} {self.network}".rstrip()

    @classmethod
    def of_note(cls, note: str) -> Self:
        """Return the caller of a record."""
        visitor, _, network = note.partition(" ")
        return cls(visitor, network)


class Callers:
    """Finds the digests of callers."""

    def __init__(self, key: SharedKey) -> None:
        self._key = key

    async def of(self, address: str) -> Caller:
        """Return the caller at an address; raises StoreUnavailable while the key is not known."""
        visitor = await self._key.digest(limit_subject(address))
        network = network_subject(address)
        return Caller(visitor, await self._key.digest(network) if network else "")
