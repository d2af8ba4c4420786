"""Short links in place of ``{link}``: their codes, and where each leads.

A code is a place and what is random. The place stands for an endpoint and a shop, and is made of
their names: so every process, and the gateway of a year later with an empty store, knows where a
link leads that somebody still has in his telephone. The store is asked only to count.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Protocol

from conf.messages import CODE_LENGTH, PLACEHOLDER, MessageEndpoint, with_link
from conf.protection import Site

log = logging.getLogger(__name__)

# A code may be typed from one telephone into another: no letter or digit that looks like another.
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
PLACE_LENGTH = 3


class Platform(StrEnum):
    """On what a link is opened."""

    IOS = "ios"
    ANDROID = "android"
    OTHER = "other"


class Leading(Protocol):
    """What may say where links lead, by the names of the configuration; '' = it does not."""

    @property
    def link(self) -> str: ...
    @property
    def link_ios(self) -> str: ...
    @property
    def link_android(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Usual:
    """Where links lead of which neither shop nor endpoint says so: the options."""

    link: str = ""
    link_ios: str = ""
    link_android: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it leaves; code: of its link, '' = it has none; source: for whom it is counted."""

    text: str
    code: str = ""
    source: str = ""


class ShortLinks:
    """Writes links into texts, and tells where they lead, for the endpoints that it serves.

    public_url: '' = texts stay as they are.
    """

    def __init__(self, public_url: str, sites: Sequence[Site], usual: Leading) -> None:
        self._public_url = public_url
        self._sites = ("", *(each.key for each in sites))
        self._of_site: dict[str, Leading] = {each.key: each for each in sites}
        self._usual = usual
        self._places: dict[str, tuple[Leading, ...]] = {}
        self._place_of: dict[str, str] = {}

    def serve(self, endpoints: Iterable[MessageEndpoint]) -> None:
        """Take endpoints in, each with every shop; those that are served already change nothing."""
        for endpoint in endpoints:
            for site in self._sites:
                source = source_of(endpoint.path, site)
                if source not in self._place_of:
                    place = self._free_place(source)
                    own = (self._of_site[site],) if site else ()
                    self._places[place] = (*own, endpoint, self._usual)
                    self._place_of[source] = place

    def write(self, text: str, endpoint: str, site: str) -> Written:
        """Return a text of an endpoint (its path) for a shop with a link of its own in it."""
        source = source_of(endpoint, site)
        place = self._place_of.get(source)
        if PLACEHOLDER not in text or place is None or not self._public_url:
            return Written(text)
        code = place + "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH - PLACE_LENGTH))
        return Written(with_link(text, self._public_url, code), code, source)

    def target(self, code: str, platform: Platform) -> str:
        """Return where a code leads on a platform, '' = it is none of this gateway's."""
        leading = self._places.get(code[:PLACE_LENGTH], ())
        if len(code) != CODE_LENGTH or not set(code) <= set(LETTERS):
            return ""
        named = f"link_{platform}"
        found = (getattr(each, named, "") or each.link for each in leading)
        return next(filter(None, found), "")

    def _free_place(self, source: str) -> str:
        """Return three letters that no other source has; with twenty of them chance hardly acts.

        Where it does, the first one keeps what both would have: it is said that this must stay so.
        """
        tries = (_letters(f"{source}\0{n}" if n else source) for n in count())
        found = next(each for each in tries if each not in self._places)
        if found != (wanted := _letters(source)) and self._public_url:
            first = next(each for each, place in self._place_of.items() if place == wanted)
            log.warning(
                "short links of %s and of %s are told apart by which of both stands first in the"
                " configuration: keep it so, or old links of one lead to the other's page",
                *(first, source),
            )
        return found


def source_of(endpoint: str, site: str) -> str:
    """Return by what messages of an endpoint (its path) for a shop ('' = none) are counted."""
    return f"{endpoint}@{site}" if site else endpoint


def read_code(written: str) -> str:
    """Return a code as it was sent, however it is typed.

    Telephones begin with a capital and take for a part of a link what stands behind it: a full
    stop, or words where none is written between them; people write in groups.
    """
    plain = unicodedata.normalize("NFKC", written).lower()
    return "".join(each for each in plain if each.isascii() and each.isalnum())


def _letters(source: str) -> str:
    number = int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest(), "big")
    base = len(LETTERS)
    return "".join(LETTERS[number // base**n % base] for n in range(PLACE_LENGTH))
