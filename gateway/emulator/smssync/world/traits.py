"""The ways in which versions of the SMSsync app differ: one field of Traits for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JSON_UTF8 = "application/json; charset=UTF-8"
XML = "application/xml"
YAML = "application/yaml"

ALL_FIELDS = (
    "secret",
    "from",
    "message",
    "sent_timestamp",
    "sent_to",
    "message_id",
    "device_id",
)


class Parser(Enum):
    """The library that reads the server's answers."""

    ORG_JSON = "org.json"
    GSON = "Gson"


class Timestamp(Enum):
    """How ``sent_timestamp`` is written."""

    MILLISECONDS = "ms since epoch"
    CLOCK = "MM-dd-yy kk:mm in the phone's time zone"


class SentTo(Enum):
    """What stands in ``sent_to``."""

    NUMBER = "the number of the SIM"
    SENDER = "the sender's own number: a bug"


class Alert(Enum):
    """What a low battery makes the phone send."""

    NONE = "nothing"
    FORM = "a form"
    STALE = "whatever the client object last held"


class EmptyResults(Enum):
    """When ``POST ?task=result`` is sent although there is nothing to report."""

    WHEN_ASKED = "the server listed ids"
    ALWAYS = "after every answer with status 200"


@dataclass(frozen=True)
class ResultStyle:
    """How a version writes the elements of ``message_result``."""

    as_string: bool = True  # the array is itself JSON inside a string
    fills_sent: bool = True
    fills_delivered_text: bool = True
    reports_success: bool = True
    failure_needs_retry: bool = False  # a failed SMS has a row only with the retry preference
    timestamps: bool = False
    unset_code: int = 0
    unset_text: str | None = None
    sent_code: int = -1
    sent_text: str = "SMS sent"
    delivered_code: int = -1
    delivered_text: str = "SMS delivered"
    undelivered_code: int = 0


@dataclass(frozen=True)
class Traits:
    """One version of the app."""

    version: str
    user_agent: str
    post_user_agent: str = ""  # empty: as for GET
    parser: Parser = Parser.GSON
    timeout: float = 30.0  # seconds

    # Incoming SMS
    fields: tuple[str, ...] = ALL_FIELDS
    timestamp: Timestamp = Timestamp.MILLISECONDS
    omits_unknown_date: bool = False
    row_as_message_id: bool = False
    sent_to: SentTo = SentTo.NUMBER
    piles_up_fields: bool = False  # fields of all earlier SMS are sent again
    formats: frozenset[str] = frozenset({"form", "json", "xml"})
    space: str = "%20"
    form_type: str = FORM
    json_type: str = JSON_UTF8
    xml_type: str = JSON_UTF8
    basic_auth: bool = True
    keywords_filter: bool = False
    filter_lists_leak: bool = True  # white and black lists only multiply posts
    pending_squared: bool = False  # the whole pending list is posted once per message in it
    drops_after_retries: bool = False
    status_codes: bool = False  # texts such as @20 are answered and not forwarded
    reads_replies: bool = True
    reply_needs_uuid: bool = False
    repeats_replies: bool = False  # after a failed post the last good answer is run again

    # Tasks
    secret_in_poll: bool = True
    bare_poll_without_secret: bool = False
    checks_empty_secret: bool = False
    poll_needs_200: bool = False
    stale_poll: bool = False  # the poll repeats method and body of the last sync
    crashes_without_task: bool = False
    doubles_with_report: bool = False

    # Results
    results: ResultStyle | None = field(default_factory=ResultStyle)
    results_suffix: str = ""  # between the sync URL (without its last slash) and the query
    asks_for_results: bool = True
    secret_in_results: bool = True
    empty_results: EmptyResults = EmptyResults.WHEN_ASKED
    junk_in_results: bool = False  # parameters of alerts and tests behind a second question mark

    # The rest
    alert: Alert = Alert.FORM
    alerts_failed_sends: bool = False
    test_fields: tuple[str, ...] | None = None  # () = a bare GET, None = no test button
    pairs_by_code: bool = False
