"""What visitors read, in their languages: one file of texts, for our form and for anybody's.

``python -m handlers.public.texts`` brings the form's own copies up to date: of them, and of what
solves proofs of work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from gateway.telephony.country import languages
from handlers.public.base import PublicHandler

FILE = Path(__file__).parents[1] / "static" / "texts.json"
FORM = FILE.with_name("example.html")
SOLVER = FORM.parent / "vendor" / "altcha" / "pbkdf2.js"
DEFAULT = "en"

_TEXTS = '<script type="application/json" id="sms-texts">'
_SOLVER = '<script type="text/plain" id="sms-solver">'
_END = "</script>"


@cache
def all_texts() -> Mapping[str, Mapping[str, str]]:
    """Return all texts by language (ISO 639, two letters) and word."""
    found: dict[str, dict[str, str]] = json.loads(FILE.read_text("utf-8"))
    return found


def chosen(wanted: Iterable[str]) -> str:
    """Return the first language of which there are texts, else the default one."""
    primary = (each.replace("_", "-").partition("-")[0].strip().lower() for each in wanted)
    return next((each for each in primary if each in all_texts()), DEFAULT)


class TextsHandler(PublicHandler):
    """``GET|POST /texts/?[lang=]``: the texts of that language, else of the browser's."""

    get_is_safe = True

    def get(self) -> None:
        """Answer the texts by word; words in braces are to be filled in."""
        named = self.given.get("lang", "")
        language = chosen([named, *languages(self.request.headers.get("Accept-Language"))])
        self.set_header("Content-Language", language)
        self.reply(
            {
                "status": "ok",
                "lang": language,
                "languages": list(all_texts()),
                "texts": all_texts()[language],
            }
        )

    post = get


def with_texts(page: str) -> str:
    """Return a page with the texts in it, for those who open it from disk or copy it."""
    texts = json.dumps(all_texts(), ensure_ascii=False, indent=1).replace("<", "\\u003c")
    return _with(page, _TEXTS, f"{texts}\n")


def with_solver(page: str) -> str:
    """Return a page with the worker in it that solves proofs of work, under its licence."""
    licence = SOLVER.with_name("LICENSE").read_text("utf-8")
    return _with(page, _SOLVER, f"/*\n{licence}*/\n{SOLVER.read_text('utf-8')}")


def _with(page: str, begin: str, content: str) -> str:
    before, rest = page.split(begin)
    _, _, after = rest.partition(_END)
    return f"{before}{begin}\n{content}{_END}{after}"


ROUTES = [(r"/texts/?", TextsHandler)]

if __name__ == "__main__":
    FORM.write_text(with_solver(with_texts(FORM.read_text("utf-8"))), "utf-8")
