"""Times of sending as providers and phones write them."""

from __future__ import annotations

NOON = 1_782_043_200_000  # 2026-06-21 12:00:00 UTC

WRITTEN = {
    # Vonage, SMS API: UTC without saying so, or with a zone
    "2026-06-21 12:00:00": NOON,
    "2026-06-21 12:00:00 +0000": NOON,
    "2026-06-21 12:00:00  0000": NOON,  # a form's blank was a plus
    "2026-06-21 14:00:00 +0200": NOON,
    "2026-06-21T14:00:00+02:00": NOON,
    "2026-06-21T08:00:00-0400": NOON,
    "2026-06-21T14:00:00 02:00": NOON,
    # Messages API, Flowroute
    "2026-06-21T12:00:00Z": NOON,
    "2026-06-21T12:00:00.123Z": NOON + 123,
    "2026-06-21T12:00:00.39Z": NOON + 390,
    "2026-06-21T12:00:00.123456789Z": NOON + 123,
    # SMSsync: ms, seconds as its page for developers says, a phone that is set to Arabic
    "1782043200123": NOON + 123,
    " 1782043200000 ": NOON,
    "1782043200": NOON,
    "١٧٨٢٠٤٣٢٠٠٠٠٠": NOON,
    # no times: the clock of an unknown zone, dates alone, junk
    **dict.fromkeys(("06-21-26 12:00", "Jun 21, 2026 12:00:00 PM", "2026-06-21"), 0),
    **dict.fromkeys(("", "0", "-1", "now", "1782043200.5", "9" * 15, "9" * 5000), 0),
    **dict.fromkeys(("2026-13-21 12:00:00", "2026-06-21 25:00:00", "None", "\ud800"), 0),
}
