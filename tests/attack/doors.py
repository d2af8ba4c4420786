"""Attacks on the doors: tokens, signatures, secrets, what passes for this machine."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from typing import Any

from conf.loading import load
from tests.attack.attacks import Outcome, attack, outcome
from tests.support import ROOT
from tests.support.scenes.masking import ADMIN, ANNA, BERT, ONE, TOKEN, Town, town
from tests.support.servers.serving import Gateway, serving
from tests.support.stand_ins.webhook_signing import SECRET, jwt, signed

REFUSED = {400, 401, 403, 413, 429}
QUARTER = 90 * 86_400
PHONE_SECRET = "a-secret-of-phones"
GUESSES = 60


async def status(gateway: Gateway, method: str, path: str, **request: Any) -> int:
    """Return the HTTP status of a request."""
    async with gateway.client.request(method, path, **request) as response:
        await response.read()
        return response.status


@attack("an old web token of a POST opens a GET")
async def old_token(redis_url: str) -> Outcome:
    async with town(redis_url, f"--nexmo_signature_secret={SECRET}", token="") as place:
        await place.rent(ONE)
        pair = {"participant_a": ANNA, "participant_b": BERT, "mode": "voice"}
        await place.ok("POST", "/session", pair)
        claims = {"iat": str(int(time.time()) - QUARTER)}
        old = jwt(b'{"event":"long ago"}', SECRET, claims)
        path = f"/proxy-call/?from={ANNA}&to={ONE}&conversation_uuid=CON-1"
        headers = {"Authorization": f"Bearer {old}"}
        async with place.gateway.client.get(path, headers=headers) as response:
            told = BERT in await response.text()
            return outcome(not told, f"HTTP {response.status}, the other number was told: {told}")


@attack("two signed parameters are merged into one name")
async def merged_names(redis_url: str) -> Outcome:
    fields = {"messageId": "0A00000000000001", "msisdn": ANNA, "text": "hello", "to": ONE}
    fields["timestamp"] = str(int(time.time()))
    whole = signed(fields, "md5hash")
    merged = dict(whole)
    merged["messageId=0A00000000000001&msisdn"] = merged.pop("msisdn")
    del merged["messageId"]
    options = (f"--nexmo_signature_secret={SECRET}", "--nexmo_signature_method=md5hash")
    async with serving(*options, redis_url=redis_url) as gateway:
        right = await status(gateway, "POST", "/inbound/", data=whole)
        wrong = await status(gateway, "POST", "/inbound/", data=merged)
    return outcome(right == 200 and wrong in REFUSED, f"HTTP {wrong}, as it was signed: {right}")


@attack("a phone's secret is guessed")
async def phone_secret(redis_url: str) -> Outcome:
    async with serving(f"--smssync_secret={PHONE_SECRET}", redis_url=redis_url) as gateway:
        wrong = [{"secret": secrets.token_hex(8)} for _ in range(GUESSES)]
        asked = [_poll(gateway, each) for each in wrong]
        held = sum("Too many" in each for each in await asyncio.gather(*asked))
        right = await _poll(gateway, {"secret": PHONE_SECRET})
    let_in = "Too many" not in right
    seen = f"of {GUESSES} guesses {held} were held off; the right one after them let in: {let_in}"
    return outcome(held > 0 and not let_in, seen)


async def _poll(gateway: Gateway, params: dict[str, str]) -> str:
    """Ask for SMS as a phone and return the answer, which is always HTTP 200."""
    async with gateway.client.get("/smssync/?task=send", params=params) as response:
        return await response.text()


@attack("GET /tn through a bare proxy, no admin token set")
async def bare_proxy(redis_url: str) -> Outcome:
    async with serving(redis_url=redis_url) as gateway:
        host = {"Host": "sms.example.org"}
        met = await status(gateway, "GET", "/tn", headers=host)
    return outcome(met in REFUSED, f"HTTP {met}")


@attack("an MO in production without a token")
async def open_webhook(redis_url: str) -> Outcome:
    fields = {"messageId": "0A00000000000001", "msisdn": ANNA, "to": ONE, "text": "STOP"}
    async with serving(redis_url=redis_url) as gateway:
        met = await status(gateway, "POST", "/inbound/", data=fields)
    return outcome(met in REFUSED, f"HTTP {met}")


@attack("a form of another site opens a webhook")
async def foreign_origin(redis_url: str) -> Outcome:
    fields = {"messageId": "0A00000000000001", "msisdn": ANNA, "to": ONE, "text": "STOP"}
    origin = {"Origin": "https://shop.example.org"}
    async with serving("--open_webhooks=yes", redis_url=redis_url) as gateway:
        met = await status(gateway, "POST", "/inbound/", data=fields, headers=origin)
        own = await status(gateway, "POST", "/inbound/", data=fields)
    return outcome(met in REFUSED and own == 200, f"HTTP {met}, without an Origin {own}")


@attack("one secret opens the admin routes and the webhooks")
async def equal_secrets(_: str) -> Outcome:
    same = "correct-horse-battery"
    problems = load([f"--admin_token={same}", f"--webhook_token={same}"], {}, ROOT).problems
    return outcome(bool(problems), f"the gateway starts: {not problems}")


@attack("an admin token is guessed")
async def admin_token(redis_url: str) -> Outcome:
    async with serving("--admin_token=correct-horse", redis_url=redis_url) as gateway:
        headers = [{"Authorization": f"Bearer {n}"} for n in range(GUESSES)]
        met = [await status(gateway, "GET", "/tn", headers=each) for each in headers]
        async with gateway.client.get("/metrics") as response:
            counted = "gateway_admin_refusals_total" in await response.text()
    return outcome({401} >= {*met} and counted, f"HTTP {Counter(met)}, counted: {counted}")


@attack("the metrics are read from outside")
async def metrics(redis_url: str) -> Outcome:
    options = ("--admin_token=correct-horse", "--trusted_proxies=127.0.0.1")
    async with serving(*options, redis_url=redis_url) as gateway:
        headers = {"X-Real-Ip": "198.51.100.7"}
        met = await status(gateway, "GET", "/metrics", headers=headers)
        own = await status(gateway, "GET", "/metrics", headers=headers | ADMIN)
    return outcome(met in REFUSED and own == 200, f"HTTP {met}, with the admin token {own}")


@attack("one Idempotency-Key, ten requests at once")
async def posted_again(redis_url: str) -> Outcome:
    async with town(redis_url) as place:
        await place.rent(ONE)
        headers = ADMIN | {"Idempotency-Key": "order-17"}
        body = {"to": BERT, "text": "Hello", "sender": ONE}
        post = [
            status(place.gateway, "POST", "/messages", json=body, headers=headers)
            for _ in range(10)
        ]
        await asyncio.gather(*post)
        sent = len(place.heard(BERT))
    return outcome(sent == 1, f"{sent} texts were sent")


@attack("a PIN among 400 on one number is guessed", quick=False)
async def guessed_pin(redis_url: str) -> Outcome:
    options = ("--public_url=http://127.0.0.1:9",)
    async with town(redis_url, *options) as place:
        await place.rent(ONE)
        opened = sum([await _opens(place, n) for n in range(400)])
        for call in range(100):
            if await _guess(place, call):
                return outcome(stopped=False, seen=f"{opened} PINs, in after {call + 1} calls")
    return outcome(stopped=True, seen=f"{opened} of 400 short PINs were taken, 300 tries failed")


async def _opens(place: Town, n: int) -> bool:
    pair = {"participant_a": f"1206555{n + 2000}", "participant_b": f"1206555{n + 3000}"}
    more = {"mode": "voice", "pin_a": f"{n * 25:04}", "virtual_tn": ONE, "possible": True}
    return (await place.call("POST", "/session", pair | more))[0] == 200


async def _guess(place: Town, call: int) -> bool:
    fields = {"from": f"1206555{call + 4000}", "to": ONE, "conversation_uuid": f"CON-{call}"}
    path = f"/proxy-call/{TOKEN}"
    await status(place.gateway, "POST", path, json=fields)
    for _ in range(3):
        keyed = fields | {"dtmf": {"digits": f"{secrets.randbelow(10_000):04}"}}
        async with place.gateway.client.post(path, json=keyed) as response:
            if '"connect"' in await response.text():
                return True
    return False
