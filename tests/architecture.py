"""The house as it stands: rooms, who imports whom, circles, sizes.

``python -m tests.architecture`` prints it; test_architecture.py holds it against the rules.
Every import counts: those inside functions and those for types alone as well.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.support import ROOT

PACKAGES = ("conf", "gateway", "handlers", "wiring")
# A folder with more entries has to be learned by heart; a module with more lines does two things.
MOST_ENTRIES = 12
MOST_LINES = 400

# From the ground up: a room imports from rooms above its own line, never from below.
ROWS = (
    ("conf",),
    ("gateway.errors", "gateway"),
    ("gateway.telephony",),
    ("gateway.store",),
    ("gateway.monitoring",),
    ("gateway.providers", "gateway.providers.http", "gateway.providers.vonage"),
    ("gateway.access",),
    ("gateway.protection",),
    ("gateway.protection.limits", "gateway.protection.spending"),
    ("gateway.protection.links",),
    ("gateway.protection.destinations",),
    ("gateway.protection.proof",),
    ("gateway.virtual_numbers",),
    ("gateway.messaging", "gateway.messaging.inbound"),
    ("gateway.messaging.sending",),
    ("gateway.protection.rehearsal",),
    ("gateway.messaging.outbox",),
    ("gateway.conversations",),
    ("gateway.smssync",),
    ("gateway.emulator",),
    ("wiring",),
    ("handlers.front",),
    ("handlers.arguments", "handlers.handsets", "handlers.application", "handlers.base"),
    ("handlers.operation", "handlers.public", "handlers.admin", "handlers.webhooks"),
    ("handlers.console",),
    ("handlers.routes",),
    ("app", "gateway.protection.__main__"),
)


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of the product by its dotted name."""
    yield "app", ROOT / "app.py"
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), path


MODULES = dict(modules())


@cache
def imported(path: Path) -> set[str]:
    """Return the dotted names that a module imports, wherever and for whatever."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@cache
def own_imports(name: str) -> set[str]:
    """Return the modules of the product that a module imports.

    ``from package import module`` is an import of the module, not of its package.
    """
    found = imported(MODULES[name]) & set(MODULES)
    packages = {each for each in found if any(other.startswith(f"{each}.") for other in found)}
    return found - packages - {name}


@cache
def row_of(name: str) -> int:
    """Return the row of the room that a module belongs to; raises LookupError without one."""
    rooms = {room: row for row, each in enumerate(ROWS) for room in each}
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        room = ".".join(parts[:length])
        # The top packages are rooms of their own files only.
        if room in rooms and (room not in {"gateway", "handlers"} or length == len(parts)):
            return rooms[room]
    raise LookupError(f"{name} stands in no row")


def has_code(name: str) -> bool:
    """Tell whether a module has more than its docstring."""
    body = ast.parse(MODULES[name].read_text(encoding="utf-8")).body
    return any(not isinstance(each, ast.Expr) for each in body)


FOLDERS = {path.parent for path in MODULES.values()}


@cache
def room_of(name: str) -> str:
    """Return the folder of a module; the module itself where the folder holds further rooms."""
    path = MODULES[name]
    if path.name == "__init__.py" or any(each.parent == path.parent for each in FOLDERS):
        return name
    return name.rpartition(".")[0]


def arrows() -> Counter[tuple[str, str]]:
    """Return how many imports lead from one room to another."""
    return Counter(
        (room_of(name), room_of(other))
        for name in MODULES
        for other in own_imports(name)
        if room_of(name) != room_of(other)
    )


def upward() -> list[str]:
    """Return a line for each import that leads to a room further up."""
    return [
        f"{name} imports {other}"
        for name in MODULES
        for other in sorted(own_imports(name))
        if row_of(other) > row_of(name)
    ]


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the modules or rooms of one circle of imports, none when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_circle() -> list[str]:
    """Return the modules of a circle."""
    return circle({name: own_imports(name) for name in MODULES})


def room_circle() -> list[str]:
    """Return the rooms of a circle."""
    graph: dict[str, set[str]] = {}
    for room, other in arrows():
        graph.setdefault(room, set()).add(other)
    return circle(graph)


def entries() -> dict[str, list[str]]:
    """Return what each code folder shows: its modules and the folders that hold any."""
    folders = {path.parent for path in MODULES.values()} - {ROOT}
    return {
        str(folder.relative_to(ROOT)): sorted(
            path.name
            for path in folder.iterdir()
            if (path.suffix == ".py" and path.name != "__init__.py") or path in folders
        )
        for folder in sorted(folders)
    }


def lines() -> dict[str, int]:
    """Return how many lines each module has."""
    return {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}


def main() -> int:
    """Print the house; return 1 when it breaks a rule."""
    found = arrows()
    rooms = sorted({room_of(name) for name in MODULES})
    for room in rooms:
        to = sorted(other for one, other in found if one == room)
        print(f"{room} → {', '.join(to) or '(nothing)'}")
    crowded = {folder: len(shown) for folder, shown in entries().items()}
    sizes = lines()
    long = {name: size for name, size in sizes.items() if size > MOST_LINES}
    circles = [each for each in (module_circle(), room_circle()) if each]
    print(
        f"\n{len(rooms)} rooms, {len(found)} arrows, {len(circles)} circles, {len(MODULES)} modules"
    )
    print(f"{sum(sizes.values())} lines of Python, the longest module {max(sizes.values())}")
    print(f"the fullest folder shows {max(crowded.values())} entries")
    problems = [
        *(f"circle: {' → '.join(each)}" for each in circles),
        *(f"upwards: {each}" for each in upward()),
        *(
            f"{folder}: {count} entries"
            for folder, count in crowded.items()
            if count > MOST_ENTRIES
        ),
        *(f"{name}: {size} lines" for name, size in long.items()),
    ]
    print("\n".join(problems) or "nothing upwards, nothing too large")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
