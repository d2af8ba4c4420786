"""The country of an address, from a real file of every kind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.telephony.geoip import Lookup, open_lookup
from tests.support.geoip_files import write_legacy, write_mmdb

MMDB_RECORDS: dict[str, dict[str, object]] = {
    "198.51.100.0/24": {"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "US"}},
    "203.0.113.0/25": {"registered_country": {"iso_code": "AU"}},
    "203.0.113.128/25": {"continent": {"code": "EU"}},
    "192.0.2.0/25": {"country": {"iso_code": "EU"}},
    "192.0.2.128/25": {"country": "Germany"},
    "2001:db8::/32": {"country": {"iso_code": "GB"}},
}
MMDB_V4_RECORDS: dict[str, dict[str, object]] = {"198.51.100.0/24": {"country": {"iso_code": "DE"}}}
LEGACY_V4 = {
    "198.51.100.0/24": "DE",
    "203.0.113.0/25": "AU",
    "203.0.113.128/25": "EU",
    "192.0.2.0/26": "AP",
    "192.0.2.64/26": "A1",
    "192.0.2.128/26": "O1",
}
LEGACY_V6 = {"2001:db8::/32": "GB", "2001:db8:ffff::/48": "US"}

MAKERS: dict[str, Callable[[Path], str]] = {
    "bundled": lambda _: "",
    "mmdb": lambda folder: write_mmdb(folder / "both.mmdb", MMDB_RECORDS),
    "mmdb-ipv4": lambda folder: write_mmdb(folder / "four.mmdb", MMDB_V4_RECORDS, ip_version=4),
    "dat-ipv4": lambda folder: write_legacy(folder / "GeoIP.dat", LEGACY_V4),
    "dat-ipv6": lambda folder: write_legacy(folder / "GeoIPv6.DAT", LEGACY_V6, ip_version=6),
}


@pytest.fixture(scope="module")
def lookups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lookup]:
    folder = tmp_path_factory.mktemp("geoip")
    return {kind: open_lookup(make(folder)) for kind, make in MAKERS.items()}


@pytest.mark.parametrize(
    ("kind", "address", "country"),
    [
        ("bundled", "8.8.8.8", "US"),
        ("bundled", "2001:4860:4860::8888", "US"),
        ("bundled", "::ffff:8.8.8.8", "US"),
        ("bundled", "::FFFF:808:808", "US"),
        ("bundled", "198.51.100.7", None),
        ("mmdb", "198.51.100.7", "DE"),
        ("mmdb", "::ffff:198.51.100.7", "DE"),
        ("mmdb", "203.0.113.7", "AU"),
        ("mmdb", "203.0.113.200", None),
        ("mmdb", "192.0.2.7", None),
        ("mmdb", "192.0.2.200", None),
        ("mmdb", "2001:db8::7", "GB"),
        ("mmdb", "2001:db8::7%eth0", "GB"),
        ("mmdb", "2001:4860:4860::8888", None),
        ("mmdb-ipv4", "198.51.100.7", "DE"),
        ("mmdb-ipv4", "::ffff:198.51.100.7", "DE"),
        ("mmdb-ipv4", "2001:db8::7", None),
        ("dat-ipv4", "198.51.100.7", "DE"),
        ("dat-ipv4", "::ffff:198.51.100.7", "DE"),
        ("dat-ipv4", "203.0.113.7", "AU"),
        ("dat-ipv4", "203.0.113.200", None),
        ("dat-ipv4", "192.0.2.7", None),
        ("dat-ipv4", "192.0.2.70", None),
        ("dat-ipv4", "192.0.2.130", None),
        ("dat-ipv4", "8.8.8.8", None),
        ("dat-ipv4", "2001:db8::7", None),
        ("dat-ipv6", "2001:db8::7", "GB"),
        ("dat-ipv6", "2001:db8:ffff::7", "US"),
        ("dat-ipv6", "2001:db8::7%eth0", "GB"),
        ("dat-ipv6", "2001:4860:4860::8888", None),
        ("dat-ipv6", "198.51.100.7", None),
    ],
)
def test_an_address_has_the_country_of_its_network(
    lookups: dict[str, Lookup], kind: str, address: str, country: str | None
) -> None:
    assert country == lookups[kind](address)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "127.0.0.1", "::1", "::", "::8.8.8.8", "fe80::1%eth0", "0.0.0.0",
     "", " ", "garbage", "8.8.8", "08.8.8.8", "8.8.8.8:80", "[::1]", "8.8.8.8, 10.0.0.1",
     "１.２.３.４", "\x00", "\ud800", "/run/gateway.sock", "9" * 10_000],
    ids=lambda address: ascii(address[:20]),
)  # fmt: skip
def test_an_address_without_a_country_or_no_address_gives_none(
    lookups: dict[str, Lookup], kind: str, address: str
) -> None:
    assert lookups[kind](address) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.mmdb", None),
        ("missing.dat", None),
        ("empty.mmdb", b""),
        ("empty.dat", b""),
        ("text.mmdb", b"not a database"),
        ("text.dat", b"not a database"),
        ("organisations.dat", bytes(60) + b"\xff\xff\xff\x05\x01\x01\x01"),
        ("countries.csv", b"198.51.100.0/24,DE"),
        ("noextension", b""),
    ],
)
def test_a_file_that_is_no_country_database_is_named_in_one_line(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name) as raised:
        open_lookup(str(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_a_dat_file_without_the_extra_tells_which_one_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_legacy(tmp_path / "GeoIP.dat", LEGACY_V4)
    monkeypatch.setitem(sys.modules, "pygeoip", None)  # what "not installed" looks like
    with pytest.raises(ValueError, match="geoip-legacy"):
        open_lookup(path)
