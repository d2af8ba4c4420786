"""Who is refused by a limit at this moment and until when, and how he is let through again.

The limiter notes refusals here; a call that passes costs nothing. The notes are a list to look
at: what is refused is decided by the counts alone.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass

from gateway.errors import StoreUnavailable, UnknownPlace
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store
from gateway.store.script import Script

log = logging.getLogger(__name__)

MOST_NOTES = 10_000

_NOTE = Script.load(__file__, "refusal_note")
_PAGE = Script.load(__file__, "refusal_page")
# The end of the last entry of a page, and how many of the same end were shown.
_AFTER = re.compile(r"([0-9]{1,15})\.([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refused:
    """A subject (an address, an IPv6 /64, a number) that a limit refuses until ``until_ms``."""

    limit_class: str
    subject: str
    until_ms: int


class Refusals:
    """The notes of all processes together.

    remembered: of how many subjects a process knows that it has noted them; beyond it the first
    of them is noted once more.
    """

    def __init__(self, store: Store, remembered: int = 10_000) -> None:
        self._store = store
        self._remembered = remembered
        self._noted: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def note(self, limit_class: str, subject: str, until_ms: int) -> None:
        """Note a refusal; a process writes it once, since the end stays the same.

        limit_class: without blanks. Nothing is raised: the refusal stands without its note.
        """
        who = (limit_class, subject)
        if self._noted.get(who) == until_ms:
            return
        self._remember(who, until_ms)
        try:
            args = (f"{limit_class} {subject}", until_ms, MOST_NOTES)
            await self._store.run(_NOTE, [keys.BLOCKED], args)
        except StoreUnavailable:
            self._noted.pop(who, None)  # the next refusal tries again
        except Exception:  # whatever is wrong with the list, who called is refused, not failed
            log.exception("a refusal of the limit %s was not noted", limit_class)

    async def page(self, limit: int, after: str) -> Page[Refused]:
        """Return those who are refused and follow ``after`` ('' = from the first).

        Who is refused for longest comes first, so that those whose time is over leave at the
        end and shift no page. Raises UnknownPlace for an ``after`` that is none, StoreUnavailable.
        """
        found = _AFTER.fullmatch(after)
        if after and not found:
            raise UnknownPlace("after: no such entry")
        end, shown = found.groups() if found else ("", "0")
        total, *flat = await self._store.run(_PAGE, [keys.BLOCKED], [limit, end, shown])
        entries = [_read(*each) for each in zip(flat[::2], flat[1::2], strict=True)]
        listed = entries[:limit]
        following = _after(listed, end, int(shown)) if len(entries) > limit else None
        return Page(total, listed, following)

    async def unblock(self, limit_class: str, subject: str) -> bool:
        """Forget what was counted, so that the next call passes; False when nothing was known.

        Raises StoreUnavailable; repeated, it finishes what broke off.
        """
        self._noted.pop((limit_class, subject), None)
        counted, noted = await asyncio.gather(
            self._store.execute("DEL", keys.limit(limit_class, subject)),
            self._store.execute("ZREM", keys.BLOCKED, f"{limit_class} {subject}"),
        )
        return bool(counted or noted)

    def _remember(self, who: tuple[str, str], until_ms: int) -> None:
        self._noted[who] = until_ms
        self._noted.move_to_end(who)
        if len(self._noted) > self._remembered:
            self._noted.popitem(last=False)


def _read(member: str, until: str) -> Refused:
    limit_class, _, subject = member.partition(" ")
    return Refused(limit_class, subject, int(float(until)))


def _after(listed: list[Refused], end: str, shown: int) -> str:
    """Return where the page behind ``listed`` begins; end, shown: where this one began."""
    last = str(listed[-1].until_ms)
    same = sum(str(each.until_ms) == last for each in listed)
    return f"{last}.{same + shown if last == end else same}"
