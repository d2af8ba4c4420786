"""The site's own back-end sends any text and reads the life of messages, seen from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from gateway.store import keys
from gateway.store.pipeline import connect
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.delivery_receipts import deliver, receipt
from tests.support.stand_ins.vonage import SENDER, VonageStandin, accepted, new_ids, refused
from tests.support.visitor import Reply, Visitor, visiting

TOKEN = "token-of-the-admin"
DIGITS = "4917612345678"
VALID = {"to": DIGITS, "text": "Hello"}


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    # The limits of visitors do not hold for the back-end.
    limits = {"limit_amount": 1, "receiver_limit_amount": 1, "message": "", "sender": ""}
    options = standin.options(valkey_url, admin_token=TOKEN, **limits)
    with GatewayProcess(*options) as gateway:
        yield gateway


@pytest.fixture
async def stranger(gateway: GatewayProcess, standin: VonageStandin) -> AsyncIterator[Visitor]:
    """A client without the token."""
    standin.expect()
    async with visiting(gateway.url) as visitor:
        yield visitor


@pytest.fixture
def backend(stranger: Visitor) -> Visitor:
    """A client with the token."""
    return stranger.via(Authorization=f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    "to", [DIGITS, f"+{DIGITS}", int(DIGITS), "12065550123"], ids=["digits", "plus", "int", "us"]
)
async def test_any_text_goes_out_once(to: object, backend: Visitor, standin: VonageStandin) -> None:
    reply = await post(backend, to=to, text="Ça va 🎉\n=&+", sender="Acme")

    [request] = standin.posts
    assert 200 == reply.status
    assert str(to).lstrip("+") == request.form["to"] == reply.json["to"]
    assert ("Ça va 🎉\n=&+", "unicode", "Acme") == (
        request.form["text"],
        request.form["type"],
        request.form["from"],
    )
    assert reply.json["id"] == request.form["client-ref"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 150 + "’", ("x" * 150 + "'", "gsm7", 1)),
        ("x" * 150 + "e\u0301", ("x" * 150 + "é", "gsm7", 1)),
        ("x" * 161, ("x" * 161, "gsm7", 2)),
        ("ж" * 71, ("ж" * 71, "ucs2", 2)),
    ],
    ids=["quote", "accent", "long", "Unicode"],
)
async def test_a_preview_tells_form_parts_and_price_and_sends_nothing(
    text: str, expected: tuple[str, str, int], backend: Visitor, standin: VonageStandin
) -> None:
    """The price is what a part to that country cost when one was last paid for."""
    assert 200 == (await post(backend, to=DIGITS, text="Hello", sender="Acme")).status
    before = len(standin.posts)
    body = {"to": DIGITS, "text": text, "sender": "Acme", "preview": True}
    reply = await backend.request("POST", "/messages", json=body)
    assert (200, before) == (reply.status, len(standin.posts))
    told = reply.json
    assert expected == (told["text"], told["encoding"], told["parts"])
    price = f"{Decimal('0.0412') * expected[2]:f}"  # what the stand-in asks for a part
    assert (DIGITS, True, price) == (told["to"], told["preview"], told["price"])
    unpaid = VALID | {"to": "33612345678", "sender": "Acme"}
    asked = await backend.request("POST", "/messages?preview=true", json=unpaid)
    assert (1, None) == (asked.json["parts"], asked.json["price"])


async def test_a_preview_names_a_wrong_field_like_a_message(backend: Visitor) -> None:
    for body, field in (({"to": "1"}, "to"), ({"preview": "maybe"}, "preview")):
        reply = await backend.request("POST", "/messages", json=VALID | {"sender": "Acme"} | body)
        assert (400, True) == (reply.status, reply.json["message"].startswith(f"{field}:"))


async def test_who_has_texted_stop_gets_nothing_unless_it_is_said(
    backend: Visitor, standin: VonageStandin, valkey_url: str
) -> None:
    store = connect(valkey_url)
    await store.execute("ZADD", keys.OPTOUTS, 1, "+491760406900")
    await store.close()
    message = {"to": "491760406900", "text": "Hello", "sender": "Acme"}
    turned_down = await post(backend, **message)
    assert (409, "opted_out") == (turned_down.status, turned_down.json["error"])
    assert [] == standin.posts
    assert 200 == (await post(backend, **message, despite_optout=True)).status
    assert 1 == len(standin.posts)


@pytest.mark.parametrize("wrong", ["perhaps", 1, []], ids=str)
async def test_despite_optout_is_true_or_false(wrong: object, backend: Visitor) -> None:
    assert 400 == (await post(backend, **VALID, sender="Acme", despite_optout=wrong)).status


async def test_the_limits_of_visitors_do_not_hold_for_the_back_end(
    backend: Visitor, standin: VonageStandin
) -> None:
    replies = [await post(backend, **VALID, sender=SENDER) for _ in range(5)]

    assert [200] * 5 == [reply.status for reply in replies]
    assert 5 == len(standin.posts)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("to", {"to": None}),
        ("to", {"to": ""}),
        ("to", {"to": "12"}),
        ("to", {"to": "017612345678"}),
        ("to", {"to": "Acme"}),
        ("to", {"to": [DIGITS]}),
        ("to", {"to": {"number": DIGITS}}),
        ("to", {"to": True}),
        ("to", {"to": -4917612345678}),
        ("to", {"to": 4917612345678.5}),
        ("text", {"text": None}),
        ("text", {"text": ""}),
        ("text", {"text": ["Hello"]}),
        ("text", {"text": {"de": "Hallo"}}),
        ("text", {"text": "x" * 3201}),
        ("sender", {"sender": ["Acme"]}),
        ("provider", {"provider": "nobody"}),
        ("provider", {"provider": 5}),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:40],
)
async def test_wrong_input_is_named_and_nothing_is_sent(
    field: str, changes: dict[str, Any], backend: Visitor, standin: VonageStandin
) -> None:
    reply = await post(backend, **{**VALID, "sender": SENDER, **changes})

    assert 400 == reply.status
    assert field in reply.json["message"]
    assert [] == standin.posts


@pytest.mark.parametrize("field", ["to", "text"])
async def test_a_missing_field_is_named(
    field: str, backend: Visitor, standin: VonageStandin
) -> None:
    rest = {name: value for name, value in VALID.items() if name != field}

    reply = await post(backend, **rest, sender=SENDER)

    assert 400 == reply.status
    assert field in reply.json["message"]
    assert [] == standin.posts


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"to"', b"{", b"\xff\xfe", b"5"], ids=repr)
async def test_a_body_that_is_no_json_object_is_refused(
    body: bytes, backend: Visitor, standin: VonageStandin
) -> None:
    headers = {"Content-Type": "application/json"}

    reply = await backend.request("POST", "/messages", data=body, headers=headers)

    assert 400 == reply.status
    assert reply.json["message"]
    assert [] == standin.posts


async def test_the_life_of_a_message_is_shown(backend: Visitor, standin: VonageStandin) -> None:
    parts = new_ids(2)
    standin.expect(accepted(*parts))
    message_id = (await post(backend, **VALID, sender=SENDER)).json["id"]

    before = (await backend.get(f"/messages/{message_id}")).json
    for part in parts:
        await deliver(backend, receipt(part, "delivered"))
    after = (await backend.get(f"/messages/{message_id}/")).json

    shown = ("id", "to", "delivery", "final", "parts")
    assert [message_id, DIGITS, "accepted", False, 2] == [before[name] for name in shown]
    assert [message_id, DIGITS, "delivered", True, 2] == [after[name] for name in shown]


async def test_a_refused_message_is_shown_with_its_reason(
    backend: Visitor, standin: VonageStandin
) -> None:
    standin.expect(refused("9", "Partner quota violation"))
    await post(backend, **VALID, sender=SENDER)

    newest = (await backend.get("/messages", limit="1")).json["messages"][0]

    assert ("rejected", True) == (newest["delivery"], newest["final"])
    assert "Partner quota violation" in str(newest)


async def test_the_list_is_paged_newest_first_without_gaps_and_repeats(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    with GatewayProcess(*standin.options(redis_url, admin_token=TOKEN)) as gateway:
        async with visiting(gateway.url) as visitor:
            backend = visitor.via(Authorization=f"Bearer {TOKEN}")
            empty = (await backend.get("/messages")).json
            sent = [(await post(backend, **VALID)).json["id"] for _ in range(7)]
            pages = [page async for page in pages_of(backend, limit="3")]
            whole = (await backend.get("/messages")).json

    assert [[], 0] == [empty["messages"], empty["total_messages"]]
    assert [3, 3, 1] == [len(page["messages"]) for page in pages]
    assert sent[::-1] == [message["id"] for page in pages for message in page["messages"]]
    assert [7] * 3 == [page["total_messages"] for page in pages]
    assert sent[::-1] == [message["id"] for message in whole["messages"]]
    assert not whole.get("next")


async def test_the_messages_to_one_number_are_found_in_every_process(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    options = standin.options(redis_url, admin_token=TOKEN)
    with GatewayProcess(*options) as first, GatewayProcess(*options) as second:
        async with visiting(first.url) as one, visiting(second.url) as two:
            backends = [each.via(Authorization=f"Bearer {TOKEN}") for each in (one, two)]
            receivers = [DIGITS, "12065550123", DIGITS, "4917604069012", DIGITS]
            sent = [
                (await post(backends[n % 2], to=to, text="Hello")).json["id"]
                for n, to in enumerate(receivers)
            ]
            walks = [
                [page async for page in pages_of(each, limit="2", number=f"+{DIGITS}")]
                for each in backends
            ]
            unknown = (await backends[0].get("/messages", number="61491570156")).json

    for pages in walks:
        assert [2, 1] == [len(page["messages"]) for page in pages]
        assert [3, 3] == [page["total_messages"] for page in pages]
        shown = [message for page in pages for message in page["messages"]]
        assert [sent[4], sent[2], sent[0]] == [message["id"] for message in shown]
        assert [DIGITS] * 3 == [message["to"] for message in shown]
    assert {"total_messages": 0, "messages": [], "next": None} == unknown


@pytest.mark.parametrize("number", ["", " ", "Acme", "12", "017612345678", "-4917612345678", "٣"])
async def test_a_wrong_number_to_search_by_is_named(number: str, backend: Visitor) -> None:
    reply = await backend.get("/messages", number=number)

    assert 400 == reply.status
    assert "number" in reply.json["message"]


@pytest.mark.parametrize(
    "number", [DIGITS, f"+{DIGITS}", f"00{DIGITS}", "+49 176 12345678"], ids=repr
)
async def test_a_number_to_search_by_is_read_like_every_number(
    number: str, backend: Visitor, standin: VonageStandin
) -> None:
    sent = (await post(backend, **VALID, sender=SENDER)).json["id"]

    newest = (await backend.get("/messages", number=number, limit="1")).json

    assert [sent] == [message["id"] for message in newest["messages"]]
    assert newest["total_messages"] > 0


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1.5", "٣", ""])
async def test_a_wrong_page_size_is_named(limit: str, backend: Visitor) -> None:
    reply = await backend.get("/messages", limit=limit)

    assert 400 == reply.status
    assert "limit" in reply.json["message"]


async def test_an_unknown_message_is_not_found(backend: Visitor) -> None:
    assert 404 == (await backend.get(f"/messages/{'0' * 32}")).status
    assert 400 == (await backend.get("/messages", after="no-such-message")).status


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/messages"), ("GET", "/messages"), ("GET", "/messages/0")]
)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN],
)
async def test_without_the_token_nothing_is_done_or_shown(
    authorization: str | None, method: str, path: str, stranger: Visitor, standin: VonageStandin
) -> None:
    caller = stranger if authorization is None else stranger.via(Authorization=authorization)
    body = {"json": {**VALID, "sender": SENDER}} if method == "POST" else {}

    reply = await caller.request(method, path, **body)

    assert 401 == reply.status
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert [] == standin.posts


async def test_the_token_does_not_count_in_the_query(stranger: Visitor) -> None:
    assert 401 == (await stranger.get("/messages", admin_token=TOKEN, token=TOKEN)).status


async def test_without_a_configured_token_the_routes_stay_closed(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    with GatewayProcess(*standin.options(redis_url)) as gateway:
        async with visiting(gateway.url) as visitor:
            callers = [visitor, *(visitor.via(Authorization=f"Bearer {t}") for t in ("", "x"))]
            statuses = [(await caller.get("/messages")).status for caller in callers]
            sent = await post(visitor, **VALID)

    assert [403] * 3 == statuses
    assert 403 == sent.status
    assert [] == standin.posts


async def test_other_web_sites_get_nothing_from_these_routes(backend: Visitor) -> None:
    elsewhere = backend.via(Origin="https://elsewhere.example.org")

    listed = await elsewhere.get("/messages", callback="shown")
    preflight = await elsewhere.request("OPTIONS", "/messages")

    assert listed.text.startswith("{")
    for reply in (listed, preflight):
        allowed = [name for name in reply.headers if name.startswith("Access-Control")]
        assert [] == allowed


async def pages_of(backend: Visitor, **asked: str) -> AsyncIterator[dict[str, Any]]:
    """Yield every page of the messages, as a client walks them."""
    page = (await backend.get("/messages", **asked)).json
    yield page
    while page.get("next"):
        page = (await backend.get("/messages", **asked, after=page["next"])).json
        yield page


async def post(backend: Visitor, **body: object) -> Reply:
    """Send a text over the admin route."""
    return await backend.request("POST", "/messages", json=body)
