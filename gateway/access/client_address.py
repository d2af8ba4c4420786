"""Who is calling: the client's address, taken from a header only when a trusted proxy sent it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address

FORWARDING_HEADERS = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Forwarded-Host", "Via")
# Some proxies write the port as well: "1.2.3.4:5678", "[2001:db8::1]:443".
_WITH_PORT = re.compile(r"\s*(?:\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5})\s*")
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER_TRANSLATED = tuple(
    IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
    )
)
# Longer lists of hops are no path through real proxies.
MOST_HOPS = 50
# An IPv6 address with brackets, port and zone; longer text would only fill the cache.
LONGEST_HOP = 100


@lru_cache(maxsize=16_384)
def parse_address(text: str) -> Address | None:
    """Return the address in ``text``, as IPv4 what only wraps one; None when it is none."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return _unwrapped(address) if isinstance(address, IPv6Address) else address


def _unwrapped(address: IPv6Address) -> Address:
    """Return the IPv4 address in an IPv4-mapped or a NAT64 one, else the address itself.

    Behind a translator all of IPv4 would share the one /64 of its prefix. It must not translate
    what is no public address (https://www.rfc-editor.org/rfc/rfc6052#section-3.1): that would let
    somebody outside be this machine or a trusted proxy.
    """
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address not in _NAT64:
        return address
    wrapped = IPv4Address(int(address) & 0xFFFF_FFFF)
    return address if any(wrapped in each for each in _NEVER_TRANSLATED) else wrapped


@lru_cache(maxsize=16_384)
def limit_subject(address: str) -> str:
    """Return what calls are counted under: the address, of IPv6 its /64 (one customer's share)."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed or address)


@lru_cache(maxsize=16_384)
def network_subject(address: str) -> str:
    """Return the /48 of an IPv6 address, the most that one customer is given; '' for IPv4."""
    parsed = parse_address(address)
    return str(IPv6Network((parsed, 48), strict=False)) if isinstance(parsed, IPv6Address) else ""


def is_loopback(address: str) -> bool:
    """Tell whether ``address`` is this machine itself."""
    parsed = parse_address(address)
    return parsed is not None and parsed.is_loopback


def _parse_hop(text: str) -> Address | None:
    if len(text) > LONGEST_HOP:
        return None
    found = _WITH_PORT.fullmatch(text)
    return parse_address(found[1] or found[2] if found else text)


class ClientAddress:
    """Finds the client's address behind the trusted proxies.

    header: ``X-Real-Ip`` or ``X-Forwarded-For``, exactly this one is read, and only from them.
    """

    def __init__(self, trusted: Iterable[str], header: str) -> None:
        self._networks = tuple(ip_network(each, strict=False) for each in trusted)
        self.header = header

    def resolve(self, peer: str, header_value: str | None) -> str:
        """Return the address of the client behind ``peer``.

        Of X-Forwarded-For that is the right-most hop that is no trusted proxy, without the port
        that some proxies write behind it. A header that is no address, or none at all, leaves
        the last address that is known for sure.
        """
        address = parse_address(peer)
        if header_value is None or address is None or not self._trusts(address):
            return str(address or peer)
        hops = header_value[-4096:].split(",")[-MOST_HOPS:]
        if self.header == "X-Real-Ip" and len(hops) > 1:
            return str(address)
        for hop in reversed(hops):
            parsed = _parse_hop(hop)
            if parsed is None:
                return str(address)
            address = parsed
            if not self._trusts(address):
                return str(address)
        return str(address)

    def trusts(self, peer: str) -> bool:
        """Tell whether ``peer`` is a trusted proxy."""
        address = parse_address(peer)
        return address is not None and self._trusts(address)

    def names_loopback(self, peer: str, header_value: str | None) -> bool:
        """Tell whether ``peer`` is a trusted proxy that says it asks for this machine.

        One that says nothing, or in another header than the one that is read, does not.
        """
        named = _parse_hop(header_value or "")
        return self.trusts(peer) and named is not None and named.is_loopback

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)
