"""The nouns of a conversation: seats, routes, sides."""

from __future__ import annotations

import pytest

from gateway.conversations.session import Route, Seat, Session, across

ANNA, BEN = "+4917604069091", "+4917604069092"
SESSION = Session(
    id="0" * 32,
    created=1,
    expires=1000,
    participant_a=ANNA,
    participant_b=BEN,
    number_a="+12065550151",
    number_b="+12065550152",
    provider_a="nexmo",
    provider_b="flowroute",
)
SEATS = {"a": Seat(ANNA, "+12065550151", "nexmo"), "b": Seat(BEN, "+12065550152", "flowroute")}


@pytest.mark.parametrize("side", ["a", "b"])
def test_each_side_has_a_seat_and_faces_the_other_one(side: str) -> None:
    assert SEATS[side] == SESSION.seat(side)
    assert SEATS[across(side)] == SESSION.other(side)
    assert side == SESSION.side_of(SEATS[side].person)


def test_a_route_is_written_as_the_scripts_write_it() -> None:
    """See lua/_session.lua."""
    route = Route.parse(f"{SESSION.id} a {BEN}")
    assert Route(SESSION.id, "a", BEN) == route
    assert f"{SESSION.id} a {BEN}" == str(route)


@pytest.mark.parametrize(("now", "over"), [(999, False), (1000, True), (1001, True)])
def test_a_session_is_over_from_its_expiry_on(now: int, over: bool) -> None:
    assert over == SESSION.is_over(now)
