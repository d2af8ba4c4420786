"""Configured texts that cost more than they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from unicodedata import combining, normalize

from conf.messages import MessageEndpoint, with_link
from conf.protection import Site
from conf.settings import Settings
from gateway.telephony import segments
from gateway.telephony.plain_text import as_gsm7, clean

_NOTICES = (
    *("session_start_msg", "session_end_msg", "no_session_msg", "optout_msg", "stop_msg"),
    *("help_msg", "media_msg", "paused_msg", "side_limit_msg", "unknown_msg", "voice_start_msg"),
    "wait_msg",
)


def costly_texts(
    settings: Settings, endpoints: Iterable[MessageEndpoint], sites: Iterable[Site] = ()
) -> Iterator[str]:
    """Yield a line for each text that takes more parts than in plain letters and punctuation.

    The owner decides whether an accent is worth it; a text that has no plain form, in another
    script or with emoji, is what it has to be.
    """
    texts = {f"the message of {each.path}": each.text for each in endpoints}
    texts |= {f"the message of site {each.key}": each.message for each in sites}
    texts = {name: with_link(text, settings.public_url) for name, text in texts.items()}
    name = settings.org_name.strip().upper()
    prefix = f"[{name}]: " if name else ""
    notices = {each: getattr(settings, each) for each in _NOTICES}
    texts |= {each: prefix + text for each, text in notices.items() if text}
    texts["smssync_reply"] = settings.smssync_reply
    for name, text in texts.items():
        written = clean(text)
        sent = as_gsm7(written) if settings.smart_encoding else written
        parts, least = (segments.count(each).parts for each in (sent, _plainest(written)))
        if parts > least:
            odd = " ".join(sorted({each for each in sent if not segments.is_gsm7(each)}))
            yield f"{name}: {parts} parts; it would be {least} without {odd!a}"


def _plainest(text: str) -> str:
    """Return a text without the accents that GSM-7 lacks, in plain punctuation."""
    return as_gsm7("".join(each if segments.is_gsm7(each) else _bare(each) for each in text))


def _bare(letter: str) -> str:
    return "".join(each for each in normalize("NFD", letter) if not combining(each))
