"""When an MO was sent, as far as what its provider or its phone says can be believed."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from conf.providers import is_phone
from gateway.providers.base import Inbound
from gateway.store.values import DAY_MS

# A provider repeats an MO for 24 h; a phone may have been off for long.
OLDEST_MS = 2 * DAY_MS
OLDEST_OF_PHONES_MS = 30 * DAY_MS
# Provider, phone and store each have a clock of their own.
TOLERANCE_MS = 120_000

_EPOCH = re.compile(r"\d{9,14}")
_FIRST_MS = 100_000_000_000  # March 1973 in ms; as seconds it is the year 5138
_ZONE = re.compile(r"\s*([+-]|\s)([0-9]{2}):?([0-9]{2})$")


def written_ms(text: str) -> int:
    """Return the time in ``text`` in ms since the epoch, 0 for what is no time.

    Milliseconds or seconds since the epoch, or a date and a time as ISO 8601 has them, of UTC when
    no zone is told; a ``+`` before the zone may have become a blank. Older SMSsync phones write
    the clock of a zone that nobody knows: that is no time.
    """
    written = text.strip()
    if _EPOCH.fullmatch(written):
        number = int(written)
        return number if number >= _FIRST_MS else number * 1000
    iso = _ZONE.sub(lambda zone: f"{zone[1].strip() or '+'}{zone[2]}:{zone[3]}", written)
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}", iso):
        return 0
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return 0
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)


def was_sent_before(inbound: Inbound, began: int, left: int, now: int) -> bool:
    """Tell whether an MO was sent before its sender's session began.

    began: when the session did; left: when the sender's last one on the same number ended, 0 =
    there was none; now: all by the store's clock, ms. The clocks may differ by TOLERANCE_MS, but
    what was sent before the end of one session is not for another. A time in whole seconds stands
    for any moment of its second. One of the future, or too old to be true, says nothing.
    """
    sent = written_ms(inbound.sent)
    oldest = OLDEST_OF_PHONES_MS if is_phone(inbound.provider) else OLDEST_MS
    if not now - oldest <= sent <= now + TOLERANCE_MS:
        return False
    latest = sent if sent % 1000 else sent + 999
    return latest < max(began - TOLERANCE_MS, left)
