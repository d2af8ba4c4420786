"""What becomes of MOs and calls, in the words of the scripts that decide it; and how often."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import Counter

from gateway.monitoring.metrics import PROVIDERS, counted


class Taken(StrEnum):
    """What became of an MO that was taken, or that was taken before."""

    RELAYED = "relayed"
    SUPPRESSED = "suppressed"  # the counterpart has opted out
    PAUSED = "paused"  # two machines answer each other
    HELD = "held"  # above the cap of a side, until its window lets it through
    OVERFLOW = "overflow"  # kept: it would have been held for longer than a day
    REPEATED = "repeated"
    PART = "part"  # of a long MO whose other parts are still to come
    KEPT = "kept"
    STOPPED = "stopped"
    STARTED = "started"
    TOLD = "told"  # a stranger, that he has no session
    ENDED = "ended"
    IGNORED = "ignored"  # kept; a stranger is not told again so soon
    ANSWERED = "answered"
    WAITING = "waiting"
    PAIRED = "paired"


class NotTaken(StrEnum):
    """Why a script has not taken an MO, or not decided on a call."""

    CHANGED = "changed"  # something else than was read before: it is to be read again
    OVER = "over"  # the session has expired: it is to be closed first


class CallAnswer(StrEnum):
    """How a call was answered; ``FALLBACK`` by the other address, as the usual one did not."""

    CONNECT = "connect"
    PIN = "pin"
    REFUSED = "refused"
    SUPPRESSED = "suppressed"  # the counterpart has opted out
    BUSY = "busy"
    FALLBACK = "fallback"


MOS = counted(
    "gateway_inbound_messages", "MOs by what became of them", provider=PROVIDERS, result=Taken
)
PAUSES = Counter("gateway_pauses", "Pauses of sessions in which machines answered each other")
CALLS = counted(
    "gateway_calls", "Calls on virtual numbers by how they were answered", result=CallAnswer
)
