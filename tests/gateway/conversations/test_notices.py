"""Notices that a session owes: said once, by whoever comes after a crash as well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import ujson

from gateway.conversations.fates import Fates
from gateway.conversations.notices import OPTED_OUT, Notices, NoticeTexts
from gateway.conversations.opening import NewSession
from gateway.conversations.outcomes import Taken
from gateway.conversations.session import Session
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import Transcript
from gateway.messaging.outbox.queue import NOTICE, OutboxEntry
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from tests.support.conversations import OpenedSessions, relay_on

NOWHERE = "redis://127.0.0.1:1"
ANNA, BEN, NUMBER = "+4917604069091", "+4917604069092", "+12065550100"
TEXTS = NoticeTexts("Acme", "start", "end", "no session", "opted out", "call")


@pytest.fixture
async def session(store: Store) -> Session:
    """A session whose start was announced."""
    await Pool(store).add(VirtualNumber(NUMBER, "nexmo", "US", frozenset({"sms"}), 1))
    wanted = NewSession(participant_a=ANNA, participant_b=BEN)
    session, _ = await OpenedSessions(store).create(wanted)
    await store.execute("DEL", keys.ANNOUNCE)
    return session


async def heard(store: Store, person: str) -> list[str]:
    """Return what lies in the outbox for a person."""
    texts = await store.execute("LRANGE", keys.queue(f"{NUMBER}>{person}"), 0, -1)
    return [ujson.loads(text)["text"] for text in texts]


async def finish_stale(store: Store) -> None:
    """Do what any process does once a second."""
    notices = Notices(store, TEXTS, lambda: None)
    await notices.finish_stale(OpenedSessions(store).find)


async def owe(store: Store, word: str, session: Session, at: int = 1) -> None:
    """Leave word, as a script does before its process dies; at: ms, long ago."""
    await store.execute("ZADD", keys.ANNOUNCE, at, f"{word} {session.id}")


@pytest.mark.parametrize(
    ("word", "to_anna", "to_ben"),
    [
        ("start", ["[ACME]: start"], ["[ACME]: start"]),
        ("end", ["[ACME]: end"], ["[ACME]: end"]),
        (OPTED_OUT["a"], ["[ACME]: opted out"], []),
        (OPTED_OUT["b"], [], ["[ACME]: opted out"]),
    ],
)
async def test_what_a_dead_process_has_left_unsaid_is_said_once(
    store: Store, session: Session, word: str, to_anna: list[str], to_ben: list[str]
) -> None:
    await owe(store, word, session)
    for _ in range(2):
        await finish_stale(store)
        assert (to_anna, to_ben) == (await heard(store, ANNA), await heard(store, BEN))


async def test_what_is_not_owed_is_not_said(store: Store, session: Session) -> None:
    woken: list[Any] = []
    notices = Notices(store, TEXTS, lambda: woken.append(1))
    await notices.announce(OPTED_OUT["a"], session)
    assert ([], []) == (await heard(store, ANNA), woken)
    await owe(store, OPTED_OUT["a"], session)
    await notices.announce(OPTED_OUT["a"], session)
    assert (["[ACME]: opted out"], [1]) == (await heard(store, ANNA), woken)


async def test_a_stop_is_told_though_the_store_failed_when_it_was_to_be_said(
    store: Store, session: Session
) -> None:
    """To the counterpart, and to one who hears of it when he texts; once each time."""
    no_store = connect(NOWHERE)
    relay = relay_on(store, Notices(no_store, TEXTS, lambda: None))
    for number, text in enumerate(["STOP", "hello", "are you there?"]):
        sender = ANNA if text == "STOP" else BEN
        taken = await relay.receive(Inbound("nexmo", str(number), sender, NUMBER, text))
        assert (Taken.STOPPED if sender == ANNA else Taken.SUPPRESSED) == taken
    assert ([], []) == (await heard(store, ANNA), await heard(store, BEN))
    await store.execute("ZADD", keys.ANNOUNCE, "XX", 1, f"{OPTED_OUT['b']} {session.id}")
    await finish_stale(store)
    assert ([], ["[ACME]: opted out"]) == (await heard(store, ANNA), await heard(store, BEN))
    await no_store.close()


async def test_a_notice_that_is_switched_off_is_forgotten(store: Store, session: Session) -> None:
    silent = NoticeTexts("", "", "", "", "", "")
    for word in ("start", "end", *OPTED_OUT.values()):
        await owe(store, word, session)
    await Notices(store, silent, lambda: None).finish_stale(OpenedSessions(store).find)
    assert 0 == await store.execute("ZCARD", keys.ANNOUNCE)
    assert [] == await heard(store, ANNA)


WAITING = replace(TEXTS, waiting="patience, please")


@pytest.mark.parametrize("text", ["patience, please", ""])
async def test_who_waits_for_money_is_told_once_a_day(
    store: Store, session: Session, text: str
) -> None:
    """By a notice, which is dropped when there is no money for it either."""
    for _ in range(2):
        notices = Notices(store, replace(TEXTS, waiting=text), lambda: None)
        await notices.tell_waiting(session, "a")
    assert ([f"[ACME]: {text}"] if text else []) == await heard(store, ANNA)
    assert [] == await heard(store, BEN)
    queued = await store.execute("LRANGE", keys.queue(f"{NUMBER}>{ANNA}"), 0, -1)
    assert {NOTICE} >= {ujson.loads(each)["kind"] for each in queued}
    await store.execute("HDEL", keys.session(session.id), *await told_fields(store, session))
    await Notices(store, WAITING, lambda: None).tell_waiting(session, "a")
    assert f"[ACME]: {WAITING.waiting}" == (await heard(store, ANNA))[-1]


async def told_fields(store: Store, session: Session) -> list[str]:
    """Return the fields that remember what was told, and one that is not there."""
    names = await store.execute("HKEYS", keys.session(session.id))
    return [each for each in names if each.startswith("waiting_told_a")] or ["none"]


@pytest.mark.parametrize(
    ("kind", "to", "told"),
    [("relay", ANNA, BEN), ("relay", BEN, ANNA), (NOTICE, BEN, ""), ("relay", "", "")],
)
async def test_the_writer_of_a_text_that_waits_is_told(
    store: Store, session: Session, kind: str, to: str, told: str
) -> None:
    sessions, log = Sessions(store, log_days=1), Transcript(store, days=1)
    notices = Notices(store, WAITING, lambda: None)

    async def settled(_: str) -> bool:
        raise AssertionError

    fates = Fates(Pool(store), log, sessions, notices, settled)
    entry = OutboxEntry(
        "1" * 32, to or ANNA, NUMBER, "nexmo", "Hello", kind, session.id if to else ""
    )
    await fates.waits(entry)
    for person in (ANNA, BEN):
        expected = ["[ACME]: patience, please"] if person == told else []
        assert expected == await heard(store, person)
