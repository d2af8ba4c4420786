"""What tests share: where things lie, servers, stand-ins for providers, whole scenes."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
