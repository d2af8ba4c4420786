"""The relay of texts, connected with those to whom it hands them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gateway.access.answers import Answers
from gateway.conversations.notices import Notices
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.consent import Consent
from gateway.conversations.texts.guard import Guard
from gateway.conversations.texts.lobby import Lobby
from gateway.conversations.texts.media import Media
from gateway.conversations.texts.passing import Passing
from gateway.conversations.texts.relay import Relay
from gateway.conversations.transcript import Transcript
from gateway.messaging.history import History
from gateway.messaging.inbound.concatenation import Concatenation
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.keywords import Keywords
from gateway.messaging.optouts import OptOuts
from gateway.store.pipeline import Store


def relay_and_lobby(
    store: Store,
    *,
    sessions: Sessions,
    notices: Notices,
    inbox: Inbox,
    transcript: Transcript,
    history: History,
    optouts: OptOuts,
    answers: Answers,
    words: Keywords,
    guard: Guard,
    wake: Callable[[], None],
    senders: Collection[str] = (),
    chat_numbers: Collection[str] = (),
    chat_provider: str = "",
    chat_wait: float = 0,
) -> tuple[Relay, Lobby]:
    """Return what takes MOs, and the lobby to which it leads those of chat numbers.

    senders, chat_numbers: see ``Consent``; chat_provider, chat_wait: see ``Lobby``.
    """
    lobby = Lobby(
        store,
        numbers=chat_numbers,
        provider=chat_provider,
        wait=chat_wait,
        answers=answers,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        optouts=optouts,
        wake=wake,
    )
    media = Media(store, notices=notices, inbox=inbox, wake=wake)
    consent = Consent(
        store,
        words=words,
        sessions=sessions,
        notices=notices,
        transcript=transcript,
        history=history,
        answers=answers,
        senders=senders,
        chat_numbers=chat_numbers,
        wake=wake,
    )
    passing = Passing(
        store,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        transcript=transcript,
        lobby=lobby,
        media=media,
        wake=wake,
        guard=guard,
    )
    relay = Relay(
        store,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        assemblies=Concatenation(store),
        consent=consent,
        passing=passing,
        lobby=lobby,
        media=media,
        answers=answers,
        wake=wake,
    )
    return relay, lobby
