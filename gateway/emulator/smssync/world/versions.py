"""Every emulated version of the SMSsync app, each as its difference from a neighbour.

Read from the releases of https://github.com/ushahidi/SMSSync; ``docs`` is the phone that the
project's page for developers describes, which no release ever was.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.emulator.smssync.world.traits import (
    ALL_FIELDS,
    JSON,
    XML,
    Alert,
    EmptyResults,
    Parser,
    ResultStyle,
    SentTo,
    Timestamp,
    Traits,
)


def _agent(version: str) -> str:
    return f"SMSSync-Android/v{version}"


_TWO_SEVEN_RESULTS = ResultStyle(unset_code=-2, unset_text="")
_THREE_RESULTS = ResultStyle(fills_sent=False, fills_delivered_text=False, timestamps=True)
_DOCUMENTED_RESULTS = ResultStyle(
    as_string=False,
    unset_code=-1,
    unset_text="",
    sent_code=0,
    sent_text="SMSSync Message Sent",
    delivered_code=0,
    delivered_text="SMS Delivered",
    undelivered_code=1,
)

_V2_7_3 = Traits(
    version="2.7.3",
    user_agent=_agent("2.7.3"),
    timeout=60.0,
    space="+",
    keywords_filter=True,
    filter_lists_leak=False,
    status_codes=True,
    crashes_without_task=True,
    results=_TWO_SEVEN_RESULTS,
    alerts_failed_sends=True,
)
_V2_7_2 = replace(
    _V2_7_3,
    version="2.7.2",
    user_agent=_agent("2.7.2"),
    parser=Parser.ORG_JSON,
    json_type=JSON,
    xml_type=XML,
    reply_needs_uuid=True,
    poll_needs_200=True,
    crashes_without_task=False,
)
_V2_7_1 = replace(_V2_7_2, version="2.7.1", user_agent=_agent("2.7.1"), secret_in_results=False)
_V2_7_0 = replace(
    _V2_7_1,
    version="2.7.0",
    user_agent=_agent("2.7.0"),
    results_suffix="/add",
    asks_for_results=False,
)
_V2_4 = replace(
    _V2_7_2,
    version="2.4",
    user_agent=_agent("2.4"),
    fields=ALL_FIELDS[:-1],
    formats=frozenset({"form"}),
    basic_auth=False,
    status_codes=False,
    reply_needs_uuid=False,
    bare_poll_without_secret=True,
    results=None,
    alert=Alert.NONE,
    alerts_failed_sends=False,
)
# What Apache's client on Android calls itself when the app sets no name.
_APACHE = "Apache-HttpClient/UNAVAILABLE (java 1.4)"
_V2_0 = replace(
    _V2_4,
    version="2.0",
    user_agent=_agent("2.0"),
    post_user_agent=_APACHE,
    omits_unknown_date=True,
    secret_in_poll=False,
    bare_poll_without_secret=False,
    checks_empty_secret=True,
)
_V1_1_9 = replace(
    _V2_0,
    version="1.1.9",
    user_agent="SMSSync-Android/1.0)",
    timestamp=Timestamp.CLOCK,
    omits_unknown_date=False,
    row_as_message_id=True,
)
_V1_0_7 = replace(_V1_1_9, version="1.0.7", timestamp=Timestamp.MILLISECONDS)
_V1_0_6 = replace(
    _V1_0_7, version="1.0.6", user_agent="SmsSync-Android/1.0)", fields=ALL_FIELDS[:3]
)

_V2_8_3 = replace(
    _V2_7_3,
    version="2.8.3",
    user_agent=_agent("2.8.3"),
    json_type=JSON,
    xml_type=XML,
    formats=frozenset({"form", "json", "xml", "yaml"}),
    omits_unknown_date=True,
    drops_after_retries=True,
    results=ResultStyle(failure_needs_retry=True),
    empty_results=EmptyResults.ALWAYS,
    alerts_failed_sends=False,
)

_V3_1_1 = Traits(
    version="3.1.1",
    user_agent=_agent("3.1.1"),
    repeats_replies=True,
    doubles_with_report=True,
    results=replace(_THREE_RESULTS, reports_success=False),
    junk_in_results=True,
    alert=Alert.STALE,
    test_fields=("secret", "from", "message"),
    pairs_by_code=True,
)
_V3_0_5 = replace(
    _V3_1_1,
    version="3.0.5",
    user_agent=_agent("3.0.5"),
    pending_squared=True,
    crashes_without_task=True,
    empty_results=EmptyResults.ALWAYS,
)
_V3_0_4 = replace(
    _V3_0_5,
    version="3.0.4",
    user_agent=_agent("3.0.4"),
    sent_to=SentTo.SENDER,
    stale_poll=True,
    test_fields=("secret",),
)
_V3_0_3 = replace(
    _V3_0_4,
    version="3.0.3",
    user_agent=_agent("3.0.3"),
    piles_up_fields=True,
    reads_replies=False,
    repeats_replies=False,
    results=_THREE_RESULTS,
)
_V3_0_0 = replace(_V3_0_3, version="3.0.0", user_agent=_agent("3.0.0"), test_fields=())

_DOCS = replace(
    _V3_1_1,
    version="docs",
    user_agent=_agent("docs"),
    formats=frozenset({"form", "json", "xml", "multipart"}),
    filter_lists_leak=False,
    keywords_filter=True,
    repeats_replies=False,
    doubles_with_report=False,
    results=_DOCUMENTED_RESULTS,
    junk_in_results=False,
    alert=Alert.FORM,
)

VERSIONS: dict[str, Traits] = {
    each.version: each
    for each in (
        _V1_0_6,
        _V1_0_7,
        _V1_1_9,
        _V2_0,
        _V2_4,
        _V2_7_0,
        _V2_7_1,
        _V2_7_2,
        _V2_7_3,
        _V2_8_3,
        _V3_0_0,
        _V3_0_3,
        _V3_0_4,
        _V3_0_5,
        _V3_1_1,
        _DOCS,
    )
}
# A short name stands for the last release of its line; 3.0 for the last one with a stale poll.
ALIASES = {"1.0": "1.0.7", "1.1": "1.1.9", "2.7": "2.7.3", "2.8": "2.8.3"}
ALIASES |= {"3.0": "3.0.4", "3.1": "3.1.1"}


def traits_of(version: str) -> Traits:
    """Return the traits of a version or alias; raises ValueError for one that is not known."""
    try:
        return VERSIONS[ALIASES.get(version, version)]
    except KeyError:
        known = ", ".join([*VERSIONS, *ALIASES])
        raise ValueError(f"unknown version {version!r}; known: {known}") from None
