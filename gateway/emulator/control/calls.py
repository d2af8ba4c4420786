"""The remote control of calls: place one, see what became of it, hang up."""

from __future__ import annotations

from gateway.emulator import checks
from gateway.emulator.account.call_order import CALLEE, CALLER
from gateway.emulator.api.base import BaseHandler
from gateway.emulator.api.wire import read_object
from gateway.emulator.control.remote import newest


class CallsHandler(BaseHandler):
    """``/emulator/calls``: the calls of handsets, oldest first; POST lets one call a number."""

    def get(self) -> None:
        """Reply with the calls, of the handset ``from`` only and at most the newest ``limit``."""
        kept = self.application.account.calls
        self.reply(newest(self, kept, "from", lambda call: call.sender))

    async def post(self) -> None:
        """Reply with the call as it has begun; with ``wait``, as it is when it is over."""
        body = read_object(self.request.body)
        wait = checks.checked({"wait": body.pop("wait", False)}, {"wait": checks.flag}, "key")
        call, ended = self.application.switchboard.place(body)
        if wait["wait"]:
            await ended
        self.reply(call.as_json())


class CallHandler(BaseHandler):
    """``/emulator/calls/{uuid}``: one call; DELETE hangs up, ``?by=callee`` for the other side."""

    def get(self, uuid: str) -> None:
        """Reply with the call; raises NotFound."""
        self.reply(self.application.switchboard.find(uuid).as_json())

    def delete(self, uuid: str) -> None:
        """Hang up and reply with the call; raises NotFound, BadRequest for another side."""
        given = {"by": self.get_query_argument("by", CALLER)}
        by = checks.checked(given, {"by": checks.one_of((CALLER, CALLEE))}, "argument")
        call = self.application.switchboard.find(uuid)
        call.hang_up(str(by["by"]))
        self.reply(call.as_json())
