"""Writes small real country files for the tests: MaxMind DB and both editions of legacy GeoIP."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

# The legacy format: a binary tree of nodes with two little-endian 3-byte records; a record from
# COUNTRY_BEGIN on is a leaf, whose distance from it is the country's index in a fixed list.
# The file ends with a marker and the byte of its edition.
# https://github.com/maxmind/geoip-api-c/blob/main/libGeoIP/GeoIP.c
_COUNTRY_BEGIN = 16776960
_MARKER = b"\xff\xff\xff"
_EDITION_V4, _EDITION_V6 = 1, 12
LEGACY_CODES = {"AP": 1, "EU": 2, "AU": 16, "DE": 56, "GB": 77, "US": 225, "A1": 244, "O1": 246}


def write_mmdb(path: Path, records: Mapping[str, Mapping[str, object]], ip_version: int = 6) -> str:
    """Write a MaxMind DB with one record for each network; return its path."""
    writer = MMDBWriter(ip_version, "Test-Country", ipv4_compatible=ip_version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), dict(record))
    writer.to_db_file(str(path))
    return str(path)


def write_legacy(path: Path, countries: Mapping[str, str], ip_version: int = 4) -> str:
    """Write a legacy GeoIP country file with one country for each network; return its path."""
    nodes = [[_COUNTRY_BEGIN, _COUNTRY_BEGIN]]
    for text, code in countries.items():
        network = ipaddress.ip_network(text)
        assert network.version == ip_version
        _insert(nodes, network, _COUNTRY_BEGIN + LEGACY_CODES[code])
    tree = b"".join(record.to_bytes(3, "little") for node in nodes for record in node)
    edition = _EDITION_V4 if ip_version == 4 else _EDITION_V6
    path.write_bytes(tree + _MARKER + bytes([edition]))
    return str(path)


def _insert(
    nodes: list[list[int]], network: ipaddress.IPv4Network | ipaddress.IPv6Network, leaf: int
) -> None:
    bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
    position = 0
    for bit in map(int, bits[:-1]):
        if nodes[position][bit] >= _COUNTRY_BEGIN:
            nodes.append([nodes[position][bit]] * 2)
            nodes[position][bit] = len(nodes) - 1
        position = nodes[position][bit]
    nodes[position][int(bits[-1])] = leaf
