"""Texts made from the declared options: the help, the start line, example.env, OPTIONS.md.

``python -m conf.documents --write`` brings the files among them up to date, ``--check`` ends with
status 1 when they are not.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from conf.options import Group, Option, value_text
from conf.settings import GROUPS, OPTIONS, Settings
from conf.tables import shown

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


def options_document() -> str:
    """Return the options as a Markdown table under a heading."""
    lines = [
        "# Options",
        "",
        "Made by `python -m conf.documents --write` from [settings.py](settings.py). Each is a",
        "flag (`--port=80`) or an environment variable (`PORT=80`); the flag wins.",
        "",
        "| option | default | meaning |",
        "| --- | --- | --- |",
    ]
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


# What is made, by its path under the project root.
FILES: Mapping[str, Callable[[], str]] = {
    "conf/examples/example.env": example_env,
    "conf/OPTIONS.md": options_document,
}


def outdated(folder: Path) -> list[str]:
    """Return a line for each file under the project root ``folder`` that is not current."""
    old = (name for name, made in FILES.items() if _text(folder / name) != made())
    return [f"{name}: not current" for name in old]


def _text(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def write(folder: Path) -> None:
    """Bring the files under the project root ``folder`` up to date."""
    for name, made in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made(), encoding="utf-8")


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
