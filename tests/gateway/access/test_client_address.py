"""Whose address counts: what a header says is believed only as far as trusted proxies wrote it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.access.client_address import ClientAddress, is_loopback, limit_subject, parse_address

REAL, FORWARDED = "X-Real-Ip", "X-Forwarded-For"
TRUSTED = ("10.0.0.0/8", "192.0.2.7", "2001:db8:aaaa::/48", "::1")
PROXY, CLIENT, CLIENT6 = "10.0.0.1", "203.0.113.9", "2001:db8:1:2:3:4:5:6"


@dataclass(frozen=True)
class Case:
    """A peer, what its header says, and the address that counts."""

    id: str
    peer: str
    value: str | None
    expected: str
    header: str = FORWARDED


CASES = [
    # without trust
    Case("stranger, no header", CLIENT, None, CLIENT),
    Case("stranger claims an address", CLIENT, "198.51.100.1", CLIENT),
    Case("stranger claims to be a proxy", CLIENT, PROXY, CLIENT),
    Case("stranger claims by X-Real-Ip", CLIENT, "198.51.100.1", CLIENT, REAL),
    Case("stranger by IPv6", CLIENT6, "198.51.100.1", CLIENT6),
    Case("stranger, IPv4-mapped", f"::ffff:{CLIENT}", None, CLIENT),
    Case("stranger, NAT64", "64:ff9b::203.0.113.9", None, CLIENT),
    Case("stranger, NAT64, written at length", "64:FF9B:0:0:0:0:CB00:7109", None, CLIENT),
    Case("stranger, NAT64 of this machine", "64:ff9b::7f00:1", "198.51.100.1", "64:ff9b::7f00:1"),
    Case("stranger, NAT64 of a trusted proxy", "64:ff9b::a00:1", CLIENT, "64:ff9b::a00:1"),
    Case("stranger, another prefix", "64:ff9b:1::cb00:7109", None, "64:ff9b:1::cb00:7109"),
    Case("proxy by NAT64", "64:ff9b::192.0.2.7", CLIENT, CLIENT),
    Case("client by NAT64", PROXY, "64:ff9b::203.0.113.9", CLIENT),
    Case("client by NAT64 with a port", PROXY, "[64:ff9b::cb00:7109]:443", CLIENT),
    Case("neighbour of a trusted address", "192.0.2.8", "198.51.100.1", "192.0.2.8"),
    Case("peer is no address", "unix", "198.51.100.1", "unix"),
    # one proxy
    Case("proxy, no header", PROXY, None, PROXY),
    Case("proxy", PROXY, CLIENT, CLIENT),
    Case("proxy by X-Real-Ip", PROXY, CLIENT, CLIENT, REAL),
    Case("proxy by its single address", "192.0.2.7", CLIENT, CLIENT),
    Case("proxy, IPv4-mapped", f"::ffff:{PROXY}", CLIENT, CLIENT),
    Case("proxy by IPv6", "2001:db8:aaaa::1", CLIENT, CLIENT),
    Case("proxy on loopback", "::1", CLIENT, CLIENT),
    Case("proxy with a zone", "::1%lo", CLIENT, CLIENT),
    Case("client by IPv6", PROXY, CLIENT6, CLIENT6),
    Case("client by IPv6, written at length", PROXY, "2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
    Case("client by IPv6 with a zone", PROXY, "fe80::1%eth0", "fe80::1"),
    Case("client, IPv4-mapped", PROXY, f"::ffff:{CLIENT}", CLIENT),
    Case("client with blanks", PROXY, f" {CLIENT}\t", CLIENT),
    # several hops
    Case("client wrote a hop himself", PROXY, f"198.51.100.1, {CLIENT}", CLIENT),
    Case("client wrote a trusted hop himself", PROXY, f"10.9.9.9, {CLIENT}", CLIENT),
    Case("two proxies", PROXY, f"{CLIENT}, 10.0.0.2", CLIENT),
    Case("two proxies, no blank", PROXY, f"{CLIENT},10.0.0.2", CLIENT),
    Case("two proxies and an invented hop", PROXY, f"198.51.100.1, {CLIENT}, 10.0.0.2", CLIENT),
    Case("proxies of both families", PROXY, f"{CLIENT6}, 2001:db8:aaaa::2", CLIENT6),
    Case("all are trusted", PROXY, "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    Case("garbage left of the client", PROXY, f"<script>, {CLIENT}", CLIENT),
    Case("garbage right of the client", PROXY, f"{CLIENT}, unknown", PROXY),
    Case("garbage behind a proxy", PROXY, f"{CLIENT}, unknown, 10.0.0.2", "10.0.0.2"),
    Case("empty hop", PROXY, f"{CLIENT}, ", PROXY),
    Case("no hops at all", PROXY, ",,,", PROXY),
    # garbage
    Case("empty header", PROXY, "", PROXY),
    Case("word", PROXY, "unknown", PROXY),
    Case("name", PROXY, "client.example.com", PROXY),
    Case("number", PROXY, "3405803785", PROXY),
    Case("hexadecimal", PROXY, "0xcb.0.0x71.9", PROXY),
    Case("leading zeros", PROXY, "203.000.113.009", PROXY),
    Case("five numbers", PROXY, f"{CLIENT}.1", PROXY),
    Case("other digits", PROXY, "２０３.0.113.9", PROXY),
    Case("network", PROXY, f"{CLIENT}/32", PROXY),
    Case("quoted", PROXY, f'"{CLIENT}"', PROXY),
    Case("in the words of Forwarded", PROXY, f"for={CLIENT}", PROXY),
    Case("several addresses in X-Real-Ip", PROXY, f"198.51.100.1, {CLIENT}", PROXY, REAL),
    Case("garbage in X-Real-Ip", PROXY, "unknown", PROXY, REAL),
    # with ports
    Case("port", PROXY, f"{CLIENT}:5678", CLIENT),
    Case("port of IPv6", PROXY, f"[{CLIENT6}]:443", CLIENT6),
    Case("brackets without a port", PROXY, f"[{CLIENT6}]", CLIENT6),
    Case("port of a mapped address", PROXY, f"[::ffff:{CLIENT}]:1", CLIENT),
    Case("port and a proxy with a port", PROXY, f"{CLIENT}:5678, 10.0.0.2:80", CLIENT),
    Case("port in X-Real-Ip", PROXY, f"{CLIENT}:5678", CLIENT, REAL),
    Case("IPv6 that ends like a port", PROXY, "2001:db8:1::443", "2001:db8:1::443"),
    Case("port is a word", PROXY, f"{CLIENT}:http", PROXY),
    Case("port is missing", PROXY, f"{CLIENT}:", PROXY),
    Case("port too long", PROXY, f"{CLIENT}:123456", PROXY),
    Case("open bracket", PROXY, "[2001:db8::1", PROXY),
    Case("text behind the brackets", PROXY, "[2001:db8::1]x", PROXY),
    Case("empty brackets", PROXY, "[]:443", PROXY),
    # long
    Case("many invented hops", PROXY, f"{'198.51.100.1, ' * 5000}{CLIENT}", CLIENT),
    Case("endless hop", PROXY, "1" * 100_000, PROXY),
    Case("endless zone", PROXY, f"fe80::1%{'a' * 1000}", PROXY),
    Case("as many proxies as are looked at", PROXY, f"{CLIENT}{', 10.0.0.2' * 49}", CLIENT),
    Case("more proxies than are looked at", PROXY, f"{CLIENT}{', 10.0.0.2' * 50}", "10.0.0.2"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_client_is_found_behind_trusted_proxies_only(case: Case) -> None:
    """A hop that is no address, or one hop too many, ends the search at what is known for sure."""
    assert case.expected == ClientAddress(TRUSTED, case.header).resolve(case.peer, case.value)


@pytest.mark.parametrize("peer", [CLIENT, "127.0.0.1", "::1", PROXY])
@pytest.mark.parametrize("header", [REAL, FORWARDED])
def test_with_nobody_trusted_the_peer_is_the_client(peer: str, header: str) -> None:
    assert peer == ClientAddress([], header).resolve(peer, "198.51.100.1")


@pytest.mark.parametrize("header", [REAL, FORWARDED])
def test_it_says_which_header_is_to_be_read(header: str) -> None:
    assert header == ClientAddress(TRUSTED, header).header


def test_a_network_may_be_named_by_any_address_in_it() -> None:
    assert CLIENT == ClientAddress(["10.1.2.3/8"], FORWARDED).resolve(PROXY, CLIENT)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", id="ipv4"),
        pytest.param("::ffff:203.0.113.9", "203.0.113.9", id="mapped"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", id="ipv6"),
        pytest.param("2001:db8:1:2::", "2001:db8:1:2::/64", id="first-of-its-network"),
        pytest.param("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64", id="last"),
        pytest.param("2001:db8:1:3::1", "2001:db8:1:3::/64", id="next-network"),
        pytest.param("fe80::1%eth0", "fe80::/64", id="zone"),
        pytest.param("::1", "::/64", id="loopback"),
        pytest.param("unix", "unix", id="no-address"),
        pytest.param("", "", id="empty"),
    ],
)
def test_calls_are_counted_by_address_or_by_the_network_of_a_customer(
    address: str, expected: str
) -> None:
    """An IPv6 customer owns at least a /64 and could use a new address for every call."""
    assert expected == limit_subject(address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("127.255.255.255", True),
        ("::1", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:127.8.8.8", True),
        ("128.0.0.1", False),
        ("126.255.255.255", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::2", False),
        ("::ffff:10.0.0.1", False),
        ("localhost", False),
        ("127.1", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_this_machine_is_known_by_its_address(address: str, expected: bool) -> None:
    assert expected == is_loopback(address)


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1.2.3.4.5", "01.2.3.4", ":::", "1::2::3", "\x00"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None
