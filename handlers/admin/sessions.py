"""``/session`` and ``/log``: masked conversations, and what was said in them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.conversations.sessions import PIN, NewSession, Session
from gateway.errors import BadRequest, NotFound
from gateway.store.budget import fresh_budget
from gateway.virtual_numbers.pool import Mode
from gateway.wiring.services import Services
from handlers.admin.fields import Fields, FieldsHandler, digits, session_id, utc

NUMBERINGS = ("shared", "per-side")
NEW_SESSION_FIELDS = (
    *("participant_a", "participant_b", "expiry_window", "mode", "numbers"),
    *("unique_name", "virtual_tn", "pin_a", "pin_b"),
)
# A log holds thousands of texts and a number has many sessions: that takes longer than the second
# that a request may wait for the store, so every so many get one.
FORGOTTEN_AT_ONCE = 200


class EndingHandler(FieldsHandler):
    """``DELETE /session {"session_id"}`` and, as bodies get lost, ``DELETE /session/<id>``."""

    async def delete(self, element: str | None = None) -> None:
        """End a session and tell both participants."""
        wanted = self.fields(session_id=element).session_id("session_id")
        await end(self.services, wanted)
        self.reply({"message": "successfully ended session", "session_id": wanted})


class SessionsHandler(EndingHandler):
    """``GET /session`` and ``POST /session {"participant_a","participant_b"[,…]}``."""

    async def get(self) -> None:
        """Answer the open sessions, the newest first."""
        total, sessions, following = await self.services.sessions.page(*self.page())
        listed = [_shown(session) for session in sessions]
        self.reply({"total_sessions": total, "sessions": listed, "next": following})

    async def post(self) -> None:
        """Begin a session and tell both participants, unless it was begun under this name."""
        wanted = wanted_session(self.fields(*NEW_SESSION_FIELDS), self.services)
        session, _ = await begin(self.services, wanted)
        shown = _shown(session)
        names = (
            "virtual_tn virtual_tn_a virtual_tn_b participant_a participant_b expiry_date".split()
        )
        body = {"message": "created session", "session_id": session.id}
        self.reply(body | {name: shown[name] for name in names})


class SessionHandler(EndingHandler):
    """``GET /session/<id>`` and ``PATCH /session/<id> {"expiry_window"}``."""

    async def get(self, element: str) -> None:
        """Answer one open session."""
        self._reply(_found(await self.services.sessions.get(session_id(element))))

    async def patch(self, element: str) -> None:
        """Let a session end so many minutes from now, or never."""
        given = self.fields("expiry_window")
        expires_in_ms = given.expiry_ms("expiry_window")
        sessions = self.services.sessions
        self._reply(await sessions.set_expiry(session_id(element), expires_in_ms))

    def _reply(self, session: Session) -> None:
        shown = _shown(session)
        self.reply({"total_sessions": 1, "sessions": [shown]} | shown)


class ErasingHandler(FieldsHandler):
    """A route that erases logs."""

    async def forget_messages(self, ids: Sequence[str]) -> None:
        """Delete the records of messages, before the list that names them."""
        for start in range(0, len(ids), FORGOTTEN_AT_ONCE):
            fresh_budget()
            await self.services.receipts.forget(ids[start : start + FORGOTTEN_AT_ONCE])
        fresh_budget()


class SessionLogHandler(ErasingHandler):
    """``/session/<id>/log``, of sessions that have ended as well."""

    async def get(self, element: str) -> None:
        """Answer what was said, oldest first."""
        session = await self._session(element)
        total, entries, following = await self.services.transcript.page(session.id, *self.page())
        self.reply(
            {
                "session_id": session.id,
                "participant_a": digits(session.participant_a),
                "participant_b": digits(session.participant_b),
                "total": total,
                "entries": await with_calls(self.services, entries),
                "next": following,
            }
        )

    async def delete(self, element: str) -> None:
        """Erase it, and what is known of the messages; repeated it finishes what broke off."""
        self.fields()
        session = await self._session(element)
        await self.forget_messages(await self.services.transcript.message_ids(session.id))
        participants = (session.participant_a, session.participant_b)
        await self.services.transcript.erase(session.id, participants)
        self.reply({"message": "erased the log", "session_id": session.id})

    async def _session(self, element: str) -> Session:
        return _found(await self.services.sessions.find(session_id(element)))


class LogHandler(ErasingHandler):
    """``DELETE /log?number=``."""

    async def delete(self) -> None:
        """Erase what this number said, and was told, in all sessions, in the inbox, in vain."""
        number = self.fields("number").number("number")
        log = self.services.transcript
        sessions = await log.sessions_of(number.e164)
        for each in sessions:
            await self.forget_messages(await log.message_ids(each))
        await self.forget_messages(await self.services.history.ids_of(number.e164))
        await self.services.inbox.erase_number(number.e164)
        await self.services.dead_letters.discard_of(number.e164, sessions)
        await self.services.tasks.erase_number(number.e164)
        erased = await log.erase_number(number.e164)
        body = {"message": "erased the logs", "number": digits(number.e164)}
        self.reply(body | {"sessions": erased})


def wanted_session(given: Fields, services: Services) -> NewSession:
    """Return the session that NEW_SESSION_FIELDS ask for; raises BadRequest."""
    a, b = given.number("participant_a"), given.number("participant_b")
    if a.e164 == b.e164:
        raise BadRequest("participant_b: must differ from participant_a")
    mode = Mode(given.choice("mode", [*Mode], default=Mode.MESSAGE))
    return NewSession(
        participant_a=a.e164,
        participant_b=b.e164,
        country_a=a.country or "",
        country_b=b.country or "",
        expires_in_ms=given.expiry_ms_or_never("expiry_window"),
        mode=mode,
        numbers=given.choice("numbers", NUMBERINGS, default="shared"),
        unique_name=given.label("unique_name"),
        virtual_number=_e164(given, "virtual_tn"),
        pin_a=_pin(given, "pin_a", mode, services),
        pin_b=_pin(given, "pin_b", mode, services),
    )


async def begin(services: Services, wanted: NewSession) -> tuple[Session, bool]:
    """Begin a session and tell both participants; return it, and whether it is new.

    It is not when it was begun under its unique_name before. Raises BadRequest, also for a
    participant that Number Insight knows to be no number.
    """
    if services.insight is not None:
        names = ("participant_a", "participant_b")
        checks = (services.insight.check(getattr(wanted, each)) for each in names)
        for name, reason in zip(names, await asyncio.gather(*checks), strict=True):
            if reason:
                raise BadRequest(f"{name}: {reason}")
    session, new = await services.sessions.create(wanted)
    if new:
        await services.notices.announce("start", session)
    return session, new


async def end(services: Services, session_id: str) -> None:
    """End a session and tell both participants; raises NotFound when it is not open."""
    session = _found(await services.sessions.close(session_id, notify=True))
    await services.notices.announce("end", session)


async def with_calls(services: Services, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of a log, those of calls with what became of them, as far as that is kept."""
    ids = [entry["id"] for entry in entries if entry["kind"] == "call"]
    calls = await asyncio.gather(*(services.calls.find(each) for each in ids))
    names = ("started", "answered", "ended", "duration", "price", "reason")
    known = {
        call.id: {"call": {name: getattr(call, name) for name in names}} for call in calls if call
    }
    return [entry | known.get(entry["id"], {}) for entry in entries]


def _found(session: Session | None) -> Session:
    if session is None:
        raise NotFound("no such session")
    return session


def _e164(given: Fields, name: str) -> str:
    number = given.number_or_none(name)
    return number.e164 if number else ""


def _pin(given: Fields, name: str, mode: Mode, services: Services) -> str:
    pin = given.values.get(name)
    if pin is None:
        return ""
    # No JSON number: it would lose the noughts in front.
    if not isinstance(pin, str) or not PIN.fullmatch(pin):
        raise BadRequest(f"{name}: must be text of 4 to 8 digits")
    if mode is Mode.MESSAGE:
        raise BadRequest(f"{name}: needs mode voice or both")
    if not services.public_url:
        raise BadRequest(f"{name}: needs public_url")  # to which the provider brings digits
    return pin


def _shown(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "date_created": utc(session.created),
        "virtual_tn": digits(session.number_a),
        "virtual_tn_a": digits(session.number_a),
        "virtual_tn_b": digits(session.number_b),
        "participant_a": digits(session.participant_a),
        "participant_b": digits(session.participant_b),
        "expiry_date": utc(session.expires),
        "mode": session.mode.value,
        "numbers": session.numbers,
        "unique_name": session.unique_name or None,
        "kind": session.kind,
        "texts": session.texts,
    }


ROUTES = [
    (r"/session/?", SessionsHandler),
    (r"/session/([^/]+)/?", SessionHandler),
    (r"/session/([^/]+)/log/?", SessionLogHandler),
    (r"/log/?", LogHandler),
]
