"""What the owner of a phone has set in the app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FORMATS = ("form", "json", "xml", "yaml", "multipart")


@dataclass
class Preferences:
    """The settings of the app; the defaults are the app's own, but for replies and auto sync.

    Those two are off in a new app and on in every phone that serves a gateway.
    data_format: ``form``, ``json``, ``xml``, with 2.8 ``yaml``; ``multipart`` is what the curl
    command of the documents sends and no app does. names: renamed fields.
    keywords: as typed, comma-separated; whitelist and blacklist: None = switched off.
    retries: failures after which 2.8 with ``retry`` drops an incoming SMS.
    texts: translations of the English result texts.
    """

    method: str = "POST"
    data_format: str = "form"
    names: Mapping[str, str] = field(default_factory=dict)
    device_id: str = ""
    title: str = "SMSsync"
    auto_sync: bool = True
    reply_from_server: bool = True
    results_api: bool = False
    delivery_report: bool = False
    retry: bool = False
    retries: int = 3
    keywords: str = ""
    whitelist: frozenset[str] | None = None
    blacklist: frozenset[str] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for a method or format that no app offers."""
        if self.method not in ("POST", "PUT"):
            raise ValueError(f"method must be POST or PUT, not {self.method}")
        if self.data_format not in FORMATS:
            raise ValueError(f"data_format must be one of {', '.join(FORMATS)}")
