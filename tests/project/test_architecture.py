"""The house rules: who imports whom, where foreign libraries may be used, what is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import errors
from gateway.store import keys
from handlers import arguments
from handlers.routes import FIXED_ROUTES
from tests.support import ROOT

PACKAGES = ("conf", "gateway", "handlers")

# From the ground up: a module imports from lower rows and, within a row, from what stands before.
ROWS = (
    ("gateway.models", "gateway.errors", "gateway.store.keys", "gateway"),
    ("conf.messages", "conf.devices", "conf.values", "conf.options", "conf.reading", "conf.checks"),
    ("conf.settings", "conf.documents"),
    (
        "gateway.telephony.phonenumber",
        "gateway.telephony.country",
        "gateway.telephony.geoip",
        "gateway.telephony.segments",
        "gateway.access.client_address",
    ),
    ("gateway.loop",),
    (
        "gateway.monitoring.metrics",
        "gateway.store.client",
        "gateway.store.pipeline",
        "gateway.store.valkey_process",
        "gateway.store.embedded",
    ),
    ("gateway.providers.base", "gateway.providers.vonage.signatures", "gateway.providers.http"),
    (
        "gateway.providers.vonage.codes",
        "gateway.providers.vonage.sms",
        "gateway.providers.vonage.webhooks",
        "gateway.providers.flowroute",
        "gateway.providers.smssync",
        "gateway.providers.vonage.voice",
        "gateway.providers.vonage.numbers_wire",
        "gateway.providers.vonage.numbers",
        "gateway.providers.vonage.insight",
    ),
    (
        "gateway.access.gates",
        "gateway.access.refusals",
        "gateway.access.limiter",
        "gateway.messaging.pacer",
        "gateway.access.sign_ins",
    ),
    ("gateway.messaging.status", "gateway.messaging.receipts", "gateway.messaging.history"),
    ("gateway.monitoring.time_series", "gateway.monitoring.stats"),
    (
        "gateway.messaging.inbound.dedup",
        "gateway.virtual_numbers.pool",
        "gateway.conversations.sessions",
        "gateway.virtual_numbers.forecast",
    ),
    (
        "gateway.virtual_numbers.setup",
        "gateway.virtual_numbers.inventory",
        "gateway.virtual_numbers.provisioning",
    ),
    ("gateway.conversations.transcript", "gateway.messaging.optouts"),
    ("gateway.messaging.inbound.inbox", "gateway.messaging.inbound.concatenation"),
    ("gateway.smssync.bodies", "gateway.smssync.queue", "gateway.smssync.wire"),
    (
        "gateway.messaging.messenger",
        "gateway.messaging.outbox.queue",
        "gateway.messaging.outbox.delivery",
        "gateway.messaging.outbox.worker",
    ),
    (
        "gateway.conversations.notices",
        "gateway.conversations.lobby",
        "gateway.conversations.relay",
        "gateway.smssync.phones",
        "gateway.conversations.calls",
    ),
    ("gateway.wiring.periodic", "gateway.wiring.relaying", "gateway.wiring.services"),
    ("handlers.arguments", "handlers.base", "handlers.webhooks.base"),
)
ORDER = [module for row in ROWS for module in row]


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of the project by its dotted name."""
    yield "app", ROOT / "app.py"
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), path


def imports(path: Path) -> set[str]:
    """Return the dotted names that a module imports at run time (also inside functions)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


MODULES = dict(modules())
GATEWAY = [name for name in MODULES if name in ORDER]


def test_every_module_of_the_lower_rooms_stands_in_a_row() -> None:
    """A new module is given its place in ROWS, or the direction of imports is not checked."""
    lower = {
        name
        for name in MODULES
        if name.startswith(("gateway", "conf.")) and not name.startswith("gateway.emulator")
    }
    assert set() == lower - set(ORDER) - {"gateway.providers"}


@pytest.mark.parametrize("name", GATEWAY)
def test_a_module_imports_only_from_below(name: str) -> None:
    """The direction of imports is that of DESIGN.md."""
    own = {each for each in imports(MODULES[name]) if each in MODULES}
    allowed = {*ORDER[: ORDER.index(name)], "gateway", "gateway.providers", "conf", "handlers"}
    assert set() == own - allowed - {name}


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("handlers")])
def test_handlers_know_neither_providers_wire_nor_the_emulator(name: str) -> None:
    """Only webhooks may name a provider; nobody but app.py may name the emulator."""
    forbidden = {"gateway.emulator", "gateway.store.pipeline.connect", "redis"}
    assert set() == forbidden & imports(MODULES[name])


LIBRARIES = {
    "tornado.web": ("handlers", "gateway.emulator", "app"),
    "phonenumbers": ("gateway.telephony.phonenumber",),
    "redis": (
        "gateway.store.pipeline",
        "gateway.store.client",
        "gateway.store.valkey_process",
        "gateway.store.embedded",
    ),
    "os.environ": ("app",),
    "sys.argv": ("app",),
}


@pytest.mark.parametrize(("library", "rooms"), LIBRARIES.items(), ids=LIBRARIES.keys())
def test_a_library_is_used_in_its_rooms_only(library: str, rooms: tuple[str, ...]) -> None:
    """Foreign words end at one edge."""
    users = {
        name
        for name, path in MODULES.items()
        if library in imports(path)
        or ("." in library and re.search(rf"\b{re.escape(library)}\b", path.read_text("utf-8")))
    }
    strangers = {name for name in users if not name.startswith(rooms)}
    assert set() == strangers - {"conf.documents", "gateway.emulator.__main__"}


def test_every_key_stands_in_the_table_of_keys() -> None:
    """keys.py is the one list of what lies in Redis."""
    functions = [name for name in vars(keys) if callable(getattr(keys, name)) and name[0] != "_"]
    templates = [getattr(keys, name)(*("x",) * _arguments(name)) for name in functions]
    templates += [value for name, value in vars(keys).items() if name.isupper() and name != "WORLD"]
    rows = re.findall(r"^\| ((?:\{[a-z]+\}:)?[a-z-]+)", keys.__doc__ or "", re.MULTILINE)
    kinds = {re.match(r"(?:\{[a-z]+\}:)?[a-z-]+", template) for template in templates}
    assert set() == {kind[0] for kind in kinds if kind} - set(rows)


def _arguments(name: str) -> int:
    code = getattr(keys, name).__code__
    return int(code.co_argcount)


API = (ROOT / "handlers" / "API.md").read_text("utf-8")


@pytest.mark.parametrize("route", FIXED_ROUTES, ids=lambda route: str(route[0]))
def test_every_route_is_documented(route: tuple[str, ...]) -> None:
    """handlers/API.md names every path."""
    path = re.split(r"[?(]|\.\*", route[0].replace("\\", ""))[0].rstrip("/") or "/"
    assert f"`{path}" in API or f" {path}" in API


@pytest.mark.parametrize(
    "code",
    sorted(
        {
            error.code
            for error in [*vars(errors).values(), *vars(arguments).values()]
            if isinstance(error, type) and issubclass(error, errors.GatewayError)
        }
        | {"receiver_missing", "receiver_validation", "limit_acceded", "nexmo_error"}
        | {"number_missing", "id_missing", "id_unknown", "method_not_allowed"}
    ),
)
def test_every_error_code_is_documented(code: str) -> None:
    """handlers/API.md names every error code."""
    assert re.search(rf"[`\"]{code}[`\"]", API)
