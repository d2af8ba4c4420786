"""What names a person in keys that no index of his leads to: found by a walk over all keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

import ujson

from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.scan import drop_members, hash_scan
from gateway.store.script import Script, pairs
from gateway.telephony.networks import e164_of, readings

_REPLACE = Script.load(__file__, "field_replace")

# In the place of a number in what must stay, as it keeps a virtual number from being reused.
NOBODY = "-"
_PARTICIPANTS = ("participant_a", "participant_b", "called_a", "called_b", "closed")


@dataclass(frozen=True, slots=True)
class Who:
    """A person by all spellings of his number, E.164."""

    numbers: Sequence[str]

    @property
    def in_text(self) -> re.Pattern[str]:
        """The number anywhere in a text, with or without its ``+``."""
        return re.compile(rf"\+?(?<![0-9])(?:{self._digits})(?![0-9])")

    @property
    def in_name(self) -> re.Pattern[str]:
        """The name of a key that is his: his number is its last word, as in ``told:ONE>HIM``."""
        return re.compile(rf"(?!pace:).*[:>{{]\+(?:{self._digits})\}}?")

    def sent(self, sender: str, to: str) -> bool:
        """Tell whether a network may mean him by the sender of a text to this number."""
        reached = [e164_of(to), *self.numbers] if sender.startswith("0") else [e164_of(to)]
        read = [one for each in reached for one in readings(sender, each).spellings]
        return not {*self.numbers}.isdisjoint({f"+{sender.removeprefix('+')}", *read})

    @property
    def _digits(self) -> str:
        return "|".join(each[1:] for each in self.numbers)


class Traces:
    """Erases what names a person, wherever no owner of it has an index by number.

    What stands under his number goes, whoever wrote it: of a key that names a person, the number is
    the last word.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looks: dict[str, Callable[[str, Who], Awaitable[str | None]]] = {
            "{relay}:session:": self._look_at_session,
            "{relay}:past:": self._erase_from_past,
            "{relay}:parts:": self._erase_parts,
            "{relay}:call:": self._erase_from_call,
            "idempotency:": self._erase_from_answer,
        }
        self._kinds = re.compile("|".join(map(re.escape, self._looks)))

    async def erase(self, numbers: Sequence[str]) -> list[str]:
        """Erase them, and return the ids of the ended sessions that still name him.

        numbers: all spellings of his number, E.164.
        """
        who = Who(numbers)
        await self._erase_members(who)
        sessions: set[str] = set()
        in_name = who.in_name
        async for names in self._store.names():
            own = [name for name in names if in_name.fullmatch(name)]
            looks = [
                self._looks[kind[0]](name, who)
                for name in names
                if (kind := self._kinds.match(name)) and name not in own
            ]
            with budget():
                await asyncio.gather(*(self._store.execute("DEL", name) for name in own))
                found = await asyncio.gather(*looks)
            sessions.update(filter(None, found))
        return sorted(sessions)

    async def _erase_members(self, who: Who) -> None:
        """Drop him from what holds many people in one key."""
        for each in who.numbers:
            await drop_members(self._store, keys.BLOCKED, f"* {each}")
            await drop_members(self._store, keys.HELD, f"*>{each}")
            with budget():
                await self._store.execute("ZREM", keys.LOBBY, each)
                await self._store.execute("HDEL", keys.LOBBY_PEOPLE, each)
        async for marks in hash_scan(self._store, keys.IN_CALL):
            his = [one for one, mark in marks.items() if _in_call(one, mark, who.numbers)]
            if his:
                with budget():
                    await self._store.execute("HDEL", keys.IN_CALL, *his)

    async def _look_at_session(self, key: str, who: Who) -> str | None:
        """Return the id of a session that has ended, if it is his."""
        *people, closed = await self._store.execute("HMGET", key, *_PARTICIPANTS)
        his = closed != "0" and not {*who.numbers}.isdisjoint(people)
        return key.removeprefix(keys.session("")) if his else None

    async def _erase_from_past(self, key: str, who: Who) -> None:
        """Leave of a counterpart's number when it was his last, and not with whom."""
        for number, text in pairs(await self._store.execute("HGETALL", key)).items():
            closed, counterpart, *owed = text.split(" ")
            if counterpart in who.numbers:
                await self._replace(key, number, text, " ".join((closed, NOBODY, *owed)))

    async def _erase_parts(self, key: str, who: Who) -> None:
        """Drop a long MO of his of which parts are missing."""
        text = await self._store.execute("HGET", key, "meta")
        shared = ujson.loads(text) if text else {}
        if not shared or not who.sent(shared["sender"], shared["to"]):
            return
        assembly = key.removeprefix(keys.parts(""))
        open_one = keys.parts(assembly.partition("-")[0])
        await self._store.execute("DEL", key, open_one)
        await self._store.execute("ZREM", keys.ASSEMBLIES, assembly)

    async def _erase_from_call(self, key: str, who: Who) -> None:
        """Drop who was asked for a PIN, who is in the call, and an event that names him."""
        fields = pairs(await self._store.execute("HGETALL", key))
        his = [name for name, value in fields.items() if who.in_text.search(value)]
        if his:
            await self._store.execute("HDEL", key, *his)

    async def _erase_from_answer(self, key: str, who: Who) -> None:
        """Leave a repeat its answer, without the number."""
        body = await self._store.execute("HGET", key, "body")
        without = who.in_text.sub("", body or "")
        if without != (body or ""):
            await self._replace(key, "body", body, without)

    async def _replace(self, key: str, field: str, old: str, new: str) -> None:
        await self._store.run(_REPLACE, [key], [field, old, new])


def _in_call(one: str, mark: str, numbers: Collection[str]) -> bool:
    """Tell whether somebody is the person, or is in a call with him."""
    return one in numbers or not {*numbers}.isdisjoint(mark.split(" "))
