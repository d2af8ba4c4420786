"""Loads settings in tests: from given words only, without the project's own files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conf.loading import Loaded, load

CREDENTIALS = ("--nexmo_api_key=k", "--nexmo_api_secret=s")
DEFAULT_ENDPOINT = ("--message=Hi", "--sender=Me")
NOWHERE = Path("/nonexistent")


def loaded(*argv: str, environ: Mapping[str, str] | None = None, folder: Path = NOWHERE) -> Loaded:
    """Return what ``load`` makes of ``argv``, with no variable set unless in ``environ``."""
    return load(argv, environ or {}, folder)


def with_file(tmp_path: Path, content: str | bytes, *argv: str) -> Loaded:
    """Load with credentials and ``content`` as the messages.toml of the project folder."""
    file = tmp_path / "conf" / "messages.toml"
    file.parent.mkdir()
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return loaded(*CREDENTIALS, *argv, folder=tmp_path)


def table(**changes: str) -> str:
    """Return a TOML table of one message with ``changes`` to its keys; an empty one is left out."""
    values = {"path": '"/app/"', "text": '"Hello"', "sender": '"Me"', **changes}
    return "[[message]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value)
