"""Proofs that a service of others judges, which a stand-in on loopback is here."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.errors import ProofUnavailable
from gateway.monitoring.metrics import PROOFS
from gateway.protection.proof.base import Purpose, Worth
from gateway.protection.proof.siteverify import LONGEST, SERVICES, SiteVerifyProof, action
from tests.support.servers.serving import serving
from tests.support.servers.web_site import web_server
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import RECEIVER, Reply, Visitor, visiting

SECRET, SITE_KEY = "secret-of-the-service", "site-key-1"
FIELDS = {"turnstile": "cf-turnstile-response", "hcaptcha": "h-captcha-response"}
LINK = "https://www.example.com/app"
services = pytest.mark.parametrize("by", FIELDS)


@dataclass
class Service:
    """A service that answers ``document`` and remembers what it was asked; url: where it is.

    Its documents: developers.cloudflare.com/turnstile, docs.hcaptcha.com.
    """

    url: str = ""
    status: int = 200
    document: object = field(default_factory=lambda: {"success": True})
    seconds: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Answer one request."""
        assert ("POST", "/siteverify") == (method, path)
        self.asked.append(dict(parse_qsl(body.decode(), strict_parsing=True)))
        time.sleep(self.seconds)
        plain = isinstance(self.document, str)
        content = self.document if plain else json.dumps(self.document)
        return (
            self.status,
            {"Content-Type": "text/html" if plain else "application/json"},
            str(content).encode(),
        )


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that accepts everything until it is told otherwise."""
    found = Service()
    with web_server(found.respond) as url:
        found.url = f"{url}siteverify"
        yield found


Opening = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture
def opening(service: Service, standin: VonageStandin, redis_url: str) -> Opening:
    """Open a gateway that has proofs judged by the service, and a visitor of it."""

    @asynccontextmanager
    async def opened(by: str = "turnstile", **options: object) -> AsyncIterator[Visitor]:
        standin.expect()
        named = {"by": by, "secret": SECRET, "site_key": SITE_KEY, "url": service.url}
        given: dict[str, object] = {f"proof_{name}": value for name, value in named.items()}
        given |= {"proof": "always", "protection": "on", "same_text_seconds": 0}
        given |= {"form_link": LINK, "trusted_proxies": "127.0.0.1"}
        command = standin.options(redis_url, **given | options)
        async with serving(*command, redis_url=redis_url) as gateway, visiting(gateway.url) as one:
            yield one

    return opened


def error(reply: Reply) -> str:
    """Return the error of an answer, '' for one that has none."""
    return str(reply.json.get("error", ""))


def counted(result: str) -> float:
    """Return how many proofs had that result."""
    return float(PROOFS[(result,)]._value.get())


async def send(visitor: Visitor, token: str = "token-1", by: str = "turnstile") -> Reply:
    """Call with a token, in the field that the service's own widget makes."""
    form = {"receiver": RECEIVER, FIELDS[by]: token}
    return await visitor.request("POST", "/message/", data=form)


@services
async def test_the_page_is_told_what_to_show_and_the_token_is_judged(
    opening: Opening, service: Service, standin: VonageStandin, by: str
) -> None:
    async with opening(by) as visitor:
        caller = visitor.via(X_Real_Ip="192.0.2.7")
        first = await caller.send()
        assert "proof_needed" == error(first)
        challenge = {"by": by, "site_key": SITE_KEY, "action": "message"}
        assert challenge == first.json["challenge"]
        assert SECRET not in first.text
        assert [] == service.asked
        assert "" == error(await send(caller, by=by))
    wanted = {"secret": SECRET, "response": "token-1", "remoteip": "192.0.2.7"}
    assert [wanted | ({"sitekey": SITE_KEY} if by == "hcaptcha" else {})] == service.asked
    assert 1 == len(standin.posts)


def refused(*codes: str) -> dict[str, Any]:
    """What a service says of a token that it does not accept."""
    return {"success": False, "error-codes": list(codes)}


REFUSALS: dict[str, tuple[object, str]] = {
    "wrong": (refused("invalid-input-response"), "wrong"),
    "malformed": (refused("bad-request"), "wrong"),
    "used": (refused("timeout-or-duplicate"), "replayed"),
    "used at hcaptcha": (refused("already-seen-response"), "replayed"),
    "late": (refused("expired-input-response"), "expired"),
    "without codes": ({"success": False}, "wrong"),
    "codes that are none": ({"success": False, "error-codes": [{"a": 1}, None]}, "wrong"),
    "codes that are no list": ({"success": False, "error-codes": "x"}, "wrong"),
    "of another action": ({"success": True, "action": "login"}, "foreign"),
}


@pytest.mark.parametrize(("document", "result"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_token_that_is_refused_sends_nothing_and_counts(
    opening: Opening, service: Service, standin: VonageStandin, document: object, result: str
) -> None:
    before = counted(result)
    service.document = document
    async with opening(limit_amount=10) as visitor:
        reply = await send(visitor)
        assert (200, "proof_needed") == (reply.status, error(reply))
        assert SITE_KEY == reply.json["challenge"]["site_key"]
        assert '"address";r=9' in reply.headers["RateLimit"]
    assert [] == standin.posts
    assert before + 1 == counted(result)


HOSTS = [
    ({}, True),
    ({"hostname": "shop.example"}, True),
    ({"hostname": "sms.example.com"}, True),  # the gateway's own page
    ({"hostname": "evil.example"}, False),
    ({"hostname": "shop.example.evil.example"}, False),
    ({"hostname": ["shop.example"]}, False),
    ({"hostname": "shop.example", "action": "message"}, True),
    ({"hostname": "shop.example", "action": ""}, True),
]


@pytest.mark.parametrize(("said", "good"), HOSTS)
async def test_a_token_of_another_site_is_none(
    opening: Opening, service: Service, said: dict[str, object], *, good: bool
) -> None:
    service.document = {"success": True, **said}
    where = {"allowed_origins": "https://shop.example", "public_url": "https://sms.example.com"}
    async with opening(**where) as visitor:
        assert ("" if good else "proof_needed") == error(await send(visitor))


DOWN: dict[str, dict[str, object]] = {
    "a page": {"document": "<html>Just a moment...</html>"},
    "5xx": {"status": 503, "document": "<html></html>"},
    "5xx in JSON": {"status": 500, "document": {"error": "x"}},
    "a redirect": {"status": 302, "document": ""},
    "nothing": {"document": ""},
    "a list": {"document": []},
    "half a document": {"document": '{"success":'},
    "a success that is none": {"document": {"success": "true"}},
    "a wrong secret": {"document": refused("invalid-input-secret")},
    "trouble of its own": {"document": refused("internal-error")},
}


@pytest.mark.parametrize("down", DOWN.values(), ids=DOWN.keys())
async def test_a_service_that_does_not_judge_lets_nobody_through(
    opening: Opening,
    service: Service,
    standin: VonageStandin,
    *,
    down: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Said once a minute, without secret and token; the visitor is shown the link."""
    before = counted("unanswered")
    for name, value in down.items():
        setattr(service, name, value)
    async with opening(limit_amount=10) as visitor:
        replies = [await send(visitor) for _ in range(2)]
        assert [(503, "temporarily_unavailable", LINK)] * 2 == [
            (each.status, error(each), each.json["link"]) for each in replies
        ]
        by_script = await visitor.send(callback="answer", **{FIELDS["turnstile"]: "token-1"})
        assert (200, True) == (by_script.status, "temporarily_unavailable" in by_script.text)
    assert [] == standin.posts
    assert before + 3 == counted("unanswered")
    lines = [each.getMessage() for each in caplog.records if "judge proofs" in each.getMessage()]
    assert 1 == len(lines)
    assert not re.search(f"{SECRET}|token-1", caplog.text)


async def test_a_service_that_is_slow_is_not_waited_for(service: Service) -> None:
    """For five seconds at most, as somebody waits before a form."""
    service.seconds = 0.5
    patient, hasty = (
        SiteVerifyProof(SERVICES["hcaptcha"], SECRET, SITE_KEY, url=service.url, seconds=seconds)
        for seconds in (5.0, 0.2)
    )
    purpose = Purpose("/message", "+4917612345678", "192.0.2.7")
    with pytest.raises(ProofUnavailable):
        await hasty.judge("token-1", purpose)
    assert Worth.ACCEPTED is await patient.judge("token-1", purpose)
    for each in (patient, hasty):
        await each.close()


async def test_a_service_that_cannot_be_reached_lets_nobody_through(
    opening: Opening, standin: VonageStandin
) -> None:
    async with opening(proof_url="http://127.0.0.1:1/siteverify") as visitor:
        assert 503 == (await send(visitor)).status
    assert [] == standin.posts


@pytest.mark.parametrize("token", ["x" * (LONGEST + 1), "x" * 60_000, "   "])
async def test_what_is_no_token_is_not_even_asked_about(
    opening: Opening, service: Service, token: str
) -> None:
    async with opening() as visitor:
        assert "proof_needed" == error(await send(visitor, token))
    assert [] == service.asked


async def test_whose_calls_are_used_up_has_no_token_judged(
    opening: Opening, service: Service
) -> None:
    async with opening(limit_amount=1) as visitor:
        replies = [await send(visitor) for _ in range(3)]
    assert ["", "limit_acceded", "limit_acceded"] == [error(each) for each in replies]
    assert 1 == len(service.asked)


async def test_a_service_is_asked_nothing_while_nobody_needs_a_proof(
    opening: Opening, service: Service
) -> None:
    async with opening(proof="pressure") as visitor:
        assert "proof_needed" == error(await visitor.send())  # a country that is new
    async with opening(protection="monitor") as visitor:
        assert "" == error(await send(visitor))
    assert [] == service.asked


async def test_a_secret_stands_in_no_log_and_no_metric(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with opening() as visitor:
            await send(visitor)
            metrics = await visitor.get("/metrics")
    assert SECRET not in caplog.text + metrics.text
    assert 'gateway_proofs_total{result="accepted"}' in metrics.text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/message", "message"),
        ("/a/b-c_d", "a_b-c_d"),
        ("/größe", "gr_e"),
        (f"/{'x' * 40}", "x" * 32),
        ("/", "message"),
    ],
)
def test_an_action_has_only_what_an_action_may_have(path: str, expected: str) -> None:
    assert expected == action(path)
