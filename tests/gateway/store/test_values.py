"""Ids, lifetimes and text as the store can hold them."""

from __future__ import annotations

import pytest

from gateway.store.values import ID, days_ms, well_formed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("a é 🚀 \ufeff\0", "a é 🚀 \ufeff\0", id="characters"),
        pytest.param("\ufeffa", "\ufeffa", id="a mark of byte order in front"),
        pytest.param("\ud83d" + "\ude80", "🚀", id="two halves"),
        pytest.param("\ud83d", "\ufffd", id="the first half"),
        pytest.param("a\ude80b", "a\ufffdb", id="the second half"),
        pytest.param("\ude80\ud83d!", "\ufffd\ufffd!", id="swapped halves"),
    ],
)
def test_text_is_made_of_characters(text: str, expected: str) -> None:
    assert expected == well_formed(text)
    well_formed(text).encode()


@pytest.mark.parametrize(("days", "expected"), [(0, 0), (1, 86_400_000), (0.5, 43_200_000)])
def test_days_are_counted_in_milliseconds(days: float, expected: int) -> None:
    assert expected == days_ms(days)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789abcdef" * 2, True),
        ("0123456789ABCDEF" * 2, False),
        ("0" * 31, False),
        ("", False),
    ],
)
def test_an_id_is_32_hexadecimal_digits(text: str, expected: bool) -> None:
    assert expected is (ID.fullmatch(text) is not None)
