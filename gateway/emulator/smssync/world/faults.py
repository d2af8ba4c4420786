"""The misfortunes of a phone, each of which can be switched on and off while it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway.emulator.smssync.world.exchange import Kind

# https://developer.android.com/reference/android/telephony/SmsManager
RESULT_OK = -1
GENERIC_FAILURE = 1
RADIO_OFF = 2
NULL_PDU = 3
NO_SERVICE = 4
LIMIT_EXCEEDED = 5
HTC_RETRY = 133404  # the system will try again by itself; the app ignores it


@dataclass
class Faults:
    """What goes wrong. Everything off by default.

    silent: the phone reaches nobody (no data connection, battery empty).
    failing: code with which the network refuses every SMS, 0 = none.
    undelivered: recipients do not get the SMS; no_reports: no delivery report comes;
    double_reports: every ``POST ?task=result`` is made twice;
    duplicate_posts: how often each incoming SMS is posted beyond the first time.
    """

    silent: bool = False
    failing: int = 0
    undelivered: bool = False
    no_reports: bool = False
    double_reports: bool = False
    duplicate_posts: int = 0
    _lost: Counter[Kind | None] = field(default_factory=Counter)
    _refused: list[int] = field(default_factory=list)

    def lose_answers(self, count: int = 1, of: Kind | None = None) -> None:
        """Close the connection on the next ``count`` answers (of this kind of request)."""
        self._lost[of] += count

    def fail_next(self, *codes: int) -> None:
        """Refuse the next SMS with these result codes of Android, one each; -1 lets one pass."""
        self._refused.extend(codes)

    def takes_answer(self, kind: Kind) -> bool:
        """Return whether the answer to this request is to be lost; counts it when so."""
        for key in (kind, None):
            if self._lost[key] > 0:
                self._lost[key] -= 1
                return True
        return False

    def send_result(self) -> int:
        """Return the result code of the next SMS."""
        if self._refused:
            return self._refused.pop(0)
        return self.failing or RESULT_OK
