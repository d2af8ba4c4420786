"""Every webhook in every shape, spoilt on its way: it ends in its place, or in the inbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.store import keys
from tests.conftest import RestartableValkey
from tests.support.scenes.masking import ANNA, BERT, CARL, DORA, FLOW, ONE, TOKEN, TWO, Town, town
from tests.support.stand_ins.webhook_signing import jwt

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
XML = "application/xml"
MULTIPART = "multipart/form-data; boundary=b"
OTHER_TYPES = (None, FORM, JSON, XML, "text/plain", "application/octet-stream", MULTIPART)
SECRET = "123456"
JWT_SECRET = "secret-of-the-account-0123456789abcdef"
# Of a text that was cut off where it begins, it is known that it is empty.
KEPT = {"unusable", "unreadable", "empty"}
PICTURE = "https://media.example.com/1.jpg"

Place = Callable[[Town, str], Awaitable[object]]


# -- where a webhook belongs: what is there, which grows by it ------------------------------------


async def heard(place: Town, _: str) -> object:
    """A text: in the counterpart's phone."""
    await place.at_rest()
    return len(place.heard(BERT))


async def parked(place: Town, id: str) -> object:
    """A receipt: parked, since nobody has sent this message."""
    store = place.gateway.application.services.store
    return [await store.execute("EXISTS", keys.parked(p, id)) for p in ("nexmo", "flowroute")]


async def joining(place: Town, _: str) -> object:
    """A part of a long text: among those that wait for the others."""
    return await place.gateway.application.services.store.execute("ZCARD", keys.ASSEMBLIES)


async def called(place: Town, id: str) -> object:
    """An event: with its call."""
    return await place.gateway.application.services.store.execute("HGETALL", keys.call("CON-1"))


async def answered(place: Town, _: str) -> object:
    """An answer webhook: the caller hears something, whatever came."""
    return None


async def in_inbox(place: Town, _: str) -> object:
    """An SMS of a phone's owner, a picture: with its text and address among the others."""
    messages = (await place.ok("GET", "/inbox"))["messages"]
    return sum(each["reason"] not in KEPT for each in messages)


# -- the shapes -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """A webhook: its address, what it says under an id, in which form, and where it belongs."""

    label: str
    path: str
    content: Callable[[str], Mapping[str, Any]]
    encode: Callable[[Mapping[str, Any]], bytes]
    place: Place


def form(content: Mapping[str, Any]) -> bytes:
    return urlencode(content).encode()


def as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def xml(content: Mapping[str, Any]) -> bytes:
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in content.items())
    return f"<?xml version='1.0' encoding='UTF-8' ?><payload>{fields}</payload>".encode()


def multipart(content: Mapping[str, Any]) -> bytes:
    head = "--b\r\nContent-Disposition: form-data; name="
    parts = "".join(f'{head}"{name}"\r\n\r\n{value}\r\n' for name, value in content.items())
    return f"{parts}--b--\r\n".encode()


FORMS = {"form": form, "json": as_json, "multipart": multipart}


def sms(id: str) -> dict[str, str]:
    ends = {"msisdn": ANNA, "to": ONE, "messageId": id}
    return ends | {"text": f"Grüße, {id}", "type": "text", "keyword": "GRÜSSE"}


def part(id: str) -> dict[str, str]:
    counts = {"concat-ref": id, "concat-total": "2", "concat-part": "1"}
    return {"concat": "true"} | counts | sms(id)


def receipt(id: str) -> dict[str, str]:
    ends = {"msisdn": BERT, "to": ONE, "network-code": "310260", "messageId": id}
    return ends | {"price": "0.008", "status": "delivered", "scts": "2001011400", "err-code": "0"}


def v1(id: str) -> dict[str, Any]:
    ends = {"from": ANNA, "to": ONE, "channel": "sms", "message_uuid": id}
    return ends | {"message_type": "text", "text": f"Grüße, {id}"}


def v1_picture(id: str) -> dict[str, Any]:
    return v1(id) | {"channel": "mms", "message_type": "image", "image": {"url": PICTURE}}


def v1_status(id: str) -> dict[str, Any]:
    return {"message_uuid": id, "to": BERT, "from": ONE, "status": "rejected", "channel": "sms"} | {
        "error": {"type": "https://example.com", "title": "1300", "detail": "x"}
    }


def v0_1(id: str) -> dict[str, Any]:
    ends = {name: {"type": "sms", "number": n} for name, n in (("to", ONE), ("from", ANNA))}
    message = {"content": {"type": "text", "text": f"Grüße, {id}"}}
    return {"message_uuid": id} | ends | {"direction": "inbound", "message": message}


def v0_1_status(id: str) -> dict[str, Any]:
    ends = {name: {"type": "sms", "number": n} for name, n in (("to", BERT), ("from", ONE))}
    error = {"code": 1300, "reason": "Not part of the provider's network"}
    return {"message_uuid": id} | ends | {"status": "undeliverable", "error": error}


def flow_v2(id: str) -> dict[str, Any]:
    return {"to": FLOW, "body": f"Grüße, {id}", "from": ANNA, "id": id}


def flow(id: str) -> dict[str, Any]:
    attributes = {"to": FLOW, "from": ANNA, "body": f"Grüße, {id}", "direction": "inbound"}
    return {"data": {"type": "message", "id": id, "attributes": attributes}}


def flow_picture(id: str) -> dict[str, Any]:
    document = flow(id)
    document["data"]["attributes"] |= {"is_mms": True}
    return document | {"included": [{"type": "media", "attributes": {"url": PICTURE}}]}


def flow_receipt(id: str) -> dict[str, Any]:
    attributes = {"level": 2, "status": "delivered", "status_code": None}
    return {"data": {"type": "delivery_receipt", "id": id, "attributes": attributes}}


def call(id: str) -> dict[str, str]:
    return {"from": CARL, "to": TWO, "uuid": f"leg-{id}", "conversation_uuid": f"CON-{id}"}


def event(id: str) -> dict[str, str]:
    ends = {"from": TWO, "to": DORA, "uuid": f"leg-{id}", "conversation_uuid": "CON-1"}
    return ends | {"status": "answered", "direction": "outbound", "timestamp": "2026-01-01T14:00Z"}


def phone(id: str) -> dict[str, str]:
    fields = {"secret": SECRET, "from": f"+{CARL}", "message": f"Grüße, {id}"}
    return fields | {"message_id": id, "sent_timestamp": "1767276000000", "sent_to": ""}


INBOUND, DLR = f"/inbound/{TOKEN}", f"/dlr/{TOKEN}"
FLOW_MO, FLOW_DLR = f"/inbound/flowroute/{TOKEN}", f"/dlr/flowroute/{TOKEN}"
SHAPES = [
    *(Shape(f"SMS API {n}", INBOUND, sms, e, heard) for n, e in FORMS.items()),
    *(Shape(f"SMS API part {n}", INBOUND, part, e, joining) for n, e in FORMS.items()),
    *(Shape(f"receipt {n}", DLR, receipt, e, parked) for n, e in FORMS.items()),
    Shape("Messages v1", INBOUND, v1, as_json, heard),
    Shape("Messages v1 picture", INBOUND, v1_picture, as_json, in_inbox),
    Shape("Messages v1 status", DLR, v1_status, as_json, parked),
    Shape("Messages v0.1", INBOUND, v0_1, as_json, heard),
    Shape("Messages v0.1 status", DLR, v0_1_status, as_json, parked),
    Shape("Flowroute v2", f"/{TOKEN}", flow_v2, as_json, heard),
    Shape("Flowroute v2 form", f"/{TOKEN}", flow_v2, form, heard),
    Shape("Flowroute v2.1", FLOW_MO, flow, as_json, heard),
    Shape("Flowroute picture", FLOW_MO, flow_picture, as_json, in_inbox),
    Shape("Flowroute receipt", FLOW_DLR, flow_receipt, as_json, parked),
    *(Shape(f"answer {n}", f"/proxy-call/{TOKEN}", call, e, answered) for n, e in FORMS.items()),
    *(Shape(f"event {n}", f"/event/{TOKEN}", event, e, called) for n, e in FORMS.items()),
    *(Shape(f"phone {n}", "/smssync/", phone, e, in_inbox) for n, e in FORMS.items()),
    Shape("phone XML", "/smssync/", phone, xml, in_inbox),
]


# -- what happens to them on their way ------------------------------------------------------------


def spoilt(body: bytes) -> Iterator[tuple[str, bytes, str | None, bool]]:
    """Yield a body spoilt in each way with its content type, and whether all of it is there."""
    for kind in OTHER_TYPES:
        yield f"as {kind}", body, kind, True
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        yield encoding, body.decode().encode(encoding), JSON, True
    yield "blanks around", b"\r\n" + body + b"\r\n", FORM, True
    for cut in (1, 2, 9, len(body) // 3, len(body) // 2):
        yield f"without its last {cut}", body[:-cut], FORM, False


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    """A gateway with a phone, and everybody whom the webhooks are about."""
    async with town(redis_url, f"--smssync_secret={SECRET}") as made:
        await made.rent(ONE, TWO)
        await made.rent(FLOW, provider="flowroute")
        for number in (ONE, FLOW):
            await made.session(ANNA, BERT, virtual_tn=number)
        await made.session(CARL, DORA, virtual_tn=TWO, mode="voice")
        await post(made, f"/proxy-call/{TOKEN}", as_json(call("1")), JSON)
        yield made


async def post(place: Town, path: str, body: bytes, kind: str | None) -> tuple[int, str]:
    """Post a body exactly so, without a content type for None; return status and answer."""
    headers = {"Content-Type": kind} if kind else {}
    async with place.gateway.client.post(
        path, data=body, headers=headers, skip_auto_headers=["Content-Type"]
    ) as response:
        return response.status, await response.text()


async def kept(place: Town) -> list[str]:
    """Return why what could not be used was kept, and what."""
    messages = (await place.ok("GET", "/inbox?limit=1000"))["messages"]
    return [f"{each['reason']}: {each.get('raw')}" for each in messages if each["reason"] in KEPT]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.label)
async def test_a_webhook_is_in_its_place_or_in_the_inbox(place: Town, shape: Shape) -> None:
    for n in range(len(list(spoilt(b"x" * 99)))):
        id = f"id-{n}-{shape.place.__name__}"
        how, body, kind, whole = list(spoilt(shape.encode(shape.content(id))))[n]
        before, kept_before = await shape.place(place, id), await kept(place)
        status, answer = await post(place, shape.path, body, kind)
        used = await shape.place(place, id) != before or answer.startswith("[{")
        found = await kept(place)
        assert 200 == status, how
        if whole:
            assert (used, len(kept_before)) == (True, len(found)), how
        elif not used and "does not match" not in answer:
            assert len(kept_before) + 1 == len(found), how
            assert SECRET not in found[0], how


@pytest.mark.parametrize(
    "shape",
    [shape for shape in SHAPES if shape.encode is form and "phone" not in shape.label],
    ids=lambda shape: shape.label,
)
async def test_a_query_is_read_like_a_form_and_kept_like_one(place: Town, shape: Shape) -> None:
    if "Flowroute" in shape.label:
        shape = Shape(shape.label, FLOW_MO, shape.content, form, heard)
    for n in range(5):
        id = f"id-{n}-{shape.place.__name__}"
        before, kept_before = await shape.place(place, id), await kept(place)
        query = form(shape.content(id)).decode()
        cut = len(query) * n // 6
        async with place.gateway.client.get(f"{shape.path}?{query[: -cut or None]}") as response:
            answer = await response.text()
            assert 200 == response.status
        if await shape.place(place, id) == before and not answer.startswith("[{"):
            assert cut
            assert len(kept_before) + 1 == len(await kept(place)), cut


NOTHING_OF_OURS = [
    ("a receipt of another program", DLR, receipt("other")),
    ("a status of another program", DLR, v1_status("other") | {"channel": "whatsapp"}),
    ("a status of which nothing is known", DLR, v1_status("other") | {"status": "clicked"}),
    ("what we sent ourselves", FLOW_MO, {"data": {"type": "message", "id": "other", "attributes": {
        "to": ANNA, "from": FLOW, "body": "x", "direction": "outbound"}}}),
    ("an unknown state at Flowroute", FLOW_DLR, {"data": {"type": "delivery_receipt", "id": "other",
        "attributes": {"status": "on its way", "level": 1}}}),
    ("an event of another program", f"/event/{TOKEN}", event("1") | {"conversation_uuid": "CON-9"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "content"),
    [row[1:] for row in NOTHING_OF_OURS],
    ids=[row[0] for row in NOTHING_OF_OURS],
)
async def test_what_names_nothing_of_ours_is_not_kept(
    place: Town, path: str, content: dict[str, Any]
) -> None:
    assert (200, "") == await post(place, path, as_json(content), JSON)
    assert [] == await kept(place)


UNUSABLE = [
    ("no text", INBOUND, {"msisdn": ANNA, "to": ONE, "messageId": "a"}),
    ("the text by another name", INBOUND, {"msisdn": ANNA, "to": ONE, "body": "Hi"}),
    ("the text within", INBOUND, sms("a") | {"text": {"body": "Hi"}}),
    ("no number of ours", INBOUND, {"msisdn": ANNA, "messageId": "a", "text": "Hi"}),
    ("an endless sender", INBOUND, sms("a") | {"msisdn": "1" * 99}),
    ("no hexadecimal data", INBOUND, sms("a") | {"type": "binary", "data": "xyz"}),
    ("an unknown kind", INBOUND, v1("a") | {"message_type": "reaction"}),
    ("another channel", INBOUND, v1("a") | {"channel": "whatsapp"}),
    ("too long", INBOUND, v1("a") | {"text": "x" * 10_001}),
    ("nothing known", DLR, {"hello": "world"}),
    ("of Flowroute without a sender", FLOW_MO, {"to": FLOW, "body": "Hi"}),
    ("of Flowroute without a text", FLOW_MO, {"to": FLOW, "from": ANNA}),
    ("an event of no call", f"/event/{TOKEN}", {"status": "answered"}),
]
UNREADABLE = [
    ("cut", b'{"msisdn":"1206', JSON),
    ("a list", b'[{"msisdn":"1206"}]', JSON),
    ("a word", b"hello", "text/plain"),
    ("JSON text", b'"text=hello"', JSON),
    ("XML", b"<mo from='1'/>", XML),
    ("bytes", b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
    ("cut multipart", b'--b\r\nContent-Disposition: form-data; name="to"\r\n\r\n1', MULTIPART),
    ("deep", b'{"a":' * 9000, JSON),
    ("large", b'{"text":"' + b"x" * 70_000, JSON),
]


@pytest.mark.parametrize(("label", "path", "content"), UNUSABLE, ids=lambda value: str(value)[:30])
async def test_what_is_of_no_use_is_kept_as_it_came(
    place: Town, label: str, path: str, content: dict[str, Any]
) -> None:
    body = as_json(content | {"sig": "0123456789abcdef"})
    for _ in range(2):
        assert (200, "") == await post(place, path, body, JSON), label
    [found] = await kept(place)
    expected = body.decode().replace("0123456789abcdef", "***").encode()[:4096].decode()
    assert f"unusable: {expected}" == found


@pytest.mark.parametrize("path", [INBOUND, DLR, FLOW_MO, FLOW_DLR, f"/event/{TOKEN}", f"/{TOKEN}"])
async def test_what_nobody_can_read_is_kept_at_every_address(place: Town, path: str) -> None:
    for label, body, kind in UNREADABLE:
        assert (200, "") == await post(place, path, body, kind), label
    found = await kept(place)
    assert len(UNREADABLE) == len(found)
    assert {"unreadable"} == {each.partition(":")[0] for each in found}
    assert 4096 + len("unreadable: ") == max(map(len, found))
    assert TOKEN not in "".join(found)


async def test_a_caller_hears_something_even_when_nobody_can_read_his_call(place: Town) -> None:
    for path in ("/proxy-call", "/proxy-call/fallback"):
        status, answer = await post(place, f"{path}/{TOKEN}", b'{"from":', JSON)
        assert (200, "talk") == (status, json.loads(answer)[0]["action"])
    assert 2 == len(await kept(place))


async def test_the_operator_reads_it_in_the_list_and_counts_it(place: Town) -> None:
    before = await counted(place)
    await post(place, INBOUND, b'{"msisdn":"1206', JSON)
    await post(place, INBOUND, b'{"hello":"world"}', JSON)
    await post(place, DLR, as_json(v1_status("x") | {"status": "clicked"}), JSON)
    [second, first] = (await place.ok("GET", "/inbox"))["messages"]
    assert ("unreadable", "nexmo", "", "", '{"msisdn":"1206') == tuple(
        first[name] for name in ("reason", "provider", "from", "to", "raw")
    )
    assert ("unusable", '{"hello":"world"}') == (second["reason"], second["raw"])
    assert [1.0, 1.0, 1.0] == [
        now - then for now, then in zip(await counted(place), before, strict=True)
    ]


async def counted(place: Town) -> list[float]:
    """Return how many webhooks were unreadable, unusable, ignored."""
    async with place.gateway.client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    series = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    results = ("unreadable", "unusable", "ignored")
    return [float(series[f'gateway_webhooks_total{{result="{result}"}}']) for result in results]


async def test_who_does_not_authenticate_fills_no_inbox(place: Town) -> None:
    for path in ("/inbound/wrong", "/inbound/", "/dlr/flowroute/", "/event/x"):
        assert 401 == (await post(place, path, b'{"msisdn":"1206', JSON))[0]
    assert "does not match" in (await post(place, "/smssync/", b'{"secret":"x', JSON))[1]
    assert [] == await kept(place)


async def test_a_number_is_erased_from_it_as_well(place: Town) -> None:
    await post(place, INBOUND, f'{{"msisdn":"{ANNA}'.encode(), JSON)
    await post(place, INBOUND, f"text=x&msisdn=%2B{ANNA}".encode(), FORM)
    assert 2 == len(await kept(place))
    await place.ok("DELETE", f"/log?number={ANNA}")
    assert [] == await kept(place)


@pytest.mark.parametrize("halves", [('"\\ud83d"', '"\\ude00"'), ("%ED%A0%BD", "%ED%B8%80")])
async def test_a_character_that_two_parts_share_arrives_whole(
    place: Town, halves: tuple[str, str]
) -> None:
    for n, half in enumerate(halves, 1):
        counts = {"concat-ref": "7", "concat-total": "2", "concat-part": str(n)}
        fields = sms(f"half-{n}") | {"concat": "true"} | counts
        if half.startswith('"'):
            body = json.dumps(fields | {"text": "@"}).replace('"@"', half).encode()
        else:
            body = (urlencode(fields | {"text": ""})).replace("text=", f"text={half}").encode()
        assert (200, "") == await post(place, INBOUND, body, None)
    await heard(place, "")
    assert (ONE, "😀") == place.heard(BERT)[-1]


async def test_half_a_character_in_a_single_text_is_marked(place: Town) -> None:
    body = json.dumps(sms("half") | {"text": "@"}).replace('"@"', '"a\\ud83d"').encode()
    assert (200, "") == await post(place, INBOUND, body, JSON)
    await heard(place, "")
    assert (ONE, "a\ufffd") == place.heard(BERT)[-1]


async def test_a_form_in_another_alphabet_is_read(place: Town) -> None:
    body = urlencode(sms("latin") | {"text": "Grüße €"}, encoding="cp1252").encode()
    assert (200, "") == await post(place, INBOUND, body, FORM)
    await heard(place, "")
    assert (ONE, "Grüße €") == place.heard(BERT)[-1]


async def test_it_is_acknowledged_only_when_it_is_stored(valkey_server: RestartableValkey) -> None:
    async with town(valkey_server.url) as place:
        valkey_server.stop()
        for body in (b'{"msisdn":"1206', b'{"hello":"world"}'):
            assert 503 == (await post(place, INBOUND, body, JSON))[0]
        status, answer = await post(place, f"/proxy-call/fallback/{TOKEN}", b"{", JSON)
        assert (200, "talk") == (status, json.loads(answer)[0]["action"])
        valkey_server.start()
        for body in (b'{"msisdn":"1206', b'{"hello":"world"}'):
            assert 200 == (await post(place, INBOUND, body, JSON))[0]
        assert 2 == len(await kept(place))


@pytest.mark.parametrize("issuer", ["Vonage", "Somebody"])
async def test_what_cannot_be_read_may_prove_itself_by_a_jwt(redis_url: str, issuer: str) -> None:
    """A signature of parameters that nobody can read proves nothing."""
    async with town(redis_url, f"--nexmo_signature_secret={JWT_SECRET}") as place:
        body = b'{"message_uuid":"1'
        claims = {"iss": issuer, "api_key": "emulator"}
        headers = {"Authorization": f"Bearer {jwt(body, JWT_SECRET, claims)}"}
        async with place.gateway.client.post(INBOUND, data=body, headers=headers) as response:
            assert (200 if issuer == "Vonage" else 401) == response.status
        assert 401 == (await post(place, INBOUND, body, JSON))[0]
        assert int(issuer == "Vonage") == len(await kept(place))
