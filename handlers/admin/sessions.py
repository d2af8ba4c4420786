"""``/session`` and ``/log``: masked conversations, and what was said in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.conversations.call_records import CallRecord
from gateway.conversations.opening import NewSession
from gateway.conversations.session import PIN, Session
from gateway.conversations.transcript import Entry
from gateway.errors import BadRequest, NotFound
from gateway.virtual_numbers.pool import Mode
from handlers.admin.base import FieldsHandler
from handlers.admin.fields import Fields, digits, session_id, utc
from handlers.admin.once import once

NUMBERINGS = ("shared", "per-side")
NEW_SESSION_FIELDS = (
    *("participant_a", "participant_b", "expiry_window", "mode", "numbers"),
    *("unique_name", "virtual_tn", "pin_a", "pin_b", "possible"),
)
# What the answer to POST shows of a session, in this order.
CREATED_FIELDS = (
    *("virtual_tn", "virtual_tn_a", "virtual_tn_b"),
    *("participant_a", "participant_b", "expiry_date"),
)


class EndingHandler(FieldsHandler):
    """``DELETE /session {"session_id"}`` and, as bodies get lost, ``DELETE /session/<id>``."""

    async def delete(self, element: str | None = None) -> None:
        """End a session and tell both participants."""
        wanted = self.fields(session_id=element).session_id("session_id")
        await self.services.opening.end(wanted)
        self.reply({"message": "successfully ended session", "session_id": wanted})


class SessionsHandler(EndingHandler):
    """``GET /session`` and ``POST /session {"participant_a","participant_b"[,…]}``."""

    async def get(self) -> None:
        """Answer the open sessions, the newest first."""
        page = await self.services.sessions.page(*self.page())
        listed = [_shown(session) for session in page.items]
        self.reply({"total_sessions": page.total, "sessions": listed, "next": page.next})

    @once
    async def post(self) -> None:
        """Begin a session and tell both participants, unless it was begun under this name."""
        wanted = wanted_session(self.fields(*NEW_SESSION_FIELDS), self.services.public_url)
        wanted = replace(wanted, id=self.made_id)
        session, _ = await self.services.opening.begin(wanted)
        shown = _shown(session)
        body = {"message": "created session", "session_id": session.id}
        self.reply(body | {name: shown[name] for name in CREATED_FIELDS})


class SessionHandler(EndingHandler):
    """``GET /session/<id>`` and ``PATCH /session/<id> {"expiry_window"[,"paused"]}``."""

    async def get(self, element: str) -> None:
        """Answer one open session."""
        self._reply(_found(await self.services.sessions.get(session_id(element))))

    async def patch(self, element: str) -> None:
        """Let a session end so many minutes from now, or never, or end its pause, or both."""
        given, wanted = self.fields("expiry_window", "paused"), session_id(element)
        resumed = "paused" in given.values
        if resumed and given.flag("paused"):
            raise BadRequest("paused: can be set to false alone")
        if "expiry_window" in given.values or not resumed:
            expires_in_ms = given.expiry_ms("expiry_window")
            session = await self.services.sessions.set_expiry(wanted, expires_in_ms)
        if resumed:
            session = await self.services.sessions.resume(wanted)
        self._reply(session)

    def _reply(self, session: Session) -> None:
        shown = _shown(session)
        self.reply({"total_sessions": 1, "sessions": [shown]} | shown)


class SessionLogHandler(FieldsHandler):
    """``/session/<id>/log``, of sessions that have ended as well."""

    async def get(self, element: str) -> None:
        """Answer what was said, oldest first."""
        session = await self._session(element)
        page = await self.services.transcript.page(session.id, *self.page())
        self.reply(
            {
                "session_id": session.id,
                "participant_a": digits(session.called("a")),
                "participant_b": digits(session.called("b")),
                "total": page.total,
                "entries": [_shown_entry(entry) for entry in page.items],
                "next": page.next,
            }
        )

    async def delete(self, element: str) -> None:
        """Erase it, and what is known of the messages; repeated it finishes what broke off."""
        self.fields()
        session = await self._session(element)
        await self.services.erasure.erase_log(session)
        self.reply({"message": "erased the log", "session_id": session.id})

    async def _session(self, element: str) -> Session:
        return _found(await self.services.sessions.find(session_id(element)))


class LogHandler(FieldsHandler):
    """``DELETE /log?number=``."""

    async def delete(self) -> None:
        """Erase what this number said, and was told, in all sessions, in the inbox, in vain."""
        number = self.fields("number").known_number("number")
        erased = await self.services.erasure.erase_number(number.e164)
        body = {"message": "erased the logs", "number": digits(number.e164)}
        self.reply(body | {"sessions": erased})


def wanted_session(given: Fields, public_url: str) -> NewSession:
    """Return the session that NEW_SESSION_FIELDS ask for; raises BadRequest.

    public_url: ours, '' = none, without which nobody can be asked for a PIN.
    """
    a, b = given.number("participant_a"), given.number("participant_b")
    if a.person == b.person:
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
        pin_a=_pin(given, "pin_a", mode, public_url),
        pin_b=_pin(given, "pin_b", mode, public_url),
    )


def _found(session: Session | None) -> Session:
    if session is None:
        raise NotFound("no such session")
    return session


def _e164(given: Fields, name: str) -> str:
    number = given.number_or_none(name)
    return number.e164 if number else ""


def _pin(given: Fields, name: str, mode: Mode, public_url: str) -> str:
    pin = given.values.get(name)
    if pin is None:
        return ""
    # No JSON number: it would lose the noughts in front.
    if not isinstance(pin, str) or not PIN.fullmatch(pin):
        raise BadRequest(f"{name}: must be text of 4 to 8 digits")
    if mode is Mode.MESSAGE:
        raise BadRequest(f"{name}: needs mode voice or both")
    if not public_url:
        raise BadRequest(f"{name}: needs public_url")  # to which the provider brings digits
    return pin


def _shown(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "date_created": utc(session.created),
        "virtual_tn": digits(session.number_a),
        "virtual_tn_a": digits(session.number_a),
        "virtual_tn_b": digits(session.number_b),
        "participant_a": digits(session.called("a")),
        "participant_b": digits(session.called("b")),
        "expiry_date": utc(session.expires),
        "mode": session.mode.value,
        "numbers": session.numbers,
        "unique_name": session.unique_name or None,
        "kind": session.kind,
        "texts": session.texts,
        "paused": session.paused > 0,
    }


def _shown_entry(entry: Entry) -> dict[str, Any]:
    shown = {
        "at": utc(entry.at),
        "from": entry.side,
        "text": entry.text,
        "id": entry.id,
        "kind": entry.kind,
        "state": entry.state,
    }
    return shown | ({"call": _shown_call(entry.call)} if entry.call else {})


def _shown_call(call: CallRecord) -> dict[str, Any]:
    return {
        "started": call.started,
        "answered": call.answered,
        "ended": call.ended,
        "duration": call.duration,
        "price": call.price,
        "reason": call.reason,
    }


ROUTES = [
    (r"/session/?", SessionsHandler),
    (r"/session/([^/]+)/?", SessionHandler),
    (r"/session/([^/]+)/log/?", SessionLogHandler),
    (r"/log/?", LogHandler),
]
