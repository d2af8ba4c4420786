"""What visitors read, in their languages: one file of texts, for our form and for anybody's.

``python -m handlers.public.texts`` brings the form's own copy of them up to date.
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
DEFAULT = "en"

_BEGIN, _END = '<script type="application/json" id="sms-texts">', "</script>"


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
    before, rest = page.split(_BEGIN)
    _, _, after = rest.partition(_END)
    texts = json.dumps(all_texts(), ensure_ascii=False, indent=1).replace("<", "\\u003c")
    return f"{before}{_BEGIN}\n{texts}\n{_END}{after}"


ROUTES = [(r"/texts/?", TextsHandler)]

if __name__ == "__main__":
    FORM.write_text(with_texts(FORM.read_text("utf-8")), "utf-8")
