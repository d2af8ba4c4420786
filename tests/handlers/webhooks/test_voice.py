"""Masked calls as callers meet them, between the gateway and the emulated provider."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.emulator.account.calls import Call
from gateway.store import keys
from tests.conftest import RestartableValkey
from tests.support.scenes.masking import (
    ANNA,
    BERT,
    CARL,
    DORA,
    GERMAN,
    HEIDI,
    ONE,
    THREE,
    TOKEN,
    TWO,
    Town,
    town,
    until,
)
from tests.support.stand_ins.webhook_signing import APPLICATION, jwt

WAIT, SORRY, PIN_PLEASE = "One moment", "We are sorry", "Your PIN, please"
CALL = "[YOUR ORG NAME]: Call this number to talk to your contact"
SECRET = "a-secret-of-the-voice-application-0123"
CALLS_PER_SIDE = {"mode": "voice", "numbers": "per-side"}
TEXTS = (
    f"--voice_wait_msg={WAIT}",
    f"--voice_sorry_msg={SORRY}",
    f"--voice_pin_msg={PIN_PLEASE}",
)


@dataclass
class Address:
    """A public address that is known before the gateway behind it: passes on every octet."""

    url: str = ""
    target: str = ""
    joined: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection with one to the target."""
        self.joined.add(asyncio.create_task(self._join(reader, writer)))

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = urlsplit(self.target)
        try:
            far_reader, far_writer = await asyncio.open_connection(behind.hostname, behind.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        for each in (writer, far_writer):
            with suppress(ConnectionError):
                await each.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def public_address() -> AsyncIterator[Address]:
    """Listen until the block ends."""
    address = Address()
    server = await asyncio.start_server(address.accept, "127.0.0.1")
    address.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield address
    finally:
        server.close()
        await asyncio.gather(*address.joined)  # they end with those who connected


@dataclass
class VoiceTown(Town):
    """A town whose numbers can be called; ``public_url``: the gateway's address."""

    public_url: str = ""

    async def begin(self, a: str = ANNA, b: str = BERT, **more: object) -> dict[str, Any]:
        """Begin a session with calls, each side on a number of its own."""
        return await self.session(a, b, **CALLS_PER_SIDE | more)

    async def logged(self, session: dict[str, Any]) -> list[tuple[str, str, str, str]]:
        """Return (kind, from, id, state) of what the log of a session holds."""
        log = await self.ok("GET", f"/session/{session['session_id']}/log")
        return [tuple(each[k] for k in ("kind", "from", "id", "state")) for each in log["entries"]]

    async def states(self, session: dict[str, Any]) -> list[str]:
        """Return the states of the calls in the log of a session."""
        return [state for kind, *_, state in await self.logged(session) if kind == "call"]

    async def let_come_due(self, call: Call) -> None:
        """Let it be time to look whether something has become of a call."""
        store = self.gateway.application.services.store
        await store.execute("ZADD", keys.CALLS, "XX", 1, call.conversation_uuid)

    def listen_at(self, suffix: str) -> None:
        """Tell the provider the webhooks of the voice application."""
        self.emulator.configure(
            answer_url=f"{self.public_url}/proxy-call{suffix}",
            fallback_answer_url=f"{self.public_url}/proxy-call/fallback{suffix}",
            event_url=f"{self.public_url}/event{suffix}",
        )


@asynccontextmanager
async def voice_town(
    redis_url: str,
    *options: str,
    rented: Sequence[str] = (ONE, TWO, THREE),
    token: str = TOKEN,
    **settings: Any,
) -> AsyncIterator[VoiceTown]:
    """Run a town with a voice application; ``settings`` are the emulator's."""
    quick = {"call_time_scale": 0, "voice_timeout_scale": 0.05, "retry_delays": [0.01]}
    # Scaled: a few seconds, for a machine that is busy.
    patient = {"voice_connect_timeout": 60, "voice_read_timeout": 60}
    async with (
        public_address() as public,
        town(
            redis_url,
            f"--public_url={public.url}",
            *TEXTS,
            *options,
            token=token,
            **quick | patient | {"owned_numbers": list(rented)} | settings,
        ) as plain,
    ):
        public.target = plain.gateway.url
        made = VoiceTown(plain.gateway, plain.emulator, public.url)
        made.listen_at(f"/{token}" if token else "")
        await made.rent(*rented)
        yield made


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[VoiceTown]:
    """A town with three numbers."""
    async with voice_town(redis_url) as made:
        yield made


def rang(call: Call) -> list[tuple[str, str]]:
    """Return who was rung and the number he saw."""
    return [(leg.to, leg.sender) for leg in call.rang]


def answers(call: Call) -> list[tuple[str, int | None]]:
    """Return what was asked for, and the HTTP status of the answer."""
    return [(each.kind, each.http_status) for each in call.asked]


def was_refused(call: Call) -> bool:
    """Tell whether the caller heard the polite text alone, by an answer that was no error."""
    return (answers(call), call.heard, rang(call)) == ([("answer", 200)], [SORRY], [])


# -- the whole path


async def test_two_strangers_talk_on_numbers_that_were_rented_a_moment_ago(redis_url: str) -> None:
    """Look for numbers, rent them, begin a session, call each other; a third one is turned away."""
    async with voice_town(
        redis_url, f"--nexmo_application_id={APPLICATION}", rented=(), application_id=APPLICATION
    ) as here:
        wanted = {"country": "US", "count": 2, "features": "SMS,VOICE"}
        shown = await here.ok("POST", "/numbers/provision", wanted)
        assert ("candidates", 0) == (shown["message"], len(here.emulator.owned))
        rented = await here.ok("POST", "/numbers/provision", wanted | {"confirm": True})
        numbers = {each["value"] for each in rented["numbers"]}
        assert numbers == here.emulator.owned.keys()
        assert numbers <= {each["value"] for each in shown["candidates"]}

        session = await here.begin()
        annas, berts = session["virtual_tn_a"], session["virtual_tn_b"]
        assert numbers == {annas, berts}
        await here.hears(ANNA, (annas, CALL))
        await here.hears(BERT, (berts, CALL))

        there = await here.emulator.call(ANNA, annas)
        back = await here.emulator.call(BERT, berts)
        assert ([WAIT], [(BERT, berts)]) == (there.heard, rang(there))
        assert ([WAIT], [(ANNA, annas)]) == (back.heard, rang(back))
        for number in numbers:
            assert was_refused(await here.emulator.call(DORA, number))
        assert [
            ("call", "a", there.conversation_uuid, "completed"),
            ("call", "b", back.conversation_uuid, "completed"),
        ] == await here.logged(session)


async def test_numbers_are_listed_whether_rented_or_in_the_pool(redis_url: str) -> None:
    """With what calls need: those of the application are configured, an added one is not."""
    async with voice_town(
        redis_url, f"--nexmo_application_id={APPLICATION}", rented=(), application_id=APPLICATION
    ) as here:
        wanted = {"country": "US", "count": 1, "features": "VOICE", "confirm": True}
        [rented] = (await here.ok("POST", "/numbers/provision", wanted))["numbers"]
        await here.rent(ONE)
        listed = (await here.ok("GET", "/numbers"))["numbers"]
        names = ("value", "rented", "in_pool", "configured")
        assert [(ONE, False, True, False), (rented["value"], True, True, True)] == [
            tuple(each[name] for name in names) for each in listed
        ]


@pytest.mark.parametrize("numbers", ["shared", "per-side"])
@pytest.mark.parametrize("mode", ["voice", "both"])
async def test_conversations_with_two_people_at_a_time_are_kept_apart(
    mode: str, numbers: str, redis_url: str
) -> None:
    """Each call reaches the one whom its number stands for, from both ends, all at once."""
    pool = [f"120655501{n}" for n in range(51, 55)]
    async with voice_town(redis_url, rented=pool) as here:
        first = await here.session(ANNA, BERT, mode=mode, numbers=numbers)
        second = await here.session(ANNA, CARL, mode=mode, numbers=numbers)
        assert first["virtual_tn_a"] != second["virtual_tn_a"]
        placed = [
            (caller, session[f"virtual_tn_{side}"], callee, session[f"virtual_tn_{other}"])
            for session, friend in ((first, BERT), (second, CARL))
            for caller, side, callee, other in ((ANNA, "a", friend, "b"), (friend, "b", ANNA, "a"))
        ]
        for caller, number, callee, shown in placed:
            assert [(callee, shown)] == rang(await here.emulator.call(caller, number))

        to_bert, to_carl = placed[0], placed[2]
        calls = [
            await here.emulator.call(*each[:2], wait=False, hold=True)
            for each in (to_bert, to_carl)
        ]
        await until(lambda: all(rang(call) for call in calls))
        assert [[to_bert[2:]], [to_carl[2:]]] == [rang(call) for call in calls]
        for call in calls:
            await hang_up(call)


async def test_the_actions_carry_the_limits_of_the_options(redis_url: str) -> None:
    """How long it rings, how long a call may last, and where its events go."""
    async with voice_town(redis_url, "--ring_timeout=20", "--call_limit=600") as here:
        session = await here.begin()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"])
        connect = call.actions[-1]
        assert (20, 600, [f"{here.public_url}/event/{TOKEN}"]) == tuple(
            connect[name] for name in ("timeout", "limit", "eventUrl")
        )


# -- those who are not connected


async def test_a_session_of_messages_carries_no_calls(here: VoiceTown) -> None:
    session = await here.session(ANNA, BERT)
    assert was_refused(await here.emulator.call(ANNA, session["virtual_tn"]))


async def test_an_ended_session_carries_no_calls(here: VoiceTown) -> None:
    session = await here.begin()
    await here.ok("DELETE", "/session", {"session_id": session["session_id"]})
    assert was_refused(await here.emulator.call(ANNA, session["virtual_tn_a"]))
    assert was_refused(await here.emulator.call(BERT, session["virtual_tn_b"]))


async def test_an_expired_session_carries_no_calls(here: VoiceTown) -> None:
    session = await here.begin()
    await expire(here, session)
    assert was_refused(await here.emulator.call(ANNA, session["virtual_tn_a"]))


async def expire(here: VoiceTown, session: dict[str, Any]) -> None:
    """Let the time of a session run out."""
    path = f"/session/{session['session_id']}"
    await here.ok("PATCH", path, {"expiry_window": 0.0005})
    await until(lambda: _is_gone(here, path))


async def _is_gone(here: VoiceTown, path: str) -> bool:
    return 404 == (await here.call("GET", path))[0]


async def test_nobody_is_called_who_wants_to_hear_nothing(here: VoiceTown) -> None:
    """He himself may call all the same; the attempt stands in the log."""
    session = await here.begin()
    await here.text(BERT, session["virtual_tn_b"], "STOP")
    await until(lambda: _has_opted_out(here, BERT))
    assert was_refused(await here.emulator.call(ANNA, session["virtual_tn_a"]))
    assert [(ANNA, session["virtual_tn_a"])] == rang(
        await here.emulator.call(BERT, session["virtual_tn_b"])
    )
    assert ["suppressed", "completed"] == await here.states(session)


async def _has_opted_out(here: VoiceTown, number: str) -> bool:
    return number in json.dumps(await here.ok("GET", "/optouts"))


async def test_who_talks_to_another_one_is_not_called(here: VoiceTown) -> None:
    """Until he has hung up."""
    with_bert = await here.begin()
    with_carl = await here.begin(CARL, BERT, numbers="shared")
    first = await held(here, ANNA, with_bert["virtual_tn_a"])
    assert was_refused(await here.emulator.call(CARL, with_carl["virtual_tn_a"]))
    await hang_up(first)
    again = await here.emulator.call(CARL, with_carl["virtual_tn_a"])
    assert [(BERT, with_carl["virtual_tn_b"])] == rang(again)
    assert ["busy", "completed"] == await here.states(with_carl)


async def held(here: VoiceTown, caller: str, number: str) -> Call:
    """Return a call in which both talk until it is hung up, as the gateway knows."""
    call = await here.emulator.call(caller, number, wait=False, hold=True)
    await until(lambda: [leg.status for leg in call.rang] == ["answered"])
    await until(lambda: call.events[-1].attempts)
    return call


async def hang_up(call: Call) -> None:
    """End a call, and wait until everybody has heard of it."""
    call.hang_up()
    await until(lambda: call.over and all(each.attempts for each in call.events))


@pytest.mark.parametrize(
    "caller",
    [DORA, HEIDI, "unknown", "Restricted", "Acme", "+", "+1206", "001206555012100000", "١٢٣"],
    ids=ascii,
)
async def test_strangers_and_those_without_a_number_hear_the_polite_text(
    caller: str, here: VoiceTown
) -> None:
    session = await here.begin()
    assert was_refused(await here.emulator.call(caller, session["virtual_tn_a"]))
    assert [] == await here.logged(session)


async def test_a_withheld_number_is_nobody_s(here: VoiceTown) -> None:
    """Not even a participant's: nothing tells that it is he."""
    session = await here.begin()
    call = await here.emulator.call(ANNA, session["virtual_tn_a"], anonymous=True)
    assert was_refused(call)


async def test_a_participant_reaches_nobody_on_another_number(here: VoiceTown) -> None:
    """Neither on the number of his counterpart, nor on a free one, nor on one that is not ours."""
    session = await here.begin()
    annas, berts = session["virtual_tn_a"], session["virtual_tn_b"]
    [free] = {ONE, TWO, THREE} - {annas, berts}
    for number in (berts, free, GERMAN):
        assert was_refused(await here.emulator.call(ANNA, number))


# -- who may ask

PATHS = ("/proxy-call", "/proxy-call/fallback", "/event")


@pytest.mark.parametrize("answer_method", ["GET", "POST"])
@pytest.mark.parametrize("token", [TOKEN, ""], ids=["and by path", "alone"])
async def test_signed_calls_are_connected(token: str, answer_method: str, redis_url: str) -> None:
    """With JSON web tokens, with and without the token of the webhooks' paths."""
    async with signed_town(redis_url, token, answer_method=answer_method) as here:
        session = await here.begin()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"])
        assert [(BERT, session["virtual_tn_b"])] == rang(call)
        assert ["completed"] == await here.states(session)
        assert {200} == {each.http_status for event in call.events for each in event.attempts}


@asynccontextmanager
async def signed_town(
    redis_url: str, token: str = TOKEN, **settings: Any
) -> AsyncIterator[VoiceTown]:
    """Run a town whose voice application signs."""
    options = (
        f"--nexmo_application_jwt_secret={SECRET}",
        f"--nexmo_application_id={APPLICATION}",
    )
    signing = {"jwt_secret": SECRET, "application_id": APPLICATION}
    async with voice_town(redis_url, *options, token=token, **signing | settings) as here:
        yield here


@pytest.mark.parametrize("answer_method", ["GET", "POST"])
@pytest.mark.parametrize(
    "wrong",
    [{"jwt_secret": ""}, {"jwt_secret": "another-secret-of-32-characters!"}, {"api_key": "other"}],
    ids=["unsigned", "by another secret", "by another account"],
)
async def test_nobody_is_rung_for_a_call_that_is_not_signed(
    wrong: dict[str, str], answer_method: str, redis_url: str
) -> None:
    """The answer and the fallback are refused, and so is every event."""
    async with signed_town(redis_url, answer_method=answer_method) as here:
        session = await here.begin()
        here.emulator.configure(**wrong)
        call = await here.emulator.call(ANNA, session["virtual_tn_a"])
        assert [("answer", 401), ("fallback", 401)] == answers(call)
        assert ([], []) == (call.heard, rang(call))
        assert {401} == {each.http_status for event in call.events for each in event.attempts}
        assert [] == await here.logged(session)


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_covers_the_body_it_came_with(path: str, redis_url: str) -> None:
    """One that was made for other content, or for another application, opens nothing."""
    async with signed_town(redis_url) as here:
        asked = {"from": ANNA, "to": ONE, "conversation_uuid": "CON-1", "status": "started"}
        body = json.dumps(asked).encode()
        own = {"api_key": "emulator"}
        tokens = [
            jwt(body, SECRET, own),
            jwt(body + b" ", SECRET, own),
            jwt(body, SECRET, own | {"application_id": "another"}),
            jwt(body, SECRET, own | {"iss": "Somebody"}),
            jwt(body, SECRET, own, algorithm="none"),
            jwt(body, "", own),
        ]
        statuses = [await post(here, f"{path}/{TOKEN}", body, token) for token in tokens]
        assert [200, 401, 401, 401, 401, 401] == statuses


async def post(here: VoiceTown, path: str, body: bytes, token: str) -> int:
    """Post JSON with a web token and return the status."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    async with here.gateway.client.post(path, data=body, headers=headers) as response:
        return response.status


@pytest.mark.parametrize("way", ["GET", "form", "JSON"])
@pytest.mark.parametrize("path", PATHS)
async def test_only_the_path_with_the_token_is_served(path: str, way: str, here: VoiceTown) -> None:
    """All else is refused, and shows no number."""
    session = await here.begin()
    asked = {
        "from": ANNA,
        "to": session["virtual_tn_a"],
        "conversation_uuid": "CON-1",
        "status": "started",
    }
    suffixes = (f"/{TOKEN}", f"/{TOKEN}/", "", "/", "/wrong", f"/{TOKEN}x", f"/{TOKEN.upper()}")
    found = [await ask(here.gateway.client, path + suffix, way, asked) for suffix in suffixes]
    assert [200, 200] + [401] * 5 == [status for status, _ in found]
    assert not [text for status, text in found if status == 401 and BERT in text]


async def ask(
    client: aiohttp.ClientSession, path: str, way: str, content: dict[str, str]
) -> tuple[int, str]:
    """Bring a webhook in one of the three ways; return status and text of the answer."""
    if way == "GET":
        given: dict[str, Any] = {"params": content}
    else:
        given = {"data": content} if way == "form" else {"json": content}
    method = "GET" if way == "GET" else "POST"
    async with client.request(method, path, **given) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("path", PATHS)
async def test_without_token_and_secret_only_this_machine_is_answered(
    path: str, redis_url: str
) -> None:
    """What came by a proxy did not come from this machine."""
    async with voice_town(redis_url, "--open_webhooks=yes", token="") as here:
        asked = {"from": ANNA, "to": ONE, "conversation_uuid": "CON-1", "status": "started"}
        url = f"{here.public_url}{path}"
        async with aiohttp.ClientSession() as local:
            assert 200 == (await ask(local, url, "JSON", asked))[0]
        proxied = {"X-Forwarded-For": "203.0.113.7"}
        async with aiohttp.ClientSession(headers=proxied) as remote:
            assert 401 == (await ask(remote, url, "JSON", asked))[0]


# -- when the gateway cannot answer


async def test_without_the_store_the_fallback_apologises(
    valkey_server: RestartableValkey,
) -> None:
    """After two tries, and nobody is rung. With the store calls are connected again."""
    async with voice_town(valkey_server.url) as here:
        session = await here.begin()
        valkey_server.stop()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"])
        assert [("answer", 503), ("answer", 503), ("fallback", 200)] == answers(call)
        assert ([SORRY], []) == (call.heard, rang(call))

        valkey_server.start()
        await until(lambda: _is_ready(here))
        later = await here.emulator.call(ANNA, session["virtual_tn_a"])
        assert [(BERT, session["virtual_tn_b"])] == rang(later)


async def _is_ready(here: VoiceTown) -> bool:
    async with here.gateway.client.get("/health/ready") as response:
        return 200 == response.status


async def test_a_gateway_that_never_answers_is_asked_twice(here: VoiceTown) -> None:
    """Then another one, at the fallback address, apologises."""
    session = await here.begin()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/proxy-call"
        here.emulator.configure(answer_url=url, voice_connect_timeout=20, voice_read_timeout=1)
        call = await here.emulator.call(ANNA, session["virtual_tn_a"])
    assert ["answer", "answer", "fallback"] == [each.kind for each in call.asked]
    assert [None, None] == [each.http_status for each in call.asked[:2]]


async def test_an_answer_that_came_too_late_counts_as_a_call_that_failed(here: VoiceTown) -> None:
    """The log says so, and the counterpart is not kept busy by it."""
    session = await here.begin()
    with_carl = await here.begin(CARL, BERT, numbers="shared")
    asked = {"from": ANNA, "to": session["virtual_tn_a"], "conversation_uuid": "CON-1"}
    client = here.gateway.client
    late = await ask(client, f"/proxy-call/{TOKEN}", "GET", asked)
    again = {**asked, "reason": "Connection closed."}
    apology = await ask(client, f"/proxy-call/fallback/{TOKEN}", "GET", again)
    assert ["talk", "connect"] == [each["action"] for each in json.loads(late[1])]
    assert [SORRY] == [each["text"] for each in json.loads(apology[1])]
    await until(lambda: _states_are(here, session, ["failed"]))
    assert 1 == len(rang(await here.emulator.call(CARL, with_carl["virtual_tn_a"])))


async def _states_are(here: VoiceTown, session: dict[str, Any], expected: list[str]) -> bool:
    return expected == await here.states(session)


# -- what the log says


@pytest.mark.parametrize(
    "disorder",
    [{}, {"event_shuffle": True}, {"event_repeat": 3}, {"event_shuffle": True, "event_repeat": 2}],
    ids=["in order", "shuffled", "repeated", "both"],
)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("answered", "completed"),
        ("busy", "busy"),
        ("timeout", "timeout"),
        ("rejected", "rejected"),
        ("failed", "failed"),
        ("unanswered", "unanswered"),
        ("cancelled", "cancelled"),
    ],
)
async def test_the_log_tells_how_a_call_ended(
    answer: str, expected: str, disorder: dict[str, Any], redis_url: str
) -> None:
    """Whatever order its events come in, and however often; nobody is left engaged."""
    async with voice_town(redis_url, **disorder) as here:
        session = await here.begin()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"], answer=answer)
        assert [("call", "a", call.conversation_uuid, expected)] == await here.logged(session)
        other = await here.begin(CARL, BERT, numbers="shared")
        assert 1 == len(rang(await here.emulator.call(CARL, other["virtual_tn_a"])))


@pytest.mark.parametrize("event_method", ["GET", "POST"])
async def test_what_is_known_of_a_call_adds_up(event_method: str, redis_url: str) -> None:
    """Its length is that of the leg to the counterpart, its price that of both."""
    async with voice_town(redis_url, event_method=event_method) as here:
        session = await here.begin()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"], duration=60)
        found = await here.gateway.application.services.calls.find(call.conversation_uuid)
        assert found is not None
        assert ("completed", session["session_id"], "a", 60) == (
            found.state,
            found.session,
            found.side,
            found.duration,
        )
        prices = [str(e.body["price"]) for e in call.events if e.status == "completed"]
        assert sum(map(float, prices)) == pytest.approx(float(found.price))
        assert found.started < found.answered < found.ended


@pytest.mark.parametrize(
    ("lost", "answer", "before", "after"),
    [
        ("started,ringing,answered,completed", "answered", "calling", "lost"),
        ("completed", "answered", "answered", "lost"),
        ("outbound:completed", "answered", "answered", "completed"),
        ("outbound:busy", "busy", "calling", "cancelled"),
    ],
    ids=["all", "both ends", "the counterpart's end", "that he is busy"],
)
async def test_a_call_that_is_not_reported_any_more_is_closed(
    lost: str, answer: str, before: str, after: str, redis_url: str
) -> None:
    """By the gateway's own upkeep when its time has come; then nobody is engaged."""
    async with voice_town(redis_url, event_lost=lost.split(",")) as here:
        session = await here.begin()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"], answer=answer)
        assert [before] == await here.states(session)
        await here.let_come_due(call)
        await until(lambda: _states_are(here, session, [after]))
        other = await here.begin(CARL, BERT, numbers="shared")
        assert 1 == len(rang(await here.emulator.call(CARL, other["virtual_tn_a"])))


# -- what outlives a session


@pytest.mark.parametrize("by", ["expiry", "hand"])
async def test_a_call_goes_on_when_its_session_is_over(by: str, here: VoiceTown) -> None:
    """Until somebody hangs up, and the log tells; no other call begins."""
    session = await here.begin()
    call = await held(here, ANNA, session["virtual_tn_a"])
    if by == "expiry":
        await expire(here, session)
    else:
        await here.ok("DELETE", "/session", {"session_id": session["session_id"]})
    assert was_refused(await here.emulator.call(BERT, session["virtual_tn_b"]))
    assert was_refused(await here.emulator.call(ANNA, session["virtual_tn_a"]))
    assert ("in progress", ["answered"]) == (call.status, await here.states(session))
    await hang_up(call)
    assert ["completed"] == await here.states(session)


@pytest.mark.parametrize("caller", [CARL, "anonymous", ANNA])
async def test_the_id_of_a_call_that_is_over_opens_nothing(caller: str, here: VoiceTown) -> None:
    """Not to a stranger, and not to the one whose call it was."""
    session = await here.begin()
    call = await here.emulator.call(ANNA, session["virtual_tn_a"])
    await until(lambda: call.over)
    replayed = {
        "from": caller,
        "to": session["virtual_tn_a"],
        "conversation_uuid": call.conversation_uuid,
        "uuid": "0" * 32,
    }
    url = f"/proxy-call/{TOKEN}"
    async with here.gateway.client.get(url, params=replayed) as response:
        assert BERT not in await response.text()


async def test_a_token_does_not_cover_a_query(redis_url: str) -> None:
    """A body's token opens no request that asks in its query."""
    async with signed_town(redis_url) as here:
        token = jwt(b"", SECRET, {"api_key": "emulator"})
        url = f"/proxy-call/{TOKEN}?from={ANNA}&to={ONE}&conversation_uuid=CON-1"
        assert 401 == await post(here, url, b"", token)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, 200),
        ({"payload_hash": hashlib.sha256(b"{}").hexdigest()}, 401),
        ({"iat": int(time.time()) - 90 * 86_400}, 401),
        ({"iat": int(time.time()) - 310}, 401),
        ({"jti": ""}, 401),
    ],
    ids=["its own", "of a body", "90 days old", "minutes old", "without an id"],
)
async def test_a_token_without_a_body_is_good_for_minutes(
    claims: dict[str, Any], expected: int, redis_url: str
) -> None:
    async with signed_town(redis_url) as here:
        await here.begin()
        token = jwt(b"", SECRET, {"api_key": "emulator"} | claims)
        assert expected == (await ask_signed(here, token, "CON-1"))[0]


async def test_a_token_without_a_body_opens_one_request_which_may_come_again(
    redis_url: str,
) -> None:
    """The provider repeats a request whose answer it did not get."""
    async with signed_town(redis_url) as here:
        await here.begin()
        token = jwt(b"", SECRET, {"api_key": "emulator"})
        first = await ask_signed(here, token, "CON-1")
        assert 200 == first[0]
        assert first == await ask_signed(here, token, "CON-1")
        assert 401 == (await ask_signed(here, token, "CON-2"))[0]


async def test_a_request_that_could_not_be_answered_leaves_its_token_as_it_was(
    valkey_server: RestartableValkey,
) -> None:
    async with signed_town(valkey_server.url) as here:
        token = jwt(b"", SECRET, {"api_key": "emulator"})
        valkey_server.stop()
        assert 503 == (await ask_signed(here, token, "CON-1"))[0]
        valkey_server.start()
        assert 200 == (await ask_signed(here, token, "CON-2"))[0]


@pytest.mark.parametrize("answer_method", ["GET", "POST"])
async def test_without_the_store_a_signed_fallback_apologises(
    answer_method: str, valkey_server: RestartableValkey
) -> None:
    """Nobody can tell whether its token was used; it gives nothing away."""
    async with signed_town(valkey_server.url, answer_method=answer_method) as here:
        session = await here.begin()
        valkey_server.stop()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"])
        assert ("fallback", 200) == answers(call)[-1]
        assert ([SORRY], []) == (call.heard, rang(call))


async def ask_signed(here: VoiceTown, token: str, call: str) -> tuple[int, str]:
    """Ask what a caller is to hear, with a web token; return status and answer."""
    url = f"/proxy-call/{TOKEN}?from={ANNA}&to={ONE}&conversation_uuid={call}"
    headers = {"Authorization": f"Bearer {token}"}
    async with here.gateway.client.get(url, headers=headers) as response:
        return response.status, await response.text()


# -- from another phone


async def test_the_right_pin_makes_a_phone_the_participant_s(here: VoiceTown) -> None:
    """Each of both; the counterpart sees the number that he knows."""
    session = await here.begin(pin_a="0123", pin_b="98765432")
    annas, berts = session["virtual_tn_a"], session["virtual_tn_b"]
    from_anna = await here.emulator.call(DORA, annas, digits="0123#")
    from_bert = await here.emulator.call(HEIDI, berts, digits="98765432#", anonymous=True)
    assert ([PIN_PLEASE, WAIT], [(BERT, berts)]) == (from_anna.heard, rang(from_anna))
    assert ([PIN_PLEASE, WAIT], [(ANNA, annas)]) == (from_bert.heard, rang(from_bert))
    assert [("a", "completed"), ("b", "completed")] == [
        (side, state) for _, side, _, state in await here.logged(session)
    ]


async def test_a_participant_is_not_asked_for_a_pin_on_his_own_phone(here: VoiceTown) -> None:
    session = await here.begin(pin_a="0123")
    assert [WAIT] == (await here.emulator.call(ANNA, session["virtual_tn_a"])).heard


@pytest.mark.parametrize(
    "digits",
    [
        ["1111#", "2222#", "3333#", "0123#"],
        [],
        ["0#", "12345678901#", "****#", "0123#"],
        ["98765432#", "98765432#", "98765432#"],
        ["012#", "01234#", "0*123#", "0123#"],
    ],
    ids=["wrong", "nothing", "no PIN at all", "the other side's", "nearly right"],
)
async def test_three_tries_are_all_there_are(digits: list[str], here: VoiceTown) -> None:
    """Then the caller hears the polite text; a fourth, even a right one, is not heard."""
    session = await here.begin(pin_a="0123", pin_b="98765432")
    call = await here.emulator.call(DORA, session["virtual_tn_a"], digits=digits)
    assert ([PIN_PLEASE] * 3 + [SORRY], []) == (call.heard, rang(call))
    assert {200} == {each.http_status for each in call.asked}


async def test_the_third_try_may_be_the_right_one(here: VoiceTown) -> None:
    session = await here.begin(pin_a="0123")
    call = await here.emulator.call(
        DORA, session["virtual_tn_a"], digits=["1111#", "2222#", "0123#"]
    )
    assert ([PIN_PLEASE] * 3 + [WAIT], BERT) == (call.heard, rang(call)[0][0])


async def test_who_tries_many_pins_is_not_heard_any_more(here: VoiceTown) -> None:
    """Not even with the right one: ten wrong ones an hour are all that a caller has."""
    session = await here.begin(pin_a="0123")
    for _ in range(4):
        await here.emulator.call(DORA, session["virtual_tn_a"], digits=["1111#"] * 3)
    call = await here.emulator.call(DORA, session["virtual_tn_a"], digits="0123#")
    assert ([PIN_PLEASE, SORRY], []) == (call.heard, rang(call))
    other = await here.emulator.call(CARL, session["virtual_tn_a"], digits="0123#")
    assert [(BERT, session["virtual_tn_b"])] == rang(other)


async def test_a_pin_opens_nothing_when_the_session_is_over(here: VoiceTown) -> None:
    session = await here.begin(pin_a="0123")
    await here.ok("DELETE", "/session", {"session_id": session["session_id"]})
    assert was_refused(await here.emulator.call(DORA, session["virtual_tn_a"], digits="0123#"))


async def test_a_pin_that_another_session_has_on_the_number_is_refused(redis_url: str) -> None:
    """The field is named, and nothing has begun; another PIN is taken."""
    async with voice_town(redis_url, rented=(ONE, TWO)) as here:
        await here.begin(pin_a="0123", virtual_tn=ONE, numbers="shared")
        taken = {"participant_a": CARL, "participant_b": DORA, "mode": "voice", "virtual_tn": ONE}
        status, answer = await here.call("POST", "/session", taken | {"pin_a": "0123"})
        assert (400, "pin_a") == (status, answer["message"].partition(":")[0])
        assert 1 == (await here.ok("GET", "/session"))["total_sessions"]
        second = await here.session(CARL, DORA, mode="voice", virtual_tn=ONE, pin_a="01245")
        call = await here.emulator.call(HEIDI, second["virtual_tn_a"], digits="01245#")
        assert [(DORA, ONE)] == rang(call)


@pytest.mark.parametrize("pin", ["123", "123456789", "12a4", 1234, "", "１２３４"], ids=ascii)
async def test_a_wrong_pin_is_named(pin: object, here: VoiceTown) -> None:
    body = {"participant_a": ANNA, "participant_b": BERT, "pin_b": pin, **CALLS_PER_SIDE}
    status, answer = await here.call("POST", "/session", body)
    assert (400, "pin_b: must be text of 4 to 8 digits") == (status, answer["message"])


# -- Number Insight


async def test_a_participant_whom_number_insight_refuses_gets_no_session(redis_url: str) -> None:
    """Nobody hears of it."""
    async with insightful(redis_url) as here:
        order = {"failure": "status:3", "path": "/ni/basic/json", "count": 2}
        url = f"{here.emulator.url}/emulator/next"
        async with aiohttp.ClientSession() as http, http.post(url, json=order) as response:
            assert 200 == response.status
        body = {"participant_a": ANNA, "participant_b": BERT, **CALLS_PER_SIDE}
        status, answer = await here.call("POST", "/session", body)
        message = "participant_a: is not a valid number (Number Insight)"
        assert (400, message) == (status, answer["message"])
        assert 0 == (await here.ok("GET", "/session"))["total_sessions"]
        assert [] == list(here.emulator.sent)


@asynccontextmanager
async def insightful(redis_url: str, **settings: Any) -> AsyncIterator[VoiceTown]:
    """Run a town that asks Number Insight, which needs the emulator's address at the start."""
    async with public_address() as insight:
        options = ("--number_insight=basic", f"--nexmo_api_domain={urlsplit(insight.url).netloc}")
        async with voice_town(redis_url, *options, **settings) as here:
            insight.target = here.emulator.url
            yield here


async def test_a_session_does_not_wait_for_number_insight(redis_url: str) -> None:
    """A provider that hangs for a day keeps nobody from calling."""
    async with insightful(redis_url, insight_delay=86_400) as here:
        session = await here.begin()
        call = await here.emulator.call(ANNA, session["virtual_tn_a"])
        assert [(BERT, session["virtual_tn_b"])] == rang(call)
