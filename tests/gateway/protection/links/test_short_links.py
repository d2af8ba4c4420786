"""Codes: what they are made of, and that a gateway of another day knows them."""

from __future__ import annotations

import pytest

from conf.messages import CODE_LENGTH, MessageEndpoint
from conf.protection import Site
from gateway.protection.links.short_links import LETTERS, PLACE_LENGTH, Platform, ShortLinks, Usual

PUBLIC = "https://sms.example.com"
USUAL = Usual("https://usual.example", "https://usual.example/ios")
APP = MessageEndpoint("/app", "Get it: {link}", "Me", link="https://app.example")
PLAIN = MessageEndpoint("/plain", "See {link}", "Me")
SHOP = Site("one", link="https://one.example")


def made(
    *endpoints: MessageEndpoint, sites: tuple[Site, ...] = (), url: str = PUBLIC
) -> ShortLinks:
    links = ShortLinks(url, sites, USUAL)
    links.serve(endpoints)
    return links


def test_a_code_is_known_to_a_gateway_that_has_never_seen_it() -> None:
    """After a restart, an empty store, and with other endpoints beside it."""
    code = made(APP).write("{link}", "/app", "").code
    for other in (made(APP), made(PLAIN, APP), made(APP, PLAIN, sites=(SHOP,))):
        assert "https://app.example" == other.target(code, Platform.IOS)
    assert "" == made(PLAIN).target(code, Platform.IOS)


def test_each_endpoint_and_shop_has_a_place_of_its_own() -> None:
    endpoints = [
        MessageEndpoint(f"/{n}", "{link}", "Me", link=f"https://{n}.example") for n in range(40)
    ]
    sites = tuple(Site(f"s{n}") for n in range(40))
    links = made(*endpoints, sites=sites)
    codes = {
        (each.path, site): links.write("{link}", each.path, site).code
        for each in endpoints
        for site in ("", *(each.key for each in sites))
    }
    assert 40 * 41 == len({code[:PLACE_LENGTH] for code in codes.values()})
    for (path, _), code in codes.items():
        assert f"https://{path[1:]}.example" == links.target(code, Platform.OTHER)


def test_whose_places_depend_on_their_order_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Of the names of these two chance has made the same three letters."""
    twins = tuple(Site(f"shop-{n}", link=f"https://{n}.example") for n in (81, 112))
    links = made(APP, sites=twins)
    for each in twins:
        code = links.write("{link}", "/app", each.key).code
        assert each.link == links.target(code, Platform.OTHER)
    [said] = caplog.messages
    assert "of /app@shop-81 and of /app@shop-112 are told apart by which" in said
    caplog.clear()
    made(APP, PLAIN, sites=(*twins[:1], SHOP))
    made(APP, sites=twins, url="")
    assert [] == caplog.messages


def test_a_code_is_random_and_can_be_read_aloud() -> None:
    links = made(APP)
    codes = {links.write("{link}", "/app", "").code for _ in range(2000)}
    assert 2000 == len(codes)
    assert {CODE_LENGTH} == set(map(len, codes))
    assert set("".join(codes)) <= set(LETTERS)
    assert not set("0o1li") & set(LETTERS)


@pytest.mark.parametrize("text", ["no link", "{LINK}", "{ link }", "link", "{link"])
def test_other_words_stay_as_they_are(text: str) -> None:
    written = made(APP).write(text, "/app", "")
    assert (text, "") == (written.text, written.code)


@pytest.mark.parametrize("url", [PUBLIC, f"{PUBLIC}/", "https://example.com/sms"])
def test_a_link_begins_with_the_public_address(url: str) -> None:
    written = made(APP, url=url).write("Get {link}.", "/app", "")
    assert f"Get {url.rstrip('/')}/l/{written.code}." == written.text


def test_a_link_of_nobody_is_not_written() -> None:
    """As in a handler that somebody has made himself."""
    assert "{link}" == made(APP).write("{link}", "/other", "").text
    assert "{link}" == made(APP, url="").write("{link}", "/app", "").text


@pytest.mark.parametrize("code", ["", "a", "A" * 9, "ABC", "x" * 8, "x" * 10, "äöü" * 3, "\0" * 9])
def test_what_is_no_code_leads_nowhere(code: str) -> None:
    assert "" == made(APP).target(code, Platform.OTHER)
