"""The one way out, with a real store and real HTTP: what is repeated, what never, what is kept."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from gateway.errors import StoreUnavailable
from gateway.messaging.history import History, Message
from gateway.messaging.receipts import Receipts
from gateway.messaging.sending.messenger import RETRY_SECONDS, Messenger, Sent
from gateway.messaging.sending.pacer import Pacer
from gateway.providers.base import DeliveryState, Outcome, Part, Sms, SubmitResult
from gateway.providers.vonage.sms import Account, VonageProvider
from gateway.store import budget, keys
from gateway.store.pipeline import Store, connect
from tests.conftest import RestartableValkey

RECEIVER = "+4917612345678"
SECRET = "a-very-secret-secret"
# Seconds after which a test that hangs fails; nothing takes nearly as long.
GIVEN_UP = RETRY_SECONDS + 10
WAIT = "Throughput Rate Exceeded - please wait [ {} ] and retry"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


# -- what the provider does


def says(*messages: dict[str, str], http: int = 200) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"messages": messages}, status=http)

    return answer


def status(code: str, text: str = "") -> Answer:
    return says({"status": code, "error-text": text})


async def accept(request: web.Request) -> web.StreamResponse:
    """Take one part, under an id that belongs to this request alone."""
    id = str((await request.post())["client-ref"])
    return web.json_response({"messages": [{"status": "0", "message-id": f"{id}-1"}]})


async def drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


@dataclass
class Vonage:
    """A provider on loopback: answers in turn, the last one for ever, and keeps the forms."""

    answers: list[Answer]
    posts: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.posts.append({name: str(value) for name, value in (await request.post()).items()})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)

    @asynccontextmanager
    async def listening(self, bound: socket.socket) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_post("/sms/json", self.handle)
        runner = web.AppRunner(application, handler_cancellation=True)
        await runner.setup()
        await web.SockSite(runner, bound).start()
        try:
            yield
        finally:
            await runner.cleanup()


def bound_socket() -> socket.socket:
    """Return a socket that has its port, but where nobody listens yet."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


# -- the gateway's side


@dataclass
class Sending:
    """A messenger and what is behind it."""

    messenger: Messenger
    history: History
    store: Store
    provider: VonageProvider

    async def send(self, text: str = "Hello") -> Sent:
        async with asyncio.timeout(GIVEN_UP):
            return await self.messenger.send(RECEIVER, text, "Acme", source="/message/")

    async def record(self, sent: Sent) -> Message:
        record = await self.history.message(sent.id)
        assert record is not None
        return record


@asynccontextmanager
async def sending(
    redis_url: str, bound: socket.socket, *, rate: float = 0, seconds: float = 5
) -> AsyncIterator[Sending]:
    url = f"http://127.0.0.1:{bound.getsockname()[1]}/sms/json"
    store = connect(redis_url)
    provider = VonageProvider(Account("abcd1234", SECRET, url), rate=rate, timeout=seconds)
    receipts = Receipts(store, days=1)
    messenger = Messenger({provider.name: provider}, provider.name, receipts, Pacer(store))
    try:
        yield Sending(messenger, History(store, receipts, days=1), store, provider)
    finally:
        await messenger.drain(0)
        await provider.close()
        await store.close()


@asynccontextmanager
async def gateway(
    redis_url: str, *answers: Answer, rate: float = 0, seconds: float = 5
) -> AsyncIterator[tuple[Sending, Vonage]]:
    vonage = Vonage(list(answers))
    with bound_socket() as bound:
        async with (
            vonage.listening(bound),
            sending(redis_url, bound, rate=rate, seconds=seconds) as made,
        ):
            yield made, vonage


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def retries() -> float:
    return sample("gateway_message_retries_total", provider="nexmo")


async def reaches(value: Callable[[], float], least: float) -> None:
    async with asyncio.timeout(GIVEN_UP):
        while value() < least:  # noqa: ASYNC110 - a metric cannot be awaited
            await asyncio.sleep(0.01)


# -- what is repeated


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(status("1", "Throttled"), id="throttled"),
        pytest.param(status("10"), id="too-many-connections"),
        pytest.param(says(http=429), id="http-429"),
        pytest.param(status("1", WAIT.format(50)), id="throttled-with-a-hint"),
        pytest.param(says({"status": "1"}, {"status": "1"}), id="both-parts-throttled"),
    ],
)
@pytest.mark.parametrize("rate", [0, 30], ids=["unpaced", "paced"])
async def test_a_throttled_request_is_repeated(
    refusal: Answer, rate: float, redis_url: str
) -> None:
    async with gateway(redis_url, refusal, accept, rate=rate) as (made, vonage):
        sent = await made.send()
        record = await made.record(sent)
    assert sent.ok
    assert [sent.id] * 2 == [post["client-ref"] for post in vonage.posts]
    assert ("accepted", 2) == (record.outcome, record.attempts)


async def test_throttling_without_end_is_given_up(redis_url: str) -> None:
    """The visitor waits; after RETRY_SECONDS nothing more is posted."""
    async with gateway(redis_url, status("1", "Throttled")) as (made, vonage):
        async with asyncio.timeout(RETRY_SECONDS + 3):
            sent = await made.send()
        record = await made.record(sent)
    assert Outcome.THROTTLED == sent.outcome
    assert 1 < len(vonage.posts) < 8
    assert ("throttled", len(vonage.posts)) == (record.outcome, record.attempts)
    assert ("failed", True) == (record.status.delivery, record.status.final)


async def test_a_hint_beyond_the_time_for_retries_is_given_up_at_once(redis_url: str) -> None:
    hint = status("1", WAIT.format(int(RETRY_SECONDS * 1000) + 1000))
    async with gateway(redis_url, hint, accept) as (made, vonage):
        assert Outcome.THROTTLED == (await made.send()).outcome
    assert 1 == len(vonage.posts)


async def test_the_pause_that_one_request_was_asked_for_holds_for_all(redis_url: str) -> None:
    """Another process finds no turn before the pause is over."""
    async with gateway(redis_url, status("1", WAIT.format(4000)), rate=30) as (made, _):
        before = retries()
        waiting = asyncio.create_task(made.send())
        await reaches(retries, before + 1)
        turn = await Pacer(made.store).reserve(made.provider.pace_key, 30, longest=1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert turn is None


async def test_a_request_that_never_left_is_repeated(redis_url: str) -> None:
    """The provider comes up while the visitor waits."""
    with bound_socket() as bound:
        async with sending(redis_url, bound) as made:
            before = retries()
            waiting = asyncio.create_task(made.send())
            await reaches(retries, before + 1)
            vonage = Vonage([accept])
            async with vonage.listening(bound):
                sent = await waiting
    assert sent.ok
    assert [sent.id] == [post["client-ref"] for post in vonage.posts]


async def test_a_provider_that_stays_away_is_given_up(redis_url: str) -> None:
    with bound_socket() as bound:
        async with sending(redis_url, bound) as made:
            async with asyncio.timeout(RETRY_SECONDS + 3):
                sent = await made.send()
            record = await made.record(sent)
    assert Outcome.NOT_SENT == sent.outcome
    assert ("failed", True) == (record.status.delivery, record.status.final)
    assert record.attempts > 1


# -- what is never repeated


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(drop, Outcome.UNKNOWN, id="dropped"),
        pytest.param(never, Outcome.UNKNOWN, id="no-answer"),
        pytest.param(says(http=500), Outcome.UNKNOWN, id="http-500"),
        pytest.param(says(), Outcome.UNKNOWN, id="empty-answer"),
        pytest.param(status("5", "Server Error"), Outcome.UNKNOWN, id="internal-error"),
        pytest.param(says({"status": "1"}, {"status": "5"}), Outcome.UNKNOWN, id="one-in-doubt"),
        pytest.param(status("7", "Number barred."), Outcome.REFUSED, id="refused"),
        pytest.param(status("4"), Outcome.REFUSED, id="credentials"),
        pytest.param(says(http=401), Outcome.REFUSED, id="http-401"),
    ],
)
async def test_everything_else_is_posted_once(
    answer: Answer, outcome: Outcome, redis_url: str
) -> None:
    async with gateway(redis_url, answer, accept, seconds=0.4) as (made, vonage):
        sent = await made.send()
        record = await made.record(sent)
    assert (outcome, False, 1) == (sent.outcome, sent.ok, len(vonage.posts))
    assert (outcome.value, 1) == (record.outcome, record.attempts)
    # A refusal is the end; in doubt a receipt can still tell.
    expected = ("rejected", True) if outcome is Outcome.REFUSED else ("unknown", False)
    assert expected == (record.status.delivery, record.status.final)


@pytest.mark.parametrize("code", ["7", "1"], ids=["refused", "throttled"])
async def test_a_message_taken_in_part_is_not_repeated(code: str, redis_url: str) -> None:
    """The part that was taken would arrive twice; its receipt is still waited for."""
    partly = says({"status": "0", "message-id": "part-that-went"}, {"status": code})
    async with gateway(redis_url, partly, accept) as (made, vonage):
        sent = await made.send()
        record = await made.record(sent)
    assert (Outcome.REFUSED, 1) == (sent.outcome, len(vonage.posts))
    assert ("accepted", False, 2) == (
        record.status.delivery,
        record.status.final,
        record.status.parts,
    )


async def test_a_queue_that_is_too_long_is_not_joined(redis_url: str) -> None:
    """At one request in twenty seconds the second one does not wait, and nothing is posted."""
    async with gateway(redis_url, accept, rate=0.05) as (made, vonage):
        assert (await made.send()).ok
        sent = await made.send()
        record = await made.record(sent)
    assert (Outcome.THROTTLED, 1) == (sent.outcome, len(vonage.posts))
    assert ("failed", 0) == (record.status.delivery, record.attempts)


async def test_a_hundred_at_once_are_a_hundred_posts(redis_url: str) -> None:
    async with gateway(redis_url, accept, rate=100) as (made, vonage):
        sent = await asyncio.gather(*(made.send() for _ in range(100)))
        total = (await made.history.messages(1, "")).total
    assert {Outcome.ACCEPTED} == {each.outcome for each in sent}
    ids = [each.id for each in sent]
    assert 100 == len(set(ids)) == total
    assert sorted(ids) == sorted(post["client-ref"] for post in vonage.posts)


# -- the store


@pytest.mark.parametrize("failure", ["stop", "pause"])
async def test_nothing_is_sent_that_cannot_be_written_down(
    failure: str, valkey_server: RestartableValkey
) -> None:
    async with gateway(valkey_server.url, accept, rate=30) as (made, vonage):
        getattr(valkey_server, failure)()
        with pytest.raises(StoreUnavailable):
            await made.send()
        valkey_server.resume()
    assert [] == vonage.posts


async def test_a_store_that_is_back_is_used_again(valkey_server: RestartableValkey) -> None:
    async with gateway(valkey_server.url, accept) as (made, vonage):
        valkey_server.stop()
        with pytest.raises(StoreUnavailable):
            await made.send()
        valkey_server.start()
        sent = await made.send()
    assert [sent.id] == [post["client-ref"] for post in vonage.posts]


async def test_a_sent_message_is_written_down_later_when_the_store_fails_meanwhile(
    valkey_server: RestartableValkey,
) -> None:
    async def fail_and_accept(request: web.Request) -> web.StreamResponse:
        valkey_server.stop()
        return await accept(request)

    async with gateway(valkey_server.url, fail_and_accept) as (made, vonage):
        sent = await made.send()
        assert sent.ok
        valkey_server.start()
        assert "" == (await made.record(sent)).outcome
        await made.messenger.drain(GIVEN_UP)
        assert "accepted" == (await made.record(sent)).outcome
    assert 1 == len(vonage.posts)


async def test_throttled_while_the_store_fails_is_not_repeated(
    valkey_server: RestartableValkey,
) -> None:
    """Without a turn nothing may leave."""

    async def fail_and_throttle(request: web.Request) -> web.StreamResponse:
        valkey_server.stop()
        return await status("1")(request)

    async with gateway(valkey_server.url, fail_and_throttle, accept, rate=30) as (made, vonage):
        sent = await made.send()
    assert (Outcome.THROTTLED, 1) == (sent.outcome, len(vonage.posts))


async def test_draining_ends_though_the_store_stays_away(
    valkey_server: RestartableValkey, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_and_accept(request: web.Request) -> web.StreamResponse:
        valkey_server.stop()
        return await accept(request)

    async with gateway(valkey_server.url, fail_and_accept) as (made, _):
        sent = await made.send()
        async with asyncio.timeout(GIVEN_UP):
            await made.messenger.drain(0.1)
            await made.messenger.drain()
    assert f"message {sent.id}: stopped before its outcome was stored" in caplog.messages


async def test_with_nothing_left_to_write_draining_is_done_at_once(redis_url: str) -> None:
    async with gateway(redis_url, accept) as (made, _):
        await made.send()
        await made.messenger.drain()


# -- what is counted and told


@pytest.mark.parametrize(
    ("answers", "outcome", "repeated"),
    [
        pytest.param([accept], "accepted", 0, id="accepted"),
        pytest.param([status("1"), accept], "accepted", 1, id="throttled-then-accepted"),
        pytest.param([status("7")], "refused", 0, id="refused"),
        pytest.param([drop], "unknown", 0, id="unknown"),
    ],
)
async def test_every_message_is_counted_once_by_its_outcome(
    answers: list[Answer], outcome: str, repeated: int, redis_url: str
) -> None:
    def counts() -> dict[str, float]:
        outcomes = ("accepted", "refused", "throttled", "not_sent", "unknown")
        return {
            each: sample("gateway_messages_total", provider="nexmo", outcome=each)
            for each in outcomes
        } | {
            "retries": retries(),
            "requests": sample("gateway_provider_request_seconds_count", provider="nexmo"),
        }

    before = counts()
    async with gateway(redis_url, *answers) as (made, _):
        await made.send()
    moved = {name: value - before[name] for name, value in counts().items() if value > before[name]}
    expected = {outcome: 1.0, "requests": 1.0 + repeated} | ({"retries": 1.0} if repeated else {})
    assert expected == moved


async def test_a_failure_is_logged_without_number_text_or_secret(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    words = f"Not sent to {RECEIVER.removeprefix('+')}"
    async with gateway(redis_url, status("7", words)) as (made, _):
        sent = await made.send("The text of a person")
    assert f"message {sent.id}: refused, code 7" in caplog.text
    for private in (RECEIVER.removeprefix("+"), "The text of a person", SECRET):
        assert private not in caplog.text


class Drawer:
    """A provider of the caller's own, which takes everything."""

    name = pace_key = "smssync:drawer"
    rate = 0.0

    def __init__(self) -> None:
        self.taken: list[Sms] = []

    async def submit(self, sms: Sms) -> SubmitResult:
        self.taken.append(sms)
        return SubmitResult(Outcome.ACCEPTED, (Part(f"{sms.id}-1", DeliveryState.ACCEPTED),))

    async def close(self) -> None:
        """There is nothing to give back."""


async def test_a_text_may_leave_by_a_provider_of_its_own_under_its_own_id(redis_url: str) -> None:
    sms, drawer = Sms("0123456789abcdef" * 2, RECEIVER, "drawer", "Hello"), Drawer()
    labels = {"provider": "smssync", "outcome": "accepted"}
    before = sample("gateway_messages_total", **labels)
    async with gateway(redis_url, accept) as (sending, vonage):
        sent = await sending.messenger.send_by(drawer, sms, source="admin")
        record = await sending.record(sent)
    assert (Sent(sms.id, Outcome.ACCEPTED), [sms], []) == (sent, drawer.taken, vonage.posts)
    assert ("smssync:drawer", "admin", "accepted") == tuple(
        getattr(record, name) for name in ("provider", "source", "outcome")
    )
    assert 1 == sample("gateway_messages_total", **labels) - before


class Hesitant(Drawer):
    """A way out by the store, whose first answer takes all the time that its request has."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def submit(self, sms: Sms) -> SubmitResult:
        if not self.taken:
            self.taken.append(sms)
            budget.current.set(budget.Budget(0))
            return SubmitResult(Outcome.NOT_SENT, code="store", text="down")
        await self._store.execute("PING")
        return await super().submit(sms)


async def test_each_attempt_after_the_first_has_the_stores_second_for_itself(
    redis_url: str, store: Store
) -> None:
    sms, hesitant = Sms("0123456789abcdef" * 2, RECEIVER, "drawer", "Hello"), Hesitant(store)
    async with gateway(redis_url, accept) as (sending, _):
        sent = await sending.messenger.send_by(hesitant, sms, source="admin")
    assert (Outcome.ACCEPTED, 2) == (sent.outcome, len(hesitant.taken))


async def test_who_does_not_wait_is_told_at_once_that_it_never_left(
    redis_url: str, store: Store
) -> None:
    sms, hesitant = Sms("0123456789abcdef" * 2, RECEIVER, "drawer", "Hello"), Hesitant(store)
    async with gateway(redis_url, accept) as (sending, _):
        sent = await sending.messenger.send_by(hesitant, sms, source="admin", patience=0)
    assert (Outcome.NOT_SENT, 1) == (sent.outcome, len(hesitant.taken))


async def test_it_names_the_providers_it_can_send_through(redis_url: str) -> None:
    async with gateway(redis_url, accept) as (made, _):
        assert ("nexmo",) == made.messenger.providers


# -- what nobody expected


class Broken:
    """A provider with a mistake in its code."""

    name = "nexmo"
    pace_key = "nexmo:broken"
    rate = 0.0

    async def submit(self, sms: Sms) -> SubmitResult:
        """Fail, perhaps after the SMS has left."""
        raise KeyError("a mistake")

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_crash_in_a_provider_s_code_is_an_unknown_outcome(redis_url: str) -> None:
    """The visitor is not told to try again: the SMS may have left."""
    store = connect(redis_url)
    receipts = Receipts(store, days=1)
    messenger = Messenger({"nexmo": Broken()}, "nexmo", receipts, Pacer(store))
    sent = await messenger.send("+4917612345678", "Hello", "Acme", source="test")
    assert Outcome.UNKNOWN == sent.outcome
    status = await receipts.status(sent.id)
    assert status is not None
    assert ("unknown", False) == (status.delivery, status.final)
    await store.close()


async def test_a_message_that_cannot_be_recorded_was_sent_all_the_same(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody expected, here a planted key of a wrong type, is for the log."""

    async def plant(request: web.Request) -> web.StreamResponse:
        store = connect(redis_url)
        reference = str((await request.post())["client-ref"])
        await store.execute("LPUSH", keys.message_events(reference), "planted")
        await store.close()
        return await accept(request)

    async with gateway(redis_url, plant) as (made, _):
        sent = await made.send("Hello")
    assert Outcome.ACCEPTED == sent.outcome
    assert "was not stored" in caplog.text
