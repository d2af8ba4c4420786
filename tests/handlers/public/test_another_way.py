"""Where no message goes out, the answer leads there by a link; and what a form is told before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.messages import MessageEndpoint
from gateway.telephony import phonenumber
from tests.conftest import RestartableValkey
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin, refused
from tests.support.visitor import Visitor, visiting

LINK = "https://www.example.com/app?a=1#top"
OWN_LINK = "https://www.example.com/voucher"
SHOP_LINK = "https://one.example/app"
ENDPOINTS = f"""
[[message]]
path = "/voucher/"
text = "Your voucher"
sender = "Example"
link = "{OWN_LINK}"
limit_amount = 1
limit_expires = 60
receiver_limit_amount = 1
receiver_limit_expires = 60
"""
SHOPS = f"""
[[site]]
key = "one"
link = "{SHOP_LINK}"

[[site]]
key = "plain"
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    found = {"messages_file": ENDPOINTS, "protection_file": SHOPS}
    for name, content in found.items():
        (folder / name).write_text(content)
    return {name: folder / name for name in found}


@pytest.fixture(scope="module")
def gateway(
    standin: VonageStandin, valkey_url: str, files: dict[str, Path]
) -> Iterator[GatewayProcess]:
    options = standin.options(
        valkey_url, form_link=LINK, trusted_proxies="127.0.0.1", same_text_seconds=0, **files
    )
    with GatewayProcess(*options) as process:
        yield process


# -- the link of a refused call ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("receiver", "error", "led"),
    [
        ("", "receiver_missing", False),
        ("12", "receiver_validation", True),
        ("+49 30 901820", "receiver_validation", True),
        ("+49 900 1234567", "receiver_validation", True),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "JSONP"])
async def test_a_number_that_cannot_be_used_gets_the_link(
    method: str, receiver: str, error: str, *, led: bool, visitor: Visitor
) -> None:
    given = {"receiver": receiver}
    if method == "POST":
        reply = await visitor.request("POST", "/message/", data=given)
    else:
        reply = await visitor.get(
            "/message/", **given, **({"callback": "f"} if method == "JSONP" else {})
        )

    expected = {"status": "error", "error": error} | ({"link": LINK} if led else {})
    if method == "JSONP":
        assert (LINK.replace("/", "\\/") in reply.text) is led
    else:
        assert expected == reply.json


async def test_a_provider_that_refuses_leaves_the_link(
    visitor: Visitor, standin: VonageStandin
) -> None:
    standin.expect(refused("9"))

    body = (await visitor.send()).json

    assert ("nexmo_error", LINK) == (body["error"], body["link"])


async def test_a_limit_leaves_the_link_of_its_endpoint(visitor: Visitor) -> None:
    await visitor.send(path="/voucher/")
    by_address = await visitor.send(path="/voucher/")
    by_receiver = await visitor.via(X_Real_Ip="198.51.100.7").send(path="/voucher/")

    for reply in (by_address, by_receiver):
        assert {"status": "error", "error": "limit_acceded", "link": OWN_LINK} == reply.json
        assert 0 < int(reply.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("path", "site", "link"),
    [
        ("/message/", "one", SHOP_LINK),
        ("/message/", "plain", LINK),
        ("/message/", "nobody", LINK),
    ],
)
async def test_the_link_is_that_of_the_shop_else_of_the_endpoint_else_of_the_option(
    path: str, site: str, link: str, visitor: Visitor
) -> None:
    assert link == (await visitor.send("12", path=path, site=site)).json["link"]


async def test_a_message_that_goes_out_and_a_wrong_call_have_no_link(visitor: Visitor) -> None:
    sent = await visitor.send()
    twice = await visitor.request("GET", "/message/?receiver=1&receiver=2")

    assert ("ok", 400) == (sent.json["status"], twice.status)
    assert "link" not in sent.json
    assert "link" not in twice.json


async def test_who_wants_no_messages_gets_the_link(standin: VonageStandin, redis_url: str) -> None:
    options = standin.options(redis_url, form_link=LINK, sender="12065550100")
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            stop = {
                "msisdn": "4917612345679",
                "to": "12065550100",
                "messageId": "1",
                "text": "STOP",
            }
            await visitor.get("/inbound/", **stop)
            body = (await visitor.send("+4917612345679")).json

    assert {"status": "error", "error": "receiver_opted_out", "link": LINK} == body


@pytest.mark.parametrize("callback", ["", "f"])
async def test_without_the_store_there_is_still_the_link(
    callback: str, standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    options = standin.options(valkey_server.url, form_link=LINK, limit_amount=1)
    with GatewayProcess(*options) as gateway:
        valkey_server.stop()
        async with visiting(gateway.url) as visitor:
            reply = await visitor.send(**({"callback": callback} if callback else {}))

    assert "temporarily_unavailable" in reply.text
    assert LINK.replace("/", "\\/" if callback else "/") in reply.text


async def test_without_the_option_nothing_is_added(redis_url: str) -> None:
    async with (
        serving("--message=Hi", "--sender=Me", redis_url=redis_url) as gateway,
        visiting(gateway.url) as visitor,
    ):
        refused_number = (await visitor.send("12")).json
        assert {"status": "error", "error": "receiver_validation"} == refused_number
        assert "link" not in (await visitor.get("/countries/")).json


# -- /countries/ ------------------------------------------------------------------------------


async def test_the_countries_are_listed_with_their_calling_codes(visitor: Visitor) -> None:
    reply = await visitor.get("/countries/")
    body = reply.json

    assert "no-store" == reply.headers["Cache-Control"]
    codes = {each["country"]: each["calling_code"] for each in body["countries"]}
    assert len(codes) == len(body["countries"]) > 230
    expected = {"DE": "49", "US": "1", "CA": "1", "GB": "44", "JE": "44", "KZ": "7", "XK": "383"}
    assert expected == {each: codes[each] for each in expected}
    assert "001" not in codes


@pytest.mark.parametrize(
    ("address", "language", "country", "guess"),
    [
        ("127.0.0.1", "", "", "DE"),
        ("127.0.0.1", "fr-CH,en-US;q=0.5", "", "CH"),
        ("127.0.0.1", "en-US", "", "US"),
        ("127.0.0.1", "en-US", "br", "BR"),
        ("127.0.0.1", "de", "zz", "DE"),
    ],
)
async def test_the_likely_country_is_the_first_by_which_a_number_would_be_read(
    address: str, language: str, country: str, guess: str, visitor: Visitor
) -> None:
    headers = {"Accept-Language": language, "X-Real-Ip": address}
    given = {"country": country} if country else {}

    body = (await visitor.via(**headers).get("/countries/", **given)).json

    assert guess == body["guess"]
    assert phonenumber.calling_code(guess) == body["formats"]["calling_code"]


@pytest.mark.parametrize(
    ("code", "trunk", "first"),
    [
        (
            "33",
            "0",
            {"leading": "8", "groups": [[3, 3], [2, 2], [2, 2], [2, 2]], "layout": "$1 $2 $3 $4"},
        ),
        ("1", "1", {"leading": "310", "groups": [[3, 3], [4, 4]], "layout": "$1-$2"}),
    ],
)
async def test_the_formats_of_a_calling_code_can_be_asked_for(
    code: str, trunk: str, first: object, visitor: Visitor
) -> None:
    found = (await visitor.get("/countries/", formats=code)).json["formats"]

    assert (code, trunk, first) == (found["calling_code"], found["trunk"], found["formats"][0])


@pytest.mark.parametrize("code", ["999", "0", "-1", "１", "800", "x" * 1000])
async def test_what_is_no_calling_code_has_no_formats(code: str, visitor: Visitor) -> None:
    assert (await visitor.get("/countries/", formats=code)).json["formats"] is None


@pytest.mark.parametrize(
    ("endpoint", "site", "link"),
    [
        ("", "", LINK),
        ("/message/", "", LINK),
        ("/voucher", "", OWN_LINK),
        ("/voucher/", "one", SHOP_LINK),
        ("/message/", "plain", LINK),
    ],
)
async def test_the_link_is_told_before_with_its_code(
    endpoint: str, site: str, link: str, visitor: Visitor
) -> None:
    body = (await visitor.get("/countries/", endpoint=endpoint, site=site)).json

    assert link == body["link"]
    assert body["qr"].startswith("data:image/svg+xml;")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"endpoint": "/none/"}, "endpoint_unknown"),
        ({"endpoint": "voucher"}, "endpoint_unknown"),
        ({"site": "nobody"}, "site_unknown"),
    ],
)
async def test_an_unknown_endpoint_or_shop_is_said(
    given: dict[str, str], error: str, visitor: Visitor
) -> None:
    reply = await visitor.get("/countries/", **given)

    assert (200, {"status": "error", "error": error}) == (reply.status, reply.json)


async def test_the_countries_come_to_script_tags_and_other_origins(visitor: Visitor) -> None:
    reply = await visitor.via(Origin="https://a.example").get("/countries/", callback="f")

    assert reply.text.startswith('f({"status":"ok"')
    assert "*" == reply.headers["Access-Control-Allow-Origin"]
    assert 204 == (await visitor.request("OPTIONS", "/countries/")).status


RULES = """
[[rule]]
action = "block"

[[rule]]
action = "allow"
country = "AT"

[[rule]]
action = "limit"
calling_code = "33"
"""


@pytest.mark.parametrize(
    ("rules", "served", "guess"),
    [
        pytest.param(RULES, ["AT", "FR"], "FR", id="some"),
        pytest.param('[[rule]]\naction = "block"\n', [], None, id="none"),
    ],
)
async def test_only_countries_that_are_served_are_listed_and_guessed(
    rules: str, served: list[str], guess: str | None, redis_url: str, tmp_path: Path
) -> None:
    (file := tmp_path / "protection.toml").write_text(rules)
    options = ("--message=Hi", "--sender=Me", f"--protection_file={file}")
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        headers = {"Accept-Language": "de-DE,fr-FR;q=0.5"}
        body = (await visitor.via(**headers).get("/countries/")).json
    assert (served, guess) == ([each["country"] for each in body["countries"]], body["guess"])


@pytest.mark.parametrize("mode", ["monitor", "off"])
async def test_rules_that_refuse_nothing_leave_all_countries(
    mode: str, redis_url: str, tmp_path: Path
) -> None:
    (file := tmp_path / "protection.toml").write_text(RULES)
    options = ("--message=Hi", "--sender=Me", f"--protection_file={file}", f"--protection={mode}")
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        assert 230 < len((await visitor.get("/countries/")).json["countries"])


def test_an_endpoint_has_no_link_unless_it_is_given() -> None:
    assert "" == MessageEndpoint("/a", "text", "Sender").link
