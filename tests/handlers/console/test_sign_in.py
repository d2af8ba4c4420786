"""Who gets into the console, and which forms it believes."""

from __future__ import annotations

import logging

import pytest

from gateway.access.sign_ins import IDLE_SECONDS, MOST_SHOWN, TRIES
from gateway.store import keys
from gateway.store.pipeline import connect
from tests.support.scenes.console import OPTIONS, TOKEN, Operator
from tests.support.servers.serving import Gateway, serving


async def test_without_a_sign_in_every_page_is_the_form(gateway: Gateway) -> None:
    """The answer is 401 with the challenge of an admin route, and a form for people."""
    async with gateway.client.get("/console/") as answer:
        assert 401 == answer.status
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert 'name="token"' in await answer.text()
        assert "Set-Cookie" not in answer.headers


async def test_without_a_configured_token_nobody_gets_in(redis_url: str) -> None:
    """Neither a page nor the form's own tries."""
    async with serving(redis_url=redis_url) as gateway:
        assert 403 == (await gateway.client.get("/console/")).status
        assert 403 == (await gateway.client.post("/console/sign-in", data={"token": ""})).status


async def test_the_bearer_token_opens_pages_as_it_opens_admin_routes(gateway: Gateway) -> None:
    """A script of the operator's needs no form."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert 200 == (await gateway.client.get("/console/", headers=headers)).status
    wrong = {"Authorization": "Bearer wrong-token"}
    assert 401 == (await gateway.client.get("/console/", headers=wrong)).status


async def test_the_token_opens_the_console_and_gives_a_cookie(gateway: Gateway) -> None:
    """HTTP-only, for this console alone, never sent by another site's page."""
    answer = await Operator(gateway).sign_in()
    assert 303 == answer.status
    assert "/console/" == answer.headers["Location"]
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/console"))
    assert "Secure" not in cookie


async def test_behind_tls_the_cookie_is_secure(redis_url: str) -> None:
    """A trusted proxy says that the browser speaks TLS; from anyone else that means nothing."""
    for proxy, secure in (("127.0.0.1", True), ("192.0.2.1", False)):
        async with serving(*OPTIONS, f"--trusted_proxies={proxy}", redis_url=redis_url) as gateway:
            answer = await gateway.client.post(
                "/console/sign-in",
                data={"token": TOKEN},
                headers={"X-Forwarded-Proto": "https"},
                allow_redirects=False,
            )
            assert secure is ("Secure" in answer.headers["Set-Cookie"])


async def test_a_wrong_token_is_refused_and_logged_without_it(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells who tried, not what."""
    with caplog.at_level(logging.INFO):
        assert 401 == (await Operator(gateway).sign_in("guess-number-one")).status
        assert 303 == (await Operator(gateway).sign_in()).status
    assert "sign-in refused from 127.0.0.1" in caplog.text
    assert "signed in from 127.0.0.1" in caplog.text
    assert "guess-number-one" not in caplog.text
    assert TOKEN not in caplog.text


async def test_tries_are_throttled_over_all_processes(redis_url: str) -> None:
    """After ten tries even the right token has to wait, whichever process is asked."""
    async with (
        serving(*OPTIONS, redis_url=redis_url) as one,
        serving(*OPTIONS, redis_url=redis_url) as two,
    ):
        answers = [
            await Operator(each).sign_in("guess-again") for each in (one, two) * (TRIES.amount // 2)
        ]
        assert {401} == {answer.status for answer in answers}
        refused = await Operator(two).sign_in()
        assert 429 == refused.status
        assert 0 < int(refused.headers["Retry-After"]) <= TRIES.seconds


async def test_a_sign_in_holds_in_every_process_until_it_is_ended(redis_url: str) -> None:
    """Signing out in one process ends it in all of them."""
    async with (
        serving(*OPTIONS, redis_url=redis_url) as one,
        serving(*OPTIONS, redis_url=redis_url) as two,
    ):
        operator = Operator(one)
        await operator.sign_in()
        cookies = operator.cookies
        assert 200 == (await two.client.get("/console/", cookies=cookies)).status
        assert 303 == (await operator.post("/console/sign-out")).status
        assert 401 == (await two.client.get("/console/", cookies=cookies)).status


async def test_a_changed_token_ends_all_sign_ins(gateway: Gateway, redis_url: str) -> None:
    """Whoever knew the old one is out."""
    operator = Operator(gateway)
    await operator.sign_in()
    async with serving("--admin_token=another-token-now", redis_url=redis_url) as other:
        assert 401 == (await other.client.get("/console/", cookies=operator.cookies)).status


async def test_what_development_mode_gave_away_opens_nothing_later(redis_url: str) -> None:
    """A cookie for which nobody proved anything is worth nothing where a proof is asked for."""
    async with serving("--development_mode", redis_url=redis_url) as gateway:
        operator = Operator(gateway)
        await operator.page("/console/")
        cookies = operator.cookies
    for options, status in ((OPTIONS, 401), ((), 403)):
        async with serving(*options, redis_url=redis_url) as gateway:
            assert status == (await gateway.client.get("/console/", cookies=cookies)).status


async def test_a_neighbour_s_cookie_does_not_lock_the_operator_out(
    gateway: Gateway, operator: Operator
) -> None:
    """Other programs on the same host may set one of the same name."""
    [mine] = operator.cookies.values()
    gateway.client.cookie_jar.clear()
    header = {"Cookie": f"gateway_console={mine}; gateway_console={'0' * 64}"}
    assert 200 == (await gateway.client.get("/console/", headers=header)).status


async def test_the_right_token_forgets_the_wrong_ones(gateway: Gateway) -> None:
    """Whoever got in is no guesser."""
    for _ in range(2):
        for _ in range(TRIES.amount - 1):
            assert 401 == (await Operator(gateway).sign_in("guess-again")).status
        assert 303 == (await Operator(gateway).sign_in()).status


async def test_who_was_signed_out_while_typing_comes_back_to_his_form(
    gateway: Gateway, operator: Operator
) -> None:
    """The sign-in that he is shown leads there."""
    gateway.client.cookie_jar.clear()
    referrer = {"Referer": f"{gateway.url}/console/conversations/new?x=1"}
    path = "/console/conversations/new"
    async with gateway.client.post(path, data={"xsrf": operator.xsrf}, headers=referrer) as answer:
        assert 401 == answer.status
        assert 'value="/console/conversations/new?x=1"' in await answer.text()


async def test_scripts_are_those_that_the_page_names(gateway: Gateway) -> None:
    """JSONP is a script of this origin as well; without the page's nonce nothing runs."""
    answer = await gateway.client.get("/console/sign-in")
    policy, page = answer.headers["Content-Security-Policy"], await answer.text()
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert 32 == len(nonce)
    assert page.count("<script") == page.count(f'nonce="{nonce}"') > 0
    again = (await gateway.client.get("/console/sign-in")).headers["Content-Security-Policy"]
    assert policy != again


async def test_a_sign_in_ends_when_it_is_not_used(operator: Operator, redis_url: str) -> None:
    """And the store holds neither the cookie nor the token."""
    store = connect(redis_url)
    [key] = [each for each in await store.execute("KEYS", "*") if each.startswith("console:")]
    held = str(await store.execute("HGETALL", key)) + key
    assert 0 < await store.execute("TTL", key) <= IDLE_SECONDS
    assert TOKEN not in held
    assert operator.cookies["gateway_console"] not in held
    await store.close()


FORGED = {
    "no token": {"xsrf": ""},
    "another person's token": {"xsrf": "0" * 64},
    "not ASCII": {"xsrf": "é" * 64},
}


@pytest.mark.parametrize("fields", FORGED.values(), ids=FORGED.keys())
async def test_a_form_without_the_person_s_token_changes_nothing(
    operator: Operator, fields: dict[str, str]
) -> None:
    """The cookie alone is not enough, wherever it came from."""
    answer = await operator.post("/console/sign-out", **fields)
    assert 403 == answer.status
    await operator.page("/console/")


FOREIGN = {
    "another origin": {"Origin": "https://evil.example"},
    "a sandboxed page": {"Origin": "null"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "no origin at all": {"Origin": "http://["},
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a neighbouring site": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
async def test_forms_of_foreign_pages_are_refused(
    gateway: Gateway, operator: Operator, headers: dict[str, str]
) -> None:
    """Even with the right token, and at the sign-in as well."""
    for path, fields in (
        ("/console/sign-out", {"xsrf": operator.xsrf}),
        ("/console/sign-in", {"token": TOKEN}),
    ):
        answer = await gateway.client.post(
            path, data=fields, headers=headers, allow_redirects=False
        )
        assert 403 == answer.status
    await operator.page("/console/")


async def test_a_link_from_another_site_leads_to_the_form(gateway: Gateway) -> None:
    """Looking changes nothing: a wiki may link the console."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await gateway.client.get("/console/sign-in", headers=headers)
    assert 200 == answer.status


OWN = {
    "an IPv6 address": ("[::1]:8888", "http://[::1]:8888"),
    "a name in capitals": ("sms.example", "https://SMS.example"),
    "a proxy that leaves out the port": ("sms.example", "https://sms.example:8443"),
}


@pytest.mark.parametrize(("host", "origin"), OWN.values(), ids=OWN.keys())
async def test_forms_of_its_own_pages_are_taken(gateway: Gateway, host: str, origin: str) -> None:
    """However the console is addressed."""
    answer = await gateway.client.post(
        "/console/sign-in",
        data={"token": TOKEN},
        headers={"Host": host, "Origin": origin},
        allow_redirects=False,
    )
    assert 303 == answer.status


async def test_a_hundred_things_are_shown_at_most_and_each_for_ten_minutes(
    gateway: Gateway, operator: Operator
) -> None:
    """What is shown no longer makes room, and is forgotten."""
    store = gateway.application.services.store
    [key] = [each for each in await store.execute("KEYS", "*") if each.startswith("console:")]
    for number in range(MOST_SHOWN):
        assert 303 == (await operator.post("/console/show", thing=f"limit:{number:x}")).status
    assert 303 == (await operator.post("/console/show", thing="limit:0")).status
    assert 400 == (await operator.post("/console/show", thing="limit:abcd")).status
    await store.execute("HSET", key, "shown:limit:0", 1)
    await operator.page("/console/")
    assert 0 == await store.execute("HEXISTS", key, "shown:limit:0")
    assert 303 == (await operator.post("/console/show", thing="limit:abcd")).status


async def test_what_is_shown_after_a_sign_out_brings_nothing_back(gateway: Gateway) -> None:
    """A request that was under way while another tab signed out."""
    sign_ins = gateway.application.services.sign_ins
    sign_in = await sign_ins.begin_trusted()
    await sign_ins.end(sign_in.cookie)
    await sign_ins.show(sign_in, "message:1")
    assert await sign_ins.find(sign_in.cookie) is None
    store = gateway.application.services.store
    assert [] == list(await store.execute("KEYS", "console:*"))


BACK = {
    "/console/messages?q=1": "/console/messages?q=1",
    "//evil.example/": "/console/",
    "https://evil.example/console/": "/console/",
    "/console/../tn": "/console/",
    "/console/\\evil": "/console/",
    "javascript:alert(1)": "/console/",
}


@pytest.mark.parametrize(("asked", "given"), BACK.items(), ids=BACK.keys())
async def test_after_the_sign_in_the_way_leads_into_the_console(
    gateway: Gateway, asked: str, given: str
) -> None:
    """To the page that was asked for, and nowhere else."""
    answer = await gateway.client.post(
        "/console/sign-in", data={"token": TOKEN, "back": asked}, allow_redirects=False
    )
    assert given == answer.headers["Location"]


async def test_every_page_forbids_inline_scripts_styles_and_frames(
    gateway: Gateway, operator: Operator
) -> None:
    """Also the sign-in and the pages of errors."""
    for path in ("/console/", "/console/sign-in", "/console/conversations/nonsense"):
        headers = (await gateway.client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "nosniff" == headers["X-Content-Type-Options"]
        assert "no-store" == headers["Cache-Control"]


async def test_in_development_mode_a_person_on_this_machine_is_signed_in(redis_url: str) -> None:
    """Without a token, but not through a proxy and not from another site's page."""
    async with serving("--development_mode", redis_url=redis_url) as gateway:
        operator = Operator(gateway)
        page = await operator.page("/console/")
        assert "<nav" in page
        assert "Sign out" not in page
        for headers in ({"Host": "evil.example"}, {"X-Forwarded-For": "192.0.2.1"}):
            gateway.client.cookie_jar.clear()
            assert 403 == (await gateway.client.get("/console/", headers=headers)).status


async def test_without_the_store_the_console_says_so() -> None:
    """Also to whoever has a cookie; nobody gets in meanwhile."""
    async with serving(*OPTIONS, redis_url="redis://127.0.0.1:1/0") as gateway:
        cookies = {"gateway_console": "0" * 64}
        answer = await gateway.client.get("/console/", cookies=cookies)
        assert 503 == answer.status
        assert "The store does not answer" in await answer.text()
        assert 503 == (await gateway.client.post("/console/sign-in", data={"token": "x"})).status


async def test_files_of_the_console_are_served_to_everybody_and_nothing_else(
    gateway: Gateway,
) -> None:
    """They are cached for good under their digest; names never become paths."""
    page = await (await gateway.client.get("/console/sign-in")).text()
    assert "/console/static/console/console.css?v=" in page
    for name, status in (
        ("console/console.css", 200),
        ("vendor/idiomorph/idiomorph.esm.js", 200),
        ("..%2F..%2Fbase.py", 404),
        ("vendor/README.md", 404),
    ):
        assert status == (await gateway.client.get(f"/console/static/{name}")).status


def test_sign_ins_have_a_key_of_their_own() -> None:
    """No script touches it with another key."""
    assert "console:{abc}" == keys.sign_in("abc")
