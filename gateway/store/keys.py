"""Every Redis key by its name; KEYS.md tells type, contents and lifetime of each."""

from __future__ import annotations

MESSAGES = "messages"
BLOCKED = "blocked"
NEWCOMERS = "newcomers"
SHARED_KEY = "shared-key"


# All of short links but the codes themselves lies in one slot.
LINKS_BREAKER = "{links}:breaker"
LINKS_TURN = "{links}:turn"


def link(code: str) -> str:
    """String: in which message a short link stands."""
    return f"link:{{{code}}}"


def links_hour(hour: int) -> str:
    """Hash of messages with a link, and of those that were opened, by country."""
    return f"{{links}}:hour:{hour}"


def links_ten(ten: int) -> str:
    """Hash of the same of ten minutes, by range of numbers."""
    return f"{{links}}:ten:{ten}"


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


def proof(nonce: str) -> str:
    """String: the challenge of this nonce was answered."""
    return f"proof:{{{nonce}}}"


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
