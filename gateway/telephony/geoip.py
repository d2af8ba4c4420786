"""The country of an IP address: from bundled data, a MaxMind DB or a legacy GeoIP file."""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import iptocc
import maxminddb

Lookup = Callable[[str], str | None]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Two letters, but no country: Asia/Pacific, Europe, unknown (http://www.maxmind.com/app/faq).
# A1, A2, O1 and T1 (proxies, satellites, other, Tor) are told by their digit.
_NO_COUNTRIES = frozenset({"AP", "EU", "XX", "ZZ"})

# pygeoip takes any IPv6 number of at most ten decimal digits for an IPv4 one and walks the tree
# with the wrong depth; there is no public address among them.
_LOWEST_LEGACY_IPV6 = 10**10

# Reading an address costs ten times the look-up; a visitor comes several times in a row.
CACHE_ENTRIES = 16_384

# pygeoip opens anything; a file that can be asked about neither is no country file.
_PROBES = ("8.8.8.8", "2001:4860:4860::8888")


def open_lookup(path: str) -> Lookup:
    """Return a function from an address to its country (ISO 3166, upper case) or None.

    ``path`` is empty for the bundled data, a ``.mmdb`` or a ``.dat`` file. The function never
    raises. The file stays open as long as the function lives.

    Raises:
        ValueError: the file is missing, damaged or of a kind that cannot be read.
    """
    find = _open(path)

    @lru_cache(maxsize=CACHE_ENTRIES)
    def lookup(text: str) -> str | None:
        address = _address(text)
        return None if address is None else _country(find(address))

    return lookup


def _open(path: str) -> Callable[[Address], object]:
    if not path:
        return _bundled
    suffix = path[path.rfind(".") :].lower()
    if suffix == ".mmdb":
        return _open_mmdb(path)
    if suffix == ".dat":
        return _open_legacy(path)
    raise ValueError(f"{path}: neither a .mmdb nor a .dat file")


def _address(text: str) -> Address | None:
    """Return the address in ``text``, without zone, IPv4 where it is only wrapped in IPv6."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _country(code: object) -> str | None:
    if not isinstance(code, str) or len(code) != 2 or not (code.isascii() and code.isalpha()):
        return None
    return None if code.upper() in _NO_COUNTRIES else code.upper()


def _bundled(address: Address) -> object:
    return iptocc.country_code(str(address))


def _open_mmdb(path: str) -> Callable[[Address], object]:
    try:
        reader = maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise ValueError(f"{path}: not a readable MaxMind DB ({error})") from error

    def find(address: Address) -> object:
        try:
            return _iso_code(reader.get(address))
        except (ValueError, maxminddb.InvalidDatabaseError):  # IPv6 in an IPv4 file, damage
            return None

    return find


def _iso_code(record: object) -> object:
    """Return the country where the network is used, else where it is registered."""
    if not isinstance(record, dict):
        return None
    for place in (record.get("country"), record.get("registered_country")):
        if isinstance(place, dict) and place.get("iso_code"):
            return place["iso_code"]
    return None


def _open_legacy(path: str) -> Callable[[Address], object]:
    pygeoip = _import_pygeoip()
    # What it raises about an address of the other edition, and about a damaged file.
    errors = (pygeoip.GeoIPError, IndexError, TypeError, ValueError)
    try:
        with warnings.catch_warnings():  # it opens files with codecs.open, deprecated in 3.14
            warnings.simplefilter("ignore", DeprecationWarning)
            database = pygeoip.GeoIP(path, pygeoip.MEMORY_CACHE)
    except (OSError, *errors) as error:
        raise ValueError(f"{path}: not a readable legacy GeoIP file ({error})") from error

    def find(address: Address) -> object:
        if address.version == 6 and int(address) < _LOWEST_LEGACY_IPV6:
            return None
        with suppress(*errors):
            return database.country_code_by_addr(str(address))
        return None

    if not any(_answers(database, probe, errors) for probe in _PROBES):
        raise ValueError(f"{path}: not a legacy GeoIP file with countries")
    return find


def _answers(database: Any, probe: str, errors: tuple[type[Exception], ...]) -> bool:
    try:
        database.country_code_by_addr(probe)
    except errors:
        return False
    return True


def _import_pygeoip() -> Any:
    try:
        import pygeoip  # noqa: PLC0415 - an extra that few installations have
    except ImportError as error:
        raise ValueError(
            ".dat files need the package pygeoip: install the extra geoip-legacy"
        ) from error
    return pygeoip
