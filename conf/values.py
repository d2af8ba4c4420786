"""The rules for single values: each returns a value in its usual form or raises ValueError.

The reason in the exception never contains the value itself, which may be a secret.
"""

from __future__ import annotations

import ipaddress
import os.path
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from conf.messages import as_digits, message_link, message_path, message_sender, message_text

# As last element of a webhook's path these would be another route of the gateway.
_ROUTE_WORDS = frozenset({"fallback", "flowroute", "proxy-call", "validate_number", "example.html"})


def text(value: str) -> str:
    """Return ``value`` unchanged; raises ValueError when it was not written in UTF-8."""
    # Bytes of the command line that are not UTF-8 arrive as lone surrogates.
    if re.search("[\ud800-\udfff]", value):
        raise ValueError("not valid UTF-8")
    return value


def whole_number(value: str) -> int:
    """Return the number that ``value`` writes in ASCII digits; raises ValueError."""
    # int() alone would also take "1_000" and full-width digits.
    if not re.fullmatch(r"[+-]?[0-9]{1,1000}", value.strip()):
        raise ValueError("not a whole number")
    return int(value)


def number(value: str) -> float:
    """Return the decimal number that ``value`` writes in ASCII digits; raises ValueError."""
    if not re.fullmatch(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?", value.strip()):
        raise ValueError("not a number")
    return float(value)


def boolean(value: str) -> bool:
    """Return what one of the eight boolean words in any case means; raises ValueError."""
    word = value.strip().lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError("not a boolean (true, false, yes, no, on, off, 1, 0)")


READERS: dict[object, Callable[[str], object]] = {
    str: text,
    int: whole_number,
    float: number,
    bool: boolean,
    bool | None: boolean,
}


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a check that accepts ``choices`` in any case and returns them as declared."""
    return partial(_choice, choices)


def _choice(choices: Sequence[str], value: str) -> str:
    for choice in choices:
        if value.strip().lower() == choice.lower():
            return choice
    raise ValueError(f"must be one of {', '.join(choices)}")


def filled(value: str) -> str:
    """Return ``value`` without surrounding blanks; raises ValueError when nothing is left."""
    if not value.strip():
        raise ValueError("must not be empty")
    return value.strip()


def url(value: str) -> str:
    """Return an absolute http(s) URL, or nothing, unchanged; raises ValueError."""
    if not value:
        return value
    reason = "must be an absolute URL, http(s)://host/…"
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError(f"{reason}, in ASCII without blanks")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(reason)
    if "?" in value or "#" in value:
        raise ValueError("must not contain '?' or '#'")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name")
    return value


def base_url(value: str) -> str:
    """Return the URL without slashes at its end, so that a path can follow; raises ValueError."""
    return url(value).rstrip("/")


def receipt_url(value: str) -> str:
    """Return a URL whose path is not the root, or nothing, unchanged; raises ValueError."""
    if value and not urlsplit(url(value)).path.strip("/"):
        raise ValueError("needs a path of its own after the host")
    return value


def host(value: str) -> str:
    """Return ``host`` or ``host:port`` unchanged; raises ValueError."""
    parts = re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?", value)
    if not parts or not 0 < int(parts["port"] or 1) <= 65535:
        raise ValueError("must be a host name, with :port if needed, and nothing else")
    return value


def endpoint(value: str) -> str:
    """Return the path of a provider's API without slash at its start; raises ValueError."""
    if not re.fullmatch(r"/*[A-Za-z0-9._~-][A-Za-z0-9._~/-]*", value):
        raise ValueError("must be a path such as sms/json")
    return value.lstrip("/")


def country(value: str) -> str:
    """Return a country code of two letters in capitals; raises ValueError."""
    if not re.fullmatch(r"[A-Za-z]{2}", value.strip()):
        raise ValueError("must be a country code of two letters, such as DE")
    return value.strip().upper()


def countries(value: str) -> str:
    """Return country codes in capitals, separated by commas alone, or ``*``; raises ValueError."""
    items = [item.strip() for item in value.split(",") if item.strip()]
    return ",".join("*" if item == "*" else country(item) for item in items)


def rate_shares(value: str) -> str:
    """Return weights of the three flows, separated by commas alone; raises ValueError."""
    items = [item.replace(" ", "") for item in value.split(",") if item.strip()]
    names = sorted(item.partition(":")[0] for item in items)
    wrong = [item for item in items if not re.fullmatch(r"[a-z]+:[1-9][0-9]{0,2}", item)]
    if wrong or names != ["notices", "public", "relay"]:
        raise ValueError("must be weights from 1 to 999, such as public:2,relay:2,notices:1")
    return ",".join(items)


def networks(value: str) -> str:
    """Return IP addresses and networks, separated by commas alone; raises ValueError."""
    items = [item.strip() for item in value.split(",") if item.strip()]
    for position, item in enumerate(items, start=1):
        try:
            ipaddress.ip_network(item, strict=False)
        except ValueError:
            raise ValueError(f"item {position} is not an IP address or network") from None
    return ",".join(items)


def origins(value: str) -> str:
    """Return origins (https://www.example.com), separated by commas alone; raises ValueError."""
    found = [read_origin(each) for each in value.split(",") if each.strip()]
    return ",".join(dict.fromkeys(found))


def read_origin(value: str) -> str:
    """Return an origin as browsers write it; raises ValueError when it is none.

    That is https://url.spec.whatwg.org/#concept-url-origin: in lower case, names in ASCII (IDNA),
    IPv6 in its shortest form, without the usual port.
    """
    written = re.fullmatch(r"(https?)://([^/?#@\\\s]+?)(?::([0-9]{1,5}))?/?", value.strip(), re.I)
    if not written:
        raise ValueError("an origin is written https://www.example.com and ends with host or port")
    scheme, name = written[1].lower(), _host_name(written[2])
    usual = {"http": 80, "https": 443}[scheme]
    port = int(written[3] or usual)
    if port > 65535:
        raise ValueError("an origin has a port up to 65535")
    return f"{scheme}://{name}" if port == usual else f"{scheme}://{name}:{port}"


def _host_name(value: str) -> str:
    """Return the host of an origin as browsers write it; raises ValueError."""
    if value.startswith("["):
        return f"[{_ipv6(value)}]"
    folded = unicodedata.normalize("NFKC", value.translate(_DOTS)).lower()
    labels = [
        each if each.isascii() else f"xn--{each.encode('punycode').decode()}"
        for each in folded.split(".")
    ]
    name = ".".join(labels)
    # One dot may stand at the end: browsers take that for another origin, as DNS does not.
    if not re.fullmatch(r"(?=.{1,254}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", name):
        raise ValueError("a host has letters, digits, hyphens and dots, and no wildcards")
    return name


def _ipv6(value: str) -> ipaddress.IPv6Address:
    try:
        return ipaddress.IPv6Address(value.removeprefix("[").removesuffix("]").replace("%", "?"))
    except ValueError:
        raise ValueError("an IPv6 address stands in brackets, as in http://[2001:db8::1]") from None


_DOTS = dict.fromkeys(map(ord, "。．｡"), ".")


def region_file(value: str) -> str:
    """Return the path of an existing country database, or nothing; raises ValueError."""
    if value and not value.lower().endswith((".mmdb", ".dat")):
        raise ValueError("must end with .mmdb or .dat")
    # Unlike Path.is_file it is false, too, for a name that is too long or must not be looked at.
    if value and not os.path.isfile(value):
        raise ValueError("there is no such file")
    return value


def message(value: str) -> str:
    """Return a text that can be sent, or nothing; raises ValueError."""
    return message_text(value) if value else ""


def sender(value: str) -> str:
    """Return a sender without surrounding blanks, or nothing; raises ValueError."""
    return message_sender(value) if value else ""


def link(value: str) -> str:
    """Return the address of a page for people, or nothing, unchanged; raises ValueError."""
    return message_link(value) if value else ""


def request_path(value: str) -> str:
    """Return the path of a message endpoint with one slash at its end; raises ValueError."""
    return f"{message_path(value)}/"


def virtual_number(value: str) -> str:
    """Return a number of digits alone, with or without +, or nothing; raises ValueError.

    5 digits are enough for a short code, 15 are the most: https://www.itu.int/rec/T-REC-E.164
    """
    digits = as_digits(value.strip())
    if value and not re.fullmatch(r"[0-9]{5,15}", digits):
        raise ValueError("must be 5 to 15 digits, with or without a + in front")
    return digits


def virtual_numbers(value: str) -> str:
    """Return international numbers as ``+`` and digits, separated by commas alone; ValueError."""
    items = [as_digits(item.strip()) for item in value.split(",") if item.strip()]
    for position, item in enumerate(items, start=1):
        if not re.fullmatch(r"[1-9][0-9]{6,14}", item):
            raise ValueError(f"item {position} is not an international number")
    return ",".join(f"+{item}" for item in items)


def admin_token(value: str) -> str:
    """Return a token fit for a header, or nothing, unchanged; raises ValueError."""
    if value and not re.fullmatch(r"[!-~]{8,}", value):
        raise ValueError("must have 8 or more ASCII characters and no blanks")
    return value


def webhook_token(value: str) -> str:
    """Return a token fit for a path, or nothing, unchanged; raises ValueError."""
    if value and not re.fullmatch(r"[A-Za-z0-9._~-]{8,}", value):
        raise ValueError("must have 8 or more characters, only ASCII letters, digits and . _ ~ -")
    if value in _ROUTE_WORDS:
        raise ValueError("must not be a word that occurs in the gateway's own paths")
    return value


def redis_url(value: str) -> str:
    """Return the URL of a Redis, or nothing, unchanged; raises ValueError."""
    if value and not re.match(r"(rediss?(\+sentinel|\+cluster)?|unix)://.", value):
        raise ValueError(
            "must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://;"
            " with TLS rediss+sentinel:// or rediss+cluster://"
        )
    return value
