"""What one option is: its type, its default, its meaning and the rules for its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from conf.tables import MAX_LIMIT
from conf.values import READERS

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is known of one option; ``kind`` is its type annotation."""

    name: str = ""
    kind: object = str
    default: Any
    meaning: str
    secret: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    check: Callable[[str], str] | None = None

    @property
    def is_boolean(self) -> bool:
        """Whether the bare flag means true."""
        return self.kind in (bool, bool | None)

    @property
    def default_text(self) -> str:
        """The default as a person writes it; empty for unset."""
        return value_text(self.default)

    def read(self, text: str) -> Any:
        """Return the value written as ``text``; raises ValueError with the reason against it."""
        value: Any = READERS[self.kind](text)
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be {self.minimum} or more")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"must be {self.maximum} or less")
        if self.above is not None and value <= self.above:
            raise ValueError(f"must be more than {self.above}")
        return self.check(value) if self.check else value


def value_text(value: object) -> str:
    """Return an option's value as a person writes it in a flag; empty for ``None``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def option(
    default: T,
    meaning: str,
    *,
    secret: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    check: Callable[[str], str] | None = None,
) -> T:
    """Return the dataclass field of one option.

    ``minimum`` and ``maximum`` are allowed values, ``above`` is not; whole numbers have a
    maximum of 2,147,483,647 unless another is given. ``check`` returns the value in its usual
    form or raises ValueError; it is not called for the default.
    """
    if maximum is None and isinstance(default, int) and not isinstance(default, bool):
        maximum = MAX_LIMIT
    declared = Option(
        default=default,
        meaning=meaning,
        secret=secret,
        minimum=minimum,
        maximum=maximum,
        above=above,
        check=check,
    )
    return field(default=default, repr=not secret, metadata={"option": declared})


class Group(NamedTuple):
    """Options under one heading: from the one named ``first`` to the next group."""

    heading: str
    first: str
