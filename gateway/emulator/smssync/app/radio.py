"""The phone's radio: sends SMS within Android's cap and remembers what became of each."""

from __future__ import annotations

import time
import uuid as uuids
from collections import deque
from dataclasses import dataclass

from gateway.emulator.smssync.app.replies import AppCrashed
from gateway.emulator.smssync.world import faults as codes
from gateway.emulator.smssync.world.events import Event
from gateway.emulator.smssync.world.setup import Setup

FAILURES = {
    codes.GENERIC_FAILURE: "Failed to send SMS - Maybe insufficient air time on the phone.",
    codes.RADIO_OFF: "Failed to send SMS - because radio was explicitly turned off",
    codes.NULL_PDU: "Failed to send SMS - because no pdu provided",
    codes.NO_SERVICE: "Failed to send SMS - because service is currently unavailable",
}
UNKNOWN_FAILURE = "Unknown error while sending sms."


@dataclass(frozen=True)
class SentSms:
    """An SMS that left the phone; at: seconds since the epoch."""

    to: str
    text: str
    uuid: str
    at: float


@dataclass
class TaskRow:
    """What the phone's table knows of an SMS it was told to send; times in seconds."""

    uuid: str
    sent_at: float
    code: int | None = None  # Android's result code, None until there is one
    delivered: bool | None = None  # None: no report
    delivered_at: float | None = None


class Radio:
    """Sends SMS. cap: how many Android lets through in cap_window seconds (0 = any number)."""

    def __init__(
        self,
        setup: Setup,
        *,
        cap: int,
        cap_window: float,
    ) -> None:
        self._traits = setup.traits
        self._preferences = setup.preferences
        self._faults = setup.faults
        self._listener = setup.listener
        self._cap = cap
        self._cap_window = cap_window
        self._recent: deque[float] = deque()
        self.sent: list[SentSms] = []
        self.failed: list[SentSms] = []
        self.rows: dict[str, TaskRow] = {}

    def send(self, to: str | None, text: str | None, uuid: str | None) -> list[tuple[str, int]]:
        """Send an SMS, twice where the version does; return each failure as (text, code).

        Raises AppCrashed when there is no recipient or no text.
        """
        if not to or not text:
            raise AppCrashed("an SMS without a recipient or without a text")
        uuid = uuid or str(uuids.uuid4())
        wants_report = self._preferences.delivery_report
        doubled = self._traits.doubles_with_report and wants_report
        reports = (True, False) if doubled else (wants_report,)
        results = [self._send_once(SentSms(to, text, uuid, time.time()), each) for each in reports]
        return [(failure_text(code), code) for code in results if code != codes.RESULT_OK]

    def _send_once(self, sms: SentSms, wants_report: bool) -> int:
        code = self._faults.send_result() if self._has_room() else codes.LIMIT_EXCEEDED
        if code == codes.HTC_RETRY:
            # The phone's system sends it again unasked, and that time it works.
            code = codes.RESULT_OK
        row = self.rows.setdefault(sms.uuid, TaskRow(sms.uuid, sms.at))
        row.code = code
        if code == codes.RESULT_OK:
            self._leave(sms, row, wants_report)
        else:
            self._fail(sms, code)
        return code

    def _leave(self, sms: SentSms, row: TaskRow, wants_report: bool) -> None:
        self._recent.append(time.monotonic())
        self.sent.append(sms)
        self._listener(Event("sms_sent", sms.to, sms.uuid))
        if wants_report and not self._faults.no_reports:
            row.delivered = not self._faults.undelivered
            row.delivered_at = time.time()

    def _fail(self, sms: SentSms, code: int) -> None:
        self.failed.append(sms)
        style = self._traits.results
        if style and style.failure_needs_retry and not self._preferences.retry:
            del self.rows[sms.uuid]
        self._listener(Event("sms_failed", sms.to, f"{sms.uuid} code {code}"))

    def _has_room(self) -> bool:
        horizon = time.monotonic() - self._cap_window
        while self._recent and self._recent[0] <= horizon:
            self._recent.popleft()
        return not self._cap or len(self._recent) < self._cap


def failure_text(code: int) -> str:
    """Return the app's English text for a result code of Android."""
    return FAILURES.get(code, UNKNOWN_FAILURE)
