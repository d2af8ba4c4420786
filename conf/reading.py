"""Reads the command line and the environment into the values of declared options."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conf.options import Option
from conf.tables import shown


@dataclass
class Flags:
    """The command line, sorted but not yet understood: every text given for an option."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    help_requested: bool = False


def read_flags(argv: Sequence[str], options: Mapping[str, Option]) -> Flags:
    """Return ``argv`` (without program name) sorted by option; mistakes are in ``problems``."""
    flags = Flags()
    words = list(reversed(argv))
    latest = ""
    while words:
        word = words.pop()
        if word in {"-h", "--help"}:
            flags.help_requested = True
        elif re.match("--?[A-Za-z]", word):
            latest = f" after {_read_flag(word, words, options, flags)}"
        else:
            # The word itself may be the second half of a secret with a blank in it.
            flags.problems.append(f"unexpected argument{latest}: options are written --name=value")
    return flags


def _read_flag(word: str, words: list[str], options: Mapping[str, Option], flags: Flags) -> str:
    """Sort in one flag, with its value if that is the next of ``words``; return its name."""
    written, equals, value = word.partition("=")
    name = written.removeprefix("--").replace("-", "_")
    declared = options.get(name)
    takes_next = not equals and not (declared and declared.is_boolean)
    if takes_next and words and not words[-1].startswith("--"):
        equals, value = " ", words.pop()
    if not declared:
        flags.problems.append(_unknown(written, options))
    elif equals or declared.is_boolean:
        flags.texts.setdefault(name, []).append(value if equals else "true")
    else:
        flags.problems.append(f"--{name}: needs a value, as in --{name}=value")
    return f"--{name}" if declared else "an unknown option"


def _unknown(written: str, options: Mapping[str, Option]) -> str:
    """Return the problem line of an unknown flag, without anything that could be its value."""
    name = written.lstrip("-").replace("-", "_")
    for each in options.values():
        if each.secret and name.startswith(each.name):
            return f"unknown option that begins with --{each.name} (did you mean --{each.name}=…?)"
    similar = difflib.get_close_matches(name.lower(), options, n=1)
    hint = f" (did you mean --{similar[0]}?)" if similar else ""
    plain = re.match(r"--?[A-Za-z0-9_-]{0,40}", written)
    return f"unknown option {plain[0] if plain else ''}{hint}"


def read_values(
    flag_texts: Mapping[str, list[str]], environ: Mapping[str, str], options: Mapping[str, Option]
) -> tuple[dict[str, Any], frozenset[str], list[str]]:
    """Return the values that were set, the names of the wrong ones, and a line for each problem.

    A flag hides the variable of the same name in capitals; an empty variable is not set.
    """
    values: dict[str, Any] = {}
    wrong: set[str] = set()
    problems: list[str] = []
    for name, declared in options.items():
        from_environ = environ.get(name.upper(), "")
        label = f"--{name}" if name in flag_texts else name.upper()
        read = []
        for text in flag_texts.get(name, [from_environ] if from_environ else []):
            try:
                read.append(declared.read(text))
            except ValueError as reason:
                wrong.add(name)
                secretly = label if declared.secret else f"{label}={shown(text)}"
                problems.append(f"{secretly}: {reason}")
        if len(set(read)) > 1:
            wrong.add(name)
            problems.append(f"{label}: given more than once, with different values")
        if read and name not in wrong:
            values[name] = read[0]
    return values, frozenset(wrong), problems
