"""Short links from the text to the page: where they lead, who is counted, and how often."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conf.protection import Mode
from gateway.messaging.clicks import MISSES
from gateway.protection.links.short_links import LETTERS
from gateway.store import keys
from handlers.public.texts import all_texts
from tests.conftest import RestartableValkey
from tests.handlers.public.test_layers import STORE_CALLS
from tests.support.servers.serving import Gateway, serving
from tests.support.stand_ins.vonage import VonageStandin, refused
from tests.support.visitor import RECEIVER, Reply, Visitor, visiting

PUBLIC = "https://sms.example.com"
PAGE, IOS_APP, ANDROID_APP = (f"https://www.example.com/{each}" for each in ("", "ios", "android"))
VOUCHER, SHOP, SHOP_IOS = "https://v.example", "https://one.example", "https://one.example/ios"
ENDPOINTS = f"""
[[message]]
path = "/voucher/"
text = "Yours: {{link}} or {{link}}"
sender = "Example"
link = "{VOUCHER}"
"""
SHOPS = f"""
[[site]]
key = "one"
message = "One: {{link}}"
link = "{SHOP}"
link_ios = "{SHOP_IOS}"

[[site]]
key = "plain"
"""
OPTIONS = {
    "message": "Get the app: {link}",
    "public_url": PUBLIC,
    "form_link": PAGE,
    "link_ios": IOS_APP,
    "link_android": ANDROID_APP,
    "same_text_seconds": 0,
    "trusted_proxies": "127.0.0.1",
    "admin_token": "correct-horse",
}
ADMIN = {"Authorization": "Bearer correct-horse"}
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
PIXEL = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
    " Mobile Safari/537.36"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.5 Safari/605.1.15"
)


@dataclass
class Place:
    """A gateway whose texts have links, the provider that takes them, and a visitor."""

    gateway: Gateway
    standin: VonageStandin
    visitor: Visitor

    async def texted(self, path: str = "/message/", **more: str) -> tuple[str, str]:
        """Have a text sent, and return the id of its message and the path of its link."""
        answer = (await self.visitor.send(path=path, **more)).json
        [link, *others] = set(re.findall(r"https?://\S+", self.text))
        assert [] == others
        assert link.startswith(f"{PUBLIC}/l/")
        return answer["id"], link.removeprefix(PUBLIC)

    @property
    def text(self) -> str:
        return self.standin.posts[-1].form["text"]

    async def open(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Open a link as a telephone does, unless told otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.visitor.request(method, path, headers={"User-Agent": PIXEL, **named})

    async def clicked(self, message_id: str) -> bool:
        return bool(await self._execute("HGET", keys.message(message_id), "clicked"))

    async def counted(self, what: str, where: str, tens: str = "hour") -> int:
        """Return how many messages (s) or clicks (c) of /message are counted somewhere."""
        [name] = await self._execute("KEYS", f"{{links}}:{tens}:*")
        return int(await self._execute("HGET", name, f"{what} /message {where}") or 0)

    async def _execute(self, *command: str) -> Any:
        return await self.gateway.application.services.store.execute(*command)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    found = {"messages_file": ENDPOINTS, "protection_file": SHOPS}
    for name, content in found.items():
        (folder / name).write_text(content)
    return {name: folder / name for name in found}


@pytest.fixture
async def place(
    standin: VonageStandin, redis_url: str, files: dict[str, Path]
) -> AsyncIterator[Place]:
    standin.expect()
    options = standin.options(redis_url, **OPTIONS, **files)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        yield Place(gateway, standin, visitor)


# -- where a link leads -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "target"),
    [
        (IPHONE, IOS_APP),
        ("Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15", IOS_APP),
        ("Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5 like Mac OS X)", IOS_APP),
        (PIXEL, ANDROID_APP),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", ANDROID_APP),
        ("Opera/9.80 (Android; Opera Mini/36.2/119.132; U; id) Presto/2.12.423", ANDROID_APP),
        (
            "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) Edge/15",
            PAGE,
        ),
        ("Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0; IEMobile/11.0) like iPhone", PAGE),
        (WINDOWS, PAGE),
        (MAC, PAGE),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", PAGE),
        ("", PAGE),
    ],
)
async def test_a_link_leads_to_what_the_platform_has(place: Place, agent: str, target: str) -> None:
    _, link = await place.texted()
    answer = await place.open(link, User_Agent=agent)
    assert (302, target) == (answer.status, answer.headers["Location"])
    assert "no-store" == answer.headers["Cache-Control"]
    assert "no-referrer" == answer.headers["Referrer-Policy"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "site", "agent", "target"),
    [
        ("/voucher/", "", IPHONE, VOUCHER),  # its own, not another app that the options name
        ("/voucher/", "", WINDOWS, VOUCHER),
        ("/message/", "one", IPHONE, SHOP_IOS),
        ("/message/", "one", PIXEL, SHOP),
        ("/voucher/", "one", IPHONE, SHOP_IOS),
        ("/message/", "plain", PIXEL, ANDROID_APP),
        ("/voucher/", "plain", PIXEL, VOUCHER),
    ],
)
async def test_a_shop_comes_before_an_endpoint_and_that_before_the_options(
    place: Place, path: str, site: str, agent: str, target: str
) -> None:
    _, link = await place.texted(path, **({"site": site} if site else {}))
    assert target == (await place.open(link, User_Agent=agent)).headers["Location"]


async def test_all_links_of_a_text_are_one_and_all_texts_have_others(place: Place) -> None:
    links = [(await place.texted("/voucher/"))[1] for _ in range(3)]
    assert 3 == len(set(links))
    assert 2 == place.text.count("/l/")
    for link in links:
        assert set(link.removeprefix("/l/")) <= set(LETTERS)
        assert not set("01loiOI") & set(link.removeprefix("/l/"))


async def test_a_link_may_be_typed_with_capitals_and_what_stands_behind_it(place: Place) -> None:
    message_id, link = await place.texted()
    code = link.removeprefix("/l/")
    grouped = f"{code[:3]}-{code[3:6]}%20{code[6:]}"
    typed = (
        code.upper(),
        f"{code.capitalize()}/",
        f"{code}?utm=x&a",
        f"{code}.",
        f"{code})",
        f"{code}%E3%82%92%E9%96%8B%E3%81%8F",  # words in which no blank stands
        f"{code}%BB",  # a quotation mark in ISO-8859-1
        grouped,
    )
    for written in (f"/l/{each}" for each in typed):
        assert ANDROID_APP == (await place.open(written)).headers["Location"]
    assert await place.clicked(message_id)


async def test_a_text_without_a_link_has_none(
    standin: VonageStandin, redis_url: str, files: dict[str, Path]
) -> None:
    standin.expect()
    options = standin.options(redis_url, **{**OPTIONS, "message": "Hello {name}"})
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        answer = (await visitor.send()).json
        assert "Hello {name}" == standin.posts[-1].form["text"]
        store = gateway.application.services.store
        assert not await store.execute("HEXISTS", keys.message(answer["id"]), "link")
        assert [] == await store.execute("KEYS", "*link*")


async def test_other_texts_keep_what_they_say(place: Place) -> None:
    """A back-end's text is nobody's but its own."""
    body = {"to": "4917612345678", "text": "Use {link}", "sender": "Example"}
    assert (
        200 == (await place.visitor.request("POST", "/messages", json=body, headers=ADMIN)).status
    )
    assert "Use {link}" == place.text


# -- who counts -------------------------------------------------------------------------------


async def test_a_click_is_counted_once_a_message(place: Place) -> None:
    message_id, link = await place.texted()
    assert not await place.clicked(message_id)
    await asyncio.gather(*(place.open(link) for _ in range(10)))
    await place.open(link, User_Agent=WINDOWS)
    assert await place.clicked(message_id)
    assert (1, 1) == (await place.counted("s", "DE"), await place.counted("c", "DE"))
    where = "DE:491761234xxxx"
    assert (1, 1) == tuple([await place.counted(w, where, "ten") for w in "sc"])
    console = await place.visitor.request("GET", f"/console/messages/{message_id}", headers=ADMIN)
    assert "Its link was opened" in console.text
    assert link in console.text


NOT_COUNTED = {
    "head": {"method": "HEAD"},
    "no name": {"User_Agent": ""},
    "range": {"Range": "bytes=0-1023"},
    "prefetch": {"Sec_Purpose": "prefetch;prerender"},
    "purpose": {"Purpose": "prefetch"},
    "safari": {"X_Purpose": "preview"},
    "firefox": {"X_Moz": "prefetch"},
    "image": {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
    "script": {"Sec_Fetch_Mode": "cors"},
    "frame": {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
}
PROGRAMS = [
    "WhatsApp/2.23.20.0 A",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    MAC.replace("18.5 Safari/605.1.15", "9.0.1 Safari/601.2.4")
    + " facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Twitterbot/1.0",
    "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0;"
    " +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
    MAC + " (Applebot/0.1; +http://www.apple.com/go/applebot)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "GoogleMessages",
    "facebookexternalhit/1.1;line-poker/1.0",
    "Viber/13.3.0.2 CFNetwork/1121.2.2 Darwin/19.6.0",
    "Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)",
    "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)",
    "http.rb/5.1.1 (Mastodon/4.2.1; +https://mastodon.social/) Bot",
    PIXEL.replace("Chrome", "HeadlessChrome"),
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.32.3",
    "okhttp/4.12.0",
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A.230803.041)",
    "Go-http-client/2.0",
]
HOWS = [pytest.param(how, id=name) for name, how in NOT_COUNTED.items()]
HOWS += [pytest.param({"User_Agent": each}, id=each[:24]) for each in PROGRAMS]


@pytest.mark.parametrize("how", HOWS)
async def test_who_only_looks_is_led_on_and_not_counted(place: Place, how: dict[str, str]) -> None:
    message_id, link = await place.texted()
    assert 302 == (await place.open(link, **how)).status
    assert not await place.clicked(message_id)
    assert 0 == await place.counted("c", "DE")
    await place.open(link)
    assert await place.clicked(message_id)


@pytest.mark.parametrize(
    "how",
    [
        {"User_Agent": IPHONE},
        {"User_Agent": PIXEL.replace("; K", "; CUBOT X30")},
        {"User_Agent": PIXEL + " Line/15.0.0"},
        {"User_Agent": IPHONE + " [Pinterest/iOS]"},
        {"User_Agent": IPHONE + " [FBAN/FBIOS;FBAV/500.0;FBBV/1;FBDV/iPhone15,2]"},
        {"User_Agent": PIXEL + " GSA/15.0"},
        {"User_Agent": PIXEL.replace("Mobile", "SamsungBrowser/25.0 Mobile")},
        {"User_Agent": "Opera/9.80 (Android; Opera Mini/36.2/119.132; U; id) Presto/2.12.423"},
        {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document", "Sec_Fetch_Site": "none"},
        {"Purpose": "", "Accept_Language": "de"},
    ],
)
async def test_a_person_counts_whatever_his_browser_is(place: Place, how: dict[str, str]) -> None:
    message_id, link = await place.texted()
    await place.open(link, **how)
    assert await place.clicked(message_id)


async def test_what_the_provider_did_not_take_is_not_counted_as_sent(place: Place) -> None:
    await place.texted()
    place.standin.expect(refused("6"))
    await place.visitor.send()
    assert 1 == await place.counted("s", "DE")


# -- other methods, codes and times -----------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_link_is_only_looked_at(place: Place, method: str) -> None:
    message_id, link = await place.texted()
    answer = await place.open(link, method)
    assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"])
    assert not await place.clicked(message_id)


@pytest.mark.parametrize(
    "code",
    ["x", "222222222", "0" * 9, "%00", "%ff", "%2e%2e", "a" * 5000, "https%3A%2F%2Fevil.example"],
)
@pytest.mark.parametrize(("wanted", "language"), [("de-CH,fr;q=0.5", "de"), ("xx", "en")])
async def test_an_unknown_code_is_a_page_in_the_language_of_the_visitor(
    place: Place, code: str, wanted: str, language: str
) -> None:
    answer = await place.open(f"/l/{code}", Accept_Language=wanted)
    assert 404 == answer.status
    assert "Location" not in answer.headers
    assert "text/html; charset=UTF-8" == answer.headers["Content-Type"]
    assert language == answer.headers["Content-Language"]
    assert all_texts()[language]["link_unknown"] in answer.text


async def test_who_tries_many_codes_has_to_wait(place: Place) -> None:
    message_id, link = await place.texted()
    guesser = place.visitor.via(X_Real_Ip="2001:db8:1:2::3")
    for n in range(MISSES.amount):
        guesser = place.visitor.via(X_Real_Ip=f"2001:db8:1:{n}::3")
        assert 404 == (await guesser.request("GET", f"/l/{n}")).status
    answer = await guesser.request("GET", "/l/0")
    assert 429 == answer.status
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    # What exists leads on all the same, and counts when somebody else opens it.
    found = await guesser.request("GET", link, headers={"User-Agent": PIXEL})
    assert 302 == found.status
    assert not await place.clicked(message_id)
    await place.open(link)
    assert await place.clicked(message_id)


async def test_guesses_of_an_endpoint_s_codes_tell_nothing_and_are_counted(place: Place) -> None:
    message_id, link = await place.texted()
    others = [link[:6] + "".join(LETTERS[(n + m) % 31] for m in range(6)) for n in range(31)] * 2
    answers = [await place.open(each) for each in [*others, link]]
    assert {(302, ANDROID_APP)} == {(each.status, each.headers["Location"]) for each in answers}
    assert not await place.clicked(message_id)


async def test_a_link_leads_on_when_its_message_is_forgotten(place: Place) -> None:
    message_id, link = await place.texted()
    store = place.gateway.application.services.store
    await store.execute("FLUSHALL")
    assert ANDROID_APP == (await place.open(link)).headers["Location"]
    assert not await store.execute("EXISTS", keys.message(message_id))


async def test_a_link_is_kept_as_long_as_its_message(place: Place) -> None:
    message_id, link = await place.texted()
    store = place.gateway.application.services.store
    names = (keys.link(link.removeprefix("/l/")), keys.message(message_id))
    kept = [await store.execute("PTTL", each) for each in names]
    assert abs(kept[0] - kept[1]) < 5000
    assert 6.9 < kept[0] / 86_400_000 <= 7


async def test_nothing_of_a_link_is_left_of_who_is_erased(place: Place) -> None:
    message_id, link = await place.texted()
    await place.open(link)
    erased = await place.visitor.request("DELETE", "/log?number=4917612345678", headers=ADMIN)
    assert 200 == erased.status
    store = place.gateway.application.services.store
    for name in (keys.link(link.removeprefix("/l/")), keys.message(message_id)):
        assert not await store.execute("EXISTS", name)
    await place.open(link)
    assert not await store.execute("EXISTS", keys.message(message_id))


async def test_a_link_leads_on_without_the_store(
    standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    standin.expect()
    options, url = standin.options(valkey_server.url, **OPTIONS), valkey_server.url
    async with serving(*options, redis_url=url) as gateway, visiting(gateway.url) as visitor:
        place = Place(gateway, standin, visitor)
        message_id, link = await place.texted()
        valkey_server.stop()
        assert ANDROID_APP == (await place.open(link)).headers["Location"]
        assert 404 == (await place.open("/l/222222222")).status
        valkey_server.start()
        await place.open(link)
        assert await place.clicked(message_id)


async def test_the_same_text_is_the_same_whatever_its_link(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    more = {**OPTIONS, "same_text_seconds": 60, "protection": "on"}
    options = standin.options(redis_url, **more)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        answers = [(await visitor.send(RECEIVER)).json for _ in range(2)]
        assert answers[0] == answers[1]
        assert 1 == len(standin.posts)


async def test_a_link_costs_no_call_of_the_store(standin: VonageStandin, redis_url: str) -> None:
    """What the gateway does by itself now and then may come in between."""
    standin.expect()
    more = {**OPTIONS, "protection": "on", "limit_amount": 100, "receiver_limit_amount": 100}
    options = standin.options(redis_url, **more)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        store, asked = gateway.application.services.store, []
        for n in range(8):
            before = store.pipelines
            answer = await visitor.send(f"+4917612{n}45678")
            assert "ok" == answer.json["status"]
            asked.append(store.pipelines - before)
        assert STORE_CALLS == min(asked)


@pytest.mark.parametrize(
    ("protection", "own", "mode"),
    [
        ("on", "enforce", Mode.ENFORCE),
        ("on", "monitor", Mode.MONITOR),
        ("on", "off", Mode.OFF),
        ("monitor", "enforce", Mode.MONITOR),
        ("monitor", "off", Mode.OFF),
        ("off", "enforce", Mode.OFF),
    ],
)
async def test_the_breaker_does_no_more_than_protection_as_a_whole(
    protection: str, own: str, mode: Mode, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "protection.toml"
    file.write_text(f'[[breaker]]\nmode = "{own}"\n')
    options = (f"--protection={protection}", f"--protection_file={file}")
    async with serving(*options, redis_url=redis_url) as gateway:
        assert mode is gateway.application.services.rule_gate.breaker.mode
