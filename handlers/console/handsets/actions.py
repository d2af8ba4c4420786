"""The forms of the handsets' page: connect, text, call, hang up, add and remove a phone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from conf.providers import NEXMO, is_phone
from gateway.conversations.opening import NewSession, NoNumberFree
from gateway.errors import BadRequest
from gateway.telephony.phonenumber import country_of
from gateway.virtual_numbers.pool import Mode
from handlers.console.base import path
from handlers.console.handsets.page import COOKIE, HandsetsPage
from handlers.console.handsets.phones import FEWEST, MOST, Phone, next_phone, write_phones
from handlers.console.page import Action

PLACE = "/console/handsets"
MOST_CHARACTERS = 1600
# The emulator answers a call by itself, and its people do not talk for ever.
RING_SECONDS, TALK_SECONDS = 5.0, 120.0


class HandsetsAction(HandsetsPage, Action):
    """A form of the page; ``phone`` is the name of the one that it belongs to."""

    def of_name(self, name: object) -> Phone:
        """Return the phone of this name; raises BadRequest."""
        for each in self.phones:
            if each.name == name:
                return each
        raise BadRequest("phone: is not on this page")

    def keep(self, phones: Sequence[Phone]) -> None:
        """Let the browser remember its phones."""
        self.set_cookie(COOKIE, write_phones(phones), path=PLACE, httponly=True, samesite="Strict")

    def back(self, at: Phone | None = None) -> str:
        """Return the way to the page, to the field in which a phone writes."""
        return path("handsets") + (f"?at={at.name}" if at else "")


class ConnectHandler(HandsetsAction):
    """``POST /console/handsets/connect``: begin a masked conversation of two phones."""

    async def perform(self, *args: str) -> str:
        """Connect them, once however often the button is pressed."""
        given = self.fields("a", "b")
        one, other = self.of_name(given.values.get("a")), self.of_name(given.values.get("b"))
        if one == other:
            raise BadRequest("choose two different phones")
        routes = await asyncio.gather(
            *(self.services.sessions.open_of(each.e164) for each in (one, other))
        )
        if not set(routes[0].values()) & set(routes[1].values()):
            try:
                wanted = _wanted(*sorted((one, other), key=self.phones.index))
                await self.services.opening.begin(wanted)
            except NoNumberFree:
                raise BadRequest(
                    "no number is free that texts and calls both; add one under Numbers,"
                    " or end one of their conversations"
                ) from None
        return self.back(one)


class TextHandler(HandsetsAction):
    """``POST /console/handsets/text``: a phone texts a number."""

    async def perform(self, *args: str) -> str:
        """Hand the text to the emulator; what becomes of it, the page shows."""
        given = self.fields("phone", "to", "text")
        sender, to = self.of_name(given.values.get("phone")), given.number("to").e164
        text = given.text("text", MOST_CHARACTERS)
        if not text.strip():
            raise BadRequest("text: is empty")
        self.check_no_phone(to)
        provider = await self._provider(to)
        await self.handsets.text(
            sender.digits, to.removeprefix("+"), text, wait=False, provider=provider
        )
        return self.back(sender)

    def check_no_phone(self, to: str) -> None:
        """Raise BadRequest for the own number of a phone: the gateway would not hear of that."""
        for each in self.phones:
            if each.e164 == to:
                raise BadRequest(
                    f"to: is {each.name}’s own number. Texts and calls to it do not come by the"
                    " gateway; use the number by which they are connected"
                )

    async def _provider(self, to: str) -> str:
        """Return over which provider a number of the pool is texted, Vonage for any other."""
        number = await self.services.pool.get(to)
        if number is None:
            return NEXMO.name
        if is_phone(number.provider):
            raise BadRequest("to: belongs to a phone with SMSsync, which is not emulated here")
        return number.provider


class CallHandler(TextHandler):
    """``POST /console/handsets/call``: a phone calls a number."""

    async def perform(self, *args: str) -> str:
        """Let it ring; the counterpart answers by itself, or declines."""
        given = self.fields("phone", "to", "text")
        caller, to = self.of_name(given.values.get("phone")), given.number("to").e164
        self.check_no_phone(to)
        self.handsets.hang_up(caller.digits)
        await self.handsets.call(
            caller.digits,
            to.removeprefix("+"),
            wait=False,
            ring=RING_SECONDS,
            duration=TALK_SECONDS,
        )
        return self.back(caller)


class HangUpHandler(HandsetsAction):
    """``POST /console/handsets/hang-up``: a phone ends its call, or declines it."""

    async def perform(self, *args: str) -> str:
        """Hang up; a call that is over stays over."""
        given = self.fields("phone")
        owner = self.of_name(given.values.get("phone"))
        self.handsets.hang_up(owner.digits)
        return self.back(owner)


class AddHandler(HandsetsAction):
    """``POST /console/handsets/add``: one more phone."""

    async def perform(self, *args: str) -> str:
        """Put it beside the others; what it received before, it shows."""
        e164, phones = self.fields("number").number("number").person, self.phones
        if len(phones) >= MOST:
            raise BadRequest(f"there are {MOST} phones already; remove one first")
        if e164 in {each.e164 for each in phones}:
            raise BadRequest("number: is on this page already")
        if await self.services.pool.get(e164) is not None:
            raise BadRequest("number: is one of the gateway’s own, which no phone has")
        added = next_phone(phones, e164)
        self.keep([*phones, added])
        return self.back(added)


class RemoveHandler(HandsetsAction):
    """``POST /console/handsets/remove``: one phone less."""

    async def perform(self, *args: str) -> str:
        """Take it from the page; its conversations go on."""
        given, phones = self.fields("phone"), self.phones
        removed = self.of_name(given.values.get("phone"))
        if len(phones) <= FEWEST:
            raise BadRequest("a conversation needs two phones")
        self.keep([each for each in phones if each != removed])
        return self.back()


def _wanted(one: Phone, other: Phone) -> NewSession:
    countries = [country_of(each.e164) for each in (one, other)]
    digest = hashlib.sha256(f"{one.e164} {other.e164}".encode()).hexdigest()
    return NewSession(
        participant_a=one.e164,
        participant_b=other.e164,
        country_a=countries[0],
        country_b=countries[1],
        mode=Mode.BOTH,
        # A second press of the button finds the conversation of the first.
        unique_name=f"{one.name} and {other.name} ({digest[:6]})",
    )


ROUTES = [
    (r"/console/handsets/connect/?", ConnectHandler),
    (r"/console/handsets/text/?", TextHandler),
    (r"/console/handsets/call/?", CallHandler),
    (r"/console/handsets/hang-up/?", HangUpHandler),
    (r"/console/handsets/add/?", AddHandler),
    (r"/console/handsets/remove/?", RemoveHandler),
]
