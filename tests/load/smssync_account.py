"""What came of a simulated day of phones, as tables, and whether every promise was kept."""

from __future__ import annotations

import hmac
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gateway.emulator.smssync import SentSms
from gateway.smssync.outgoing import DELIVERIES
from tests.load.smssync_front import Front
from tests.load.smssync_phones import Member

FINAL = ("delivered", "failed", "unconfirmed", "expired", "cancelled")
STATES = ("waiting", "leased", "handed", "sent", *FINAL)
# What the gateway says when it believes that the phone has not sent the SMS.
NEVER_SENT = ("waiting", "leased", "expired", "cancelled")
NUMBERED = re.compile(r"(?:Out|In) \d{5}")

Row = dict[str, Any]
# The phones that tried an SMS, by its uuid, one entry for each time.
Tries = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Account:
    """A day that is over.

    sent, refused: what phones have sent, and what the network has not taken of it;
    orders, relays, arrivals: the texts that were to go out by the admin routes and by a masked
    conversation, and those that came in for the inbox, each beginning with its number; tasks,
    messages, inbox: what the admin routes list; log_errors: lines that processes logged as errors.
    """

    members: Sequence[Member]
    front: Front
    sent: Tries
    refused: Tries
    orders: Sequence[str]
    relays: Sequence[str]
    arrivals: Sequence[str]
    tasks: Sequence[Row]
    messages: Sequence[Row]
    inbox: Sequence[Row]
    faults: Mapping[str, int]
    reports_owed: int
    log_errors: Sequence[str]

    @cached_property
    def queued(self) -> Counter[str]:
        """How many tasks there are of each text, by its number."""
        return Counter(_number(task["message"]) for task in self.tasks)

    @cached_property
    def kept(self) -> Counter[str]:
        """How often each text is in the inbox, by its number."""
        return Counter(_number(item["text"]) for item in self.inbox)

    def tables(self) -> str:
        """Return everything that was counted, in Markdown."""
        parts = (self._phones(), self._states(), self._faults(), self._promises())
        return "\n\n".join(_markdown(*part) for part in parts)

    @property
    def broken(self) -> list[str]:
        """The promises that were not kept, with the number of times and an example."""
        return [
            f"{name}: {len(found)}, first {found[0]!r}" for name, found in self._checks() if found
        ]

    def _phones(self) -> tuple[Sequence[str], list[list[object]]]:
        head = (
            *("phone", "app", "results", "SMS received", "posts", "accepted", "posts again"),
            *("answers lost", "no connection", "rounds", "handed", "sent", "sent twice", "refused"),
        )
        handed = Counter(name for names in self.front.offered.values() for name in set(names))
        return head, [self._phone(each, handed[each.phone.name]) for each in self.members]

    def _phone(self, member: Member, handed: int) -> list[object]:
        events, handset = member.events, member.handset
        posts = events["synced"] + events["sync_failed"]
        uuids = Counter(sms.uuid for sms in handset.sent)
        return [
            *(member.phone.name, member.model, "yes" if member.model.results else "no"),
            *(len(handset.inbox), posts, len(handset.inbox) - len(handset.pending)),
            *(posts - len(handset.inbox), events["answer lost"], events["no connection"]),
            *(member.rounds, handed, len(uuids), sum(count > 1 for count in uuids.values())),
            len({sms.uuid for sms in handset.failed}),
        ]

    def _states(self) -> tuple[Sequence[str], list[list[object]]]:
        """Return of the outgoing SMS how many ended in each state, by what phones did."""
        head = ("state of outgoing SMS", "all", "a phone sent it", "refused", "no phone tried")
        rows: list[list[object]] = []
        for state in STATES:
            uuids = [task["uuid"] for task in self.tasks if task["state"] == state]
            if uuids or state in FINAL:
                went = sum(uuid in self.sent for uuid in uuids)
                tried = sum(uuid in self.sent or uuid in self.refused for uuid in uuids)
                rows.append([state, len(uuids), went, tried - went, len(uuids) - tried])
        columns = list(zip(*rows, strict=True))[1:]
        return head, [*rows, ["all", *(sum(column) for column in columns)]]

    def _faults(self) -> tuple[Sequence[str], list[list[object]]]:
        numbers = self.orders, self.relays, self.arrivals
        outgoing, relayed, incoming = map(len, numbers)
        again = sum(len(names) > 1 for names in self.front.offered.values())
        twice = sum(self.queued[_number(text)] > 1 for text in self.orders)
        events = sum((each.events for each in self.members), Counter[str]())
        rows: list[list[object]] = [
            ["outgoing SMS queued by admin routes", outgoing],
            ["outgoing SMS of masked conversations", relayed],
            ["incoming SMS for the inbox", incoming],
            ["requests of phones", self.front.requests],
            ["… that no process answered", self.front.unanswered],
            ["… whose answer the phone lost", events["answer lost"]],
            ["SMS offered again after a lease", again],
            ["SMS queued twice by an operator who got no answer", twice],
            ["apps restarted", events["app restarted"]],
            ["alerts and tests, which are no SMS", events["alerted"] + events["tested"]],
        ]
        return ("what happened", "count"), rows + [[name, n] for name, n in self.faults.items()]

    def _promises(self) -> tuple[Sequence[str], list[list[object]]]:
        rows: list[list[object]] = [[name, len(found)] for name, found in self._checks()]
        return ("must be none", "found"), rows

    def _checks(self) -> list[tuple[str, list[str]]]:
        """Return every promise with what breaks it."""
        return [
            ("outgoing SMS lost before they were queued", self._missing()),
            ("relayed SMS that are not there exactly once", self._relays()),
            ("incoming SMS that are not there exactly once", self._incoming()),
            ("something in the inbox that is no SMS of the day", self._strange()),
            ("incoming SMS still on a phone", self._pending()),
            ("outgoing SMS in no final state", self._unfinished()),
            ("SMS tried by two phones", self._two(self._tried())),
            ("SMS granted to two phones", self._two(self.front.granted.items())),
            ("SMS given away again after a phone that does not confirm got it", self._given()),
            ("SMS sent twice by a phone whose app does not double", self._doubled()),
            ("SMS sent, though the state says that they were not", self._denied()),
            ("SMS not sent, though the state says that they were", self._invented()),
            ("messages whose life says something else than the queue", self._lives()),
            ("reports of states that are still owed", ["?"] * self.reports_owed),
            ("crashes of apps", [each.phone.name for each in self.members if each.handset.crashes]),
            ("errors logged", list(self.log_errors)),
        ]

    def _missing(self) -> list[str]:
        return [text for text in self.orders if not self.queued[_number(text)]]

    def _relays(self) -> list[str]:
        return [text for text in self.relays if self.queued[_number(text)] != 1]

    def _incoming(self) -> list[str]:
        return [text for text in self.arrivals if self.kept[_number(text)] != 1]

    def _strange(self) -> list[str]:
        expected = {_number(text) for text in self.arrivals}
        return [item["text"] for item in self.inbox if _number(item["text"]) not in expected]

    def _pending(self) -> list[str]:
        return [sms.text for each in self.members for sms in each.handset.pending]

    def _unfinished(self) -> list[str]:
        return [task["uuid"] for task in self.tasks if task["state"] not in FINAL]

    def _tried(self) -> list[tuple[str, set[str]]]:
        uuids = self.sent.keys() | self.refused.keys()
        return [(each, {*self.sent.get(each, ()), *self.refused.get(each, ())}) for each in uuids]

    @staticmethod
    def _two(by_uuid: Iterable[tuple[str, set[str]]]) -> list[str]:
        return [uuid for uuid, phones in by_uuid if len(phones) > 1]

    def _given(self) -> list[str]:
        """Return what was named to a phone after one that sends without asking had it."""
        final = {each.phone.name for each in self.members if not each.model.results}
        offered = self.front.offered.items()
        return [uuid for uuid, names in offered if final.intersection(names[:-1])]

    def _doubled(self) -> list[str]:
        doubling = {each.phone.name for each in self.members if each.doubles}
        return [
            uuid
            for uuid, names in self.sent.items()
            if len(names) > 1 and not doubling.issuperset(names)
        ]

    def _denied(self) -> list[str]:
        tasks = [task for task in self.tasks if task["state"] in NEVER_SENT]
        return [task["uuid"] for task in tasks if task["uuid"] in self.sent]

    def _invented(self) -> list[str]:
        tasks = [task for task in self.tasks if task["state"] in ("sent", "delivered")]
        return [task["uuid"] for task in tasks if task["uuid"] not in self.sent]

    def _lives(self) -> list[str]:
        secrets = {member.phone.name: member.phone.secret for member in self.members}
        lives = {
            task: message["delivery"]
            for message in self.messages
            for task in _tasks_of(message, secrets)
        }
        return [
            f"{task['uuid']} {task['state']} {lives.get(task['uuid'])}"
            for task in self.tasks
            if lives.get(task["uuid"]) != DELIVERIES[task["state"]]
        ]


def _tasks_of(message: Row, secrets: Mapping[str, str]) -> Iterator[str]:
    """Yield the uuids of which one is that of the task that carries a message.

    One that the operator queued for phones has the message's id, one that was sent through a phone
    has an id that only the gateway can make.
    """
    yield str(uuid.UUID(message["id"]))
    name = str(message.get("provider", "")).partition(":")[2]
    if name in secrets:
        digest = hmac.digest(secrets[name].encode(), message["id"].encode(), "sha256")[:16]
        yield str(uuid.UUID(bytes=digest, version=4))


def tries(lists: Iterable[tuple[str, Sequence[SentSms]]]) -> Tries:
    """Return by uuid what is in these lists, each of a phone by its name."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for phone, tried in lists:
        for sms in tried:
            found[sms.uuid].append(phone)
    return dict(found)


def _number(text: str) -> str:
    """Return the number with which a text of the day begins, the text itself if it is none."""
    found = NUMBERED.search(text)
    return found[0] if found else text


def _markdown(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    cells = [head, ("---",) * len(head), *(map(_cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
