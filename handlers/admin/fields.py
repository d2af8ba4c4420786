"""What an administrator writes into a body, a query or a path, read strictly.

Bodies are JSON objects or forms whatever the content type says, since old clients leave it out. A
wrong value raises BadRequest with a message that begins with the field's name.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tornado.httputil import HTTPServerRequest

from conf.values import boolean
from gateway.errors import BadRequest, NotFound
from gateway.store.values import ID
from gateway.telephony import phonenumber
from gateway.telephony.country import region
from gateway.telephony.judges import Judge, is_possible, is_valid
from gateway.telephony.phonenumber import PhoneNumber
from handlers import arguments

MOST_MINUTES = 10 * 365 * 24 * 60  # ten years: beyond it somebody meant seconds or a date
MAX_NAME = 191
NO_NUMBER = "must be a valid international number"
# What to do about a number of no range that we know.
SAY_POSSIBLE = 'add "possible": true'
ADD_POSSIBLE = f"this one is possible: if it is right, {SAY_POSSIBLE}"
LONGEST_SECONDS = 10 * 365 * 86_400  # from now to a moment, for which something lives or waits
CAPABILITIES = frozenset({"sms", "voice"})

_WHOLE = re.compile(r"-?[0-9]{1,9}")
_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one request by name.

    written: those that came as text (query, form, path) and so have no JSON type; a number or a
    boolean among them is read from its text. judge: what is taken for a valid number.
    """

    values: Mapping[str, object]
    written: frozenset[str] = frozenset()
    judge: Judge = is_valid

    def number(self, name: str) -> PhoneNumber:
        """Return an international number, written as text or as a JSON integer.

        It is valid, or possible where the field ``possible`` says so.
        """
        return read_number(name, self.number_text(name), possible=self.possible, judge=self.judge)

    def known_number(self, name: str) -> PhoneNumber:
        """Return the same of something that is there, or is not: a possible number will do."""
        return read_number(name, self.number_text(name), possible=True, judge=self.judge)

    def number_or_none(self, name: str) -> PhoneNumber | None:
        """Return what ``known_number`` does, None when the field is absent or null."""
        return None if self.values.get(name) is None else self.known_number(name)

    def number_text(self, name: str) -> str:
        """Return what is written for a number, '' for what has no type of one."""
        value = self._required(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else ""

    @property
    def possible(self) -> bool:
        """Whether numbers of ranges that are newer than our data are meant as they are."""
        return self.values.get("possible") is not None and self.flag("possible")

    def expiry_ms(self, name: str) -> int:
        """Return a number of minutes in ms; 0 for null and 0, which mean never."""
        value = self._required(name)
        if name in self.written and isinstance(value, str) and _DECIMAL.fullmatch(value):
            value = float(value)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int | float):
            value = -1
        # Written so that what is no number in any order (NaN) is refused as well.
        if not 0 <= value <= MOST_MINUTES:
            raise BadRequest(f"{name}: must be a positive number of minutes, ten years at most")
        return max(1, round(value * 60_000)) if value else 0

    def expiry_ms_or_never(self, name: str) -> int:
        """Return the same, 0 when the field is absent."""
        return self.expiry_ms(name) if name in self.values else 0

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._required(name)
        if name in self.written and isinstance(value, str):
            try:
                value = boolean(value)
            except ValueError:
                value = None
        if not isinstance(value, bool):
            raise BadRequest(f"{name}: must be true or false")
        return value

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """Return one of ``choices``, ``default`` when the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            raise BadRequest(f"{name}: must be one of {', '.join(choices)}")
        return value

    def provider(self, name: str, known: Collection[str], default: str) -> str:
        """Return the name of a known provider, ``default`` when the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or value not in known:
            raise BadRequest(f"{name}: unknown")
        return value

    def label(self, name: str) -> str:
        """Return a caller's own name for something, '' when the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return ""
        fits = isinstance(value, str) and len(value) <= MAX_NAME and value.isprintable()
        if not fits or not str(value).strip():
            raise BadRequest(f"{name}: must be 1 to {MAX_NAME} printable characters")
        return str(value)

    def text(self, name: str, longest: int) -> str:
        """Return text of at most so many characters, '' when the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > longest:
            raise BadRequest(f"{name}: must be text of at most {longest} characters")
        if arguments.LONE_SURROGATE.search(value):
            raise BadRequest(f"{name}: not valid Unicode")
        return value

    def whole(self, name: str, lowest: int, highest: int) -> int:
        """Return a whole number within bounds, 0 when the field is absent or null."""
        value = self.values.get(name)
        if name in self.written and isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if value is None:
            return 0
        if type(value) is not int or not lowest <= value <= highest:
            raise BadRequest(f"{name}: must be a whole number from {lowest} to {highest}")
        return value

    def seconds(self, name: str, most: float) -> float:
        """Return a number of seconds, 0 when the field is absent, null or 0."""
        value = self.values.get(name)
        if name in self.written and isinstance(value, str) and _DECIMAL.fullmatch(value):
            value = float(value)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise BadRequest(f"{name}: must be a positive number of seconds")
        return float(value)

    def moment(self, name: str) -> int:
        """Return a moment in ms, 0 when the field is absent or null.

        It is seconds since 1970, or a date with a time, UTC without a zone.
        """
        value = self.values.get(name)
        if value is None:
            return 0
        try:
            if isinstance(value, str) and not value.isdecimal():
                moment = datetime.fromisoformat(value)
                seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            elif isinstance(value, bool) or not isinstance(value, str | int | float):
                raise ValueError
            else:
                seconds = float(value)
            if not 0 < seconds < time.time() + LONGEST_SECONDS:
                raise ValueError
        except (ValueError, OverflowError):
            raise BadRequest(f"{name}: must be a date with a time, or seconds since 1970") from None
        return int(seconds * 1000)

    def ids(self, name: str, most: int) -> list[str]:
        """Return a list of texts, or words with commas; [] when the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return []
        found = list(dict.fromkeys(_words(value)))
        if not 1 <= len(found) <= most:
            raise BadRequest(f"{name}: must be a list of 1 to {most} ids")
        return found

    def capabilities(self, name: str, default: frozenset[str] = CAPABILITIES) -> frozenset[str]:
        """Return ``sms``, ``voice`` or both from a list or comma text."""
        value = self.values.get(name)
        if value is None:
            return default
        found = frozenset(map(str.lower, _words(value)))
        if not found or found - CAPABILITIES:
            raise BadRequest(f"{name}: must be sms, voice or both")
        return found

    def country(self, name: str, default: str) -> str:
        """Return a country code in capitals, ``default`` when the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return default
        code = region(value) if isinstance(value, str) else None
        if code is None:
            raise BadRequest(f"{name}: must be a country code of two letters, such as DE")
        return code

    def session_id(self, name: str) -> str:
        """Return a session's id; raises NotFound for text that cannot be one."""
        value = self._required(name)
        if not isinstance(value, str):
            raise BadRequest(f"{name}: must be text")
        return session_id(value)

    def _required(self, name: str) -> object:
        if name not in self.values:
            raise BadRequest(f"{name}: is missing")
        return self.values[name]


def read_number(name: str, text: str, *, possible: bool, judge: Judge) -> PhoneNumber:
    """Return the international number in a field; raises BadRequest.

    possible: whether one is taken that is not valid to ``judge``, but possible.
    """
    valid = phonenumber.parse_international(text, judge)
    found = valid or phonenumber.parse_international(text, is_possible)
    if found is None:
        raise BadRequest(f"{name}: {NO_NUMBER}")
    if valid is None and not possible:
        raise BadRequest(f"{name}: {NO_NUMBER}; {ADD_POSSIBLE}")
    return found


def read(
    request: HTTPServerRequest,
    content_type: str,
    known: Collection[str],
    elements: Mapping[str, str],
    judge: Judge,
) -> Fields:
    """Return the fields of query, body and path (``elements``); raises BadRequest, see above."""
    form = arguments.body_form(request, content_type)
    written = dict(elements)
    for pairs in (request.query_arguments, form or {}):
        for name, values in pairs.items():
            _check_name(name, known)
            if name in written or len(values) > 1:
                raise BadRequest(f"{name}: given more than once")
            written[name] = _decoded(name, values[0])
    document = arguments.json_object(request) if form is None else {}
    for name in document:
        _check_name(name, known)
        if name in written:
            raise BadRequest(f"{name}: given more than once")
    return Fields(written | document, frozenset(written), judge)


def session_id(text: str) -> str:
    """Return ``text`` as a session's id; raises NotFound when it cannot be one."""
    if not ID.fullmatch(text.lower()):
        raise NotFound("session_id: must be 32 hexadecimal digits")
    return text.lower()


def digits(e164: str) -> str:
    """Return a number as the admin routes show it."""
    return e164.removeprefix("+")


def utc(ms: float) -> str | None:
    """Return a time of the store as ``2016-05-19 22:19:58`` in UTC, None for 0 (never)."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ms / 1000)) if ms else None


def _words(value: object) -> list[str]:
    """Return a list of texts, or the words between commas, trimmed; [] for anything else."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return []
    return [word.strip() for word in words]


def _check_name(name: str, known: Collection[str]) -> None:
    if name not in known:
        shown = re.sub(r"[^\w.-]", "?", name, flags=re.ASCII)[:40]
        raise BadRequest(f"{shown}: is not known")


def _decoded(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"{name}: not valid UTF-8") from None
