"""The house rules: who imports whom, where foreign libraries may be used, what is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import errors
from gateway.store import keys
from handlers import arguments
from handlers.routes import FIXED_ROUTES
from tests import architecture
from tests.architecture import MODULES
from tests.support import ROOT

LIBRARIES = {
    "tornado.web": ("handlers", "gateway.emulator", "app"),
    "phonenumbers": ("gateway.telephony",),
    "redis": ("gateway.store",),
    "aiohttp": ("gateway.providers.http", "gateway.emulator"),
    "httptools": ("gateway.providers.http", "handlers.front"),
    "altcha": ("gateway.protection.proof.altcha",),
    "os.environ": ("app", "gateway.protection.__main__"),
    "sys.argv": ("app", "gateway.protection.__main__"),
}


def test_every_module_stands_in_a_row() -> None:
    """A new room is given its place in ROWS, or the direction of imports is not checked."""
    code = filter(architecture.has_code, MODULES)
    assert [] == [name for name in code if not stands_in_a_row(name)]


def stands_in_a_row(name: str) -> bool:
    """Tell whether the direction of a module's imports is checked."""
    try:
        architecture.row_of(name)
    except LookupError:
        return False
    return True


def test_nothing_imports_from_above() -> None:
    """The direction of imports is that of DESIGN.md."""
    assert [] == architecture.upward()


def test_no_modules_and_no_rooms_import_each_other_in_a_circle() -> None:
    """Every module can be read after those that it imports."""
    assert [] == architecture.module_circle()
    assert [] == architecture.room_circle()


def test_a_circle_is_found() -> None:
    """The search above can fail."""
    assert {"a", "b"} == set(architecture.circle({"a": ["b"], "b": ["a"], "c": ["a"]}))
    assert [] == architecture.circle({"a": ["b"], "c": ["a"]})


def test_imports_for_types_and_inside_functions_count(tmp_path: Path) -> None:
    """What only a type checker follows ties two modules together as well."""
    module = tmp_path / "module.py"
    module.write_text(
        "if TYPE_CHECKING:\n    from a import b\ndef f():\n    import c\n", encoding="utf-8"
    )
    assert {"a", "a.b", "c"} == architecture.imported(module)


@pytest.mark.parametrize(("folder", "shown"), architecture.entries().items())
def test_a_folder_can_be_taken_in_at_a_glance(folder: str, shown: list[str]) -> None:
    """More entries than that have to be learned by heart."""
    assert len(shown) <= architecture.MOST_ENTRIES, f"{folder}: {shown}"


def test_no_module_is_longer_than_it_can_do_one_thing() -> None:
    """The limit is a cause to look, not a budget to use up."""
    found = architecture.lines().items()
    assert {} == {name: size for name, size in found if size > architecture.MOST_LINES}


def test_only_the_wiring_knows_the_emulator() -> None:
    """Production code does not depend on what stands in for a provider."""
    users = {
        name
        for name in MODULES
        if any(each.startswith("gateway.emulator") for each in architecture.own_imports(name))
    }
    strangers = {name for name in users if not name.startswith("gateway.emulator")}
    assert {"wiring.development"} == strangers


@pytest.mark.parametrize(("library", "rooms"), LIBRARIES.items(), ids=LIBRARIES.keys())
def test_a_library_is_used_in_its_rooms_only(library: str, rooms: tuple[str, ...]) -> None:
    """Foreign words end at one edge."""
    users = {
        name
        for name, path in MODULES.items()
        if library in architecture.imported(path)
        or ("." in library and re.search(rf"\b{re.escape(library)}\b", path.read_text("utf-8")))
    }
    strangers = {name for name in users if not name.startswith(rooms)}
    assert set() == strangers - {"conf.documents", "gateway.emulator.__main__"}


def test_every_key_stands_in_the_table_of_keys() -> None:
    """KEYS.md is the one list of what lies in Redis."""
    functions = [name for name in vars(keys) if callable(getattr(keys, name)) and name[0] != "_"]
    templates = [getattr(keys, name)(*("x",) * _arguments(name)) for name in functions]
    templates += [value for name, value in vars(keys).items() if name.isupper()]
    table = (ROOT / "gateway" / "store" / "KEYS.md").read_text("utf-8")
    rows = re.findall(r"^\| `((?:\{[a-z]+\}:)?[a-z-]+)", table, re.MULTILINE)
    kinds = {re.match(r"(?:\{[a-z]+\}:)?[a-z-]+", template) for template in templates}
    assert set() == {kind[0] for kind in kinds if kind} - set(rows)


def _arguments(name: str) -> int:
    code = getattr(keys, name).__code__
    return int(code.co_argcount)


API = (ROOT / "handlers" / "API.md").read_text("utf-8")


def _documented_routes() -> set[str]:
    """Return the patterns that answer the paths of API.md; ``<name>`` is any one element."""
    paths = re.findall(r"(?:`|[A-Z] )(/[\w./<>-]*)", API)
    written = {re.sub(r"<\w+>", "0" * 32, path) for path in paths}
    first = (
        next((each[0] for each in FIXED_ROUTES if re.fullmatch(each[0], path)), "")
        for path in written
    )
    return set(first)


DOCUMENTED = _documented_routes()


@pytest.mark.parametrize("route", FIXED_ROUTES, ids=lambda route: str(route[0]))
def test_every_route_is_documented(route: tuple[str, ...]) -> None:
    """A path that handlers/API.md names is answered by this very route, not by one before it."""
    assert route[0] in DOCUMENTED


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
