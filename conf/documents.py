"""Texts made from the declared options: the help, the start line, example.env, the README table.

``python -m conf.documents --write`` brings conf/example.env and the README table up to date,
``--check`` ends with status 1 when they are not.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from conf.options import Group, Option, value_text
from conf.settings import GROUPS, OPTIONS, Settings
from conf.tables import shown

README_START = "<!-- options:start -->"
README_END = "<!-- options:end -->"

_WIDTH = 100


def grouped() -> Iterator[tuple[Group, list[Option]]]:
    """Yield every group with its options, in the order of the declaration."""
    names = list(OPTIONS)
    starts = [names.index(group.first) for group in GROUPS]
    for group, start, end in zip(GROUPS, starts, [*starts[1:], len(names)], strict=True):
        yield group, [OPTIONS[name] for name in names[start:end]]


def help_text() -> str:
    """Return the text of ``--help``, at most 100 columns wide."""
    lines = [
        "usage: app.py [--name=value …]",
        "",
        "The environment variable of the same name in capitals sets an option, too; the flag wins.",
        "Booleans are true, false, yes, no, on, off, 1 or 0; the bare flag means true. Options are",
        "shown with their default.",
    ]
    for group, options in grouped():
        lines += ["", f"{group.heading}:"]
        for each in options:
            lines.append(f"  --{each.name}={each.default_text}")
            lines += _wrapped(_full_meaning(each), " " * 6)
    return "\n".join(lines) + "\n"


def options_table() -> str:
    """Return the options as a Markdown table."""
    lines = ["| option | default | meaning |", "| --- | --- | --- |"]
    for group, options in grouped():
        lines.append(f"| **{group.heading}** | | |")
        for each in options:
            default = f"`{each.default_text}`" if each.default_text else ""
            cells = (f"`{each.name}`", default, _full_meaning(each))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def example_env() -> str:
    """Return an environment file with every option commented out at its default."""
    lines = [
        "# Made by `python -m conf.documents --write` from conf/settings.py.",
        "# Copy it, take away the '# ' before a name and set your value. An empty value counts as",
        "# not set: to switch a notice off, give the empty flag (--session_end_msg=) instead.",
    ]
    for group, options in grouped():
        lines += ["", f"## {group.heading}"]
        for each in options:
            lines += ["", *_wrapped(_full_meaning(each), "# ")]
            lines.append(f"# {each.name.upper()}={_quoted(each.default_text)}")
    return "\n".join(lines) + "\n"


TEXTS = frozenset(
    name for name in OPTIONS if name in {"message", "smssync_reply"} or name.endswith("_msg")
)


def describe(settings: Settings) -> str:
    """Return one line of all options that are not at their default.

    Secrets are shown as ``***`` and the texts of messages as ``…``: they are not for a log.
    """
    parts = []
    for name, each in OPTIONS.items():
        value = getattr(settings, name)
        if value != each.default:
            shown = "…" if value and name in TEXTS else _quoted(value_text(value))
            parts.append(f"{name}={'***' if each.secret else shown}")
    return " ".join(parts) or "all options at their defaults"


def _full_meaning(each: Option) -> str:
    return f"{each.meaning} (secret)" if each.secret else each.meaning


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _quoted(text: str) -> str:
    """Return ``text`` on one line, in quotes where a shell would need them."""
    if re.fullmatch(r"[A-Za-z0-9._~:/@%+,-]*", text):
        return text
    return '"' + re.sub(r'([\\"$`])', r"\\\1", shown(text, len(text))) + '"'


def with_options(readme: str) -> str:
    """Return ``readme`` with the current table between its markers.

    Raises ValueError when a marker is missing, or occurs twice, or they are in the wrong order.
    """
    found = readme.count(README_START), readme.count(README_END)
    if found != (1, 1) or readme.index(README_END) < readme.index(README_START):
        raise ValueError(f"needs one line {README_START} and after it one line {README_END}")
    before, _, rest = readme.partition(README_START)
    _, _, after = rest.partition(README_END)
    return f"{before}{README_START}\n{options_table()}{README_END}{after}"


def outdated(folder: Path) -> list[str]:
    """Return a line for each file under the project root ``folder`` that is not current."""
    problems = []
    example, readme = folder / "conf" / "example.env", folder / "README.md"
    if not example.is_file() or example.read_text(encoding="utf-8") != example_env():
        problems.append("conf/example.env: not current")
    try:
        text = readme.read_text(encoding="utf-8")
        if text != with_options(text):
            problems.append("README.md: the table of options is not current")
    except FileNotFoundError:
        problems.append("README.md: there is no such file")
    except ValueError as reason:
        problems.append(f"README.md: {reason}")
    return problems


def write(folder: Path) -> None:
    """Bring conf/example.env up to date, and README.md where it exists and has the markers."""
    (folder / "conf" / "example.env").write_text(example_env(), encoding="utf-8")
    readme = folder / "README.md"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        if README_START in text:
            readme.write_text(with_options(text), encoding="utf-8")


def main(argv: Sequence[str]) -> int:
    """Run ``--write`` or ``--check`` on this project and return the exit status."""
    folder = Path(__file__).resolve().parent.parent
    if list(argv) not in (["--write"], ["--check"]):
        print("usage: python -m conf.documents --write | --check")
        return 2
    if argv[0] == "--write":
        write(folder)
        return 0
    problems = outdated(folder)
    print("\n".join(problems) or "all current")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
