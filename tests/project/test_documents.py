"""The documents: their links lead somewhere, and the files and names they mention are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

# Who decides on a gateway reads a few screens; the rest stands beside the code it explains.
README_LINES = 200
DESIGN = ROOT / "gateway" / "DESIGN.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# `folder/file.py`, and what is said to stand in it: `folder/file.py` (`Class.method`).
FILE = re.compile(r"`((?:app|conf|gateway|handlers|tests)(?:/[\w.-]+)*\.(?:py|lua|md))`")
NAMED = re.compile(FILE.pattern + r" \(`([\w.]+)`\)")


def documents() -> Iterator[Path]:
    """Yield our Markdown files; libraries and data of others bring their own."""
    yield from sorted(ROOT.glob("*.md"))
    for folder in ("conf", "gateway", "handlers", "tests", "wiring"):
        for path in sorted((ROOT / folder).rglob("*.md")):
            if not {"vendor", "data"} & set(path.relative_to(ROOT).parts):
                yield path


DOCUMENTS = list(documents())
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = CODE_BLOCK.sub("", document.read_text("utf-8"))
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }


@each_document
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    """Those to other sites are not followed."""
    broken = []
    for link in LINK.findall(CODE_BLOCK.sub("", document.read_text("utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert [] == broken


@each_document
def test_every_file_that_is_named_exists(document: Path) -> None:
    """A file that has moved takes its name in the documents along."""
    named = FILE.findall(document.read_text("utf-8"))
    assert [] == [name for name in named if not (ROOT / name).is_file()]


def test_the_tour_names_what_stands_in_its_files() -> None:
    """Each class or function that is said to be in a file is defined there."""
    found = NAMED.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert len(found) >= 20
    absent = []
    for name, thing in found:
        code = (ROOT / name).read_text("utf-8")
        parts = thing.split(".")
        if not all(re.search(rf"\b(?:class|def) {part}\b", code) for part in parts):
            absent.append((name, thing))
    assert [] == absent


def test_every_name_in_the_design_exists() -> None:
    """Whatever is written like code stands somewhere in the code."""
    quoted = re.findall(r"`([^`\n]+)`", CODE_BLOCK.sub("", DESIGN.read_text("utf-8")))
    names = {name for each in quoted for name in re.findall(r"[A-Za-z_]\w{3,}", each)}
    code = "\n".join(
        path.read_text("utf-8")
        for folder in ("conf", "gateway", "handlers", "tests", "wiring")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".lua", ".html", ".js"} and path != Path(__file__)
    )
    words = set(re.findall(r"\w+", code)) | {path.stem for path in DOCUMENTS}
    assert len(names) > 50
    assert set() == names - words


def test_the_readme_is_short() -> None:
    """The long explanations stand beside the code that they explain."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= README_LINES
