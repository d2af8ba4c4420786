"""Whose pages may call: by Origin or else Referer, for each shop, seen from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import SENDER, TEXT, VonageStandin
from tests.support.visitor import RECEIVER, Reply, Visitor, visiting

OWN = "https://sms.example.com"
MAIN = "https://www.example.com"
PORT = "https://www.example.com:8443"
IDNA = "https://xn--bcher-kva.example"
IPV6 = "http://[2001:db8::1]:8080"
ALLOWED = f"{MAIN}, HTTPS://WWW.Example.com:8443/, https://Bücher.example:443, {IPV6}"
ONE, TWO = "https://one.example", "https://two.example"
EVIL = "https://evil.example"
SHOPS = f"""
[[site]]
key = "one"
origins = ["{ONE}", "{TWO}"]
message = "One's app: https://one.example/app"
sender = "One"

[[site]]
key = "plain"
"""
REFUSED = {"status": "error", "error": "origin_not_allowed"}
UNKNOWN = {"status": "error", "error": "site_unknown"}


@pytest.fixture(scope="module")
def shops_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shops") / "protection.toml"
    file.write_text(SHOPS)
    return file


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str, shops_file: Path) -> Iterator[GatewayProcess]:
    """A gateway for some sites alone, that does not mind the same text twice."""
    options = standin.options(
        valkey_url,
        allowed_origins=ALLOWED,
        protection_file=shops_file,
        protection="off",
        public_url=OWN,
        same_text_seconds=0,
    )
    with GatewayProcess(*options) as process:
        yield process


async def sent_by(visitor: Visitor, method: str, headers: dict[str, str], **more: str) -> Reply:
    """Ask for the message, by a query or by a form."""
    given = {"receiver": RECEIVER, **more}
    if method == "POST":
        return await visitor.request("POST", "/message/", data=given, headers=headers)
    return await visitor.via(**headers).get("/message/", **given)


# label, what the page says of itself, whether it may have a message sent by GET, and by POST
CALLERS: dict[str, tuple[dict[str, str], bool, bool]] = {
    "an allowed site": ({"Origin": MAIN}, True, True),
    "in capitals": ({"Origin": "HTTPS://WWW.EXAMPLE.COM"}, True, True),
    "with the usual port": ({"Origin": f"{MAIN}:443"}, True, True),
    "at a port of its own": ({"Origin": PORT}, True, True),
    "at another port": ({"Origin": f"{MAIN}:444"}, False, False),
    "without TLS": ({"Origin": "http://www.example.com"}, False, False),
    "by an IDNA name": ({"Origin": IDNA}, True, True),
    "by an IPv6 address": ({"Origin": IPV6}, True, True),
    "by that in full": ({"Origin": "http://[2001:DB8:0:0:0:0:0:1]:8080"}, True, True),
    "the gateway itself": ({"Origin": OWN}, True, True),
    "another site": ({"Origin": EVIL}, False, False),
    "a name within an allowed one": ({"Origin": "https://a.www.example.com"}, False, False),
    "a name around an allowed one": ({"Origin": f"{MAIN}.evil.example"}, False, False),
    "an allowed one as a user": ({"Origin": f"{MAIN}@evil.example"}, False, False),
    "a shop, not named": ({"Origin": ONE}, False, False),
    "a sandboxed frame": ({"Origin": "null"}, False, False),
    "what is no origin": ({"Origin": "www.example.com"}, False, False),
    "an address as origin": ({"Origin": f"{MAIN}/form"}, False, False),
    "two in one": ({"Origin": f"{MAIN}, {EVIL}"}, False, False),
    "a huge one": ({"Origin": f"https://{'a' * 7000}.example"}, False, False),
    "a page of an allowed site": ({"Referer": f"{MAIN}/form?a=https://b.example#c"}, True, True),
    "an allowed site's front page": ({"Referer": f"{MAIN}/"}, True, True),
    "a page of another site": ({"Referer": f"{EVIL}/?{MAIN}/"}, False, False),
    "a page of a user's": ({"Referer": f"{MAIN}@evil.example/"}, False, False),
    "a page behind a backslash": ({"Referer": f"{MAIN}\\@evil.example/"}, False, False),
    "an app": ({"Referer": "android-app://com.example/"}, False, False),
    "Origin decides": ({"Origin": EVIL, "Referer": f"{MAIN}/"}, False, False),
    "Origin decides, too": ({"Origin": MAIN, "Referer": f"{EVIL}/"}, True, True),
    "an empty Origin": ({"Origin": "", "Referer": f"{MAIN}/"}, True, True),
    "a page that says nothing, or a program": ({}, False, True),
    "a page that follows a host's name": ({"Origin": EVIL, "Host": "evil.example"}, False, False),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS.keys())
async def test_only_pages_of_allowed_sites_have_messages_sent(
    method: str,
    caller: tuple[dict[str, str], bool, bool],
    visitor: Visitor,
    standin: VonageStandin,
) -> None:
    headers, got, posted = caller
    expected = posted if method == "POST" else got

    reply = await sent_by(visitor, method, headers)

    if expected:
        assert (200, "ok", 1) == (reply.status, reply.json["status"], len(standin.posts))
    else:
        assert (403, REFUSED, 0) == (reply.status, reply.json, len(standin.posts))
    origin = headers.get("Origin", "")
    shown = reply.headers.get("Access-Control-Allow-Origin")
    assert (origin if origin and expected else None) == shown
    assert "Origin" == reply.headers["Vary"]


async def test_an_origin_that_is_said_twice_is_none(
    visitor: Visitor, standin: VonageStandin
) -> None:
    headers = [("Origin", MAIN), ("Origin", MAIN)]
    async with visitor.session.post(
        f"{visitor.url}/message/", data={"receiver": RECEIVER}, headers=headers
    ) as response:
        assert (403, REFUSED) == (response.status, await response.json())
    assert [] == standin.posts


@pytest.mark.parametrize(
    "path",
    [
        f"/message/?receiver={RECEIVER[1:].replace(' ', '')}",
        "/validate_number/?number=1",
        "/status/?id=1",
    ],
)
async def test_a_script_tag_of_another_site_can_read_that_it_may_not(
    path: str, visitor: Visitor
) -> None:
    reply = await visitor.via(Referer=f"{EVIL}/").request("GET", f"{path}&callback=f")

    assert 200 == reply.status
    assert 'f({"status":"error","error":"origin_not_allowed"});' == reply.text


@pytest.mark.parametrize("path", ["/validate_number/", "/status/"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": MAIN}, 200),
        ({"Origin": TWO}, 200),
        ({"Referer": f"{ONE}/form"}, 200),
        ({"Origin": OWN}, 200),
        ({"Origin": EVIL}, 403),
        ({"Origin": "null"}, 403),
        ({"Referer": EVIL}, 403),
    ],
    ids=str,
)
async def test_what_sends_nothing_is_open_to_pages_of_all_shops(
    path: str, headers: dict[str, str], status: int, visitor: Visitor
) -> None:
    reply = await visitor.via(**headers).get(path)

    assert status == reply.status


@pytest.mark.parametrize("path", ["/", "/example.html", "/health/live"])
async def test_the_gateways_own_pages_are_shown_to_visitors_from_everywhere(
    path: str, visitor: Visitor
) -> None:
    assert 200 == (await visitor.via(Origin=EVIL, Referer=EVIL).get(path)).status


@pytest.mark.parametrize(
    ("path", "origin", "allowed"),
    [
        ("/message/", MAIN, True),
        ("/message/", ONE, True),  # the body may name the shop
        ("/message/", EVIL, False),
        ("/message/", "null", False),
        ("/message/?site=one", ONE, True),
        ("/message/?site=one", MAIN, False),
        ("/message/?site=plain", MAIN, True),
        ("/message/?site=nobody", MAIN, True),
        ("/status/", TWO, True),
        ("/validate_number/", EVIL, False),
    ],
)
async def test_a_preflight_allows_the_origins_that_may_call(
    path: str, origin: str, allowed: bool, visitor: Visitor
) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    reply = await visitor.request("OPTIONS", path, headers=headers)

    assert 204 == reply.status
    assert (origin if allowed else None) == reply.headers.get("Access-Control-Allow-Origin")
    assert "Origin" in reply.headers.getall("Vary")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("site", "origin", "allowed"),
    [
        ("one", ONE, True),
        ("one", TWO, True),
        ("one", OWN, True),
        ("one", MAIN, False),
        ("one", EVIL, False),
        ("plain", MAIN, True),
        ("plain", ONE, False),
        (" ", MAIN, True),
    ],
)
async def test_a_shop_has_origins_of_its_own(
    method: str, site: str, origin: str, allowed: bool, visitor: Visitor
) -> None:
    reply = await sent_by(visitor, method, {"Origin": origin}, site=site)

    assert (200 if allowed else 403) == reply.status


@pytest.mark.parametrize(
    ("site", "text", "sender"),
    [
        ("", TEXT, SENDER),
        ("plain", TEXT, SENDER),
        ("one", "One's app: https://one.example/app", "One"),
    ],
)
async def test_a_shop_has_a_text_and_a_sender_of_its_own(
    site: str, text: str, sender: str, visitor: Visitor, standin: VonageStandin
) -> None:
    more = {"site": site} if site else {}

    await sent_by(visitor, "POST", {"Origin": OWN}, **more)

    [post] = standin.posts
    assert (text, sender) == (post.form["text"], post.form["from"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("site", ["nobody", "ONE", "one two", "<b>", "one" * 100])
async def test_an_unknown_shop_sends_nothing(
    method: str, site: str, visitor: Visitor, standin: VonageStandin
) -> None:
    reply = await sent_by(visitor, method, {"Origin": MAIN}, site=site)

    assert (200, UNKNOWN, 0) == (reply.status, reply.json, len(standin.posts))
    assert MAIN == reply.headers["Access-Control-Allow-Origin"]
    assert (
        f"f({json.dumps(UNKNOWN, separators=(',', ':'))});"
        == (await sent_by(visitor, "GET", {"Origin": MAIN}, site=site, callback="f")).text
    )


async def test_without_origins_a_shop_with_some_is_still_theirs_alone(
    standin: VonageStandin, redis_url: str, shops_file: Path
) -> None:
    standin.expect()
    options = standin.options(redis_url, protection_file=shops_file, protection="off")
    with GatewayProcess(*options, "--same_text_seconds=0") as gateway:
        async with visiting(gateway.url) as visitor:
            anyone = await sent_by(visitor, "GET", {})
            theirs = await sent_by(visitor, "GET", {"Origin": ONE}, site="one")
            others = await sent_by(visitor, "GET", {"Origin": EVIL}, site="one")
            own = await sent_by(visitor, "GET", {"Origin": gateway.url}, site="one")
            checked = await visitor.via(Origin=EVIL).get("/validate_number/", number="1")

    assert (200, "*") == (anyone.status, anyone.headers["Access-Control-Allow-Origin"])
    assert (200, ONE) == (theirs.status, theirs.headers["Access-Control-Allow-Origin"])
    assert (403, REFUSED) == (others.status, others.json)
    assert 200 == own.status
    assert (200, "*") == (checked.status, checked.headers["Access-Control-Allow-Origin"])
    assert 3 == len(standin.posts)


@pytest.mark.parametrize(
    ("public_url", "host", "page", "allowed"),
    [
        (OWN, "evil.example", "http://evil.example", False),
        (OWN, "evil.example", "https://evil.example", False),
        (OWN, "sms.example.com", OWN, True),
        (OWN, "127.0.0.1:8000", OWN, True),
        (OWN, "localhost:8888", "http://localhost:8888", True),
        (OWN, "[::1]:8888", "http://[::1]:8888", True),
        ("", "gateway.example", "https://gateway.example", True),
        ("", "gateway.example:8443", "https://gateway.example:8443", True),
        ("", "GATEWAY.example:443", "https://gateway.example", True),
        ("", "gateway.example", "https://www.example.org", False),
        ("", "", "null", False),
    ],
)
async def test_a_name_that_somebody_lets_point_here_is_none_of_ours(
    public_url: str, host: str, page: str, redis_url: str, *, allowed: bool
) -> None:
    """Where the gateway's address is known; else the host that was asked for has to do."""
    options = ("--message=Hi", "--sender=Me", f"--allowed_origins={MAIN}")
    async with (
        serving(*options, f"--public_url={public_url}", redis_url=redis_url) as gateway,
        visiting(gateway.url) as visitor,
    ):
        reply = await visitor.via(Host=host, Origin=page).get("/validate_number/", number="1")

    assert (200 if allowed else 403) == reply.status


async def test_refused_pages_are_not_counted(standin: VonageStandin, redis_url: str) -> None:
    standin.expect()
    options = standin.options(redis_url, limit_amount=1, allowed_origins=MAIN)
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            refusals = [await sent_by(visitor, "POST", {"Origin": EVIL}) for _ in range(3)]
            passed = await sent_by(visitor, "POST", {"Origin": MAIN})

    assert [REFUSED] * 3 == [each.json for each in refusals]
    assert "ok" == passed.json["status"]


async def test_the_shop_is_shown_with_its_messages(
    standin: VonageStandin, redis_url: str, shops_file: Path
) -> None:
    standin.expect()
    options = standin.options(redis_url, protection_file=shops_file, admin_token="correct-horse")
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            sent = await sent_by(visitor, "POST", {}, site="one")
            operator = visitor.via(Authorization="Bearer correct-horse")
            life = (await operator.get(f"/messages/{sent.json['id']}")).json

    assert ("/message", "one") == (life["source"], life["site"])
