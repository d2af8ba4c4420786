"""Every Redis key: its name, type and lifetime.

Keys that one script touches share a hash tag (the part in braces), so that they lie in one slot
of a Redis Cluster.

| key | type | holds | lifetime |
| --- | --- | --- | --- |
| limit:<class>:{<what>} | list | times (ms) of the counted calls, newest first | the window |
| callers:<class>:{<what>} | sorted set | digests of those whose calls were, by when | the same |
| share:<class>:<part>:{<what>} | list | times (ms) of the counted calls of a part | the same |
| same-text:<digest>:{<number>} | hash | id, and answer when there is one | same_text_seconds |
| blocked | sorted set | ``<class> <what>`` that a limit refuses, by until when (ms) | the longest |
| newcomers | hash | ``<endpoint> <country>`` -> delivered messages, some ten | for ever |
| pace:{<key>} | list | reserved send times (ms), newest first | the interval |
| pace:{<key>}:<flow> | list | those of one flow (public, relay, notices) | the same |
| asked:{<key>} | hash | now, the newest time seen, and when each flow asked last (ms) | 10 s |
| console:{<digest of the cookie>} | hash | a sign-in: gate, begun, shown:<thing> | 12 h idle |
| spent:{<jti>} | string | digest of the one request that a provider's token opened | 7 minutes |
| idempotency:{<digest>} | hash | request, state, id, status, body of a key | 1 day |
| renting:{<account>} | string | token of who rents numbers at this moment | 5 minutes |
| message:{<id>} | hash | one outgoing message, its parts and their states | message_log_days |
| message:{<id>}:events | hash | event token -> JSON, everything that happened to it | the same |
| messages | sorted set | message ids by creation time (ms) | trimmed to message_log_days |
| messages-of:{<number>} | sorted set | ids of the last 1,000 messages to it, by time | the same |
| part:{<provider>:<provider id>} | string | our message id | message_log_days |
| parked:{<provider>:<provider id>} | list | receipts (JSON) that came before their message | 48 h |

Everything of masked conversations lies in one slot, so that a script may touch any of it; times
are in milliseconds, numbers E.164 with ``+``, those of people as ``plans.person`` has them (of
former releases also as they were given).

| key | type | holds | lifetime |
| --- | --- | --- | --- |
| {relay}:numbers | hash | number -> JSON: provider, country, capabilities, added | removal |
| {relay}:unhealthy | hash | virtual number -> since when it is left out of new sessions | removal |
| {relay}:refusals | hash | virtual number -> digests of receivers refused in a row | next success |
| {relay}:resting | sorted set | virtual numbers left out for a while, by its end (ms) | an hour |
| {relay}:pool:<mode>:<country> | set | healthy numbers for a mode (``*``, ``world``) | removal |
| {relay}:idle:<mode>:* | set | those of them without a session | the same |
| {relay}:load | hash | virtual number -> open sessions on it, absent = none | the sessions |
| {relay}:number-sessions | sorted set | ``<number>:<created>:<session>``, score 0 | the session |
| {relay}:sessions | sorted set | open session ids by creation time | the session |
| {relay}:expiries | sorted set | open session ids by expiry time | the session |
| {relay}:unique-names | hash | unique_name -> open session id | the session |
| {relay}:announce | sorted set | ``<word> <session>``: what one or both are to be told | a moment |
| {relay}:session:<id> | hash | one session, closed ones too | session_log_days after its end |
| {relay}:routes:<participant> | hash | number -> ``<session> <side> <counterpart>`` | session |
| {relay}:passed:<session>:<side> | list | when its texts left or leave (ms), newest first | 24 h |
| {relay}:held | sorted set | ``<session> <side> <direction>``, by when to look | until sent |
| {relay}:held:<session>:<side> | list | ``<ms> <message id> <text (JSON)>`` in order | until sent |
| {relay}:past:<participant> | hash | number -> ``<closed> <counterpart> <owed>`` | 30 days * |
| {relay}:seen:<provider>:<id> | string | this MO was taken | 48 h, of a phone 30 days |
| {relay}:imported:<phone>:<digest> | string | id of the SMS of these words and time | 30 days |
| {relay}:parts:<digest> | hash | parts of one long MO that have come | until joined, 7 days |
| {relay}:assemblies | sorted set | digests of long MOs by their deadline | until joined |
| {relay}:told:<number>><sender> | string | a stranger was told that there is no session | 1 h |
| {relay}:answered:<number> | list | times (ms) of its answers to strangers, newest first | 1 h |
| {relay}:helped:<sender> | string | a person got the answer to HELP | 1 day |
| {relay}:optouts | sorted set | numbers that texted STOP, by time | START, or an operator |
| {relay}:optouts-erased | hash | key: a secret; a number hashed with it -> since | the same |
| {relay}:inbox | stream | MOs that belong to nothing (field j: JSON) | message_log_days |
| {relay}:inbox-raw | list | ids of those of them that could not be used, at most 1,000 | the same |
| {relay}:log:<session> | list | what was said in a session (JSON) | session_log_days |
| {relay}:log-states:<session> | hash | message id -> delivery state | the same |
| {relay}:logs-of:<participant> | sorted set | sessions with a log, by its end | the same |
| {relay}:queue:<sender>><receiver> | list | texts of one direction (JSON), in order | until sent |
| {relay}:due | sorted set | directions with texts, by when to look at them next | until empty |
| {relay}:claims | hash | direction under way -> ``<claim> <claimed or writing>`` | until decided |
| {relay}:clock | string | the newest time (ms) at which directions were claimed | for ever |
| {relay}:turns | hash | virtual number -> next free times of its pacing | an hour |
| {relay}:reserved | hash | direction -> the turn it waits for | the turn |
| {relay}:holds | hash | provider that takes no texts -> JSON: why, code, since, next | its end |
| {relay}:parked | sorted set | ``<provider> <direction>`` that waits for it, score 0 | its end |
| {relay}:dead | hash | message id -> JSON of a text that could not be sent | requeue, discard |
| {relay}:dead-times | sorted set | message ids of dead letters by time | the same |
| {relay}:unknown | hash | message id -> JSON of a text of unknown outcome | receipt, the same |
| {relay}:unknown-times | sorted set | message ids of those by time | the same |
| {relay}:unknown-new | sorted set | those to which no second look was given | 10 minutes |
| {relay}:lobby | sorted set | persons who wait for a chat, by time | pairing, #end, time |
| {relay}:lobby-people | hash | person who waits -> JSON: number, provider | the same |
| {relay}:pins | sorted set | ``<number>:<PIN>:<session>:<side>``, score 0 | the session |
| {relay}:parallel | hash | ``<country>:<n>`` -> participants with n open sessions | the sessions |
| {relay}:peaks | hash | ``<country>:<unix day>`` -> most open sessions of one of them | 31 days |
| {relay}:pin-tries:<who> | list | times of wrong PINs of a caller | 1 h |
| {relay}:call:<id> | hash | one call: legs, events without numbers | session_log_days, >= 1 |
| {relay}:calls | sorted set | calls that may change, by when to look at them next | their end |
| {relay}:in-call | hash | person -> ``<call> <other person> <believed until>`` | its end |
| {relay}:writable | string | a mark: the store could be written to | 1 minute |

session_log_days count from the end of a session. *: or number_cooldown, if that is longer; past
entries are ``owed`` (1) while an expired session's participant has not been told of its end.

All of SMSsync phones lies in one slot as well. A task is an SMS for a phone, by its uuid; ``place``
sorts by priority, then as they came; phone '' is any.

| key | type | holds | lifetime |
| --- | --- | --- | --- |
| {smssync}:contents | hash | uuid -> JSON: to, message, priority | 7 days after its end |
| {smssync}:tasks | hash | uuid -> JSON: its state and all that changes | the same |
| {smssync}:index | sorted set | uuids, numbered as they came | the same |
| {smssync}:due | sorted set | uuids by when to look at them next | the same |
| {smssync}:queue | sorted set | ``<phone>:<place>:<uuid>`` that wait, score 0 | handing out |
| {smssync}:handed | sorted set | ``<phone>:<ms>:<uuid>`` handed out, score 0 | 1 h, a poll |
| {smssync}:awaiting | sorted set | ``<phone>:<ms>:<uuid>`` without a result, score 0 | its end |
| {smssync}:reports | sorted set | ``<uuid> <state>``, by when to take it over | when reported |
| {smssync}:device:<name> | hash | last_seen, version, battery, battery_at, results | removal |
| {smssync}:batch:<token> | string | uuids that one call gave to a phone | 1 h |

All of the budget lies in one slot, so that it is exact over all processes, on a Cluster too. All
amounts are whole millionths of its currency; ``d<n>`` and ``m<n>`` are days and months (UTC) by
their number since the Unix epoch; scope is ``all``, ``relay``, ``calls``, ``rents``,
``endpoint:<path>`` or ``site:<key>``.

| key | type | holds | lifetime |
| --- | --- | --- | --- |
| {budget}:spent | hash | ``d<n> <scope>`` -> amount; the same, warned, stopped -> 1 | the next |
| {budget}:open | hash | id -> state, price of one, count, d, m, known as, scopes | until settled |
| {budget}:leases | sorted set | ids of those, by when they end (ms) | the same, 48 h |
| {budget}:prices | hash | ``<provider>/sms/<country>[/<network>]`` -> week, highest | for ever |
| {budget}:limits | hash | day, month as adopted; ``d<n> <scope>`` raised, by whom | for ever * |

*: a raise ends with its day or month; both kinds of hash keep the one before as well.

What the console plots lies in one slot too; a series is a name such as ``messages.nexmo.accepted``.

| key | type | holds | lifetime |
| --- | --- | --- | --- |
| {stats}:minute:<minute> | hash | series -> sum, of gauges the maximum, of one minute | 2 h |
| {stats}:tenmin:<ten minutes> | hash | the same of ten minutes | 26 h |
| {stats}:latest | hash | series of messages -> when it last grew (ms) | 7 days without any |
| {stats}:flushed:<process> | string | number of the last flush that a process has made | 26 h |
"""

from __future__ import annotations

MESSAGES = "messages"
BLOCKED = "blocked"
NEWCOMERS = "newcomers"


def limit(limit_class: str, subject: str) -> str:
    """List of counted calls of ``subject`` (an address or a number) in one limit class."""
    return f"limit:{limit_class}:{{{subject}}}"


def limit_callers(limit_class: str, subject: str) -> str:
    """Sorted set of those whose calls are among the counted ones."""
    return f"callers:{limit_class}:{{{subject}}}"


def limit_share(limit_class: str, part: str, subject: str) -> str:
    """List of those of the counted calls that belong to one part of the whole."""
    return f"share:{limit_class}:{part}:{{{subject}}}"


def same_text(digest: str, number: str) -> str:
    """Hash of the message by which a text of an endpoint went to a number."""
    return f"same-text:{digest}:{{{number}}}"


def pace(name: str) -> str:
    """List of send times reserved under one provider key or sending number."""
    return f"pace:{{{name}}}"


def pace_flow(name: str, flow: str) -> str:
    """List of those of them that one flow has reserved."""
    return f"pace:{{{name}}}:{flow}"


def pace_asked(name: str) -> str:
    """Hash of when send times were asked for last under one provider key or sending number."""
    return f"asked:{{{name}}}"


def renting(account: str) -> str:
    """String: who rents numbers for a provider's account at this moment."""
    return f"renting:{{{account}}}"


def spent_token(token_id: str) -> str:
    """String: for which request a provider's token without a body was used."""
    return f"spent:{{{token_id}}}"


def idempotency(digest: str) -> str:
    """Hash of the request that was made under one Idempotency-Key."""
    return f"idempotency:{{{digest}}}"


def sign_in(digest: str) -> str:
    """Hash of one sign-in of the console."""
    return f"console:{{{digest}}}"


def message(message_id: str) -> str:
    """Hash of one outgoing message."""
    return f"message:{{{message_id}}}"


def message_events(message_id: str) -> str:
    """Hash of the events of one outgoing message."""
    return f"message:{{{message_id}}}:events"


def messages_of(receiver: str) -> str:
    """Sorted set of the ids of the messages to one number."""
    return f"messages-of:{{{receiver}}}"


def part(provider: str, provider_id: str) -> str:
    """String: which message of ours the provider's id belongs to."""
    return f"part:{{{provider}:{provider_id}}}"


def parked(provider: str, provider_id: str) -> str:
    """List of receipts whose message is not known yet."""
    return f"parked:{{{provider}:{provider_id}}}"


NUMBERS = "{relay}:numbers"
UNHEALTHY = "{relay}:unhealthy"
REFUSALS = "{relay}:refusals"
RESTING = "{relay}:resting"
LOAD = "{relay}:load"
NUMBER_SESSIONS = "{relay}:number-sessions"
SESSIONS = "{relay}:sessions"
EXPIRIES = "{relay}:expiries"
UNIQUE_NAMES = "{relay}:unique-names"
ANNOUNCE = "{relay}:announce"
ASSEMBLIES = "{relay}:assemblies"
OPTOUTS = "{relay}:optouts"
ERASED_OPTOUTS = "{relay}:optouts-erased"
INBOX = "{relay}:inbox"
INBOX_RAW = "{relay}:inbox-raw"
DUE = "{relay}:due"
HELD = "{relay}:held"
CLAIMS = "{relay}:claims"
CLOCK = "{relay}:clock"
TURNS = "{relay}:turns"
RESERVED = "{relay}:reserved"
HOLDS = "{relay}:holds"
PARKED = "{relay}:parked"
DEAD = "{relay}:dead"
DEAD_TIMES = "{relay}:dead-times"
UNKNOWN = "{relay}:unknown"
UNKNOWN_TIMES = "{relay}:unknown-times"
UNKNOWN_NEW = "{relay}:unknown-new"
LOBBY = "{relay}:lobby"
LOBBY_PEOPLE = "{relay}:lobby-people"
PINS = "{relay}:pins"
PARALLEL = "{relay}:parallel"
PEAKS = "{relay}:peaks"
CALLS = "{relay}:calls"
IN_CALL = "{relay}:in-call"
# In the slot in which most is written, and which every user of the store may write to.
WRITABLE = "{relay}:writable"


def pool(mode: str, country: str = "*") -> str:
    """Set of healthy virtual numbers that can carry sessions of a mode, by country or reach."""
    return f"{{relay}}:pool:{mode}:{country}"


def idle(mode: str) -> str:
    """Set of those of ``pool`` that carry no session, of all countries."""
    return f"{{relay}}:idle:{mode}:*"


def session(session_id: str) -> str:
    """Hash of one session."""
    return f"{{relay}}:session:{session_id}"


def routes(participant: str) -> str:
    """Hash of the virtual numbers that a participant may text, and where each leads."""
    return f"{{relay}}:routes:{participant}"


def passed(session_id: str, side: str) -> str:
    """List of the times at which texts of one side left or will leave."""
    return f"{{relay}}:passed:{session_id}:{side}"


def held(session_id: str, side: str) -> str:
    """List of the texts of one side that wait for its window."""
    return f"{{relay}}:held:{session_id}:{side}"


def past(participant: str) -> str:
    """Hash of the virtual numbers that a participant had in closed sessions."""
    return f"{{relay}}:past:{participant}"


def seen(provider: str, provider_id: str) -> str:
    """String: the MO of this id was taken."""
    return f"{{relay}}:seen:{provider}:{provider_id}"


def imported(provider: str, words: str) -> str:
    """String: the id under which a phone posted the SMS of these words and this time first."""
    return f"{{relay}}:imported:{provider}:{words}"


def parts(digest: str) -> str:
    """Hash of the parts of one long MO."""
    return f"{{relay}}:parts:{digest}"


def told(virtual_number: str, sender: str) -> str:
    """String: this sender was told that he has no session on this number."""
    return f"{{relay}}:told:{virtual_number}>{sender}"


def answered(virtual_number: str) -> str:
    """List of the times at which a number answered people who take part in nothing."""
    return f"{{relay}}:answered:{virtual_number}"


def helped(sender: str) -> str:
    """String: this sender got the answer to his HELP."""
    return f"{{relay}}:helped:{sender}"


def session_log(session_id: str) -> str:
    """List of what was said in one session."""
    return f"{{relay}}:log:{session_id}"


def session_log_states(session_id: str) -> str:
    """Hash of the delivery states of its texts."""
    return f"{{relay}}:log-states:{session_id}"


def logs_of(participant: str) -> str:
    """Sorted set of the sessions whose log names this number, by when it is gone (+inf: open)."""
    return f"{{relay}}:logs-of:{participant}"


def queue(direction: str) -> str:
    """List of the outgoing texts of one direction, ``<sender>><receiver>``."""
    return f"{{relay}}:queue:{direction}"


def pin_tries(who: str) -> str:
    """List of the wrong PINs that came from one caller."""
    return f"{{relay}}:pin-tries:{who}"


def call(call_id: str) -> str:
    """Hash of one call, by the provider's id of the conversation."""
    return f"{{relay}}:call:{call_id}"


TASK_CONTENTS = "{smssync}:contents"
TASKS = "{smssync}:tasks"
TASK_INDEX = "{smssync}:index"
TASK_QUEUE = "{smssync}:queue"
TASK_DUE = "{smssync}:due"
TASK_HANDED = "{smssync}:handed"
TASK_AWAITING = "{smssync}:awaiting"
TASK_REPORTS = "{smssync}:reports"


def device(name: str) -> str:
    """Hash of what is known of one phone."""
    return f"{{smssync}}:device:{name}"


def batch(token: str) -> str:
    """String: the tasks that one call gave to a phone."""
    return f"{{smssync}}:batch:{token}"


BUDGET_SPENT = "{budget}:spent"
BUDGET_OPEN = "{budget}:open"
BUDGET_LEASES = "{budget}:leases"
BUDGET_PRICES = "{budget}:prices"
BUDGET_LIMITS = "{budget}:limits"

STATS_LATEST = "{stats}:latest"


def stats_minute(minute: int) -> str:
    """Hash of the sums of one minute, counted from the Unix epoch."""
    return f"{{stats}}:minute:{minute}"


def stats_ten_minutes(number: int) -> str:
    """Hash of the sums of ten minutes; number: how many tens of minutes since the Unix epoch."""
    return f"{{stats}}:tenmin:{number}"


def stats_flushed(process: str) -> str:
    """String: the number of the last flush of one process."""
    return f"{{stats}}:flushed:{process}"
