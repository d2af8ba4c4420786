"""What phones of every version send, as tables: queries, posts in every format, results."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest

from gateway.emulator.smssync.app.radio import TaskRow
from gateway.emulator.smssync.app.results import result_of
from gateway.emulator.smssync.wire.bodies import encode, gson_json, query
from gateway.emulator.smssync.world.traits import ALL_FIELDS, Traits
from gateway.emulator.smssync.world.versions import VERSIONS
from gateway.smssync.bodies import fields, said
from gateway.smssync.bodies import query as parsed_query
from gateway.smssync.tasks import Result
from gateway.smssync.wire import Post, basic_password, inbound_id, post, results, uuids

FORM = "application/x-www-form-urlencoded"
JSON = "application/json; charset=UTF-8"
UUID = "aada21b0-0615-4957-bcb3-0123456789ab"
OTHER = "1ba368bd-c467-4374-bf28-0123456789ab"
EVERYTHING = "Grüße & <b>100 %</b> = \"1+1\"? 'ok'; €\n\\ / 日本 😀"


# -- Queries


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("", {}, id="none"),
        pytest.param("task=send&secret=S", {"task": "send", "secret": "S"}, id="plain"),
        pytest.param("task=send&secret=", {"task": "send", "secret": ""}, id="blank secret"),
        pytest.param(
            "task=send&secret=a%3Fb%26c%3D%2B%20+d", {"task": "send", "secret": "a?b&c=+  d"}
        ),
        pytest.param("secret=%C3%BC%E2%82%AC", {"secret": "ü€"}, id="UTF-8"),
        pytest.param("secret=%FFx", {"secret": "ÿx"}, id="not UTF-8"),
        pytest.param("secret=Gr%FC%DFe", {"secret": "Grüße"}, id="ISO-8859-1"),
        pytest.param(
            "key=K?task=send&secret=S",
            {"key": "K", "task": "send", "secret": "S"},
            id="the address has a query of its own",
        ),
        pytest.param(
            "task=result&secret=S?secret=X&from=%2B000000000000&message=Test",
            {"task": "result", "secret": "S", "from": "+000000000000", "message": "Test"},
            id="left behind by a test",
        ),
        pytest.param(
            "task=result&secret=S?Task=alert&message=Battery+level+is+at+9",
            {
                "task": "result",
                "secret": "S",
                "Task": "alert",
                "message": "Battery level is at 9",
            },
            id="left behind by an alert",
        ),
        pytest.param("a?b?task=sent", {"task": "sent"}, id="names without a value"),
        pytest.param("&&?&task=sent&", {"task": "sent"}, id="empty pieces"),
        pytest.param("task=sent&task=send", {"task": "sent"}, id="the first value wins"),
        pytest.param("secret=a=b", {"secret": "a=b"}, id="equals sign in the value"),
        pytest.param("task=sent" + "&x=1" * 60_000, {"task": "sent", "x": "1"}, id="very many"),
    ],
)
def test_a_query_is_read_whatever_stands_around_the_question_marks(
    raw: str, expected: dict[str, str]
) -> None:
    """Leftovers of earlier requests come last and never win."""
    assert expected == parsed_query(raw)


# -- Fields: what the emulated versions write

VALUES = {
    "secret": "s e+c=r&t?",
    "from": "+4917612345678",
    "message": EVERYTHING,
    "sent_timestamp": "1448513006000",
    "sent_to": "",
    "message_id": UUID,
    "device_id": "1",
}
BODIES = [
    pytest.param(traits, data_format, id=f"{version} {data_format}")
    for version, traits in VERSIONS.items()
    for data_format in sorted({*traits.formats, "yaml"})
]


@pytest.mark.parametrize(("traits", "data_format"), BODIES)
def test_every_version_is_understood_in_every_format(traits: Traits, data_format: str) -> None:
    """Whatever the Content-Type says: 3.x calls XML JSON, 2.8 calls a form YAML."""
    pairs = [(name, VALUES[name]) for name in traits.fields]
    body = encode(pairs, data_format, traits)
    assert dict(pairs) == fields(body.content, body.content_type)


@pytest.mark.parametrize("data_format", ["form", "xml", "json", "multipart"])
def test_of_piled_up_fields_the_last_is_the_current_one(data_format: str) -> None:
    """3.0.0 to 3.0.3 send the fields of every SMS since the app was started."""
    earlier = 10 if data_format == "multipart" else 500
    pairs = [(name, f"old {name}") for name in ALL_FIELDS] * earlier + list(VALUES.items())
    body = encode(pairs, data_format, VERSIONS["3.0.3"])
    assert fields(body.content, body.content_type) == VALUES


# -- Fields: bytes

XML = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        pytest.param(b"", FORM, {}, id="empty"),
        pytest.param(b" \r\n", "", {}, id="blank"),
        pytest.param(b"a=1&b=", "", {"a": "1", "b": ""}, id="form without a type"),
        pytest.param(b"a=1&b=2", JSON, {"a": "1", "b": "2"}, id="form called JSON"),
        pytest.param(b"a=1&b=2", "application/yaml", {"a": "1", "b": "2"}, id="form called YAML"),
        pytest.param(b"a=1+2%202%2B", FORM, {"a": "1 2 2+"}, id="form blanks"),
        pytest.param(b"a=1&a=2&a=", FORM, {"a": ""}, id="form repeated, last blank"),
        pytest.param(b"a=x\r\n ", FORM, {"a": "x\r\n "}, id="form end is kept"),
        pytest.param(b"a&b=1&=2", FORM, {"b": "1", "": "2"}, id="form name without a value"),
        pytest.param(b"a=%FF%C3%A4\xe4\xc3\xa4", FORM, {"a": "\ufffdä\ufffdä"}, id="form bytes"),
        pytest.param(b"a=%ED%A0%80", FORM, {"a": "\ufffd"}, id="form half a pair"),
        pytest.param(b"a=%ED%A0%BD%ED%B8%80", FORM, {"a": "😀"}, id="form halves one by one"),
        pytest.param(b"a=\xed\xa0\xbd\xed\xb8\x80", FORM, {"a": "😀"}, id="form halves, raw"),
        pytest.param(b"a=Gr%FC%DFe+%80", FORM, {"a": "Grüße €"}, id="form in Windows-1252"),
        pytest.param("a=ü".encode("utf-16"), FORM, {"a": "ü"}, id="form in UTF-16"),
        pytest.param(b"a=%zz%", FORM, {"a": "%zz%"}, id="form broken escape"),
        pytest.param(b"a=1;b=2", FORM, {"a": "1;b=2"}, id="form semicolon is text"),
        pytest.param(b"Hello", FORM, None, id="form is none"),
        pytest.param(b'[{"a":1}]', JSON, None, id="JSON array"),
        pytest.param(b'{"a":"1"}', FORM, {"a": "1"}, id="JSON called a form"),
        pytest.param(b'\xef\xbb\xbf {"a":"1"}\n', JSON, {"a": "1"}, id="JSON with a BOM"),
        pytest.param(
            b'{"a":1,"b":-1.50,"c":true,"d":false,"e":1448513006000,"f":1e400,"g":NaN}',
            JSON,
            {
                "a": "1",
                "b": "-1.50",
                "c": "true",
                "d": "false",
                "e": "1448513006000",
                "f": "1e400",
                "g": "NaN",
            },
            id="JSON numbers as they are written",
        ),
        pytest.param(
            b'{"a":null,"b":[1],"c":{"d":1}}', JSON, {"a": "", "b": "", "c": ""}, id="JSON others"
        ),
        pytest.param(
            b'{"a":' + b"9" * 5000 + b"}", JSON, {"a": "9" * 5000}, id="JSON number of any length"
        ),
        pytest.param(b'{"a":"1","a":"2"}', JSON, {"a": "2"}, id="JSON repeated"),
        pytest.param(b'{"a":"x\ny\t"}', JSON, {"a": "x\ny\t"}, id="JSON raw control characters"),
        pytest.param(b'{"a":"\\ud83d\\ude00"}', JSON, {"a": "😀"}, id="JSON surrogate pair"),
        pytest.param(b'{"a":"x\\ud83dy"}', JSON, {"a": "x\ufffdy"}, id="JSON half a pair"),
        pytest.param(b'{"a":"\xff"}', JSON, {"a": "ÿ"}, id="JSON not UTF-8"),
        pytest.param(b'{"a":"\xc3\xbc\xff"}', JSON, {"a": "ü\ufffd"}, id="JSON hardly UTF-8"),
        pytest.param('{"a":"ü"}'.encode("utf-16-le"), JSON, {"a": "ü"}, id="JSON in UTF-16"),
        pytest.param(b'{"a":"1"', JSON, None, id="JSON cut off"),
        pytest.param(b'{"a":"1"} x', JSON, None, id="JSON and more"),
        pytest.param(b'{"a":' + b"[" * 500_000, JSON, None, id="JSON very deep"),
        pytest.param(b'{"a":' * 200_000, JSON, None, id="JSON objects very deep"),
        pytest.param(b"<p><a>1</a><b/></p>", "", {"a": "1", "b": ""}, id="XML without a type"),
        pytest.param(
            f"{XML}<payload><from>+49</from></payload>".encode(),
            JSON,
            {"from": "+49"},
            id="XML called JSON",
        ),
        pytest.param(
            "\ufeff \n<p><a>ü</a></p>\n".encode(), "application/xml", {"a": "ü"}, id="XML BOM"
        ),
        pytest.param(
            b"<p><a>1</a><a>2</a><a></a></p>", "text/xml", {"a": ""}, id="XML repeated, last blank"
        ),
        pytest.param(
            b"<p><a> &lt;&amp;&gt;&quot;&apos;&#64;&#x20ac;&#128512; </a></p>",
            "text/xml",
            {"a": " <&>\"'@€😀 "},
            id="XML references",
        ),
        pytest.param(b"<p><a><![CDATA[<x>&amp;]]></a></p>", "", {"a": "<x>&amp;"}, id="XML CDATA"),
        pytest.param(
            b"<p>x<a>1<deep>2<a>3</a></deep>4</a>y</p>", "", {"a": "14"}, id="XML only two levels"
        ),
        pytest.param(b"<p><!-- x --><?y z?><a>1</a></p>", "", {"a": "1"}, id="XML comments"),
        pytest.param(b"<p><a>x\xffy\x00\x0b</a></p>", "", {"a": "xÿy"}, id="XML raw controls"),
        pytest.param(
            b"<p><a>Hi &#55357;&#56832;&#xD83D;&#xde80;!</a></p>",
            "",
            {"a": "Hi 😀🚀!"},
            id="XML halves of characters",
        ),
        pytest.param(b"<p><a>x&#xD83D;y</a></p>", "", {"a": "x\ufffdy"}, id="XML half a character"),
        pytest.param(
            b"<p><a>x&#0;&#1;&#x1f;&#xFFFF;&#1114112;&#9;&#10;y</a></p>",
            "",
            {"a": "x\t\ny"},
            id="XML references to no characters",
        ),
        pytest.param(
            b"<p><a><![CDATA[&#55357;&#0;]]>&#0;</a></p>",
            "",
            {"a": "&#55357;&#0;"},
            id="XML CDATA has no references",
        ),
        pytest.param(
            b"<p><a>\xed\xa0\xbd\xed\xb8\x80</a></p>", "", {"a": "😀"}, id="XML halves, raw"
        ),
        pytest.param(
            "<?xml version='1.0' encoding='ISO-8859-1'?><p><a>ü</a></p>".encode("latin1"),
            "",
            {"a": "ü"},
            id="XML in ISO-8859-1",
        ),
        pytest.param(
            "<?xml version='1.0' encoding='UTF-16'?><p><a>ü</a></p>".encode(),
            "",
            {"a": "ü"},
            id="XML is UTF-8 whatever it declares",
        ),
        pytest.param(
            b"<?xml version='1.0' encoding='x-none'?><p><a>1</a></p>",
            "",
            {"a": "1"},
            id="XML of an unknown encoding",
        ),
        pytest.param(b"<p/>", "", {}, id="XML without fields"),
        pytest.param(b"<p><a>1</a>", "", None, id="XML cut off"),
        pytest.param(b"<p><a>1</b></p>", "", None, id="XML badly nested"),
        pytest.param(b"<p><a>&nbsp;</a></p>", "", None, id="XML unknown entity"),
        pytest.param("<p><a>1</a></p>".encode("utf-16"), "", {"a": "1"}, id="XML in UTF-16"),
        pytest.param(b"<html><body>", "text/html", None, id="HTML"),
        pytest.param(b"<" * 100_000, "", None, id="XML is none"),
        pytest.param(b"<a>" * 300_000, "", None, id="XML very deep"),
        pytest.param(b"%PNG\r\n\x1a\n\x00", "image/png", None, id="something else"),
    ],
)
def test_a_body_is_read_by_what_it_is(
    body: bytes, content_type: str, expected: dict[str, str] | None
) -> None:
    """None is for what no field can be found in."""
    assert expected == fields(body, content_type)


BILLION_LAUGHS = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"<!DOCTYPE p [<!ENTITY l0 'ha'>{BILLION_LAUGHS}]><p><a>&l9;</a></p>"),
        pytest.param(f"<!DOCTYPE p [<!ENTITY x '{'x' * 50_000}'>]><p><a>{'&x;' * 9_999}</a></p>"),
        pytest.param("<!DOCTYPE p [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><p><a>&x;</a></p>"),
        pytest.param(
            "<!DOCTYPE p [<!ENTITY % x SYSTEM 'http://127.0.0.1:9/'> %x;]><p><a>1</a></p>"
        ),
        pytest.param("<!DOCTYPE p SYSTEM 'http://127.0.0.1:9/p.dtd'><p><a>1</a></p>"),
        pytest.param("<!DOCTYPE p PUBLIC '-//X//Y' 'p.dtd'><p><a>1</a></p>"),
        pytest.param("<!DOCTYPE p [<!ATTLIST p x CDATA 'y'>]><p><a>1</a></p>"),
        pytest.param("<!DOCTYPE p><p><a>1</a></p>"),
        pytest.param(f"{XML}<!DOCTYPE p><p><a>1</a></p>"),
    ],
    ids=[
        "billion laughs",
        "quadratic growth",
        "external entity",
        "parameter entity",
        "external DTD",
        "public DTD",
        "attributes",
        "bare",
        "behind the declaration",
    ],
)
def test_xml_with_a_document_type_is_of_no_use(body: str) -> None:
    """No phone writes one, and every attack by XML needs one."""
    assert fields(body.encode(), "application/xml") is None


MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("body", "length"),
    [
        pytest.param(b"a=" + b"x" * MEGABYTE, MEGABYTE, id="form"),
        pytest.param(b'{"a":"%s"}' % (b"x" * MEGABYTE), MEGABYTE, id="JSON"),
        pytest.param(b"<p><a>%s</a></p>" % (b"x" * MEGABYTE), MEGABYTE, id="XML"),
        pytest.param(b"<p><a>%s</a></p>" % (b"&lt;" * (MEGABYTE // 4)), MEGABYTE // 4, id="&lt;"),
        pytest.param(b"&" * MEGABYTE + b"a=x", 1, id="form of separators"),
        pytest.param(b"b=1&" * (MEGABYTE // 4) + b"a=x", 1, id="form of many fields"),
        pytest.param(b"<p>%s<a>x</a></p>" % (b"<b/>" * (MEGABYTE // 4)), 1, id="XML of elements"),
    ],
)
def test_a_megabyte_is_read(body: bytes, length: int) -> None:
    """Nothing is cut off: a limit is the caller's business."""
    found = fields(body, FORM)
    assert found is not None
    assert length == len(found["a"])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{" + b'"' * MEGABYTE, id="JSON of quotes"),
        pytest.param(b'{" ' + b'" ' * (MEGABYTE // 2), id="JSON of blanks in quotes"),
        pytest.param(b'{"' + b" " * MEGABYTE, id="JSON of blanks"),
        pytest.param(b'{" "' + b"a" * MEGABYTE, id="JSON of letters"),
        pytest.param(b"<p " + b"a='1' " * (MEGABYTE // 6), id="XML of attributes"),
        pytest.param(b"<p>" + b"&#1" * (MEGABYTE // 3), id="XML of references"),
        pytest.param(b"<p>" + b"<![CDATA[" * (MEGABYTE // 9), id="XML of CDATA"),
        pytest.param(b"--b" + b'\r\nname="secret"' * (MEGABYTE // 15), id="multipart of names"),
        pytest.param(b'{"secret":' * (MEGABYTE // 10), id="JSON of names"),
        pytest.param(b"<secret>" * (MEGABYTE // 8), id="XML of names"),
        pytest.param(b"\xe9" * MEGABYTE, id="ISO-8859-1"),
    ],
)
def test_a_megabyte_of_junk_is_of_no_use(body: bytes) -> None:
    """It takes no longer than its length asks for."""
    begun = time.process_time()
    assert fields(body, "") is None
    assert said(body, "secret") is None
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"from":"+49","secret":"S \\"1\\"","message":"Hi',
        b"<?xml version='1.0'?><payload><secret>S &quot;1&quot;</secret><message>Hi",
        b'--b\r\nContent-Disposition: form-data; name="secret"\r\n\r\nS "1"\r\n--b\r\nContent-Di',
        b'--b\r\nContent-Disposition: form-data; name="secret"\r\nContent-Type: text/plain\r\n'
        b'Content-Length: 5\r\n\r\nS "1"\r\n--b',
        '\ufeff{"secret": "S \\"1\\"", "x'.encode("utf-16-le"),
    ],
    ids=["JSON", "XML", "multipart", "multipart of OkHttp", "UTF-16"],
)
def test_the_secret_is_found_in_a_body_that_was_cut_off(body: bytes) -> None:
    assert fields(body, "") is None
    assert 'S "1"' == said(body, "secret")
    assert said(body, "sec") is None


def multipart(*parts: tuple[str, bytes], boundary: str = "b") -> bytes:
    """Return a multipart body of these parts, each the rest of its header and its content."""
    head = "Content-Disposition: form-data"
    each = (f"--{boundary}\r\n{head}{rest}\r\n\r\n".encode() + data for rest, data in parts)
    return b"".join(part + b"\r\n" for part in each) + f"--{boundary}--\r\n".encode()


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        pytest.param(
            multipart(('; name="a"', b"1"), ('; name="a"', "ü €".encode()), ('; name="b"', b"")),
            "multipart/form-data; boundary=b",
            {"a": "ü €", "b": ""},
            id="repeated, blank",
        ),
        pytest.param(
            multipart(('; name="a"', b"<&{")),
            'Multipart/Form-Data; charset=UTF-8; Boundary="b"',
            {"a": "<&{"},
            id="type in capitals, boundary in quotes",
        ),
        pytest.param(
            multipart(('; name="a"', b"x\xff")),
            "multipart/form-data; boundary=b",
            {"a": "xÿ"},
            id="not UTF-8",
        ),
        pytest.param(
            multipart(('; name="a"', b"1"), ('; name="a"; filename="x"', b"2")),
            "multipart/form-data; boundary=b",
            {"a": "1"},
            id="files are no fields",
        ),
        pytest.param(multipart(), "multipart/form-data", None, id="no boundary"),
        pytest.param(multipart(), "multipart/form-data; boundary=c", None, id="other boundary"),
        pytest.param(multipart(("", b"")), "multipart/form-data; boundary=b", None, id="no name"),
        pytest.param(
            b"--b\r\n\xff\xff\r\n\r\n1\r\n--b--", "multipart/form-data; boundary=b", None, id="junk"
        ),
        pytest.param(
            multipart(*[('; name="a"', b"1")] * 101),
            "multipart/form-data; boundary=b",
            None,
            id="too many parts",
        ),
    ],
)
def test_multipart_is_read_with_its_boundary(
    body: bytes, content_type: str, expected: dict[str, str] | None
) -> None:
    """Phones do not send it; the example on the page for developers does."""
    assert expected == fields(body, content_type)


# -- Posts

SMS = {"from": "+4917612345678", "message": "Hi"}


@pytest.mark.parametrize(
    ("given", "names", "expected"),
    [
        pytest.param({}, {}, Post(), id="nothing"),
        pytest.param(SMS, {}, Post("+4917612345678", "Hi"), id="1.0"),
        pytest.param(
            VALUES,
            {},
            Post("+4917612345678", EVERYTHING, "", UUID, "1", "s e+c=r&t?", sent="1448513006000"),
            id="3.1",
        ),
        pytest.param({"from": "", "message": ""}, {}, Post("", ""), id="blank"),
        pytest.param({"from": "MTN-Info"}, {}, Post("MTN-Info"), id="no text"),
        pytest.param({"message": "x"}, {}, Post(text="x"), id="no sender"),
        pytest.param(
            {"sender": "1", "text": "2", "key": "3"},
            {"from": "sender", "message": "text", "secret": "key"},
            Post("1", "2", secret="3"),
            id="renamed",
        ),
        pytest.param(
            {"from": "1", "text": "2"},
            {"from": "sender", "message": "text"},
            Post("1", "2"),
            id="usual names are understood all the same",
        ),
        pytest.param(
            {"sender": "", "from": "1"}, {"from": "sender"}, Post(""), id="the phone's name wins"
        ),
        pytest.param(
            {"message": "1", "from": "2"},
            {"from": "message", "message": "from"},
            Post("1", "2"),
            id="exchanged",
        ),
        pytest.param(
            {"message": "1"},
            {"from": "message", "message": "text"},
            Post("1"),
            id="a usual name that belongs to another field",
        ),
        pytest.param(
            {"Task": "alert", "message": "Battery level is at 15"},
            {},
            Post(text="Battery level is at 15", is_alert=True, battery=15),
            id="alert",
        ),
        pytest.param(
            {"Task": "alert", "message": "Akku bei 100 %"},
            {"message": "text"},
            Post(text="Akku bei 100 %", is_alert=True, battery=100),
            id="alert in another language, fields renamed",
        ),
        pytest.param(
            {"Task": "alert", "message": "Level 101"},
            {},
            Post(text="Level 101", is_alert=True),
            id="alert with too large a number",
        ),
        pytest.param(
            {"Task": "alert", "message": "Unknown error 7", "errorCode": "1"},
            {},
            Post(text="Unknown error 7", is_alert=True),
            id="alert of a failed SMS",
        ),
        pytest.param({"Task": "alert"}, {}, Post(is_alert=True), id="alert without words"),
        pytest.param({"queued_messages": ""}, {}, Post(is_alert=True), id="3.x alert: last ack"),
        pytest.param({"message_result": "[]"}, {}, Post(is_alert=True), id="3.x alert: results"),
        pytest.param(
            {**SMS, "Task": "alert"}, {}, Post("+4917612345678", "Hi"), id="an SMS is no alert"
        ),
        pytest.param({**SMS, "Task": "x"}, {}, Post("+4917612345678", "Hi"), id="other task"),
        pytest.param({"task": "alert"}, {}, Post(), id="task is another word than Task"),
        pytest.param(
            {"secret": "S", "from": "+000000000000", "message": "Test"},
            {},
            Post("+000000000000", "Test", secret="S", is_test=True),
            id="test button",
        ),
        pytest.param(
            {"Task": "alert", "secret": "S", "sender": " 000000000000", "message": "Test"},
            {"from": "sender"},
            Post(" 000000000000", "Test", secret="S", is_test=True),
            id="test button after an alert, plus undone",
        ),
        pytest.param(
            {"from": "+000000000000", "message": "x", "message_id": UUID},
            {},
            Post("+000000000000", "x", message_id=UUID),
            id="an SMS from that number",
        ),
        pytest.param(
            {"from": "+000000000000", "message": "x", "sent_timestamp": "1"},
            {},
            Post("+000000000000", "x", sent="1"),
            id="an SMS from that number with a time",
        ),
        pytest.param({"secret": "S"}, {}, Post(secret="S"), id="3.0.3 test button"),
    ],
)
def test_a_post_is_what_its_fields_say(
    given: dict[str, str], names: dict[str, str], expected: Post
) -> None:
    """A field that is not there is told from a blank one."""
    assert expected == post(given, names)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(Post("1", "x", message_id=UUID, sent="5"), UUID, id="the phone's own"),
        pytest.param(
            Post("1", "x", message_id=" 80 "),
            "row:80:79284ccfed77dc8ef610554b1de459e6",
            id="row number",
        ),
        pytest.param(
            Post(message_id="x" * 65),
            "id:1c9c4cf03b33aa2ed9793bb25a618b9c9d3ec64887b7b3ae06cdfeaeafff1cbe",
            id="too long for a key",
        ),
        pytest.param(
            Post("1", "x", message_id=" ", sent="5"),
            "sms:fd08c60cdc6ed831fa893ece2a5d4da16711511a15b7d164b7c9635fbf3ed3a2",
            id="sender, time and text",
        ),
        pytest.param(
            Post("1", "x"),
            "hash:09b4cf6996f177b205f4b5e2b10046d3894eb3d5060f7ba2c46be4be67f612c6",
            id="sender and text",
        ),
        pytest.param(
            Post(),
            "hash:5e253af543acda876922e6ea0e60324eefe1c66fc349eebb57251ebff525cc1e",
            id="nothing",
        ),
    ],
)
def test_an_sms_has_an_id(given: Post, expected: str) -> None:
    """It is the phone's where that is fit for a key, else a hash that no release may change."""
    assert expected == inbound_id(given)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(Post("1", "2", sent="5"), Post("1", "3", sent="5"), id="text"),
        pytest.param(
            Post("1", "2", message_id="80"), Post("1", "3", message_id="80"), id="text in one row"
        ),
        pytest.param(Post("1", "2", sent="5"), Post("2", "2", sent="5"), id="sender"),
        pytest.param(Post("1", "2", sent="5"), Post("1", "2", sent="6"), id="time"),
        pytest.param(Post("1", "2", sent="5"), Post("1", "2"), id="no time"),
        pytest.param(Post("1", "23"), Post("12", "3"), id="border"),
        pytest.param(Post("1", "23", sent="4"), Post("1", "3", sent="42"), id="border of the time"),
        pytest.param(Post("1", "\ud800"), Post("1", "\ud801"), id="no characters"),
    ],
)
def test_different_sms_have_different_ids(one: Post, other: Post) -> None:
    """Nothing is taken for a repeat that differs in sender, time or text."""
    assert inbound_id(one) != inbound_id(other)


def test_a_repeat_has_the_same_id_whatever_the_phone_says_of_itself() -> None:
    """The secret may have changed between two attempts."""
    one = Post("1", "x", sent="5", secret="a", sent_to="", device_id="1")
    other = Post("1", "x", sent="5", secret="b", sent_to="2", device_id="2")
    assert inbound_id(one) == inbound_id(other)


# -- Acknowledgements


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"queued_messages":["%s","%s"]}' % (UUID.encode(), OTHER.encode()), [UUID, OTHER]),
        (b'\xef\xbb\xbf{"queued_messages":["a"]}', ["a"]),
        (b'{"queued_messages":"[\\"a\\",\\"b\\"]"}', ["a", "b"]),
        (b'{"queued_messages":["a","b","a"]}', ["a", "b"]),
        (b'{"queued_messages":[null,1,true,{},[],"","a b","\xc3\xbc","a\\n","b"]}', ["1", "b"]),
        (b'{"queued_messages":["%s","a"]}' % (b"x" * 65), ["a"]),
        (b'{"queued_messages":["%s"]}' % (b"x" * 64), ["x" * 64]),
        (b'{"queued_messages":[]}', []),
        (b'{"queued_messages":null}', []),
        (b'{"queued_messages":{"a":"b"}}', []),
        (b'{"queued_messages":"a"}', []),
        (b'{"message_uuids":["a"]}', []),
        (b'["a"]', []),
        (b"", []),
        (b"null", []),
        (b"queued_messages=a", []),
        (b"\xff\xfe", []),
        (b'{"queued_messages":' + b"[" * 500_000, []),
        (b'{"queued_messages":"' + b"[" * 500_000 + b'"}', []),
    ],
    ids=str,
)
def test_only_ids_are_taken_from_an_acknowledgement(body: bytes, expected: list[str]) -> None:
    """Each once, in the phone's order."""
    assert expected == uuids(body)


def test_the_number_of_ids_is_bounded() -> None:
    """Junk does not count."""
    listed = [None] * 700 + [f"u{number}" for number in range(700)]
    body = json.dumps({"queued_messages": listed}).encode()
    assert [f"u{number}" for number in range(500)] == uuids(body)


def test_ids_can_be_read_under_another_key() -> None:
    """Answers list them as message_uuids."""
    assert ["a"] == uuids(b'{"message_uuids":["a"]}', "message_uuids")


# -- Results


def reported(**element: Any) -> bytes:
    """Return a report of one SMS, as the app writes it: an array inside a string."""
    return json.dumps({"message_result": json.dumps([{"uuid": UUID, **element}])}).encode()


NO_AIR = "Failed to send SMS - Maybe insufficient air time on the phone."
NO_SERVICE = "Failed to send SMS - because service is currently unavailable"
RADIO_OFF = "Failed to send SMS - because radio was explicitly turned off"
NO_PDU = "Failed to send SMS - because no pdu provided"
UNKNOWN = "Unknown error while sending sms."


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (-1, "SMS sent", "sent"),
        (-1, "SMS gesendet", "sent"),
        (-1, None, "sent"),
        ("-1", "SMS sent", "sent"),
        (-1.0, "SMS sent", "sent"),
        (1, NO_AIR, "failed"),
        (2, RADIO_OFF, "failed"),
        (3, NO_PDU, "failed"),
        (4, NO_SERVICE, "failed"),
        (4, "Не удалось отправить SMS", "failed"),
        (4, None, "failed"),
        (5, UNKNOWN, "failed"),
        (133404, UNKNOWN, ""),
        (-2, "", ""),
        (-2, "SMS sent", ""),
        (-3, None, ""),
        (0, None, ""),
        (0, "", ""),
        (0, " ", ""),
        (0, "SMSSync Message Sent", "sent"),
        (0, "SMS sent", "sent"),
        (0, "SMS not sent", "failed"),
        (0, "Could not be sent", "failed"),
        (0, "Failed: nothing was sent", "failed"),
        (0, NO_AIR, "failed"),
        (0, UNKNOWN, "failed"),
        (None, None, ""),
        (None, "SMS sent", "sent"),
        (True, None, ""),
        ("x", "SMS sent", "sent"),
        ([-1], None, ""),
        (10**20, None, ""),
        (0, {"a": 1}, ""),
    ],
)
def test_whether_an_sms_was_sent(code: Any, text: Any, expected: str) -> None:
    """By Android's code; by the text beside the documented code 0; nothing yet otherwise."""
    (result,) = results(reported(sent_result_code=code, sent_result_message=text))
    assert (expected, "") == (result.sent, result.delivered)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (-1, "SMS delivered", "delivered"),
        (0, "SMS Delivered", "delivered"),
        (0, "SMS not delivered", "failed"),
        (1, "SMS not delivered", "failed"),
        (-1, "SMS NOT DELIVERED", "failed"),
        (0, "Undelivered", "failed"),
        (-1, "SMS zugestellt", "delivered"),
        (0, "SMS nicht zugestellt", "failed"),
        (-1, "SMS を配信しました", "delivered"),
        (-2, "SMS zugestellt", ""),
        (1, "SMS zugestellt", ""),
        (-1, "", ""),
        (-1, None, ""),
        (-1, " ", ""),
        (0, "", ""),
        (0, None, ""),
        (-2, "", ""),
        (None, None, ""),
        (None, "SMS delivered", "delivered"),
        ("-1", "SMS zugestellt", "delivered"),
    ],
)
def test_whether_an_sms_was_delivered(code: Any, text: Any, expected: str) -> None:
    """By the text; by Android's code when it is not English; without a text there is no report."""
    (result,) = results(reported(delivered_result_code=code, delivered_result_message=text))
    assert ("", expected) == (result.sent, result.delivered)


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        pytest.param(
            {"sent_result_code": -1, "sent_result_message": "SMS sent"}, "SMS sent", id="sent"
        ),
        pytest.param(
            {"sent_result_message": "SMS sent", "delivered_result_message": "SMS delivered"},
            "SMS delivered",
            id="delivered",
        ),
        pytest.param(
            {
                "sent_result_code": 1,
                "sent_result_message": NO_AIR,
                "delivered_result_message": "SMS not delivered",
            },
            NO_AIR,
            id="why it failed",
        ),
        pytest.param({"sent_result_message": "x" * 300}, "x" * 200, id="long"),
        pytest.param({"sent_result_message": "x\ud800"}, "x\ufffd", id="no character"),
        pytest.param({"sent_result_code": 1}, "", id="none"),
    ],
)
def test_the_text_of_a_result_is_the_phones_own(element: dict[str, Any], expected: str) -> None:
    """It is bounded and can be stored."""
    assert [expected] == [result.text for result in results(reported(**element))]


ROWS = (
    TaskRow("u-sent", 1448513006.0, code=-1),
    TaskRow("u-delivered", 1448513006.0, -1, True, 1448513010.0),
    TaskRow("u-undelivered", 1448513006.0, -1, False, 1448513010.0),
    TaskRow("u-failed", 1448513006.0, code=4),
    TaskRow("u-pending", 1448513006.0),
)
GERMAN = {
    "SMS sent": "SMS gesendet",
    "SMS delivered": "SMS zugestellt",
    "SMS not delivered": "SMS nicht zugestellt",
    NO_SERVICE: "Senden nicht möglich",
}
TOLD = [("sent", ""), ("sent", "delivered"), ("sent", "failed"), ("failed", ""), ("", "")]
UNTOLD = [("", "")] * 5
# The code that the page has for "nothing yet" is Android's for success.
DOCUMENTED_CODES = [*TOLD[:4], ("sent", "")]
STYLES = [
    ("2.7.0", TOLD, True),
    ("2.7.3", TOLD, True),
    ("2.8.3", TOLD, True),
    ("3.0.3", UNTOLD, True),
    ("3.1.1", UNTOLD, True),
    ("docs", DOCUMENTED_CODES, False),
]


@pytest.mark.parametrize(
    ("version", "expected", "texts"),
    [pytest.param(*style[:2], {}, id=style[0]) for style in STYLES]
    + [pytest.param(*style[:2], GERMAN, id=f"{style[0]} German") for style in STYLES if style[2]],
)
def test_every_version_reports_in_its_own_codes(
    version: str, expected: Sequence[tuple[str, str]], texts: dict[str, str]
) -> None:
    """3.x fills in nothing that could be relied on."""
    style = VERSIONS[version].results
    assert style is not None
    found = [result_of(row, style, texts) for row in ROWS]
    content = gson_json(found) if style.as_string else found
    told = results(json.dumps({"message_result": content}).encode())
    assert [row.uuid for row in ROWS] == [each.uuid for each in told]
    assert expected == [(each.sent, each.delivered) for each in told]


# Printed so on the page for developers, with its missing comma.
DOCUMENTED = b"""{ "message_result": [
{ "uuid": "052bf515-ef6b-f424-c4ee", "sent_result_code": 0,
  "sent_result_message": "SMSSync Message Sent" "delivered_result_code": -1,
  "delivered_result_message": "" },
{ "uuid": "aada21b0-0615-4957-bcb3", "sent_result_code": 0,
  "sent_result_message": "SMSSync Message Sent", "delivered_result_code": 0,
  "delivered_result_message": "SMS Delivered" },
{ "uuid": "1ba368bd-c467-4374-bf28", "sent_result_code": 1,
  "sent_result_message": "Failed to send SMS - Maybe insufficient air time on the phone.",
  "delivered_result_code": -1, "delivered_result_message": "" },
{ "uuid": "95df126b-ee80-4175-a6fb", "sent_result_code": 4,
  "sent_result_message": "No service", "delivered_result_code": -1,
  "delivered_result_message": "" } ] }"""


def test_the_documented_report_is_read_as_it_is_printed() -> None:
    """Its codes are not Android's, and a comma is missing."""
    assert [
        Result("052bf515-ef6b-f424-c4ee", "sent", "", "SMSSync Message Sent"),
        Result("aada21b0-0615-4957-bcb3", "sent", "delivered", "SMS Delivered"),
        Result("1ba368bd-c467-4374-bf28", "failed", "", NO_AIR),
        Result("95df126b-ee80-4175-a6fb", "failed", "", "No service"),
    ] == results(DOCUMENTED)


def test_a_report_of_a_real_phone_is_read() -> None:
    """3.x adds dates in Java's words."""
    body = (
        rb'{"message_result":"[{\"uuid\":\"u\",\"sent_result_code\":-1,\"sent_result_message\":'
        rb"\"SMS sent\",\"delivered_result_code\":-2,\"delivered_result_message\":\"\","
        rb'\"sent_timestamp\":\"Nov 26, 2015 4:43:06 AM\"}]"}'
    )
    assert [Result("u", "sent", "", "SMS sent")] == results(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message_result":"[]"}', []),
        (b'{"message_result":[]}', []),
        (b'{"message_result":""}', []),
        (b'{"message_result":null}', []),
        (b'{"message_result":{"uuid":"a"}}', []),
        (b'{"message_result":"{}"}', []),
        (b'{"message_result":"[\\"a\\",null,1,[],{}]"}', []),
        (b'{"message_result":[{"uuid":null},{"uuid":""},{"uuid":["a"]},{"uuid":"b"}]}', ["b"]),
        (b'{"message_result":[{"uuid":"%s"}]}' % (b"x" * 65), []),
        (b'{"message_results":[{"uuid":"a"}]}', []),
        (b'[{"uuid":"a"}]', []),
        (b"", []),
        (b"\xff", []),
        (b"message_result=%5B%5D", []),
        (b'{"message_result":' + b"[" * 500_000, []),
        (b'{"message_result":"' + b"[" * 500_000 + b'"}', []),
    ],
    ids=str,
)
def test_only_elements_with_an_id_are_results(body: bytes, expected: list[str]) -> None:
    """Everything else is left out without a word."""
    assert expected == [result.uuid for result in results(body)]


def test_the_number_of_results_is_bounded() -> None:
    """Junk does not count."""
    listed = [None] * 700 + [{"uuid": f"u{number}"} for number in range(700)]
    body = json.dumps({"message_result": listed}).encode()
    assert [f"u{number}" for number in range(500)] == [each.uuid for each in results(body)]


# -- Basic authentication


def basic(pair: str | bytes, scheme: str = "Basic") -> str:
    """Return the header's value for ``user:password``."""
    raw = pair if isinstance(pair, bytes) else pair.encode()
    return f"{scheme} {base64.b64encode(raw).decode()}"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("user:S"), "S"),
        (basic("user:S:x"), "S:x"),
        (basic(":S"), "S"),
        (basic("user:"), ""),
        (basic("user:ü€"), "ü€"),
        (basic(b"user:\xfc"), "\ufffd"),
        (basic("user:S", "basic"), "S"),
        (f" {basic('user:S', 'Basic ')} ", "S"),
        (basic("user"), None),
        (basic("user:S", "Bearer"), None),
        (basic("user:S") + "!", None),
        ("Basic dXNlcjpT!", None),
        ("Basic dXNlcjpTU", None),
        ("Basic ü", None),
        ("Basic", None),
        ("", None),
    ],
)
def test_the_password_is_taken_from_basic_authentication(header: str, expected: str | None) -> None:
    """Whoever the user is called; a broken header is none."""
    assert expected == basic_password(header)


@pytest.mark.parametrize("secret", ["S", "a?b", "a&b=c", "1+1", "a b", "ü€😀", "#%?", "S?secret=S"])
def test_a_secret_arrives_as_it_was_typed(secret: str) -> None:
    """In the query, and in every format of a body."""
    assert secret == parsed_query(query([("task", "send"), ("secret", secret)]))["secret"]
    assert secret == parsed_query(f"task=send&secret={quote(secret, safe='')}")["secret"]
    for data_format in ("form", "json", "xml", "multipart"):
        body = encode([("secret", secret)], data_format, VERSIONS["docs"])
        assert {"secret": secret} == fields(body.content, body.content_type)
