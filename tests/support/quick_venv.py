"""A Python whose virtual environments are made at once: pip is copied, not installed.

To install it is nearly all the work of ``python -m venv``, eight seconds, and promises nothing of
ours.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# A program that asks for the Python behind the environment it runs in is told of this one.
SCRIPT = """#!/bin/sh
set -e
if [ "$1" = -m ]; then
  "{base}" -m venv --without-pip "$3"
  cp -R {pip} "$3"/lib/python*/site-packages
  printf '#!/bin/sh\\nexec "${{0%%/*}}/python" -m pip "$@"\\n' > "$3/bin/pip"
  chmod +x "$3/bin/pip"
else
  exec "{python}" -c "import sys; sys._base_executable = sys.argv[2]; exec(sys.argv[1])" "$2" "$0"
fi
"""


def quick_python(place: Path) -> Path:
    """Return the Python made at ``place``; it knows ``-m venv FOLDER`` and ``-c PROGRAM``."""
    found = importlib.util.find_spec("pip")
    assert found
    assert found.origin
    package = Path(found.origin).parent
    information = next(package.parent.glob("pip-*.dist-info"))
    place.write_text(
        SCRIPT.format(
            base=Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}",
            pip=f'"{package}" "{information}"',
            python=sys.executable,
        )
    )
    place.chmod(0o755)
    return place
