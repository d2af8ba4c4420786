"""The texts that visitors read: complete in each language, and the right language for each."""

from __future__ import annotations

import re

import pytest

from gateway import errors
from gateway.errors import GatewayError
from handlers.arguments import InvalidCallback
from handlers.public.base import REFUSALS
from handlers.public.texts import FORM, all_texts, chosen, with_texts
from tests.support import ROOT
from tests.support.servers.serving import serving
from tests.support.visitor import visiting

LANGUAGES = ["en", "de", "fr", "es", "pt"]
# What no visitor of a public endpoint meets: the admin routes' and the console's.
OF_OPERATORS = {
    "budget_exhausted",
    "conflict",
    "forbidden",
    "idempotency_key_reused",
    "limit_exceeded",
    "not_found",
    "opted_out",
    "provider_error",
    "unauthenticated",
}
# Errors that a mistake in a page causes, and nobody at a telephone: shown as "other".
GENERAL = frozenset(
    "bad_request callback_invalid endpoint_unknown id_missing id_unknown internal_error"
    " method_not_allowed origin_not_allowed payload_too_large site_unknown".split()
)
BRACES = re.compile(r"\{\w+\}")


def error_words() -> set[str]:
    """Return every word that a public endpoint may answer as its error."""
    written = "".join(path.read_text("utf-8") for path in (ROOT / "handlers/public").glob("*.py"))
    said = set(re.findall(r'self\.fail\(\s*"(\w+)"', written))
    raised = {each.code for each in vars(errors).values() if _is_error(each)}
    return said | raised - OF_OPERATORS | {InvalidCallback.code, "method_not_allowed"} | REFUSALS


def _is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, GatewayError)


def test_there_are_five_languages_each_with_every_text() -> None:
    texts = all_texts()
    assert LANGUAGES == list(texts)
    for language in LANGUAGES:
        assert list(texts["en"]) == list(texts[language])
        assert [] == [word for word, text in texts[language].items() if not text.strip()]


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_translation_fills_in_the_same_and_is_one(language: str) -> None:
    english, texts = all_texts()["en"], all_texts()[language]
    for word, text in english.items():
        assert sorted(BRACES.findall(text)) == sorted(BRACES.findall(texts[word]))
    assert [] == [word for word, text in english.items() if text == texts[word]]


def test_every_public_error_has_a_text() -> None:
    words = error_words()
    assert len(words) > 15
    assert set() == words - set(all_texts()["en"]) - GENERAL
    assert set() == GENERAL - words


def test_every_text_of_the_form_is_there_and_used() -> None:
    page = FORM.read_text("utf-8")
    without = page.replace(page[page.index('id="sms-texts"') : page.index("</script>")], "")
    words = set(all_texts()["en"])
    assert set() == set(re.findall(r'data-text="(\w+)"', without)) - words
    answers = error_words() | {"expired", "failed", "rejected"}  # by the word of the answer
    answers |= {"link_unknown"}  # of a page of its own
    assert set() == {word for word in words - answers if not _names(without, word)}


def _names(page: str, word: str) -> bool:
    return bool(re.search(rf'[".]{word}\b', page))


def test_the_form_has_the_texts_of_the_file() -> None:
    """``python -m handlers.public.texts`` brings them up to date."""
    page = FORM.read_text("utf-8")
    assert page == with_texts(page)


def test_the_words_of_the_page_are_the_english_ones() -> None:
    """Without a script they are what a visitor reads."""
    english = all_texts()["en"]
    found = dict(re.findall(r'data-text="(\w+)"[^>]*>([^<]+)<', FORM.read_text("utf-8")))
    assert len(found) > 5
    assert {word: english[word] for word in found} == found


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ([], "en"),
        (["fr"], "fr"),
        (["pt-BR"], "pt"),
        (["DE_at"], "de"),
        (["ja", "es-419"], "es"),
        (["", "  "], "en"),
        (["deu", "x"], "en"),
        (["../en", "<b>"], "en"),
    ],
)
def test_the_first_language_with_texts_is_chosen(wanted: list[str], language: str) -> None:
    assert language == chosen(wanted)


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        ("", "", "en"),
        ("", "de-CH,de;q=0.9", "de"),
        ("", "en;q=0.1,fr;q=0.8", "fr"),
        ("", "ja,pt;q=0.5,es;q=0.7", "es"),
        ("", "de;q=0,fr;q=0.1", "fr"),
        ("es", "de", "es"),
        ("ja", "de", "de"),
        ("", "zh-Hans-CN", "en"),
        ("", "*", "en"),
        ("", "de" * 3000, "en"),
    ],
)
async def test_the_texts_are_served_in_the_visitors_language(
    asked: str, header: str, language: str, redis_url: str
) -> None:
    async with serving(redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        given = {"lang": asked} if asked else {}
        reply = await visitor.via(**{"Accept-Language": header}).get("/texts/", **given)

    assert (language, LANGUAGES) == (reply.json["lang"], reply.json["languages"])
    assert dict(all_texts()[language]) == reply.json["texts"]
    assert language == reply.headers["Content-Language"]
