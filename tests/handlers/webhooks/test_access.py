"""Who may deliver receipts: token, one of five signature algorithms, or this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import DATA
from tests.support.kinds import of_kind
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.delivery_receipts import WAYS, deliver, receipt, sent
from tests.support.stand_ins.vonage import VonageStandin, new_ids
from tests.support.stand_ins.webhook_signing import ALGORITHMS, SECRET, signature, signed
from tests.support.visitor import Visitor

VECTORS = json.loads((DATA / "signatures.json").read_text())["sms"]

TOKEN = "token-of-the-webhooks"
ELSEWHERE = "https://sms.example.org/hooks/receipt/"

# The vectors were signed years ago.
OF_ANY_AGE = {"nexmo_signature_max_age": 0}
# What each kind of gateway is started with.
KINDS: dict[str, dict[str, object]] = {
    "open": {},
    "closed": {"open_webhooks": "no"},
    "token": {"webhook_token": TOKEN, "nexmo_dlr_url": ELSEWHERE},
    "both": {"webhook_token": TOKEN, "nexmo_signature_secret": SECRET, **OF_ANY_AGE},
    "fresh": {"nexmo_signature_secret": SECRET, "nexmo_signature_max_age": 300},
    **{
        algorithm: {
            "nexmo_signature_secret": SECRET,
            "nexmo_signature_method": algorithm,
            **OF_ANY_AGE,
        }
        for algorithm in ALGORITHMS
    },
}


@pytest.fixture(scope="module")
def gateway(kind: str, standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    with GatewayProcess(*standin.options(valkey_url, **KINDS[kind])) as gateway:
        yield gateway


@of_kind("open")
async def test_without_token_and_secret_this_machine_may_deliver(visitor: Visitor) -> None:
    assert 200 == (await deliver(visitor, receipt("no-such-part", "delivered"))).status


@of_kind("closed")
async def test_without_token_and_secret_nobody_delivers_unless_it_is_said(
    visitor: Visitor, gateway: GatewayProcess
) -> None:
    """One line at the start says which it is."""
    assert 401 == (await deliver(visitor, receipt("no-such-part", "delivered"))).status
    assert 1 == gateway.log.count("webhooks answer 401")


@of_kind("open")
@pytest.mark.parametrize(
    "header",
    [
        {"Host": "sms.example.com"},
        {"Origin": "https://shop.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_neither_a_silent_proxy_nor_another_site_s_form_opens_a_webhook(
    header: dict[str, str], visitor: Visitor
) -> None:
    reply = await deliver(visitor.via(**header), receipt("no-such-part", "delivered"))
    assert 401 == reply.status


@of_kind("open")
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-Ip", "Forwarded"])
async def test_without_token_and_secret_whatever_came_by_a_proxy_is_refused(
    header: str, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)
    value = "for=127.0.0.1" if header == "Forwarded" else "127.0.0.1"

    reply = await deliver(visitor.via(**{header: value}), receipt(part, "delivered"))

    assert 401 == reply.status
    assert ("accepted", False, 1) == await visitor.status(message_id)


@of_kind("token")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["/dlr/", "/hooks/receipt/"])
async def test_with_a_token_only_its_path_is_served(
    path: str, way: str, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)
    content = receipt(part, "delivered")

    wrong = [path, f"{path}{TOKEN}x", f"{path}{TOKEN[:-1]}", f"{path}{TOKEN.upper()}"]
    refusals = [(await WAYS[way](visitor, target, content)).status for target in wrong]
    before = await visitor.status(message_id)
    reply = await WAYS[way](visitor, path + TOKEN, content)

    assert [401] * len(wrong) == refusals
    assert ("accepted", False, 1) == before
    assert (200, "") == (reply.status, reply.text)
    assert ("delivered", True, 1) == await visitor.status(message_id)


@of_kind("token")
async def test_the_token_is_taken_from_the_path_only(visitor: Visitor) -> None:
    content = {**receipt("no-such-part", "delivered"), "token": TOKEN, "webhook_token": TOKEN}

    assert 401 == (await visitor.get("/dlr/", **content)).status
    bearer = visitor.via(Authorization=f"Bearer {TOKEN}")
    assert 401 == (await deliver(bearer, content)).status


@of_kind("token")
async def test_a_receipt_by_token_may_come_from_anywhere(visitor: Visitor) -> None:
    reply = await visitor.via(X_Forwarded_For="203.0.113.7").get(f"/dlr/{TOKEN}", status="accepted")

    assert 200 == reply.status


@of_kind(*ALGORITHMS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_right_signature_is_believed_in_either_case(
    way: str, kind: str, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, parts = await sent(visitor, standin, count=2)
    contents = [signed(receipt(part, "delivered"), kind) for part in parts]
    contents[0]["sig"] = contents[0]["sig"].upper()
    contents[1]["sig"] = contents[1]["sig"].lower()

    replies = [await WAYS[way](visitor, "/dlr/", content) for content in contents]

    assert [(200, "")] * 2 == [(reply.status, reply.text) for reply in replies]
    assert ("delivered", True, 2) == await visitor.status(message_id)


@of_kind(*ALGORITHMS)
@pytest.mark.parametrize("way", WAYS)
async def test_wrong_signatures_are_refused_and_change_nothing(
    way: str, kind: str, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)
    content = receipt(part, "delivered")
    right = signed(content, kind)
    wrong: list[dict[str, str]] = [
        content,
        {**right, "sig": ""},
        {**right, "sig": right["sig"][:-1]},
        {**right, "sig": "é" * len(right["sig"])},
        {**right, "status": "failed"},
        {**right, "added": "later"},
        {name: value for name, value in right.items() if name != "price"},
        signed(content, kind, "another-secret"),
        signed(content, kind, ""),
        *(signed(content, other) for other in ALGORITHMS if other != kind),
    ]

    refusals = [(await WAYS[way](visitor, "/dlr/", wrong_one)).status for wrong_one in wrong]

    assert [401] * len(wrong) == refusals
    assert ("accepted", False, 1) == await visitor.status(message_id)


@of_kind(*ALGORITHMS)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_published_signatures_are_believed_when_made_with_our_secret(
    vector: dict[str, Any], kind: str, visitor: Visitor
) -> None:
    content = {**vector["params"], "sig": vector["sig"][kind]}

    reply = await deliver(visitor, content)

    assert vector["sig"][kind].lower() == signature(vector["params"], kind, vector["secret"])
    assert (200 if vector["secret"] == SECRET else 401) == reply.status


@of_kind("md5hash")
async def test_a_signed_value_with_separators_in_it_is_believed(visitor: Visitor) -> None:
    content = receipt("a&b=c_d", "delivered")

    assert 200 == (await deliver(visitor, signed(content, "md5hash"))).status


@of_kind("both")
@pytest.mark.parametrize(
    ("path", "is_signed", "expected"),
    [
        (f"/dlr/{TOKEN}", True, 200),
        (f"/dlr/{TOKEN}", False, 401),
        ("/dlr/", True, 401),
        ("/dlr/", False, 401),
        ("/dlr/wrong-token", True, 401),
    ],
    ids=["both", "token-only", "signature-only", "neither", "wrong-token"],
)
async def test_token_and_signature_are_both_asked_for_when_both_are_set(
    path: str, is_signed: bool, expected: int, visitor: Visitor
) -> None:
    content = receipt("no-such-part", "delivered")

    reply = await visitor.get(path, **(signed(content, "md5hash") if is_signed else content))

    assert expected == reply.status


@of_kind("fresh")
@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [(0, 200), (-200, 200), (-86_400, 200), (-3 * 86_400 - 400, 401), (None, 401)],
    ids=["now", "recent", "repeated for long", "old", "absent"],
)
async def test_a_signed_timestamp_beyond_the_maximum_age_is_refused(
    timestamp: int | None, expected: int, visitor: Visitor
) -> None:
    """Receipts are repeated for three days, and change nothing twice."""
    content = receipt("no-such-part", "delivered")
    if timestamp is not None:
        content["timestamp"] = str(int(time.time()) + timestamp)

    assert expected == (await deliver(visitor, signed(content, "md5hash"))).status


@of_kind("fresh")
@pytest.mark.parametrize(("timestamp", "expected"), [(0, 200), (-200, 200), (-400, 401)])
async def test_an_mo_is_not_believed_for_longer_than_it_is_repeated(
    timestamp: int, expected: int, visitor: Visitor
) -> None:
    content = {"msisdn": "12065550121", "to": "12065550151", "messageId": new_ids(1)[0]}
    content |= {"text": "Hello", "timestamp": str(int(time.time()) + timestamp)}

    assert expected == (await visitor.get("/inbound/", **signed(content, "md5hash"))).status


@of_kind("fresh")
@pytest.mark.parametrize("text", ["", "Hello"])
async def test_a_receipt_with_a_text_is_believed_as_long_as_an_mo(
    text: str, visitor: Visitor
) -> None:
    """It counts as one: a blank text may stand beside what is signed."""
    content = receipt("no-such-part", "delivered") | {"timestamp": str(int(time.time()) - 400)}
    if text:
        content = signed(content | {"text": text}, "md5hash")
    else:
        content = signed(content, "md5hash") | {"text": ""}

    assert 401 == (await visitor.get("/inbound/", **content)).status


@of_kind("md5hash")
async def test_two_parameters_signed_as_one_open_nothing(visitor: Visitor) -> None:
    """``a=1&b=2`` and a parameter named ``a=1&b`` have one signature."""
    content = signed({"msisdn": "12065550121", "messageId": "1", "to": "2"}, "md5hash")
    merged = {name: value for name, value in content.items() if name not in {"messageId", "msisdn"}}
    merged["messageId=1&msisdn"] = content["msisdn"]

    assert 200 == (await visitor.get("/inbound/", **content)).status
    assert 401 == (await visitor.get("/inbound/", **merged)).status
