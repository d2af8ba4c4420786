"""What every handler shares: arguments, JSON and JSONP, CORS, headers, errors without traces."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.web import RequestHandler

from handlers.admin.base import AdminHandler
from handlers.base import BaseHandler
from handlers.public.base import PublicHandler
from tests.support.servers.serving import Gateway, serving


class CrashingHandler(PublicHandler):
    """Fails in a way nobody expected."""

    def get(self) -> None:
        """Crash with a value that must not be shown."""
        raise RuntimeError("secret-in-the-exception +4917612345678")


class EchoHandler(PublicHandler):
    """Shows the arguments as they were understood."""

    def get(self) -> None:
        """Answer the arguments."""
        self.reply({"arguments": self.arguments(), "address": self.client_address})

    post = get


class AdminEcho(AdminHandler):
    """The same behind the admin token."""

    def get(self) -> None:
        """Answer the page asked for."""
        limit, after = self.page()
        self.reply({"limit": limit, "after": after})


ROUTES = [("/crash/?", CrashingHandler), ("/echo/?", EchoHandler), ("/admin-echo/?", AdminEcho)]


@pytest.fixture
async def gateway(redis_url: str) -> Any:
    """A gateway with the handlers of this module."""
    options = ("--admin_token=correct-horse", "--trusted_proxies=127.0.0.1")
    async with serving(*options, redis_url=redis_url, routes=ROUTES) as running:
        yield running


GOOD_CALLBACKS = ("a.default.b", "f", "$", "_x", "jQuery1.cb_2", "a.b.c", "x" * 64)
BAD_CALLBACKS = (
    "",
    "alert(1)",
    "a-b",
    "1a",
    "a.",
    ".a",
    "a..b",
    " f",
    "f ",
    "f\n",
    "ƒ",
    "a[0]",
    "x" * 65,
    "if",
    "</script>",
    "f;g",
)


@pytest.mark.parametrize("name", GOOD_CALLBACKS)
async def test_a_valid_callback_gets_javascript(gateway: Gateway, name: str) -> None:
    """The body is exactly NAME({...});"""
    response = await gateway.client.get("/echo/", params={"callback": name})
    assert 200 == response.status
    assert "application/javascript; charset=UTF-8" == response.headers["Content-Type"]
    assert "nosniff" == response.headers["X-Content-Type-Options"]
    body = await response.text()
    assert body.startswith(f"{name}({{")
    assert body.endswith("});")
    json.loads(body[len(name) + 1 : -2])


@pytest.mark.parametrize("name", BAD_CALLBACKS)
async def test_an_invalid_callback_is_refused_as_plain_json(gateway: Gateway, name: str) -> None:
    """What is no identifier never comes back in the body."""
    response = await gateway.client.get("/echo/", params={"callback": name})
    assert 400 == response.status
    assert {"status": "error", "error": "callback_invalid"} == await response.json()


async def test_two_callbacks_are_refused(gateway: Gateway) -> None:
    """Nobody can tell which one was meant."""
    response = await gateway.client.get("/echo/?callback=a&callback=b")
    assert 400 == response.status
    assert "callback_invalid" == (await response.json())["error"]


async def test_callback_means_nothing_in_a_post(gateway: Gateway) -> None:
    """JSONP belongs to GET."""
    response = await gateway.client.post("/echo/?callback=f")
    assert (await response.json())["arguments"] == {"callback": "f"}


@pytest.mark.parametrize("text", ["</script><script>alert(1)", "\u2028\u2029", "ü€😀", '"\\'])
async def test_jsonp_escapes_what_ends_a_script(gateway: Gateway, text: str) -> None:
    """A value can neither end the script nor the line."""
    response = await gateway.client.get("/echo/", params={"callback": "f", "x": text})
    body = await response.text()
    assert text == json.loads(body[2:-2])["arguments"]["x"]
    assert body.isascii()
    assert "</" not in body


ARGUMENTS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "query": ("GET", {"params": {"a": " x ", "b": ""}}, {"a": " x ", "b": ""}),
    "form": ("POST", {"data": {"a": "é€"}}, {"a": "é€"}),
    "json": ("POST", {"json": {"a": "é€", "n": 49}}, {"a": "é€", "n": "49"}),
    "json null counts as absent": ("POST", {"json": {"a": None}}, {}),
    "json without a content type": ("POST", {"data": b' {"a": "1"}'}, {"a": "1"}),
    "query and body": ("POST", {"params": {"a": "1"}, "data": {"b": "2"}}, {"a": "1", "b": "2"}),
    "form called json": (
        "POST",
        {"data": b"a=%2B49+1", "headers": {"Content-Type": "application/json"}},
        {"a": "+49 1"},
    ),
    "form without a content type": (
        "POST",
        {"data": b"a=1&b=2", "skip_auto_headers": ["Content-Type"]},
        {"a": "1", "b": "2"},
    ),
    "form of a browser as text": (
        "POST",
        {"data": b"a=+49 1&2\r\nb=\r\n", "headers": {"Content-Type": "text/plain"}},
        {"a": "+49 1&2", "b": ""},
    ),
    "form called multipart": (
        "POST",
        {"data": b"a=1", "headers": {"Content-Type": "multipart/form-data"}},
        {"a": "1"},
    ),
    "json called a form": (
        "POST",
        {
            "data": b'{"a": "1"}',
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        {"a": "1"},
    ),
    "json in UTF-16": ("POST", {"data": '{"a": "é"}'.encode("utf-16")}, {"a": "é"}),
    "json type without a body": (
        "POST",
        {"headers": {"Content-Type": "application/json"}},
        {},
    ),
    "content type of a GET": (
        "GET",
        {"params": {"a": "1"}, "headers": {"Content-Type": "multipart/form-data"}},
        {"a": "1"},
    ),
    "json type of a GET": (
        "GET",
        {"params": {"a": "1"}, "headers": {"Content-Type": "application/json"}},
        {"a": "1"},
    ),
}


@pytest.mark.parametrize(("method", "sent", "expected"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
async def test_arguments_are_read_raw(
    gateway: Gateway, method: str, sent: dict[str, Any], expected: dict[str, str]
) -> None:
    """From query, form and JSON, neither stripped nor changed."""
    response = await gateway.client.request(method, "/echo/", **sent)
    assert expected == (await response.json())["arguments"]


JSON_TYPE = {"Content-Type": "application/json"}
REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "repeated in the query": (400, "/echo/?a=1&a=2", {}),
    "repeated in the form": (400, "/echo/", {"data": b"a=1&a=2", "headers": None}),
    "in query and body": (400, "/echo/?a=1", {"data": {"a": "2"}}),
    "repeated in json": (400, "/echo/", {"data": b'{"a":"1","a":"2"}', "headers": JSON_TYPE}),
    "json list": (400, "/echo/", {"json": ["a"]}),
    "json text": (400, "/echo/", {"json": "a"}),
    "json number": (400, "/echo/", {"json": 1}),
    "broken json": (400, "/echo/", {"data": b'{"a":', "headers": JSON_TYPE}),
    "deep json": (400, "/echo/", {"data": b'{"a":' + b"[" * 20000, "headers": JSON_TYPE}),
    "NaN": (400, "/echo/", {"data": b'{"a":NaN}', "headers": JSON_TYPE}),
    "a list as value": (400, "/echo/", {"json": {"a": ["1"]}}),
    "true as value": (400, "/echo/", {"json": {"a": True}}),
    "half a surrogate pair": (400, "/echo/", {"data": rb'{"a":"\ud83d"}', "headers": JSON_TYPE}),
    "invalid UTF-8 in the query": (400, "/echo/?a=%ff%fe", {}),
    "invalid UTF-8 in the form": (400, "/echo/", {"data": b"a=%ff", "headers": None}),
    "invalid UTF-8 in json": (400, "/echo/", {"data": b'{"a":"\xff"}', "headers": JSON_TYPE}),
    "a body of 1 MB": (413, "/echo/", {"data": b"a=" + b"x" * 1_000_000, "headers": None}),
    "json of 1 MB": (413, "/echo/", {"json": {"a": "x" * 1_000_000}}),
    "too many fields": (400, "/echo/", {"data": b"&".join([b"a=1"] * 2000), "headers": None}),
    "multipart without a boundary": (
        400,
        "/echo/",
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    ),
}


@pytest.mark.parametrize(("status", "path", "sent"), REFUSED.values(), ids=REFUSED.keys())
async def test_unusable_arguments_get_a_clear_4xx(
    gateway: Gateway, status: int, path: str, sent: dict[str, Any]
) -> None:
    """The answer is JSON, says what is wrong, and shows no trace."""
    if sent.get("headers", "") is None:
        sent = sent | {"headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    response = await gateway.client.post(path, allow_redirects=False, **sent)
    assert status == response.status
    body = await response.json()
    assert "error" == body["status"]
    assert "Traceback" not in str(body)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
async def test_an_unknown_path_is_404_in_json(gateway: Gateway, method: str) -> None:
    """Whatever the verb."""
    response = await gateway.client.request(method, "/no/such/path")
    assert 404 == response.status
    assert "not_found" == (await response.json())["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "BREW"])
async def test_an_unknown_method_is_405_in_json(gateway: Gateway, method: str) -> None:
    """With the methods that would do."""
    response = await gateway.client.request(method, "/echo/")
    assert 405 == response.status
    assert "GET, POST, OPTIONS" == response.headers["Allow"]
    if method != "HEAD":
        assert "method_not_allowed" == (await response.json())["error"]


async def test_a_crash_is_500_in_json_and_masked_in_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller learns nothing of the inside; the log learns nothing of the caller."""
    response = await gateway.client.get("/crash/", params={"receiver": "+4917612345678"})
    assert 500 == response.status
    assert {"status": "error", "error": "internal_error", "message": "Internal Server Error"} == (
        await response.json()
    )
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "crash in GET /crash/" == record.getMessage()


async def test_a_crash_with_callback_is_readable_by_a_script_tag(gateway: Gateway) -> None:
    """A script tag ignores bodies with any other status than 200."""
    response = await gateway.client.get("/crash/", params={"callback": "f"})
    assert 200 == response.status
    assert (await response.text()).startswith('f({"status":"error","error":"internal_error"')


async def test_nothing_is_ever_cached_or_304(gateway: Gateway) -> None:
    """A 304 would hide that the request had an effect."""
    response = await gateway.client.get("/echo/", headers={"If-None-Match": "*"})
    assert 200 == response.status
    assert "no-store" == response.headers["Cache-Control"]
    assert "Etag" not in response.headers


async def test_a_preflight_is_answered(gateway: Gateway) -> None:
    """Any origin may send a JSON body."""
    response = await gateway.client.options(
        "/echo/", headers={"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    )
    assert 204 == response.status
    assert "*" == response.headers["Access-Control-Allow-Origin"]
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("baggage, sentry-trace", "baggage, sentry-trace"),
        ("content-type,traceparent,newrelic", "content-type,traceparent,newrelic"),
        ("x-" + "a" * 2000, "Content-Type, Accept, X-Requested-With"),
        ("a\tb", "Content-Type, Accept, X-Requested-With"),
        ("", "Content-Type, Accept, X-Requested-With"),
    ],
    ids=lambda text: text[:20],
)
async def test_a_preflight_allows_the_headers_that_it_asks_for(
    gateway: Gateway, asked: str, allowed: str
) -> None:
    """What watches a page adds headers to every request of its scripts."""
    headers = {"Origin": "https://example.com", "Access-Control-Request-Headers": asked}
    response = await gateway.client.options("/echo/", headers=headers)
    assert allowed == response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path", ["/", "/example.html", "/metrics", "/health/live"])
async def test_head_is_answered_like_get_without_a_body(gateway: Gateway, path: str) -> None:
    """Monitors ask so."""
    got, asked = await gateway.client.get(path), await gateway.client.head(path)
    assert (200, got.headers["Content-Type"]) == (asked.status, asked.headers["Content-Type"])
    assert b"" == await asked.read()


ADMIN: dict[str, tuple[int, str]] = {
    "no token": (401, ""),
    "wrong token": (401, "Bearer wrong-horse"),
    "wrong scheme": (401, "Basic correct-horse"),
    "part of the token": (401, "Bearer correct"),
    "non-ASCII token": (401, "Bearer ünïcode"),
    "right token": (200, "Bearer correct-horse"),
    "scheme in lower case": (200, "bearer correct-horse"),
}


@pytest.mark.parametrize(("status", "authorization"), ADMIN.values(), ids=ADMIN.keys())
async def test_admin_routes_ask_for_the_token(
    gateway: Gateway, status: int, authorization: str
) -> None:
    """401 carries the challenge."""
    headers = {"Authorization": authorization} if authorization else {}
    response = await gateway.client.get("/admin-echo", headers=headers)
    assert status == response.status
    assert (status == 401) is ("WWW-Authenticate" in response.headers)


async def test_without_a_configured_token_admin_routes_are_closed(redis_url: str) -> None:
    """403, whatever is sent, even an empty token."""
    async with serving(redis_url=redis_url, routes=ROUTES) as gateway:
        for authorization in ("Bearer ", "Bearer x"):
            response = await gateway.client.get(
                "/admin-echo", headers={"Authorization": authorization}
            )
            assert 403 == response.status


DEVELOPERS: dict[str, tuple[int, dict[str, str]]] = {
    "from this machine": (200, {}),
    "own page": (200, {"Origin": "OWN"}),
    "foreign page": (403, {"Origin": "https://evil.example"}),
    "rebound name": (403, {"Host": "evil.example"}),
    "forwarded": (403, {"X-Forwarded-For": "127.0.0.1"}),
    "forwarded too": (403, {"X-Real-Ip": "127.0.0.1"}),
    "sandboxed page": (403, {"Origin": "null"}),
}


@pytest.mark.parametrize(("status", "headers"), DEVELOPERS.values(), ids=DEVELOPERS.keys())
async def test_in_development_mode_this_machine_needs_no_token(
    redis_url: str, status: int, headers: dict[str, str]
) -> None:
    """But a page in the browser of this machine does not count as this machine."""
    async with serving("--development_mode", redis_url=redis_url, routes=ROUTES) as gateway:
        sent = {name: value.replace("OWN", gateway.url) for name, value in headers.items()}
        response = await gateway.client.get("/admin-echo", headers=sent)
        assert status == response.status


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "１０", "1.5", "99999999999"])
async def test_a_wrong_page_size_is_named(gateway: Gateway, limit: str) -> None:
    """400 with the field's name."""
    headers = {"Authorization": "Bearer correct-horse"}
    response = await gateway.client.get("/admin-echo", params={"limit": limit}, headers=headers)
    assert 400 == response.status
    assert (await response.json())["message"].startswith("limit:")


ADDRESSES: dict[str, tuple[str, dict[str, str]]] = {
    "none": ("127.0.0.1", {}),
    "header of the trusted proxy": ("192.0.2.7", {"X-Real-Ip": "192.0.2.7"}),
    "IPv4-mapped": ("192.0.2.7", {"X-Real-Ip": "::ffff:192.0.2.7"}),
    "IPv6": ("2001:db8::1", {"X-Real-Ip": "2001:DB8::1"}),
    "the other header is ignored": ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
    "garbage": ("127.0.0.1", {"X-Real-Ip": "evil"}),
}


@pytest.mark.parametrize(("expected", "headers"), ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_the_client_address_behind_a_trusted_proxy(
    gateway: Gateway, expected: str, headers: dict[str, str]
) -> None:
    """The configured header, from the trusted peer."""
    response = await gateway.client.get("/echo/", headers=headers)
    assert expected == (await response.json())["address"]


@pytest.mark.parametrize(
    "request_line",
    ["OPTIONS *", "GET /dlr/%ff", "FOO /dlr/", "GET /nope%0aFAKE%1b[31m", "POST /a-secret-token"],
)
async def test_the_access_log_breaks_no_answer_and_tells_no_secret(
    redis_url: str, caplog: pytest.LogCaptureFixture, request_line: str
) -> None:
    """Every request is counted out again, whatever its path holds."""
    caplog.set_level("INFO")
    async with serving("--access_log=yes", redis_url=redis_url) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url[17:]))
        writer.write(f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 4")
        writer.close()
        assert 0 == gateway.application.in_flight
    [line] = [each.getMessage() for each in caplog.records if each.name == "gateway.access_log"]
    assert line.isprintable()
    assert not any(word in line for word in ("FAKE", "secret", "%"))


def test_a_cleared_answer_has_the_fields_that_tornado_gives_it() -> None:
    """``clear`` stands in place of Tornado's own and writes its private fields."""
    theirs, ours = RequestHandler.__new__(RequestHandler), BaseHandler.__new__(BaseHandler)
    RequestHandler.clear(theirs)
    vars(ours)["application"] = SimpleNamespace(draining=False)
    BaseHandler.clear(ours)
    fields = {name: value for name, value in vars(ours).items() if name != "application"}
    assert vars(theirs).keys() == fields.keys()
    assert vars(theirs) | {"_headers": fields["_headers"]} == fields


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", 200),
        ("/example.html", 200),
        ("/validate_number/?number=017612345678", 200),
        ("/status/?id=1", 200),
        ("/health/live", 200),
        ("/metrics", 200),
        ("/session", 200),
        ("/tn", 200),
        ("/messages", 200),
        ("/console/", 200),
        ("/message/?receiver=017612345678", 405),
    ],
)
async def test_head_answers_what_get_would_without_a_body(
    redis_url: str, path: str, expected: int
) -> None:
    """Not where a GET sends something."""
    options = ("--message=Get the app", "--sender=Example", "--admin_token=correct-horse")
    async with serving(*options, redis_url=redis_url) as gateway:
        headers = {"Authorization": "Bearer correct-horse"}
        async with gateway.client.head(path, headers=headers) as response:
            assert (expected, b"") == (response.status, await response.read())


async def test_every_request_is_counted_out_again(redis_url: str) -> None:
    """A stop waits for those that are counted in."""
    async with serving("--admin_token=correct-horse", redis_url=redis_url) as gateway:
        application = gateway.application
        for path in ("/", "/no/such", "/dead-letters/0", "/unknown/0/requeue", "/tn", "/unknown"):
            for method in ("GET", "POST", "PUT", "HEAD", "DELETE"):
                headers = {"Authorization": "Bearer correct-horse"}
                async with gateway.client.request(method, path, headers=headers) as response:
                    await response.read()
                assert 0 == application.in_flight, f"{method} {path}"
