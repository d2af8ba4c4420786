"""The queue of SMS for Android phones: who is handed which, and what became of each.

A phone polls and is handed its next SMS. One that is known to report results leases them, and
acknowledges before it sends; with any other, handing out is final. An SMS is never handed to two
phones. Each change of state is written down together with the report that it owes (``Reports``).
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import ujson

from conf.devices import Device
from gateway.errors import BadRequest, NotFound, UnknownPlace
from gateway.smssync.reports import Changed, Reports, changes_in
from gateway.smssync.tasks import (
    MOST_PRIORITY,
    NO_SUCH_TASK,
    UUID,
    NewTask,
    Result,
    Task,
    TaskState,
    canonical,
    check,
    meaning,
    plain,
)
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.paging import Page, newest_first
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Reply, Script

# A phone sends one SMS after the other and is back within minutes: so many are handed out at once.
MOST_HANDED = 20
# SMS looked at in one call when a number is erased.
ERASED_AT_ONCE = 500
# A process has this long for a report before another one makes it.
REPORT_SECONDS = 10
# A script keeps the store from everybody else: some 30 ms with so many SMS to move and reports to
# claim. What is left has its turn a second later.
MOST_DUE = MOST_REPORTS = 500
# So many calls without an answer are taken back in one turn of the chores.
MOST_HAND_BACKS = 100
# Far longer than a command can be on its way to the store.
BATCH_MS = 3_600_000

_ADD = Script.load(__file__, "task_add", "_task")
_POLL = Script.load(__file__, "task_poll", "_task", "_task_move")
_ACKNOWLEDGE = Script.load(__file__, "task_acknowledge", "_task", "_task_move")
_HAND_BACK = Script.load(__file__, "task_hand_back", "_task", "_task_move")
_RESULTS = Script.load(__file__, "task_results", "_task", "_task_move")
_ERASE = Script.load(__file__, "task_erase", "_task", "_task_move")
_CANCEL = Script.load(__file__, "task_cancel", "_task", "_task_move")
_LOOK_AFTER = Script.load(__file__, "task_look_after", "_task", "_task_move")

# In the order of the prelude _task.
_KEYS = (
    keys.TASK_CONTENTS,
    keys.TASKS,
    keys.TASK_INDEX,
    keys.TASK_QUEUE,
    keys.TASK_DUE,
    keys.TASK_HANDED,
    keys.TASK_AWAITING,
    keys.TASK_REPORTS,
)


class TaskQueue:
    """The SMS for phones.

    lease: seconds after which an SMS that was not acknowledged waits again; confirm: seconds
    after which one without news is unconfirmed; changed: is told of each change of state, again
    when it raised; days: how long finished ones are kept.
    """

    def __init__(
        self,
        store: Store,
        devices: Mapping[str, Device],
        *,
        lease: float,
        confirm: float = 86_400,
        changed: Changed,
        days: float = 7,
    ) -> None:
        self._store = store
        self._devices = devices
        self._reports = Reports(store, changed)
        periods = (lease, confirm, days * 86_400, REPORT_SECONDS)
        self._times = tuple(int(each * 1000) for each in periods)
        # Batches of calls that may have run, though no answer came.
        self._unanswered: deque[str] = deque(maxlen=10_000)

    async def add(self, task: NewTask) -> bool:
        """Put an SMS into the queue, durable when this returns; False when its uuid is known.

        Raises BadRequest for what no phone can send and for a priority beyond MOST_PRIORITY.
        """
        check(task)
        content = {"to": task.to, "message": task.message, "priority": task.priority}
        place = f"{MOST_PRIORITY - task.priority:04}"
        life = (math.ceil(task.ttl * 1000), task.send_at)
        args = (task.uuid, ujson.dumps(content), task.device, place, *life)
        return bool(await self._run(_ADD, *args))

    async def poll(self, device: str, *, version: str = "") -> list[Task]:
        """Return the SMS that a phone is to send (or to acknowledge first): MOST_HANDED at most.

        Its own and those for any phone, by priority, then as they came; no more than its hourly
        cap lets it send. Notes that the phone was heard of. What has changed is reported after
        the answer. Raises KeyError for an unknown phone.
        """
        phone = self._devices[device]
        limits = (phone.hourly_cap, MOST_HANDED, BATCH_MS)
        flat = await self._hand_out(_POLL, device, plain(version), phone.results, *limits)
        tasks = [Task.read(*each) for each in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
        self._reports.make_later([(each.uuid, each.state) for each in tasks])
        return [each for each in tasks if each.state is not TaskState.EXPIRED]

    async def acknowledge(self, device: str, uuids: Sequence[str]) -> list[str]:
        """Return those of ``uuids`` that this phone may send now, and mark them handed.

        Those that it has leased, or was handed and has reported nothing of. From the first such
        call on the phone is known to report results.
        """
        asked = [each for each in dict.fromkeys(uuids) if UUID.fullmatch(each)]
        if not asked:
            return []
        flat = await self._hand_out(_ACKNOWLEDGE, device, BATCH_MS, *asked)
        granted: list[str] = flat[: len(flat) // 2]
        fresh = zip(granted, flat[len(granted) :], strict=True)
        await self._reports.make((uuid, TaskState.HANDED) for uuid, is_fresh in fresh if is_fresh)
        return granted

    async def awaiting_results(self, device: str, limit: int = 100) -> list[str]:
        """Return the uuids of what a phone was handed without a final result, the newest first.

        Versions that never report a success would else keep it busy with the same old ones.
        """
        ends = (f"({device};", f"[{device}:")
        entries = await self._store.execute(
            "ZRANGE", keys.TASK_AWAITING, *ends, "BYLEX", "REV", "LIMIT", 0, limit
        )
        return [entry.rpartition(":")[2] for entry in entries]

    async def results(self, device: str, results: Sequence[Result]) -> list[str]:
        """Write down what a phone reports; return the uuids of it that are this phone's.

        The state of an SMS moves forward only; what it was not given is left alone.
        """
        flat: list[Argument] = []
        for each in results:
            state = meaning(each)
            if state is not None and UUID.fullmatch(each.uuid):
                flat += [each.uuid, state.value, each.sent, each.delivered, plain(each.text)]
        if not flat:
            return []
        answer = await self._run(_RESULTS, device, *flat)
        recorded = list(zip(answer[::2], answer[1::2], strict=True))
        await self._reports.make((uuid, TaskState(state)) for uuid, state in recorded if state)
        return list(dict.fromkeys(uuid for uuid, _ in recorded))

    async def get(self, uuid: str) -> Task:
        """Return a task; raises NotFound when there is none (any more)."""
        [task] = await self._read([canonical(uuid)])
        if task is None:
            raise NotFound(NO_SUCH_TASK)
        return task

    async def cancel(self, uuid: str) -> Task:
        """Cancel a task that waits and return it.

        Raises NotFound, and BadRequest for one that a phone may have sent or that has ended.
        """
        answer = await self._run(_CANCEL, canonical(uuid))
        if not answer:
            raise NotFound(NO_SUCH_TASK)
        cancelled, *fields = answer
        task = Task.read(*fields)
        if cancelled:
            await self._reports.make([(task.uuid, task.state)])
        if task.state is not TaskState.CANCELLED:
            raise BadRequest(f"uuid: cannot be cancelled, it is {task.state}")
        return task

    async def page(self, limit: int, after: str) -> Page[Task]:
        """Return the tasks that follow ``after`` ('' = from the newest).

        Raises UnknownPlace when ``after`` is no task (any more).
        """
        if after and not UUID.fullmatch(after):
            raise UnknownPlace(f"after: {NO_SUCH_TASK}")
        page = await newest_first(self._store, keys.TASK_INDEX, limit, after, noun="message")
        tasks = [each for each in await self._read(page.items) if each]
        return Page(page.total, tasks, page.next)

    async def erase_number(self, e164: str) -> int:
        """Forget all SMS to a number, also those that wait; return how many there were."""
        cursor, erased = "0", 0
        while True:
            with budget():
                cursor, flat = await self._store.execute(
                    "HSCAN", keys.TASK_CONTENTS, cursor, "COUNT", ERASED_AT_ONCE
                )
                for uuid, content in zip(flat[::2], flat[1::2], strict=True):
                    if ujson.loads(content)["to"] == e164:
                        erased += await self._run(_ERASE, uuid)
                if cursor == "0":
                    return erased

    async def look_after(self) -> None:
        """Do what time brings about, a bounded amount of it; for every process, each second.

        SMS come to their time, expire, are unconfirmed, are forgotten; leases run out; reports
        that another process owes are made.
        """
        await self._hand_back()
        owed = await self._run(_LOOK_AFTER, MOST_DUE, MOST_REPORTS)
        await self._reports.make(changes_in(owed))

    async def drain(self) -> None:
        """Wait until the reports that polls have left behind are made, or left to others."""
        await self._reports.drain()

    # -- below: how the scripts are called

    async def _run(self, script: Script, *args: Argument, more_keys: Iterable[str] = ()) -> Reply:
        return await self._store.run(script, [*_KEYS, *more_keys], [*self._times, *args])

    async def _hand_out(self, script: Script, device: str, *args: Argument) -> Reply:
        """Run a script that gives something to a phone; take it back if nobody hears the answer."""
        batch = keys.batch(secrets.token_hex(8))
        try:
            return await self._run(script, device, *args, more_keys=(keys.device(device), batch))
        except BaseException:
            self._unanswered.append(batch)
            raise

    async def _hand_back(self) -> None:
        """Take back what was handed out by calls whose answer was lost."""
        for batch in list(self._unanswered)[:MOST_HAND_BACKS]:
            waiting = await self._run(_HAND_BACK, BATCH_MS, more_keys=(batch,))
            with suppress(ValueError):  # done by another call meanwhile
                self._unanswered.remove(batch)
            await self._reports.make((uuid, TaskState.WAITING) for uuid in waiting)

    async def _read(self, uuids: Sequence[str]) -> list[Task | None]:
        if not uuids:
            return []
        contents, records = await asyncio.gather(
            self._store.execute("HMGET", keys.TASK_CONTENTS, *uuids),
            self._store.execute("HMGET", keys.TASKS, *uuids),
        )
        return [
            Task.read(uuid, content, record) if content and record else None
            for uuid, content, record in zip(uuids, contents, records, strict=True)
        ]
