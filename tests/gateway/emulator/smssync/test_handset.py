"""The SMSsync handset emulator: every version's own way, seen by a server that shares no code."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest

from gateway.emulator.smssync import VERSIONS, Event, Faults, Handset, Kind, Preferences
from gateway.emulator.smssync.app.incoming import clock
from gateway.emulator.smssync.app.radio import failure_text
from gateway.emulator.smssync.app.results import java_date
from gateway.emulator.smssync.wire.lenient_json import Unreadable, parse
from tests.support.servers.processes import Process, wait_for
from tests.support.servers.smssync_server import SUCCESS, SyncServer, replying, sms

SENDER = "+12065550101"
OTHER = "+12065550102"
PHONE = "+4917612345678"
SECRET = "geheim ~*/+ü"
NOON = 1_700_000_000.75  # seconds; the network gives whole ones
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JSON_UTF8 = "application/json; charset=UTF-8"


@pytest.fixture
async def server() -> AsyncIterator[SyncServer]:
    """A sync server that accepts everything until it is told otherwise."""
    async with SyncServer() as running:
        yield running


# --- Incoming SMS: what goes over the wire -----------------------------------------------------

FULL = "secret from message sent_timestamp sent_to message_id device_id".split()
FIELDS = [
    ("1.0.6", FULL[:3]),
    ("1.0.7", FULL[:6]),
    ("1.1.9", FULL[:6]),
    ("2.0", FULL[:6]),
    ("2.4", FULL[:6]),
    ("2.7", FULL),
    ("2.8", FULL),
    ("3.0", FULL),
    ("3.1", FULL),
]


@pytest.mark.parametrize(("version", "names"), FIELDS, ids=[row[0] for row in FIELDS])
async def test_a_version_posts_its_fields_in_order(
    server: SyncServer, version: str, names: list[str]
) -> None:
    """The names and their order, to the sync URL and with nothing in the query."""
    async with Handset(server.url, version=version, secret=SECRET) as phone:
        assert await phone.receive(SENDER, "Hi")
    assert names == [name for name, _ in server.last.pairs]
    assert ("POST", "/smssync") == (server.last.method, server.last.target)
    assert SECRET == server.last.form["secret"]


CONTENT_TYPES = [
    ("2.4", "form", FORM),
    ("2.7.2", "form", FORM),
    ("2.7.2", "json", JSON),
    ("2.7.2", "xml", "application/xml"),
    ("2.7", "json", JSON_UTF8),
    ("2.7", "xml", JSON_UTF8),
    ("2.8", "form", FORM),
    ("2.8", "json", JSON),
    ("2.8", "xml", "application/xml"),
    ("2.8", "yaml", "application/yaml"),
    ("3.0", "xml", JSON_UTF8),
    ("3.1", "form", FORM),
    ("3.1", "json", JSON_UTF8),
    ("3.1", "xml", JSON_UTF8),
]


@pytest.mark.parametrize(("version", "data_format", "content_type"), CONTENT_TYPES)
async def test_the_content_type_is_the_versions_own_wrong_or_right(
    server: SyncServer, version: str, data_format: str, content_type: str
) -> None:
    """XML is labelled JSON by OkHttp versions, a form YAML by 2.8."""
    preferences = Preferences(data_format=data_format)
    async with Handset(server.url, version=version, preferences=preferences) as phone:
        assert await phone.receive(SENDER, "Hi")
    assert content_type == server.last.headers["content-type"]


BODIES = [
    ("2.7", "form", "secret=a+b&from=%2B12065550101&message=%C3%A4+%2F+%7E*%26"),
    ("2.8", "yaml", "secret=a+b&from=%2B12065550101&message=%C3%A4+%2F+%7E*%26"),
    ("3.1", "form", "secret=a%20b&from=%2B12065550101&message=%C3%A4%20%2F%20%7E*%26"),
    ("3.1", "json", '{"secret":"a b","from":"+12065550101","message":"ä \\/ ~*&",'),
    (
        "3.1",
        "xml",
        "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><payload><secret>a b</secret>"
        "<from>+12065550101</from><message>ä / ~*&amp;</message>",
    ),
]


@pytest.mark.parametrize(("version", "data_format", "start"), BODIES)
async def test_the_body_is_written_as_the_versions_library_does(
    server: SyncServer, version: str, data_format: str, start: str
) -> None:
    """Spaces, slashes and UTF-8 byte for byte."""
    preferences = Preferences(data_format=data_format)
    async with Handset(server.url, version=version, secret="a b", preferences=preferences) as phone:
        assert await phone.receive(SENDER, "ä / ~*&")
    assert start == server.last.body.decode()[: len(start)]


async def test_the_documented_curl_command_posts_multipart(server: SyncServer) -> None:
    """The phone of the documents may send multipart/form-data."""
    preferences = Preferences(data_format="multipart")
    async with Handset(
        server.url, version="docs", secret="123456", preferences=preferences
    ) as phone:
        assert await phone.receive(SENDER, "sample text message")
    seen = server.last
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + seen.body, policy=HTTP).iter_parts()
    found = {part.get_param("name", header="content-disposition"): part for part in parts}
    assert FULL == list(found)
    assert "sample text message" == found["message"].get_content().rstrip("\r\n")


TIMESTAMPS = [
    ("1.0.7", "1700000000000"),
    ("1.1.9", clock(NOON)),
    ("2.0", "1700000000000"),
    ("2.7", "1700000000000"),
    ("2.8", "1700000000000"),
    ("3.1", "1700000000000"),
]


@pytest.mark.parametrize(("version", "written"), TIMESTAMPS)
async def test_the_timestamp_is_in_the_versions_form(
    server: SyncServer, version: str, written: str
) -> None:
    """Milliseconds of the network's whole second, or v1's clock."""
    async with Handset(server.url, version=version) as phone:
        await phone.receive(SENDER, "Hi", at=NOON)
    assert written == server.last.form["sent_timestamp"]


@pytest.mark.parametrize(
    ("hour", "written"),
    [(0, "07-04-13 24:05"), (1, "07-04-13 01:05"), (23, "07-04-13 23:05")],
)
def test_the_clock_of_v1_counts_from_1_to_24(hour: int, written: str) -> None:
    """Java's kk: midnight is 24."""
    assert written == clock(time.mktime((2013, 7, 4, hour, 5, 0, 0, 0, -1)))


@pytest.mark.parametrize(
    ("version", "present"), [("2.0", False), ("2.8", False), ("2.7", True), ("3.1", True)]
)
async def test_an_sms_without_a_time_lacks_the_field_in_some_versions(
    server: SyncServer, version: str, present: bool
) -> None:
    """2.0 and 2.8 leave sent_timestamp out."""
    async with Handset(server.url, version=version) as phone:
        await phone.receive(SENDER, "Hi", dated=False)
    assert present == ("sent_timestamp" in server.last.form)


SENT_TO = [
    ("2.7", PHONE, PHONE),
    ("3.1", PHONE, PHONE),
    ("3.1", "", ""),
    ("3.1", None, "dev-7"),
    ("3.0.0", PHONE, SENDER),
    ("3.0.4", PHONE, SENDER),
    ("3.0.5", PHONE, PHONE),
]


@pytest.mark.parametrize(("version", "number", "sent_to"), SENT_TO)
async def test_sent_to_is_the_sims_number_or_a_bug(
    server: SyncServer, version: str, number: str | None, sent_to: str
) -> None:
    """Empty for many SIMs, the device id where Android fails, the sender in 3.0.0 to 3.0.4."""
    preferences = Preferences(device_id="dev-7")
    async with Handset(
        server.url, version=version, number=number, preferences=preferences
    ) as phone:
        await phone.receive(SENDER, "Hi")
    assert sent_to == server.last.form["sent_to"]
    assert "dev-7" == server.last.form["device_id"]


@pytest.mark.parametrize(
    ("version", "pattern"), [("1.1.9", "1"), ("2.0", UUID4), ("2.8", UUID4), ("3.1", UUID4)]
)
async def test_the_message_id_is_stable_over_retries(
    server: SyncServer, version: str, pattern: str
) -> None:
    """A row number in v1, a random UUID since; the same when the post is repeated."""
    server.say("", "no", 500)
    server.say("", SUCCESS)
    async with Handset(server.url, version=version) as phone:
        assert not await phone.receive(SENDER, "Hi")
        assert 1 == await phone.sync_pending()
    first, second = (seen.form["message_id"] for seen in server.requests)
    assert re.fullmatch(pattern, first)
    assert first == second


async def test_reimporting_the_inbox_gives_new_ids(server: SyncServer) -> None:
    """The same SMS comes again as if it were another."""
    async with Handset(server.url) as phone:
        await phone.receive(SENDER, "Hi", at=NOON)
        assert 1 == phone.import_inbox()
        assert ["Hi"] == [each.text for each in phone.inbox]
        assert 1 == await phone.sync_pending()
    first, second = (seen.form for seen in server.requests)
    assert first["message_id"] != second["message_id"]
    assert first["sent_timestamp"] == second["sent_timestamp"]


AGENTS = [
    ("1.0.6", "Apache-HttpClient/UNAVAILABLE (java 1.4)", "SmsSync-Android/1.0)"),
    ("1.1.9", "Apache-HttpClient/UNAVAILABLE (java 1.4)", "SMSSync-Android/1.0)"),
    ("2.0", "Apache-HttpClient/UNAVAILABLE (java 1.4)", "SMSSync-Android/v2.0"),
    ("2.7", "SMSSync-Android/v2.7.3", "SMSSync-Android/v2.7.3"),
    ("2.8", "SMSSync-Android/v2.8.3", "SMSSync-Android/v2.8.3"),
    ("3.1", "SMSSync-Android/v3.1.1", "SMSSync-Android/v3.1.1"),
]


@pytest.mark.parametrize(("version", "posting", "polling"), AGENTS)
async def test_the_user_agent_names_the_version(
    server: SyncServer, version: str, posting: str, polling: str
) -> None:
    """v1 and 2.0 leave posts to Apache's default name."""
    async with Handset(server.url, version=version) as phone:
        await phone.receive(SENDER, "Hi")
        await phone.poll()
    assert [posting, polling] == [seen.headers["user-agent"] for seen in server.requests]
    assert {"gzip"} == {seen.headers["accept-encoding"] for seen in server.requests}
    assert not any("accept" in seen.headers for seen in server.requests)


@pytest.mark.parametrize(
    ("version", "header"), [("2.4", None), ("2.7", "Basic dTpwIDI="), ("3.1", "Basic dTpwIDI=")]
)
async def test_user_and_password_in_the_url_become_basic_auth(
    server: SyncServer, version: str, header: str | None
) -> None:
    """Since 2.5, without being asked for it."""
    url = server.url.replace("//", "//u:p%202@")
    async with Handset(url, version=version) as phone:
        await phone.receive(SENDER, "Hi")
    assert header == server.last.headers.get("authorization")


async def test_the_owner_may_rename_fields_and_choose_put(server: SyncServer) -> None:
    """The sync scheme of 2.5 and later."""
    preferences = Preferences(method="PUT", names={"from": "phone", "secret": "key"})
    async with Handset(server.url, secret="s", preferences=preferences) as phone:
        assert await phone.receive(SENDER, "Hi")
    assert ("PUT", SENDER, "s") == (
        server.last.method,
        server.last.form["phone"],
        server.last.form["key"],
    )


PILED = [
    ("2.7", "form", ["two"]),
    ("3.0.0", "form", ["one", "two"]),
    ("3.0.3", "form", ["one", "two"]),
    ("3.0.4", "form", ["two"]),
    ("3.1", "form", ["two"]),
]


@pytest.mark.parametrize(("version", "data_format", "messages"), PILED)
async def test_fields_of_earlier_sms_pile_up_until_a_restart(
    server: SyncServer, version: str, data_format: str, messages: list[str]
) -> None:
    """3.0.0 to 3.0.3 never clear them; the last one is the current one."""
    async with Handset(server.url, version=version) as phone:
        await phone.receive(SENDER, "one")
        await phone.receive(SENDER, "two")
        assert messages == [value for name, value in server.last.pairs if name == "message"]
        phone.restart()
        await phone.receive(SENDER, "three")
        assert 1 == len([name for name, _ in server.last.pairs if name == "message"])


@pytest.mark.parametrize(("data_format", "times"), [("xml", 2), ("json", 1)])
async def test_piled_up_fields_show_in_xml_and_not_in_json(
    server: SyncServer, data_format: str, times: int
) -> None:
    """An object holds each name once."""
    preferences = Preferences(data_format=data_format)
    async with Handset(server.url, version="3.0.3", preferences=preferences) as phone:
        await phone.receive(SENDER, "first")
        await phone.receive(SENDER, "second")
    assert times == len(re.findall(rb"first|second", server.last.body))
    assert b"second" in server.last.body


@pytest.mark.parametrize("sender", ["MTN-Info", "12345", ""])
@pytest.mark.parametrize("text", ["", "a" * 1000, "🙂\n&<>'\""])
async def test_every_sender_and_text_is_posted_as_it_came(
    server: SyncServer, sender: str, text: str
) -> None:
    """Names, short codes, blanks, long texts."""
    async with Handset(server.url) as phone:
        assert await phone.receive(sender, text)
    assert (sender, text) == (server.last.form["from"], server.last.form["message"])


# --- Incoming SMS: what counts as success ------------------------------------------------------


def with_key(name: str, value: object) -> str:
    """Return a success whose one message has a further key."""
    message = {"to": "1", "message": "2", name: value}
    return json.dumps({"payload": {"success": True, "messages": [message]}})


# answer, believed by Gson (2.7.3 and later), believed by org.json (before)
BELIEF = [
    ('{"payload":{"success":true,"error":null}}', True, True),
    ('{"payload":{"success":"true"}}', True, True),
    ('{"payload":{"success":"TRUE"}}', True, True),
    ("{payload:{success:true}}", True, True),
    ("{'payload'={'success'=>true;}}", True, True),
    ('\ufeff{"payload":{"success":true}}', True, True),
    ('/* note */ {"payload":{"success":TRUE}}', True, True),
    ('{"payload":{"success":false,"error":"no"}}', False, False),
    ('{"payload":{"success":1}}', False, False),
    ('{"payload":{"success":"1"}}', False, False),
    ('{"payload":{"success":"yes"}}', False, False),
    ('{"payload":{"success":null}}', False, False),
    ('{"payload":{}}', False, False),
    ("{}", False, False),
    ('{"payload":null}', False, False),
    ("", False, False),
    ("null", False, False),
    ("[]", False, False),
    ('{"payload":[]}', False, False),
    ('{"payload":{"success":true,"messages":[5]}}', False, True),
    ("OK", False, False),
    ("<html><body>It works!</body></html>", False, False),
    ('{"success":true}', False, False),
    ('{"payload":{"success":true}} <!-- 3 ms -->', False, True),
    ('{"payload":{"success":true,"error":7}}', True, True),
    ('{"payload":{"success":true,"error":{"code":7}}}', False, True),
    ('{"payload":{"success":true,"messages":null}}', True, True),
    ('{"payload":{"success":true,"messages":{}}}', False, True),
    ('{"payload":{"success":true,"messages":[{"to":1,"message":2,"uuid":3}]}}', True, True),
    ('{"payload":{"success":true,"other":{"a":[1]},"messages":[]}}', True, True),
    (with_key("unknown", {}), True, True),
    (with_key("type", "unknown"), True, True),
    (with_key("type", {}), False, True),
    (with_key("timestamp", 1_700_000_000), False, True),
    (with_key("timestamp", "2015-11-26T04:43:06Z"), True, True),
    (with_key("sent_result_code", 0), True, True),
    (with_key("sent_result_code", "none"), False, True),
]
ANSWERS = [row[0] or "empty" for row in BELIEF]


@pytest.mark.parametrize("version", ["2.7.3", "2.8", "3.0", "3.1"])
@pytest.mark.parametrize(("answer", "believed", "_"), BELIEF, ids=ANSWERS)
async def test_gson_versions_believe_only_what_they_can_read_in_full(
    server: SyncServer, version: str, answer: str, believed: bool, _: bool
) -> None:
    """One wrong type anywhere and the SMS stays pending."""
    server.say("", answer)
    async with Handset(server.url, version=version) as phone:
        assert believed == await phone.receive(SENDER, "Hi")
        assert ([] if believed else ["Hi"]) == [each.text for each in phone.pending]


@pytest.mark.parametrize("version", ["1.1", "2.0", "2.7.2"])
@pytest.mark.parametrize(("answer", "_", "believed"), BELIEF, ids=ANSWERS)
async def test_older_versions_look_at_success_only(
    server: SyncServer, version: str, answer: str, _: bool, believed: bool
) -> None:
    """org.json reads what it is asked for and ignores the rest."""
    server.say("", answer)
    async with Handset(server.url, version=version) as phone:
        assert believed == await phone.receive(SENDER, "Hi")


@pytest.mark.parametrize("version", ["1.1", "2.7", "2.8", "3.1"])
@pytest.mark.parametrize(
    ("status", "believed"),
    [(200, True), (201, True), *((status, False) for status in (202, 204, 302, 403, 500, 503))],
)
async def test_only_200_and_201_count(
    server: SyncServer, version: str, status: int, believed: bool
) -> None:
    """Whatever the body says; redirects are not followed."""
    server.say("", SUCCESS, status)
    async with Handset(server.url, version=version) as phone:
        assert believed == await phone.receive(SENDER, "Hi")
    assert 1 == len(server.requests)


# --- Incoming SMS: tried again, lost, multiplied ------------------------------------------------


@pytest.mark.parametrize(
    ("version", "retry", "kept"),
    [("2.7", True, True), ("2.8", False, True), ("2.8", True, False), ("3.1", True, True)],
)
async def test_only_2_8_with_retry_gives_an_sms_up(
    server: SyncServer, version: str, retry: bool, kept: bool
) -> None:
    """It is deleted after the third failure; all others post it for ever."""
    server.say("", {"payload": {"success": False, "error": "wrong"}})
    preferences = Preferences(retry=retry, retries=3)
    async with Handset(server.url, version=version, preferences=preferences) as phone:
        await phone.receive(SENDER, "Hi")
        for _ in range(5):
            await phone.sync_pending()
        assert kept == bool(phone.pending)
    assert (6 if kept else 3) == len(server.requests)


async def test_pending_sms_go_newest_first(server: SyncServer) -> None:
    """The table is read by date, descending."""
    faults = Faults(silent=True)
    async with Handset(server.url, faults=faults) as phone:
        for text, at in (("middle", 20.0), ("oldest", 10.0), ("newest", 30.0)):
            await phone.receive(SENDER, text, at=at)
        faults.silent = False
        assert 3 == await phone.sync_pending()
    assert ["newest", "middle", "oldest"] == [seen.form["message"] for seen in server.requests]


@pytest.mark.parametrize(("version", "posts"), [("2.8", 3), ("3.0.4", 9), ("3.0.5", 9), ("3.1", 3)])
async def test_3_0_posts_the_pending_list_once_for_each_sms_in_it(
    server: SyncServer, version: str, posts: int
) -> None:
    """Three waiting SMS become nine posts."""
    faults = Faults(silent=True)
    async with Handset(server.url, version=version, faults=faults) as phone:
        for text in "abc":
            await phone.receive(SENDER, text)
        faults.silent = False
        assert 3 == await phone.sync_pending()
        assert [] == phone.pending
    assert posts == len(server.requests)


FILTERS = [
    ("2.8", {"whitelist": {SENDER}}, 1, 0),
    ("2.8", {"whitelist": {OTHER}}, 0, 1),
    ("2.8", {"blacklist": {SENDER}}, 0, 0),
    ("2.8", {"blacklist": {OTHER}}, 1, 0),
    ("2.8", {"keywords": "stop, HELLO"}, 1, 0),
    ("2.8", {"keywords": "stop"}, 0, 1),
    ("2.8", {"keywords": "^hel+o"}, 1, 0),
    ("2.8", {"keywords": "*("}, 1, 0),
    ("3.1", {"whitelist": {SENDER}}, 2, 0),
    ("3.1", {"whitelist": {OTHER}}, 1, 0),
    ("3.1", {"blacklist": {SENDER}}, 0, 0),
    ("3.1", {"blacklist": {OTHER}}, 1, 0),
    ("3.1", {"blacklist": {OTHER, "777"}}, 2, 0),
    ("3.1", {"blacklist": set()}, 0, 0),
    ("3.1", {"keywords": "stop"}, 1, 0),
]


@pytest.mark.parametrize(
    ("version", "filters", "posts", "pending"),
    FILTERS,
    ids=[f"{number}-{row[0]}" for number, row in enumerate(FILTERS)],
)
async def test_filters_work_in_2_and_multiply_posts_in_3(
    server: SyncServer, version: str, filters: dict[str, Any], posts: int, pending: int
) -> None:
    """How often an SMS that says hello is posted, and whether it waits."""
    async with Handset(server.url, version=version, preferences=Preferences(**filters)) as phone:
        await phone.receive(SENDER, "hello")
        assert pending == len(phone.pending)
    assert posts == len(server.requests)


@pytest.mark.parametrize("version", ["2.8", "3.1"])
async def test_with_a_black_list_a_failed_sms_is_lost(server: SyncServer, version: str) -> None:
    """Nothing that fails is kept."""
    server.say("", "no", 500)
    preferences = Preferences(blacklist=frozenset({OTHER}))
    async with Handset(server.url, version=version, preferences=preferences) as phone:
        await phone.receive(SENDER, "Hi")
        assert [] == phone.pending


# --- Instant replies ---------------------------------------------------------------------------

REPLY_CASES = [
    ("1.1", True, [sms()], 1),
    ("2.7", True, [sms(), sms(uuid="u-2")], 2),
    ("2.8", True, [sms()], 1),
    ("2.8", False, [sms()], 0),
    ("3.0.0", True, [sms()], 0),
    ("3.0.3", True, [sms()], 0),
    ("3.0.4", True, [sms()], 1),
    ("3.1", True, [sms()], 1),
    ("3.1", False, [sms()], 0),
    ("3.1", True, [{"to": SENDER, "message": "no uuid"}], 1),
    ("2.7.2", True, [sms(), {"to": SENDER, "message": "no uuid"}, sms(uuid="u-3")], 1),
    ("2.7.2", True, [{"to": SENDER}, sms()], 0),
]


@pytest.mark.parametrize(("version", "wanted", "messages", "count"), REPLY_CASES)
async def test_messages_in_the_answer_are_sent_as_sms(
    server: SyncServer, version: str, wanted: bool, messages: list[dict[str, str]], count: int
) -> None:
    """When the owner wants it and the version can; ``task`` and ``secret`` are not looked at."""
    server.say("", replying(messages))
    preferences = Preferences(reply_from_server=wanted)
    async with Handset(server.url, version=version, secret="s", preferences=preferences) as phone:
        assert await phone.receive(SENDER, "Hi")
        assert count == len(phone.sent)
        assert all(each.uuid for each in phone.sent)


@pytest.mark.parametrize(
    ("version", "count"), [("2.7", 1), ("2.8", 1), ("3.0.3", 0), ("3.0.4", 3), ("3.1", 3)]
)
async def test_after_a_failed_post_3_sends_the_last_replies_again(
    server: SyncServer, version: str, count: int
) -> None:
    """3.0.4 and later run the last good answer once more, each time."""
    server.say("", replying([sms()]))
    server.say("", "no", 500)
    async with Handset(server.url, version=version) as phone:
        for _ in range(3):
            await phone.receive(SENDER, "Hi")
        assert count == len(phone.sent)
        phone.restart()
        await phone.receive(SENDER, "Hi")
        assert count == len(phone.sent)


# --- The poll ----------------------------------------------------------------------------------

POLL_URLS = [
    ("1.1", "/s", "key", "/s?task=send"),
    ("2.0", "/s", "key", "/s?task=send"),
    ("2.4", "/s", "key", "/s?task=send&secret=key"),
    ("2.4", "/s", "", "/s"),
    ("2.7", "/s", "a b+c&d?é", "/s?task=send&secret=a+b%2Bc%26d%3F%C3%A9"),
    ("2.8", "/s", "", "/s?task=send"),
    ("3.1", "/s", "key", "/s?task=send&secret=key"),
    ("3.1", "/s/", "key", "/s/?task=send&secret=key"),
    ("3.1", "/s?a=b", "key", "/s?a=b?task=send&secret=key"),
    ("3.1", "", "key", "/?task=send&secret=key"),
]


@pytest.mark.parametrize(("version", "path", "secret", "target"), POLL_URLS)
async def test_the_poll_appends_to_the_url_as_typed(
    version: str, path: str, secret: str, target: str
) -> None:
    """A URL with a query of its own gets a second question mark."""
    async with (
        SyncServer(path) as server,
        Handset(server.url, version=version, secret=secret) as phone,
    ):
        await phone.poll()
        assert ("GET", target, b"") == (
            server.last.method,
            server.last.target,
            server.last.body,
        )


STALE = [
    ("3.0.0", "POST", True),
    ("3.0.4", "POST", True),
    ("3.0.4", "PUT", True),
    ("3.0.5", "POST", False),
    ("2.8", "POST", False),
    ("3.1", "POST", False),
]


@pytest.mark.parametrize(("version", "method", "stale"), STALE)
async def test_3_0_polls_with_the_last_sms_as_body(
    server: SyncServer, version: str, method: str, stale: bool
) -> None:
    """From the first synced SMS to the next restart the poll is a POST or PUT."""
    preferences = Preferences(method=method)
    async with Handset(server.url, version=version, secret="s", preferences=preferences) as phone:
        await phone.poll()
        await phone.receive(SENDER, "Hi")
        await phone.poll()
        phone.restart()
        await phone.poll()
    before, sync, after, restarted = server.requests
    assert {"GET"} == {before.method, restarted.method}
    assert "/smssync?task=send&secret=s" == after.target
    assert (method if stale else "GET") == after.method
    assert (sync.body if stale else b"") == after.body


def task(**payload: Any) -> str:
    """Return an answer to a poll; a key set to None is left out."""
    whole = {"task": "send", "secret": "s", "messages": [sms()], **payload}
    return json.dumps(
        {"payload": {key: value for key, value in whole.items() if value is not None}}
    )


# version, own secret, answer, status, (SMS sent, crashes)
EXECUTION = [
    ("3.1", "s", task(), 200, (1, 0)),
    ("3.1", "s", task(), 500, (1, 0)),
    ("2.7", "s", task(), 503, (1, 0)),
    ("1.1", "s", task(), 500, (0, 0)),
    ("2.7.2", "s", task(), 500, (0, 0)),
    ("3.1", "s", task(task="Send"), 200, (0, 0)),
    ("3.1", "s", task(secret="S"), 200, (0, 0)),
    ("3.1", "s", task(secret=None), 200, (0, 0)),
    ("3.1", "7", task(secret=7), 200, (1, 0)),
    ("3.1", "", task(secret="whatever"), 200, (1, 0)),
    ("2.0", "", task(secret="whatever"), 200, (0, 0)),
    ("2.0", "", task(secret=""), 200, (1, 0)),
    ("3.1", "s", task(messages=[]), 200, (0, 0)),
    ("3.1", "s", task(messages=None), 200, (0, 1)),
    ("2.8", "s", task(messages=None), 200, (0, 1)),
    ("2.7.2", "s", task(messages=None), 200, (0, 0)),
    ("3.1", "s", task(messages=[sms(), None, sms(uuid="u-3")]), 200, (1, 1)),
    ("3.1", "s", task(task=None), 200, (0, 0)),
    ("2.7", "s", task(task=None), 200, (0, 1)),
    ("2.8", "s", task(task=None), 200, (0, 1)),
    ("3.0", "s", task(task=None), 200, (0, 1)),
    ("2.7.2", "s", task(task=None), 200, (0, 0)),
    ("3.1", "s", task(messages=[{"to": SENDER, "uuid": "u"}, sms()]), 200, (0, 1)),
    ("3.1", "s", task(messages=[{"message": "x", "uuid": "u"}]), 200, (0, 1)),
    ("3.1", "s", task(messages=[sms(), sms(text="")]), 200, (1, 1)),
    ("3.1", "s", task(messages=[{"to": 12065550101, "message": 5, "uuid": 9}]), 200, (1, 0)),
    ("3.1", "s", task(messages=[{"to": SENDER, "message": "no uuid"}]), 200, (1, 0)),
    ("3.1", "s", "OK", 200, (0, 0)),
    ("3.1", "s", "", 200, (0, 0)),
    ("3.1", "s", '{"payload":null}', 200, (0, 0)),
    ("3.1", "s", "<html>", 404, (0, 0)),
]


@pytest.mark.parametrize(("version", "secret", "answer", "status", "outcome"), EXECUTION)
async def test_a_poll_is_executed_ignored_or_fatal(
    server: SyncServer, version: str, secret: str, answer: str, *, status: int, outcome: object
) -> None:
    """What each version makes of an answer to task=send."""
    server.say("send", answer, status)
    async with Handset(server.url, version=version, secret=secret) as phone:
        sent = await phone.poll()
        assert outcome == (len(sent), phone.crashes)


DOUBLES = [
    ("2.7", True, 1),
    ("2.8", True, 1),
    ("3.0", True, 2),
    ("3.1", True, 2),
    ("3.1", False, 1),
]


@pytest.mark.parametrize(("version", "report", "count"), DOUBLES)
async def test_3_sends_every_task_twice_with_delivery_reports_on(
    server: SyncServer, version: str, report: bool, count: int
) -> None:
    """Once with and once without a report, under the same id."""
    server.offer(sms())
    preferences = Preferences(delivery_report=report)
    async with Handset(server.url, version=version, preferences=preferences) as phone:
        await phone.poll()
        assert [("+12065550101", "Hello", "u-1")] * count == [
            (each.to, each.text, each.uuid) for each in phone.sent
        ]


# --- task=sent ---------------------------------------------------------------------------------

TWO = (sms(), sms(uuid="u-2"))
HANDSHAKE = [
    ({"message_uuids": ["u-1", "u-2"]}, 200, ["u-1", "u-2"]),
    ({"message_uuids": ["u-2"]}, 200, ["u-2"]),
    ({"message_uuids": []}, 200, []),
    ({"message_uuids": "u-1"}, 200, []),
    ([], 200, []),
    ({}, 200, []),
    ({"queued_messages": ["u-1"]}, 200, []),
    ({"payload": {"message_uuids": ["u-1"]}}, 200, []),
    ({"message_uuids": ["u-1"]}, 201, []),
    ({"message_uuids": ["u-1"]}, 500, []),
    ("junk", 200, []),
    ("", 200, []),
]


@pytest.mark.parametrize("version", ["2.7", "2.8", "3.0", "3.1", "docs"])
@pytest.mark.parametrize(("answer", "status", "sent"), HANDSHAKE)
async def test_with_the_results_api_only_echoed_ids_are_sent(
    server: SyncServer, version: str, answer: object, status: int, sent: list[str]
) -> None:
    """At the top level of a 200; nothing is tried again by itself."""
    server.offer(*TWO, secret="s")
    server.say("sent", answer, status)
    preferences = Preferences(results_api=True)
    async with Handset(server.url, version=version, secret="s", preferences=preferences) as phone:
        await phone.poll()
        assert sent == [each.uuid for each in phone.sent]
    seen = server.of("sent")[0]
    assert ("POST", "/smssync?task=sent") == (seen.method, seen.target)
    assert {"queued_messages": ["u-1", "u-2"]} == seen.json


CONFIRM_TARGETS = [("2.7.0", "/a/b/", "/a/b/add?task=sent"), ("2.7.0", "/a/b", "/a/add?task=sent")]
CONFIRM_TARGETS += [("2.7.1", "/a/b", "/a/b?task=sent"), ("3.1", "/a?k=v", "/a?k=v?task=sent")]


@pytest.mark.parametrize(("version", "path", "target"), CONFIRM_TARGETS)
async def test_2_7_0_confirms_to_a_path_of_its_own(version: str, path: str, target: str) -> None:
    """Up to the last slash, then add."""
    preferences = Preferences(results_api=True)
    async with (
        SyncServer(path) as server,
        Handset(server.url, version=version, preferences=preferences) as phone,
    ):
        server.offer(sms())
        await phone.poll()
        assert target == server.of("sent")[0].target
        assert 1 == len(phone.sent)


async def test_a_message_without_uuid_puts_null_in_the_list(server: SyncServer) -> None:
    """And null may be echoed."""
    server.offer({"to": SENDER, "message": "x"})
    async with Handset(server.url, preferences=Preferences(results_api=True)) as phone:
        assert 1 == len(await phone.poll())
    assert {"queued_messages": [None]} == server.of("sent")[0].json


@pytest.mark.parametrize(("version", "content_type"), [("2.8", JSON), ("3.1", JSON_UTF8)])
async def test_nothing_is_confirmed_without_the_results_api(
    server: SyncServer, version: str, content_type: str
) -> None:
    """The SMS goes at once and nobody is told."""
    preferences = Preferences(results_api=False)
    server.offer(sms())
    async with Handset(server.url, version=version, preferences=preferences) as phone:
        assert 1 == len(await phone.poll())
        assert [] == await phone.report()
        assert [] == server.of("sent") + server.of("ask")
        preferences.results_api = True
        await phone.poll()
    assert content_type == server.of("sent")[0].headers["content-type"]


# --- task=result -------------------------------------------------------------------------------

SENT_2 = {"sent_result_code": -1, "sent_result_message": "SMS sent"}
NO_REPORT_27 = {"delivered_result_code": -2, "delivered_result_message": ""}
DELIVERED = {"delivered_result_code": -1, "delivered_result_message": "SMS delivered"}
UNDELIVERED = {"delivered_result_code": 0, "delivered_result_message": "SMS not delivered"}
NO_SERVICE = {
    "sent_result_code": 4,
    "sent_result_message": "Failed to send SMS - because service is currently unavailable",
}
UNSET = {"sent_result_code": 0, "delivered_result_code": 0}
DOCS_SENT = {"sent_result_code": 0, "sent_result_message": "SMSSync Message Sent"}
DOCS_DELIVERED = {"delivered_result_code": 0, "delivered_result_message": "SMS Delivered"}
DOCS_NO_REPORT = {"delivered_result_code": -1, "delivered_result_message": ""}

# version, preferences beyond the results API, faults, elements without uuid and timestamps
RESULTS: list[tuple[str, dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = [
    ("2.7", {}, {}, [SENT_2 | NO_REPORT_27]),
    ("2.7", {"delivery_report": True}, {}, [SENT_2 | DELIVERED]),
    ("2.7", {"delivery_report": True}, {"undelivered": True}, [SENT_2 | UNDELIVERED]),
    ("2.7", {"delivery_report": True}, {"no_reports": True}, [SENT_2 | NO_REPORT_27]),
    ("2.7", {}, {"failing": 4}, [NO_SERVICE | NO_REPORT_27]),
    ("2.8", {}, {}, [SENT_2 | {"delivered_result_code": 0}]),
    ("2.8", {"delivery_report": True}, {}, [SENT_2 | DELIVERED]),
    ("2.8", {"delivery_report": True}, {"undelivered": True}, [SENT_2 | UNDELIVERED]),
    ("2.8", {}, {"failing": 4}, []),
    ("2.8", {"retry": True}, {"failing": 4}, [NO_SERVICE | {"delivered_result_code": 0}]),
    ("3.0.3", {}, {}, [UNSET]),
    ("3.0.3", {"delivery_report": True}, {}, [UNSET | {"delivered_result_code": -1}]),
    ("3.0.4", {"delivery_report": True}, {}, []),
    ("3.1", {"delivery_report": True}, {}, []),
    ("3.1", {}, {"failing": 4}, [UNSET]),
    ("docs", {}, {}, [DOCS_SENT | DOCS_NO_REPORT]),
    ("docs", {"delivery_report": True}, {}, [DOCS_SENT | DOCS_DELIVERED]),
    ("docs", {}, {"failing": 4}, [NO_SERVICE | DOCS_NO_REPORT]),
]


@pytest.mark.parametrize(("version", "preferences", "faults", "expected"), RESULTS)
async def test_results_are_what_the_version_can_say(
    server: SyncServer,
    version: str,
    preferences: dict[str, Any],
    faults: dict[str, Any],
    expected: list[dict[str, Any]],
) -> None:
    """Android's codes, the documented ones, or next to nothing in 3."""
    server.offer(sms())
    server.say("ask", {"message_uuids": ["u-1", "unknown"]})
    async with Handset(
        server.url,
        version=version,
        secret="s p",
        preferences=Preferences(results_api=True, **preferences),
        faults=Faults(**faults),
    ) as phone:
        server.offer(sms(), secret="s p")
        server.offer(sms(), secret="s p")
        await phone.poll()
        await phone.poll()
        await phone.report()
    ask, result = server.of("ask")[0], server.of("result")[0]
    assert "/smssync?task=result&secret=s+p" == ask.target == result.target
    posted = result.json["message_result"]
    assert isinstance(posted, list) == (version == "docs")
    elements = posted if version == "docs" else json.loads(posted)
    stamps = {"uuid", "sent_timestamp", "delivered_timestamp"}
    assert expected == [
        {key: value for key, value in each.items() if key not in stamps} for each in elements
    ]
    assert {"u-1"} >= {each["uuid"] for each in elements}


@pytest.mark.parametrize(
    ("version", "stamped"), [("2.8", set()), ("3.0.3", {"sent_timestamp", "delivered_timestamp"})]
)
async def test_3_adds_java_dates(server: SyncServer, version: str, stamped: set[str]) -> None:
    """Times as Java prints them in English."""
    server.offer(sms())
    server.say("ask", {"message_uuids": ["u-1"]})
    preferences = Preferences(results_api=True, delivery_report=True)
    async with Handset(server.url, version=version, preferences=preferences) as phone:
        await phone.poll()
        result = (await phone.report())[0]
    stamps = {key: str(value) for key, value in result.items() if key.endswith("_timestamp")}
    assert stamped == set(stamps)
    assert all(
        re.fullmatch(r"\w{3} \d+, \d{4} \d+:\d\d:\d\d [AP]M", each) for each in stamps.values()
    )


@pytest.mark.parametrize(
    ("hour", "written"),
    [(0, "12:03:06 AM"), (4, "4:03:06 AM"), (12, "12:03:06 PM"), (23, "11:03:06 PM")],
)
def test_java_dates_have_a_clock_of_twelve_hours(hour: int, written: str) -> None:
    """No leading zeros but in minutes and seconds."""
    assert f"Nov 6, 2015 {written}" == java_date(time.mktime((2015, 11, 6, hour, 3, 6, 0, 0, -1)))


EMPTY = [
    ("2.7", {"message_uuids": []}, 200, False),
    ("2.8", {"message_uuids": []}, 200, True),
    ("2.8", "junk", 200, True),
    ("2.8", {"message_uuids": []}, 500, False),
    ("3.0.5", {"message_uuids": []}, 200, True),
    ("3.1", {"message_uuids": []}, 200, False),
    ("3.1", {"message_uuids": ["unknown"]}, 200, True),
    ("3.1", "junk", 200, False),
]


@pytest.mark.parametrize(("version", "answer", "status", "posts"), EMPTY)
async def test_an_empty_report_is_posted_by_2_8_to_3_0(
    server: SyncServer, version: str, answer: object, status: int, posts: bool
) -> None:
    """``"[]"`` after every 200; the others only when ids were listed."""
    server.say("ask", answer, status)
    async with Handset(
        server.url, version=version, preferences=Preferences(results_api=True)
    ) as phone:
        await phone.report()
    assert ([b'{"message_result":"[]"}'] if posts else []) == [
        seen.body for seen in server.of("result")
    ]


async def test_2_7_1_asks_for_results_without_its_secret(server: SyncServer) -> None:
    """The secret came with 2.7.2."""
    preferences = Preferences(results_api=True)
    async with Handset(server.url, version="2.7.1", secret="s", preferences=preferences) as phone:
        await phone.report()
    assert "/smssync?task=result" == server.last.target


async def test_2_7_0_reports_unasked_and_once(server: SyncServer) -> None:
    """Results go to its own path."""
    server.offer(sms())
    preferences = Preferences(results_api=True)
    async with Handset(server.url, version="2.7.0", preferences=preferences) as phone:
        await phone.poll()
        await phone.report()
        await phone.report()
    assert ["/add?task=result"] == [seen.target for seen in server.of("result")]
    assert [] == server.of("ask")


async def test_result_texts_may_be_in_another_language(server: SyncServer) -> None:
    """Only the codes tell then."""
    server.offer(sms())
    server.say("ask", {"message_uuids": ["u-1"]})
    texts = {"SMS delivered": "SMS zugestellt"}
    preferences = Preferences(results_api=True, delivery_report=True, texts=texts)
    async with Handset(server.url, version="2.8", preferences=preferences) as phone:
        await phone.poll()
        assert "SMS zugestellt" == (await phone.report())[0]["delivered_result_message"]


FAILURES = [
    (1, "Failed to send SMS - Maybe insufficient air time on the phone."),
    (2, "Failed to send SMS - because radio was explicitly turned off"),
    (3, "Failed to send SMS - because no pdu provided"),
    (4, "Failed to send SMS - because service is currently unavailable"),
    (5, "Unknown error while sending sms."),
]


@pytest.mark.parametrize(("code", "text"), FAILURES)
def test_result_codes_have_the_apps_texts(code: int, text: str) -> None:
    """The English ones."""
    assert text == failure_text(code)


async def test_the_htc_code_is_ignored(server: SyncServer) -> None:
    """133404 means that the system tries again by itself."""
    server.offer(sms())
    server.say("ask", {"message_uuids": ["u-1"]})
    faults = Faults(failing=133404)
    preferences = Preferences(results_api=True)
    async with Handset(server.url, version="2.7", faults=faults, preferences=preferences) as phone:
        assert 1 == len(await phone.poll())
        assert -1 == (await phone.report())[0]["sent_result_code"]


# --- Alerts, the test button, status codes, pairing --------------------------------------------

ALERT_BODY = "Task=alert&message=Battery+level+is+at+9"


@pytest.mark.parametrize(
    ("version", "bodies"), [("1.1", []), ("2.7", [ALERT_BODY]), ("2.8", [ALERT_BODY]), ("3.1", [])]
)
async def test_a_low_battery_is_told_by_a_form_in_2(
    server: SyncServer, version: str, bodies: list[str]
) -> None:
    """A capital T, no secret, no sender; 3 has nothing to post yet."""
    async with Handset(server.url, version=version, secret="s") as phone:
        assert bool(bodies) == await phone.battery_low(9)
    assert bodies == [seen.body.decode() for seen in server.requests]
    assert {"/smssync"} >= {seen.target for seen in server.requests}


async def test_a_low_battery_makes_3_post_its_last_json_again(server: SyncServer) -> None:
    """To the bare sync URL; the alert itself only shows in the next question for results."""
    server.offer(sms())
    async with Handset(server.url, preferences=Preferences(results_api=True)) as phone:
        await phone.poll()
        assert await phone.battery_low(9)
        stale = server.last
        await phone.report()
    assert ("POST", "/smssync") == (stale.method, stale.target)
    assert {"queued_messages": ["u-1"]} == stale.json
    assert "/smssync?task=result?Task=alert&message=Battery+level+is+at+9" == server.last.target


@pytest.mark.parametrize(("version", "alerts"), [("2.7", 1), ("2.8", 0), ("3.1", 0)])
async def test_2_7_tells_of_sms_that_cannot_be_sent(
    server: SyncServer, version: str, alerts: int
) -> None:
    """With the text of the failure and its code."""
    server.offer(sms())
    async with Handset(server.url, version=version, faults=Faults(failing=1)) as phone:
        assert [] == await phone.poll()
        assert ["u-1"] == [each.uuid for each in phone.failed]
    posted = [seen.form for seen in server.requests if seen.method == "POST"]
    assert [{"Task": "alert", "message": FAILURES[0][1], "errorCode": "1"}] * alerts == posted


TEST_BUTTON = [
    ("3.0.0", "GET", []),
    ("3.0.3", "POST", ["secret"]),
    ("3.0.4", "POST", ["secret"]),
    ("3.0.5", "POST", ["secret", "from", "message"]),
    ("3.1", "POST", ["secret", "from", "message"]),
]


@pytest.mark.parametrize(("version", "method", "names"), TEST_BUTTON)
async def test_the_test_button_sends_what_the_version_has(
    server: SyncServer, version: str, method: str, names: list[str]
) -> None:
    """No id, no time, no device; the fields pile up with each press."""
    async with Handset(server.url, version=version, secret="s") as phone:
        assert await phone.test()
        assert await phone.test()
    values = {"secret": "s", "from": "+000000000000"}
    values["message"] = "Test Message From SMSSync Integration"
    first, second = server.requests
    pairs = [(name, values[name]) for name in names]
    assert (method, "/smssync") == (first.method, first.target)
    assert (pairs, pairs * 2) == ((first.pairs, second.pairs) if names else ([], []))


@pytest.mark.parametrize(
    ("answer", "status", "passes"),
    [
        (SUCCESS, 200, True),
        ({"payload": {"success": False}}, 200, True),
        ({"payload": {}}, 200, True),
        (SUCCESS, 201, False),
        ({"payload": None}, 200, False),
        ("OK", 200, False),
    ],
)
async def test_the_test_passes_on_200_with_any_payload(
    server: SyncServer, answer: object, status: int, passes: bool
) -> None:
    """Success true or false."""
    server.say("", answer, status)
    async with Handset(server.url) as phone:
        assert passes == await phone.test()


async def test_a_test_leaves_junk_behind_a_second_question_mark(server: SyncServer) -> None:
    """The client object of 3 never forgets its parameters until a restart."""
    async with Handset(server.url, secret="S", preferences=Preferences(results_api=True)) as phone:
        await phone.test()
        await phone.report()
        junk = "secret=S&from=%2B000000000000&message=Test+Message+From+SMSSync+Integration"
        assert f"/smssync?task=result&secret=S?{junk}" == server.last.target
        phone.restart()
        await phone.report()
        assert "/smssync?task=result&secret=S" == server.last.target


async def test_version_2_has_no_test_button(server: SyncServer) -> None:
    """Pressing it is an error of the test, not of the phone."""
    async with Handset(server.url, version="2.8") as phone:
        with pytest.raises(ValueError, match="no test button"):
            await phone.test()


STATUS_CODES = [
    ("2.7", "@10", "cell reception ok", 0),
    ("2.8", "@20", "Server Office responded with 200 status code", 1),
    ("2.8", "@30", "Battery level is at 55", 0),
    (
        "2.8",
        "@40",
        "cell reception ok, Battery level is at 55, Server Office responded with 200 status code",
        1,
    ),
]


@pytest.mark.parametrize(("version", "code", "answer", "requests"), STATUS_CODES)
async def test_2_answers_status_codes_by_sms(
    server: SyncServer, version: str, code: str, answer: str, requests: int
) -> None:
    """They are not forwarded; @20 makes a bare GET."""
    async with Handset(
        server.url, version=version, preferences=Preferences(title="Office")
    ) as phone:
        phone.battery = 55
        assert not await phone.receive(SENDER, code)
        assert [(SENDER, answer)] == [(each.to, each.text) for each in phone.sent]
    assert [("GET", "/smssync")] * requests == [(s.method, s.target) for s in server.requests]


async def test_a_status_code_tells_that_the_server_is_gone() -> None:
    """By SMS, as everything else it is asked."""
    async with SyncServer() as server:
        url = server.url
    async with Handset(url, version="2.8") as phone:
        await phone.receive(SENDER, "@20")
        assert ["Cannot reach server."] == [each.text for each in phone.sent]


async def test_a_null_message_is_fatal_before_it_is_confirmed(server: SyncServer) -> None:
    """Nothing is queued, nothing sent."""
    server.say("send", task(messages=[sms(), None]))
    preferences = Preferences(results_api=True)
    async with Handset(server.url, secret="s", preferences=preferences) as phone:
        assert [] == await phone.poll()
        assert 1 == phone.crashes
    assert [] == server.of("sent")


async def test_3_forwards_status_codes(server: SyncServer) -> None:
    """They are SMS like all others."""
    async with Handset(server.url, version="3.1") as phone:
        assert await phone.receive(SENDER, "@20")
    assert "@20" == server.last.form["message"]


async def test_a_pairing_code_sets_the_phone_up(server: SyncServer) -> None:
    """Title, URL and secret come from the scanned JSON."""
    code = json.dumps({"title": "Office", "url": server.url, "secret": "s"})
    async with Handset.paired(code) as phone:
        assert await phone.receive(SENDER, "Hi")
        assert "Office" == phone.preferences.title
    assert "s" == server.last.form["secret"]


async def test_a_pairing_code_without_secret_breaks_the_sync(server: SyncServer) -> None:
    """The form cannot be built, so no request is made and the SMS waits."""
    async with Handset.paired(json.dumps({"title": "Office", "url": server.url})) as phone:
        assert not await phone.receive(SENDER, "Hi")
        assert 1 == len(phone.pending)
    assert [] == server.requests


UNFIT: list[tuple[str, Callable[[], object]]] = [
    ("unknown version", lambda: Handset("http://127.0.0.1:9/", version="4")),
    (
        "no format yaml",
        lambda: Handset("http://127.0.0.1:9/", preferences=Preferences(data_format="yaml")),
    ),
    ("data_format must", lambda: Preferences(data_format="csv")),
    ("method must", lambda: Preferences(method="GET")),
    ("no url", lambda: Handset.paired("{}")),
    ("cannot scan", lambda: Handset.paired('{"url":"http://127.0.0.1:9/"}', version="2.8")),
]


@pytest.mark.parametrize(("message", "make"), UNFIT, ids=[row[0] for row in UNFIT])
def test_a_phone_that_cannot_be_is_refused(message: str, make: Callable[[], object]) -> None:
    """With a ValueError that says why."""
    with pytest.raises(ValueError, match=message):
        make()


# --- Faults, the cap, the clock ----------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.8", "3.1"])
async def test_a_lost_answer_makes_the_phone_post_again(server: SyncServer, version: str) -> None:
    """The server has read the request; the phone does not know."""
    faults = Faults()
    faults.lose_answers(1)
    async with Handset(server.url, version=version, faults=faults) as phone:
        assert not await phone.receive(SENDER, "Hi")
        assert 1 == await phone.sync_pending()
    first, second = (seen.form["message_id"] for seen in server.requests)
    assert first == second


LOST = [(Kind.SEND, ["send", "send", "sent"]), (Kind.SENT, ["send", "sent", "send", "sent"])]


@pytest.mark.parametrize(("kind", "tasks"), LOST, ids=str)
async def test_a_lost_answer_to_a_task_sends_nothing(
    server: SyncServer, kind: Kind, tasks: list[str]
) -> None:
    """Neither after task=send nor after task=sent; the next poll does."""
    server.offer(sms())
    faults = Faults()
    faults.lose_answers(1, of=kind)
    preferences = Preferences(results_api=True)
    async with Handset(server.url, faults=faults, preferences=preferences) as phone:
        assert [] == await phone.poll()
        assert 1 == len(await phone.poll())
    assert tasks == [seen.task for seen in server.requests]


async def test_a_silent_phone_keeps_its_sms_and_asks_nobody(server: SyncServer) -> None:
    """Until it is heard again."""
    faults = Faults(silent=True)
    preferences = Preferences(results_api=True)
    async with Handset(server.url, version="2.7", faults=faults, preferences=preferences) as phone:
        assert not await phone.receive(SENDER, "Hi")
        assert [] == await phone.poll()
        assert [] == await phone.report()
        assert not await phone.battery_low(5)
        assert [] == server.requests
        faults.silent = False
        assert 1 == await phone.sync_pending()


async def test_a_server_that_is_gone_costs_nothing_but_time() -> None:
    """No exception reaches the test; the SMS waits."""
    async with SyncServer() as server:
        url = server.url
    async with Handset(url) as phone:
        assert not await phone.receive(SENDER, "Hi")
        assert [] == await phone.poll()
        assert not await phone.test()
        assert 1 == len(phone.pending)


async def test_posts_can_be_duplicated(server: SyncServer) -> None:
    """With the same id."""
    async with Handset(server.url, faults=Faults(duplicate_posts=2)) as phone:
        assert await phone.receive(SENDER, "Hi")
        assert [] == phone.pending
    assert 3 == len(server.requests)
    assert 1 == len({seen.form["message_id"] for seen in server.requests})


async def test_reports_can_come_twice(server: SyncServer) -> None:
    """The same results in two posts."""
    server.offer(sms())
    server.say("ask", {"message_uuids": ["u-1"]})
    faults, preferences = Faults(double_reports=True), Preferences(results_api=True)
    async with Handset(server.url, version="2.8", faults=faults, preferences=preferences) as phone:
        await phone.poll()
        await phone.report()
    first, second = server.of("result")
    assert first.body == second.body


async def test_single_sms_can_be_refused(server: SyncServer) -> None:
    """In the order of the SMS; -1 lets one pass."""
    server.offer(*(sms(uuid=f"u-{number}") for number in range(4)))
    faults = Faults()
    faults.fail_next(4, -1, 1)
    async with Handset(server.url, faults=faults) as phone:
        assert ["u-1", "u-3"] == [each.uuid for each in await phone.poll()]
        assert ["u-0", "u-2"] == [each.uuid for each in phone.failed]


async def test_android_lets_only_so_many_sms_through_an_hour(server: SyncServer) -> None:
    """What exceeds the cap fails with an unknown error."""
    server.offer(*(sms(uuid=f"u-{number}") for number in range(5)))
    server.say("ask", {"message_uuids": ["u-4"]})
    preferences = Preferences(results_api=True)
    async with Handset(server.url, version="2.7", sms_cap=3, preferences=preferences) as phone:
        assert 3 == len(await phone.poll())
        result = (await phone.report())[0]
    assert (5, "Unknown error while sending sms.") == (
        result["sent_result_code"],
        result["sent_result_message"],
    )


@pytest.mark.parametrize(("cap", "window"), [(0, 3600.0), (3, 0.0)])
async def test_the_cap_can_be_off_or_its_window_short(
    server: SyncServer, cap: int, window: float
) -> None:
    """0 means any number; a window of no length forgets at once."""
    server.offer(*(sms(uuid=f"u-{number}") for number in range(5)))
    async with Handset(server.url, sms_cap=cap, sms_cap_window=window) as phone:
        assert 5 == len(await phone.poll())


@pytest.mark.parametrize("auto_sync", [True, False])
async def test_run_polls_at_the_interval_and_syncs_if_wanted(
    server: SyncServer, auto_sync: bool
) -> None:
    """Waiting SMS go out only with auto sync."""
    server.say("", "no", 500)
    server.say("", SUCCESS)
    polled = asyncio.Semaphore(0)

    def listen(event: Event) -> None:
        if event.name == "polled":
            polled.release()

    preferences = Preferences(auto_sync=auto_sync)
    async with Handset(
        server.url, preferences=preferences, interval=0.001, inexact=0.5, listener=listen
    ) as phone:
        await phone.receive(SENDER, "Hi")
        running = asyncio.create_task(phone.run())
        for _ in range(3):
            await asyncio.wait_for(polled.acquire(), 10)
        running.cancel()
        await asyncio.wait([running])
        assert auto_sync == (not phone.pending)
    assert 3 <= len(server.of("send"))


async def test_a_phone_must_be_switched_on(server: SyncServer) -> None:
    """Outside of ``async with`` there is no connection."""
    with pytest.raises(RuntimeError, match="switched off"):
        await Handset(server.url).poll()


async def test_a_crash_forgets_and_the_phone_lives_on(server: SyncServer) -> None:
    """Android starts the app again."""
    server.say("send", task(messages=None))
    server.offer(sms())
    events: list[Event] = []
    async with Handset(server.url, version="3.0", secret="", listener=events.append) as phone:
        await phone.receive(SENDER, "Hi")
        assert [] == await phone.poll()
        assert 1 == len(await phone.poll())
    assert ["POST", "GET"] == [seen.method for seen in server.of("send")]
    assert 1 == [event.name for event in events].count("crashed")


# --- The reader of JSON ------------------------------------------------------------------------

READABLE = [
    ('{"a":[1,-2.5e3,true,null]}', {"a": ["1", "-2.5e3", True, None]}),
    ("{a:b,'c':\"d\"}", {"a": "b", "c": "d"}),
    ("[1,,2]", ["1", None, "2"]),
    ('"\\u00e4\\n\\/\\\\"', "ä\n/\\"),
    ('"\\ud83d\\ude42"', "🙂"),
    ("# note\n{} // note", {}),
    (")]}'\n{}", {}),
    ('{"a":1,"a":2}', {"a": "2"}),
]


@pytest.mark.parametrize(("text", "value"), READABLE, ids=[row[0] for row in READABLE])
def test_lenient_json_is_read(text: str, value: object) -> None:
    """Numbers stay as they were written."""
    assert value == parse(text, trailing=False)


@pytest.mark.parametrize(
    "text", ["", "{", '{"a"', '{"a":', '{"a":1', '"a', "[1", '"\\uzzzz"', "}", "{} {}", "[" * 200]
)
def test_what_even_lenient_readers_refuse(text: str) -> None:
    """Torn, trailing or too deep."""
    with pytest.raises(Unreadable):
        parse(text, trailing=False)


# --- The command line --------------------------------------------------------------------------


async def finished(*options: str) -> tuple[int, str]:
    """Return exit status and output of the command."""
    process = Process("-m", "gateway.emulator.smssync", *options)
    status = await asyncio.to_thread(process.wait)
    log = process.log
    process.stop()
    return status, log


async def test_the_command_line_is_a_phone_with_masked_numbers(server: SyncServer) -> None:
    """One line for each event, and no secret in any."""
    server.offer(sms(OTHER), secret="hush")
    status, log = await finished(
        f"--url={server.url}",
        "--secret=hush",
        "--version=2.8",
        f"--number={PHONE}",
        f"--receive={SENDER}:Hi: there",
        "--once",
    )
    assert 0 == status
    names = [line.split()[0] for line in log.splitlines()]
    assert ["received", "synced", "polled", "sms_sent"] == names
    assert not re.search(r"hush|2065550|Hi: there", log)
    assert ("Hi: there", PHONE) == (
        server.requests[0].form["message"],
        server.requests[0].form["sent_to"],
    )


async def test_the_command_line_runs_until_it_is_told_to_end(server: SyncServer) -> None:
    """SIGTERM ends it with status 0."""
    process = Process("-m", "gateway.emulator.smssync", f"--url={server.url}", "--interval=0.01")
    await asyncio.to_thread(wait_for, lambda: len(server.of("send")) >= 3, 20.0)
    assert 0 == await asyncio.to_thread(process.stop)


@pytest.mark.parametrize(
    "options",
    [
        ["--version=3.1"],
        ["--url=ftp://127.0.0.1/"],
        ["--url=http://127.0.0.1/", "--version=9"],
        ["--url=http://127.0.0.1/", "--interval=0"],
        ["--url=http://127.0.0.1/", "--interval=soon"],
        ["--url=http://127.0.0.1/", "--receive=nocolon"],
        ["--url=http://127.0.0.1/", "--format=yaml"],
    ],
    ids=" ".join,
)
async def test_wrong_options_end_with_status_2(options: list[str]) -> None:
    """Without a traceback."""
    status, log = await finished(*options)
    assert 2 == status
    assert "Traceback" not in log


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_does_a_whole_day(server: SyncServer, version: str) -> None:
    """Receive, poll, report, alert: no version fails where it has nothing to do."""
    server.offer(sms(), secret="s")
    server.say("ask", {"message_uuids": ["u-1"]})
    preferences = Preferences(results_api=True)
    async with Handset(server.url, version=version, secret="s", preferences=preferences) as phone:
        assert await phone.receive(SENDER, "Hi")
        assert 1 == len(await phone.poll())
        await phone.report()
        await phone.battery_low(5)
        assert 0 == phone.crashes
