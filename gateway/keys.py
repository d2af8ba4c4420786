"""Every Redis key: its name, type and lifetime.

Keys that one script touches share a hash tag (the part in braces), so that they lie in one slot
of a Redis Cluster.

| key | type | holds | lifetime |
| --- | --- | --- | --- |
| limit:<class>:{<what>} | list | times (ms) of the counted calls, newest first | the window |
| pace:{<key>} | list | reserved send times (ms), newest first | the interval |
| message:{<id>} | hash | one outgoing message, its parts and their states | message_log_days |
| message:{<id>}:events | hash | event token -> JSON, everything that happened to it | the same |
| messages | sorted set | message ids by creation time (ms) | trimmed to message_log_days |
| part:{<provider>:<provider id>} | string | our message id | message_log_days |
| parked:{<provider>:<provider id>} | list | receipts (JSON) that came before their message | 48 h |
"""

from __future__ import annotations

MESSAGES = "messages"


def limit(limit_class: str, subject: str) -> str:
    """List of counted calls of ``subject`` (an address or a number) in one limit class."""
    return f"limit:{limit_class}:{{{subject}}}"


def pace(name: str) -> str:
    """List of send times reserved under one provider key or sending number."""
    return f"pace:{{{name}}}"


def message(message_id: str) -> str:
    """Hash of one outgoing message."""
    return f"message:{{{message_id}}}"


def message_events(message_id: str) -> str:
    """Hash of the events of one outgoing message."""
    return f"message:{{{message_id}}}:events"


def part(provider: str, provider_id: str) -> str:
    """String: which message of ours the provider's id belongs to."""
    return f"part:{{{provider}:{provider_id}}}"


def parked(provider: str, provider_id: str) -> str:
    """List of receipts whose message is not known yet."""
    return f"parked:{{{provider}:{provider_id}}}"
