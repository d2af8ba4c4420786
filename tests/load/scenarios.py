"""What is measured: the requests of each load, the answers they deserve, the target."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from urllib.parse import urlencode

import phonenumbers

from tests.load import wrk
from tests.load.site import NORTH_AMERICAN_SENDER, WEBHOOK_TOKEN, Site, phones
from tests.load.wrk import Request

# The gateway remembers 8,192 numbers: 1,000 are known to it after a moment, these never are.
MANY_NUMBERS = 30_000
FEW_NUMBERS = 1_000
CREATE_SECONDS = 2
# Each is an SMS of its own: a load that has run out of them would repeat itself.
MANY_SMS = 40_000

VALID = '"status":"ok","number":"+1 '
SENT = '"message":"Message sent"'
STORED = '"success":true'
NOTHING_TO_SEND = '"task":"send","secret":"secret-of-'


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load.

    server: the process that is loaded, by its name in Site; requests: makes the requests, anew
    for every round; expected: what each good body holds, '' = an empty body; series: the
    gateway's metrics that count the same; target: least ratio to bare Tornado, None = only
    shown; warm: whether a second of the same goes before.
    """

    name: str
    server: str
    requests: Callable[[], list[Request]]
    expected: str
    series: str = ""
    target: float | None = None
    warm: bool = True


def scenarios(site: Site, connections: int) -> list[Scenario]:
    """Return all loads; the first two are what the others are measured against."""
    gateway, responses = "gateway", 'gateway_http_responses_total{status="2xx"}'
    sent, receipts = 'gateway_messages_total{outcome="accepted"', "gateway_receipts_total"
    kept = 'gateway_inbound_messages_total{provider="smssync",result="kept"}'

    def hello() -> list[Request]:
        return [Request("/")]

    dlr = partial(_receipts, site, connections)
    return [
        Scenario("bare Tornado, asyncio", "bare", hello, "Hello, world"),
        Scenario("bare Tornado, uvloop", "bare_uvloop", hello, "Hello, world"),
        Scenario(
            "validation, 1,000 numbers",
            gateway,
            partial(_validations, FEW_NUMBERS),
            VALID,
            responses,
            0.85,
        ),
        Scenario("validation, one number", gateway, partial(_validations, 1), VALID, responses),
        Scenario(
            "validation, numbers never seen before",
            gateway,
            partial(_validations, MANY_NUMBERS),
            VALID,
            responses,
        ),
        Scenario("message", gateway, _messages, SENT, sent, 0.40),
        Scenario("DLR with our client-ref", gateway, partial(dlr, True), "", receipts, 0.70, False),
        Scenario(
            "DLR, provider's id only", gateway, partial(dlr, False), "", receipts, 0.70, False
        ),
        Scenario("SMSsync: incoming SMS", gateway, _posts, STORED, kept, 0.65),
        Scenario("SMSsync: task=send poll", gateway, _polls, NOTHING_TO_SEND, responses, 0.70),
        Scenario("emulator (the provider)", "emulator", _submissions, '"status": "0"'),
    ]


def fictional_numbers() -> Iterator[str]:
    """Yield the numbers +1 NXX 555 0100 to 0199, which no area code gives to anybody."""
    for area in range(201, 990):
        if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{area}5550100")):
            yield from (f"1{area}55501{last:02d}" for last in range(100))


def _numbers(count: int) -> list[str]:
    return list(islice(fictional_numbers(), count))


def _validations(count: int) -> list[Request]:
    return [Request(f"/validate_number/?number=%2B{each}") for each in _numbers(count)]


def _messages() -> list[Request]:
    return [Request(f"/message/?receiver=%2B{each}") for each in _numbers(FEW_NUMBERS)]


def _posts() -> list[Request]:
    """Return SMS that phones in turn have received, as version 3.1 posts them."""
    now = int(time.time()) * 1000
    senders = cycle(_numbers(FEW_NUMBERS))
    return [
        Request(
            phone.path,
            "POST",
            urlencode(
                {
                    "secret": phone.secret,
                    "from": f"+{sender}",
                    "message": f"Hello, I am at the door. Could you come down? {each}",
                    "sent_timestamp": now + each * 1000,
                    "sent_to": phone.number,
                    "message_id": uuid.uuid4(),
                    "device_id": "",
                }
            ),
        )
        for each, phone, sender in zip(range(MANY_SMS), cycle(phones()), senders, strict=False)
    ]


def _polls() -> list[Request]:
    return [Request(f"{each.path}?task=send&secret={each.secret}") for each in phones()]


def _submissions() -> list[Request]:
    account = {"api_key": "emulator", "api_secret": "emulator-secret"}
    fixed = account | {
        "from": NORTH_AMERICAN_SENDER,
        "text": "Get the app: https://example.com/download",
    }
    return [
        Request("/sms/json", "POST", urlencode(fixed | {"to": each}))
        for each in _numbers(FEW_NUMBERS)
    ]


def _receipts(site: Site, connections: int, with_ref: bool) -> list[Request]:
    """Send messages and return their receipts: buffered, delivered, and delivered once more."""
    site.reset_emulator()
    wrk.load(site.gateway.url, _messages(), SENT, seconds=CREATE_SECONDS, connections=connections)
    site.settle()
    found = []
    for message in site.emulator_messages():
        ref = {"client-ref": message["client_ref"]} if with_ref else {}
        for part in message["parts"]:
            states = ("buffered", "delivered", "delivered")
            found += [_receipt(message["to"], part["message_id"], each, ref) for each in states]
    return found


def _receipt(to: str, provider_id: str, status: str, ref: dict[str, str]) -> Request:
    params = {
        "msisdn": to,
        "to": NORTH_AMERICAN_SENDER,
        "network-code": "310090",
        "messageId": provider_id,
        "price": "0.03330000",
        "status": status,
        "scts": "2611210350",
        "err-code": "0",
        "api-key": "emulator",
        "message-timestamp": "2026-11-21 03:50:00",
    }
    return Request(f"/dlr/{WEBHOOK_TOKEN}?{urlencode(params | ref)}")
