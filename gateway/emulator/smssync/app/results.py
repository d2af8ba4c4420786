"""Message results: which the server awaits, and what the phone says of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from gateway.emulator.smssync.app.client import AppClient
from gateway.emulator.smssync.app.radio import Radio, TaskRow, failure_text
from gateway.emulator.smssync.app.replies import uuids_of
from gateway.emulator.smssync.wire.bodies import android_json, gson_json
from gateway.emulator.smssync.wire.lenient_json import Unreadable
from gateway.emulator.smssync.world.events import Event
from gateway.emulator.smssync.world.exchange import Kind, NoAnswer
from gateway.emulator.smssync.world.faults import RESULT_OK
from gateway.emulator.smssync.world.setup import Setup
from gateway.emulator.smssync.world.traits import EmptyResults, ResultStyle

NOT_DELIVERED = "SMS not delivered"
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

Result = dict[str, str | int]


class Results:
    """Reports results to the server."""

    def __init__(self, setup: Setup, client: AppClient, radio: Radio) -> None:
        self._traits = setup.traits
        self._preferences = setup.preferences
        self._faults = setup.faults
        self._listener = setup.listener
        self._client = client
        self._radio = radio
        self._unasked: set[str] = set()  # already reported by a version that is never asked

    async def report(self) -> list[Result]:
        """Ask what is awaited and post it; return what was posted, an empty list for nothing."""
        style = self._traits.results
        if style is None or not self._preferences.results_api:
            return []
        try:
            wanted = await self._wanted()
            if wanted is None:
                return []
            found = self._found(wanted, style)
            await self._post(found, style)
        except (NoAnswer, Unreadable) as error:
            self._listener(Event("report_failed", detail=str(error)))
            return []
        self._unasked.update(str(each["uuid"]) for each in found)
        return found

    async def _wanted(self) -> list[str] | None:
        """Return the ids the server awaits; None when nothing is to be posted."""
        if not self._traits.asks_for_results:
            return [uuid for uuid in self._radio.rows if uuid not in self._unasked] or None
        url = self._client.task_url("result", secret=self._traits.secret_in_results)
        response = await self._client.get_results(url)
        if response.status != 200:
            return None
        try:
            listed = uuids_of(response.text) or []
        except Unreadable:
            listed = []
        if not listed and self._traits.empty_results is EmptyResults.WHEN_ASKED:
            return None
        return [uuid for uuid in listed if uuid is not None]

    def _found(self, wanted: Iterable[str], style: ResultStyle) -> list[Result]:
        rows = (self._radio.rows.get(uuid) for uuid in wanted)
        return [
            result_of(row, style, self._preferences.texts)
            for row in rows
            if row and (style.reports_success or row.code != RESULT_OK)
        ]

    async def _post(self, found: list[Result], style: ResultStyle) -> None:
        suffix = self._traits.results_suffix
        secret = self._traits.secret_in_results
        url = self._client.task_url("result", secret=secret, suffix=suffix)
        text = gson_json(found)
        body: object = {"message_result": found}
        if style.as_string:
            body = android_json([("message_result", text)])
        for _ in range(2 if self._faults.double_reports else 1):
            await self._client.post_json(Kind.REPORT, url, body)
        self._listener(Event("reported", detail=f"{len(found)} results"))


def result_of(row: TaskRow, style: ResultStyle, texts: Mapping[str, str]) -> Result:
    """Return the element of ``message_result`` for an SMS; texts: translations."""
    found: Result = {"uuid": row.uuid}
    sent, delivered = _sent(row, style), _delivered(row, style)
    for name, (code, text) in (("sent", sent), ("delivered", delivered)):
        found[f"{name}_result_code"] = code
        if text is not None:
            found[f"{name}_result_message"] = texts.get(text, text)
    if style.timestamps:
        found["sent_timestamp"] = java_date(row.sent_at)
        if row.delivered_at is not None:
            found["delivered_timestamp"] = java_date(row.delivered_at)
    return found


def _sent(row: TaskRow, style: ResultStyle) -> tuple[int, str | None]:
    if row.code is None or not style.fills_sent:
        return style.unset_code, style.unset_text
    if row.code == RESULT_OK:
        return style.sent_code, style.sent_text
    return row.code, failure_text(row.code)


def _delivered(row: TaskRow, style: ResultStyle) -> tuple[int, str | None]:
    if row.delivered is None:
        return style.unset_code, style.unset_text
    code = style.delivered_code if row.delivered else style.undelivered_code
    text = style.delivered_text if row.delivered else NOT_DELIVERED
    return code, text if style.fills_delivered_text else None


def java_date(at: float) -> str:
    """Return ``Nov 26, 2015 4:43:06 AM`` in local time, as Gson writes a date in English.

    https://docs.oracle.com/javase/8/docs/api/java/text/DateFormat.html
    """
    local = time.localtime(at)
    hour = local.tm_hour % 12 or 12
    half = "AM" if local.tm_hour < 12 else "PM"
    month = MONTHS[local.tm_mon - 1]
    return (
        f"{month} {local.tm_mday}, {local.tm_year} "
        f"{hour}:{local.tm_min:02d}:{local.tm_sec:02d} {half}"
    )
