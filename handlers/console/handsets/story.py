"""What has just happened between the phones of the handsets' page, in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.messaging.keywords import Keywords
from handlers.console import formatting
from handlers.console.handsets.screens import CALL, PhoneLine, Screen, Shown


@dataclass(frozen=True, slots=True)
class Story:
    """The last thing that happened. session: whose conversation tells more, '' = none."""

    text: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class _Event:
    """A text or call. name, other: who sent it to whom; seen: the number that the other sees;
    other_out: whether the other has opted out of texts.
    """

    shown: Shown
    name: str
    number: str
    other: str
    seen: str
    other_out: bool


def story(screens: Sequence[Screen], out: Collection[str], words: Keywords) -> Story:
    """Return what the newest text or call came to, or that the first two have been connected.

    out: the numbers (E.164) that have opted out of texts; words: by which that is said.
    """
    own = [
        (shown.entry.time, place, shown)
        for place, screen in enumerate(screens)
        for shown in screen.shown
        if shown.entry.own
    ]
    newest = max(own, key=lambda each: each[:2], default=None)
    line = between(screens[0], screens[1])
    if newest is not None and (line is None or newest[0] * 1000 > line.since):
        _, place, shown = newest
        said = _opted(screens[place], shown, out, words)
        return said or _of_event(screens[place], shown, screens, out)
    return Story(_connected(screens[0], screens[1], line, out), line.session) if line else Story("")


def between(one: Screen, other: Screen) -> PhoneLine | None:
    """Return the line from one phone to another, None when they are not connected."""
    return next((each for each in one.lines if each.other == other.phone.e164), None)


def _connected(one: Screen, other: Screen, line: PhoneLine, out: Collection[str]) -> str:
    name, counterpart = one.phone.name, other.phone.name
    seen = "It" if line.shown_as == line.number else formatting.number(line.shown_as, True)
    out_names = [each.phone.name for each in (one, other) if each.phone.e164 in out]
    after = " ".join(map(_must_start, out_names)) or "Now press Send on one of the phones."
    return (
        f"The gateway has connected {name} and {counterpart}{_told(name, counterpart, out_names)}."
        f" {name} reaches {counterpart} by {formatting.number(line.number, True)}."
        f" {seen} is all that {counterpart} sees of {name}. {after}"
    )


def _told(name: str, counterpart: str, out_names: Collection[str]) -> str:
    if not out_names:
        return " and told both"
    told = [each for each in (name, counterpart) if each not in out_names]
    return f" and told {told[0]}" if told else ", but could tell neither"


def _must_start(name: str) -> str:
    return f"{name} has opted out of texts: from {name}’s phone, text START."


def _opted(screen: Screen, shown: Shown, out: Collection[str], words: Keywords) -> Story | None:
    """Return what a STOP or START came to that was for the gateway, None for any other text.

    That the gateway has taken it is seen by what it knows of the phone.
    """
    name, entry, is_out = screen.phone.name, shown.entry, screen.phone.e164 in out
    if entry.kind == CALL or shown.arrived:
        return None
    line = _line(screen, entry.other)
    session = line.session if line else ""
    if is_out and words.is_stop(entry.text):
        return Story(
            f"{name} texted {entry.text.strip()} and so has opted out: the gateway sends {name} no"
            f" texts, from whichever number, until {name} texts START.",
            session,
        )
    if not is_out and words.is_start(entry.text):
        return Story(f"{name} texted {entry.text.strip()}: texts reach {name} again.", session)
    return None


def _line(screen: Screen, number: str) -> PhoneLine | None:
    return next((each for each in screen.lines if each.number == f"+{number}"), None)


def _of_event(
    screen: Screen, shown: Shown, screens: Sequence[Screen], out: Collection[str]
) -> Story:
    name, other = screen.phone.name, shown.entry.other
    number, is_call = formatting.number(other, True), shown.entry.kind == CALL
    line = _line(screen, other)
    if line is None:
        return Story(_to_nobody(name, number, is_call))
    names = {each.phone.e164: each.phone.name for each in screens}
    event = _Event(
        shown=shown,
        name=name,
        number=number,
        other=names.get(line.other) or formatting.number(line.other, True),
        seen="the same number"
        if line.shown_as == line.number
        else formatting.number(line.shown_as, True),
        other_out=line.other in out,
    )
    return Story(_called(event) if is_call else _texted(event), line.session)


def _to_nobody(name: str, number: str, is_call: bool) -> str:
    if is_call:
        return f"{name} called {number}, by which {name} is connected with nobody."
    return (
        f"{name} texted {number}, by which {name} is connected with nobody:"
        " the gateway keeps such a text in its inbox."
    )


def _texted(event: _Event) -> str:
    name, other = event.name, event.other
    if event.shown.arrived:
        return (
            f"{name} texted {event.number}; the gateway relayed it to {other} from {event.seen}."
            f" {other} does not see {name}’s number."
        )
    if event.other_out:
        return (
            f"{name} texted {event.number}, by which {name} reaches {other}. It has not reached"
            f" {other}. {_must_start(other)}"
        )
    return (
        f"{name} texted {event.number}, by which {name} reaches {other}. It has not reached"
        f" {other}: the conversation tells what the gateway made of it."
    )


def _called(event: _Event) -> str:
    name, other, entry = event.name, event.other, event.shown.entry
    if not event.shown.arrived:
        happens = "is about to ring" if entry.going_on else "did not ring"
        return f"{name} called {event.number}; the gateway {happens} {other}."
    words = {"ringing": ("rings", "shows"), "connected": ("is connected", "shows")}
    happens, shows = words.get(entry.state, ("rang", "showed"))
    return (
        f"{name} called {event.number}; {other}’s phone {happens} and {shows} {event.seen}."
        " Neither learns the other’s number."
    )
