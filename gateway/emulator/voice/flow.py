"""How a call goes: what it asks, what its NCCOs make of it, and the events of both legs.

https://developer.vonage.com/en/voice/voice-api/concepts/call-flow
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway.emulator.account.call_order import CALLEE, CALLER
from gateway.emulator.account.calls import OUTBOUND, Action, Call, CallEvent, Leg
from gateway.emulator.account.records import Attempt, is_taken
from gateway.emulator.settings import Settings
from gateway.emulator.voice import ncco, wire
from gateway.emulator.voice.answering import Answering, Question
from gateway.emulator.voice.clock import CallClock
from gateway.emulator.voice.events import EventQueue
from gateway.emulator.voice.ncco import NccoError
from gateway.emulator.webhooks.delivery import Deliveries

# An NCCO may lead to the next one for ever.
MAX_ACTIONS = 100
UNKNOWN_CALLER = "unknown"
PLATFORM, USER = "platform", "user"

_SPEECH_SECONDS_PER_CHARACTER = 0.06
_CARRIER_GIVES_UP_SECONDS = 30.0
_INPUT_SECONDS = 3.0

Following = Sequence[Action] | None


class CallFlow:
    """Carries a call out. owns: tells whether the account may show a number as caller id."""

    def __init__(
        self,
        call: Call,
        deliveries: Deliveries,
        settings: Settings,
        owns: Callable[[str], bool],
    ) -> None:
        self._call = call
        self._deliveries = deliveries
        self._settings = settings
        self._owns = owns
        self._clock = CallClock(call, settings.call_time_scale)
        self._answering = Answering(call, deliveries, settings)
        self._events = EventQueue(call, deliveries, settings)
        self._inputs = deque(call.order.digits)
        self._perform_by_name: Mapping[str, Callable[[Action], Awaitable[Following]]] = {
            "talk": self._talk,
            "connect": self._connect,
            "input": self._input,
        }

    async def run(self) -> None:
        """Carry the call out; returns when it is over and every event was told or given up."""
        inbound = self._call.inbound
        for status in ("started", "ringing"):
            self._post(inbound, status)
        try:
            actions = await self._ask(self._first_question())
            if actions is None:
                self._call.problem = "nobody answered the call"
            else:
                inbound.answered = self._clock.now()
                self._post(inbound, "answered")
                await self._perform(actions)
        except NccoError as error:
            self._call.problem = str(error)
            body = wire.error_event(self._call, self._clock.now())
            self._tell("error", inbound, body, self._settings.event_url)
        status = "completed" if inbound.answered else "failed"
        self._close(inbound, status, self._by(CALLER))
        self._post(inbound, status)
        self._call.over = True
        await self._events.close()

    async def _perform(self, actions: Sequence[Action]) -> None:
        waiting = deque(actions)
        while waiting and self._call.hung_up_by != CALLER:
            if len(self._call.actions) >= MAX_ACTIONS:
                self._call.problem = f"more than {MAX_ACTIONS} actions"
                return
            action = waiting.popleft()
            self._call.actions.append(action)
            following = await self._perform_by_name[action["action"]](action)
            if following is not None:
                waiting = deque(following)

    # -- actions

    async def _talk(self, action: Action) -> None:
        self._call.heard.append(action["text"])
        await self._clock.sleep(len(action["text"]) * _SPEECH_SECONDS_PER_CHARACTER)

    async def _connect(self, action: Action) -> None:
        leg = self._dial(action)
        self._post(leg, "started", action)
        status = await self._ring(leg, action)
        if status == "answered":
            leg.answered = self._clock.now()
            self._post(leg, "answered", action)
            await self._converse(action)
            status = "completed"
        self._close(leg, status, self._by(CALLEE))
        if self._call.hung_up_by == CALLEE:
            self._call.resume()
        self._post(leg, status, action)

    async def _input(self, action: Action) -> Following:
        await self._clock.sleep(_INPUT_SECONDS)
        rules = action.get("dtmf", {})
        typed = self._inputs.popleft() if self._inputs else ""
        if rules.get("submitOnHash"):
            typed = typed.partition("#")[0]
        digits = typed[: rules.get("maxDigits", ncco.DEFAULT_DIGITS)]
        return await self._ask(self._input_question(action, digits))

    # -- the second leg

    def _dial(self, action: Action) -> Leg:
        given = action.get("from", "")
        shown = given if self._owns(given) else UNKNOWN_CALLER
        leg = Leg(OUTBOUND, shown, action["endpoint"][0]["number"], self._clock.now())
        self._call.legs.append(leg)
        return leg

    async def _ring(self, leg: Leg, action: Action) -> str:
        order, limit = self._call.order, action.get("timeout", ncco.DEFAULT_RING_SECONDS)
        if order.answer == "failed":
            return "failed"
        self._post(leg, "ringing", action)
        ends = {"timeout": limit, "unanswered": _CARRIER_GIVES_UP_SECONDS}
        rings = ends.get(order.answer, order.ring)
        await self._clock.sleep(min(rings, limit))
        if self._call.hung_up_by == CALLEE:
            return "rejected"
        if self._call.hung_up_by or order.answer == "cancelled":
            self._call.hang_up(CALLER)
            return "cancelled"
        return "timeout" if rings > limit else order.answer

    async def _converse(self, action: Action) -> None:
        order, limit = self._call.order, action.get("limit", ncco.MAX_CALL_SECONDS)
        if order.hold:
            await self._call.hung_up()
            return
        await self._clock.sleep(min(order.duration, limit))
        if order.duration <= limit:
            self._call.hang_up(order.hangup_by)

    # -- what is asked and told

    def _first_question(self) -> Question:
        settings = self._settings
        values = wire.question(self._call)
        return Question("answer", settings.answer_url, settings.answer_method, values)

    def _input_question(self, action: Action, digits: str) -> Question:
        leg = self._call.inbound
        body = {
            "from": leg.sender,
            "to": leg.to,
            "uuid": leg.uuid,
            "conversation_uuid": self._call.conversation_uuid,
            "timestamp": wire.timestamp(self._clock.now()),
            "dtmf": {"digits": digits, "timed_out": not digits},
            "speech": {"results": []},
        }
        url, method = self._told(action)
        target = self._deliveries.target(url)
        event = CallEvent(self._clock.now(), "input", leg.direction, leg.uuid, target, body)
        self._call.events.append(event)
        return Question("event", url, method, body)

    async def _ask(self, question: Question) -> Following:
        before = len(self._call.asked)
        answer = await self._answering.ask(question)
        if question.kind == "event":
            last = self._call.events[-1]
            last.attempts.extend(
                Attempt(each.time, last.status, each.http_status, each.error, last.uuid)
                for each in self._call.asked[before:]
                if each.kind == "event"
            )
        taken = is_taken(answer.status)
        # A webhook of events may answer nothing: then the NCCO goes on.
        if not taken or (question.kind == "event" and not _means_ncco(answer.body)):
            return None
        return ncco.parse(answer.body)

    def _post(self, leg: Leg, status: str, action: Action | None = None) -> None:
        leg.status = status
        body = wire.event(self._call, leg, status, self._clock.now())
        self._tell(status, leg, body, *self._told(action or {}))

    def _tell(
        self, status: str, leg: Leg, body: Mapping[str, object], url: str, method: str = ""
    ) -> None:
        target = self._deliveries.target(url)
        event = CallEvent(self._clock.now(), status, leg.direction, leg.uuid, target, body)
        self._events.post(event, method or self._settings.event_method)

    def _told(self, action: Action) -> tuple[str, str]:
        if "eventUrl" in action:
            return action["eventUrl"][0], "POST"
        return self._settings.event_url, self._settings.event_method

    # -- ending

    def _by(self, side: str) -> str:
        return USER if self._call.hung_up_by == side else PLATFORM

    def _close(self, leg: Leg, status: str, by: str) -> None:
        leg.status, leg.ended, leg.disconnected_by = status, self._clock.now(), by


def _means_ncco(body: bytes) -> bool:
    return body.strip() not in {b"", b"{}", b"[]", b"null"}
