"""Message endpoints: the rules for path, text, sender and link, and the file that lists them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from conf.tables import Kind, Reader, Values, read_tables, shown, text, whole


@dataclass(frozen=True, slots=True)
class MessageEndpoint:
    """A public path that sends one fixed text.

    The limits are per endpoint when set; ``None`` means the gateway-wide options. link: where
    ``{link}`` in the text leads, and what a visitor who gets no message is shown in its place, '' =
    that of ``form_link``; link_ios, link_android: where ``{link}`` leads on such telephones.
    """

    path: str
    text: str
    sender: str
    limit_amount: int | None = None
    limit_expires: int | None = None
    receiver_limit_amount: int | None = None
    receiver_limit_expires: int | None = None
    link: str = ""
    link_ios: str = ""
    link_android: str = ""


# What stands in a text for a short link of the gateway, and the fields that say where it leads.
PLACEHOLDER = "{link}"
LINKS = ("link", "link_ios", "link_android")
CODE_LENGTH = 9
# The provider refuses longer texts with status 12: https://developer.vonage.com/en/api/sms
MAX_TEXT_CHARACTERS = 3200
# https://developer.vonage.com/en/messaging/sms/guides/custom-sender-id
MAX_ALPHANUMERIC_SENDER = 11
MAX_NUMERIC_SENDER = 15

DEMO_TEXT = "Here is your download link: https://example.com/app"
DEMO_SENDER = "Example"


def message_path(value: str) -> str:
    """Return ``value`` without its trailing slash, the form in which paths are compared.

    Raises ValueError with the reason when it cannot be the path of a message endpoint.
    """
    if not value.startswith("/"):
        raise ValueError("a path must start with '/'")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]+", value):
        raise ValueError("a path has only ASCII letters, digits and . _ ~ - /")
    if "//" in value:
        raise ValueError("a path must not contain '//'")
    path = value.removesuffix("/")
    if not path:
        raise ValueError("the path '/' is taken")
    if {".", ".."} & set(path.split("/")):
        raise ValueError("a path must not contain '.' or '..' as an element")
    return path


def message_text(value: str) -> str:
    """Return ``value`` unchanged; raises ValueError when it cannot be sent as one message."""
    if not value.strip():
        raise ValueError("the text is empty")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValueError(
            f"the text has {len(value)} characters, at most {MAX_TEXT_CHARACTERS} can be sent"
        )
    return value


def message_link(value: str) -> str:
    """Return the address of a page for people unchanged; raises ValueError."""
    parts = urlsplit(value) if re.fullmatch(r"https://[!-~]{1,492}", value) else None
    if not parts or not re.fullmatch(
        r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:]+\]", parts.netloc
    ):
        raise ValueError("must be an https:// URL of up to 500 ASCII characters")
    return value


def with_link(text: str, public_url: str, code: str = "x" * CODE_LENGTH) -> str:
    """Return a text with a short link in place of each ``{link}``, of the usual length at least."""
    return text.replace(PLACEHOLDER, f"{public_url.rstrip('/')}/l/{code}")


_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_NUMERIC = re.compile(r"[+(]*[0-9][0-9+()./\s-]*")


def message_sender(value: str) -> str:
    """Return ``value`` without surrounding blanks, a number as its digits.

    Raises ValueError when nothing is left.
    """
    if not value.strip():
        raise ValueError("the sender is empty")
    return as_digits(value.strip())


def as_digits(sender: str) -> str:
    """Return a numeric sender as its digits however it is written, a name unchanged.

    Providers take no other form: ``+1 206 555-0100``, ``001 (206) 5550100``.
    """
    plain = unicodedata.normalize("NFKC", sender.translate(_DASHES))
    if not _NUMERIC.fullmatch(plain):
        return sender
    international = plain.lstrip("( ").startswith(("+", "00"))
    # Abroad the nought in brackets is not dialled: +49 (0)176 …
    plain = plain.replace("(0)", "") if international else plain
    return re.sub(r"[^0-9]", "", plain).removeprefix("00")


def sender_warning(whose: str, sender: str) -> str | None:
    """Return what networks will probably do to somebody's sender, ``None`` if nothing."""
    digits = re.fullmatch("([0-9]+)", sender)
    kind, length, most = (
        ("numeric", len(digits[1]), MAX_NUMERIC_SENDER)
        if digits
        else ("alphanumeric", len(sender), MAX_ALPHANUMERIC_SENDER)
    )
    if length <= most:
        return None
    return (
        f"{whose}: the {kind} sender {shown(sender)!r} has {length} characters, "
        f"networks may change it or refuse more than {most}"
    )


def limit_problems(label: str, prefix: str, amount: int, expires: int) -> Iterator[str]:
    """Yield the problem of a limit that is switched on but has a window of no length."""
    if amount > 0 and expires < 1:
        yield f"{label}{prefix}expires must be 1 or more while {prefix}amount is not 0"


def read_messages_file(path: Path) -> tuple[list[MessageEndpoint], list[str]]:
    """Return the usable endpoints of the TOML file ``path`` and one line for each problem.

    Every ``[[message]]`` table needs ``path``, ``text`` and ``sender`` and may have the limits
    and the links of MessageEndpoint; endpoints come with paths as ``message_path`` returns them.
    """
    paths: set[str] = set()

    def repeated(values: Values, _: int) -> Iterator[str]:
        endpoint = values.get("path")
        if endpoint in paths:
            yield f"the path {endpoint} occurs twice"
        elif endpoint:
            paths.add(endpoint)

    readers = {
        **_TEXTS,
        **dict.fromkeys(_LIMITS, whole),
        **dict.fromkeys(LINKS, lambda value: message_link(text(value))),
    }
    kind = Kind(MessageEndpoint, readers, required=tuple(_TEXTS), repeated=repeated)
    return read_tables(path, "message", kind)


_TEXTS: dict[str, Reader] = {
    "path": lambda value: message_path(text(value)),
    "text": lambda value: message_text(text(value)),
    "sender": lambda value: message_sender(text(value)),
}
_LIMITS = ("limit_amount", "limit_expires", "receiver_limit_amount", "receiver_limit_expires")
