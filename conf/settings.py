"""Every option of the gateway, declared once: values, checks, help and documents follow from it.

``python -m conf.documents --write`` brings what is made from it up to date.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import get_type_hints

from conf import values
from conf.options import Group, Option, option
from conf.providers import NEXMO, choices, provider_name


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of one process; ``loading`` makes it, GROUPS gives the headings."""

    # Laid out by hand: the formatter would spread the table over twice as many lines.
    # fmt: off
    port: int = option(
        8888, "HTTP port; 0 = any free port, which is printed", minimum=0, maximum=65535)
    localhostonly: bool = option(False, "accept connections from this machine only")
    http_server: str = option(
        "tornado", "what reads requests: tornado, or fast, a parser in C before the same handlers",
        check=values.one_of("fast", "tornado"))
    public_url: str = option(
        "", "address under which providers, phones and people reach the gateway, e.g. "
        "https://sms.example.com: call events, rented numbers and the pairing of phones need it",
        check=values.base_url)
    trusted_proxies: str = option(
        "", "IP addresses or networks (CIDR) of your reverse proxies, separated by commas; only "
        "their client-address header is believed", check=values.networks)
    client_address_header: str = option(
        "X-Real-Ip", "the header in which these proxies pass on the client's address: X-Real-Ip or "
        "X-Forwarded-For", check=values.one_of("X-Real-Ip", "X-Forwarded-For"))
    development_mode: bool = option(
        False, "run everything on this machine without credentials: own store, provider emulator, "
        "demo message; implies localhostonly")
    data_dir: str = option(
        "var", "folder of the embedded store and other local files", check=values.filled)

    admin_token: str = option(
        "", "bearer token for the admin routes, 8 characters or more; empty: they stay closed",
        secret=True, check=values.admin_token)
    webhook_token: str = option(
        "", "last path element that every provider webhook must carry, 8 characters or more",
        secret=True, check=values.webhook_token)

    open_webhooks: bool = option(
        False, "serve webhooks without any proof to programs on this machine, as long as neither "
        "webhook_token nor a signature secret is set; implied by development_mode")

    message: str = option(
        "", "text of the default message endpoint; needs sender too; {link} in it becomes a short "
        "link", check=values.message)
    sender: str = option(
        "", "sender name or number of the default message endpoint; needs message too",
        check=values.sender)
    request_path: str = option(
        "/message/", "path of the default message endpoint", check=values.request_path)
    messages_file: str = option(
        "", "TOML file with more message endpoints; empty: conf/messages.toml if there is one")

    guess_country: bool = option(
        True, "complete national numbers by the visitor's address and languages; off: by "
        "default_country alone")
    default_country: str = option(
        "DE", "country of national numbers when nothing else tells, two letters",
        check=values.country)
    geoip_file: str = option(
        "", "country database, MaxMind *.mmdb or legacy GeoIP *.dat; empty: the bundled data",
        check=values.region_file)

    limit_amount: int = option(
        10, "calls that one client address may make within limit_expires seconds; 0 = any number",
        minimum=0)
    limit_expires: int = option(3600, "length of that window in seconds", minimum=0)
    receiver_limit_amount: int = option(
        5, "public messages that one receiver may get within receiver_limit_expires seconds; 0 = "
        "any number", minimum=0)
    receiver_limit_expires: int = option(86400, "length of that window in seconds", minimum=0)
    protection: str = option(
        "on", "rules by destination, the limits of protection_file and same_text_seconds: on, "
        "monitor (what they would refuse is counted and shown) or off",
        check=values.one_of("on", "monitor", "off"))
    protection_file: str = option(
        "", "TOML file with rules, limits, budgets and shops; empty: conf/protection.toml if there "
        "is one, else the defaults")
    same_text_seconds: int = option(
        60, "the same text of one endpoint to the same receiver is sent once within so many "
        "seconds, a repeat gets the first one's answer; 0 = off", minimum=0, maximum=86_400)
    budget_day: float = option(
        25.0, "money that may be spent in a day (UTC), in the account's currency; 0 = any amount",
        minimum=0)
    budget_month: float = option(250.0, "the same in a month", minimum=0)
    proof: str = option(
        "off", "of which calls of message endpoints a proof of work is asked: off, always, or "
        "pressure: when limits or budgets are nearly reached, or a rule limits the destination; "
        "part of protection", check=values.one_of("off", "always", "pressure"))
    proof_by: str = option(
        "altcha", "who sets and judges proofs: altcha (this gateway itself), turnstile or hcaptcha",
        check=values.one_of("altcha", "turnstile", "hcaptcha"))
    proof_site_key: str = option(
        "", "site key of turnstile or hcaptcha, which pages are told")
    proof_secret: str = option("", "secret that belongs to it", secret=True)
    proof_url: str = option(
        "", "address at which their tokens are judged; empty: the service's own",
        check=values.url)
    allowed_origins: str = option(
        "", "web sites whose pages may call the public endpoints, as https://www.example.com, "
        "separated by commas; empty: all", check=values.origins)
    form_link: str = option(
        "", "https URL of the page that messages lead to: told to a visitor who gets none, as "
        "link and QR code; empty: he sees an error", check=values.link)
    link_ios: str = option(
        "", "https URL to which {link} in a text leads on iPhones and iPads; empty: as form_link",
        check=values.link)
    link_android: str = option(
        "", "the same on Android telephones; empty: as form_link", check=values.link)
    message_log_days: int = option(
        7, "days for which the fate of a message can be looked up", minimum=1)

    provider: str = option(
        NEXMO.name, f"who sends unless told otherwise: {choices()}",
        check=provider_name)
    provider_timeout: float = option(
        10.0, "seconds to wait for a provider; later the outcome counts as unknown", above=0)
    rate_shares: str = option(
        "public:2,relay:2,notices:1", "weights by which public messages, relayed texts and "
        "notices share a provider's rate while there is more than it lets out",
        check=values.rate_shares)
    smart_encoding: bool = option(
        True, "send a text in plain punctuation where that makes it GSM-7 as a whole: one curly "
        "quote more than doubles its parts")
    resend_unknown: str = option(
        "refused", "which unanswered texts of conversations are sent again by themselves: never; "
        "refused: those that the provider's edge let not in (HTTP 429, 503); edge: also after HTTP "
        "502 and 504; always: also, once, those without an answer and a receipt for ten minutes",
        check=values.one_of("never", "refused", "edge", "always"))

    nexmo_api_key: str = option("", "API key of the Vonage (Nexmo) account", secret=True)
    nexmo_api_secret: str = option("", "API secret that belongs to the key", secret=True)
    nexmo_domain: str = option(
        "rest.nexmo.com", "host of the SMS API, with :port if needed", check=values.host)
    nexmo_endpoint: str = option("sms/json", "path of the SMS API", check=values.endpoint)
    nexmo_ssl: bool = option(True, "reach the SMS API by HTTPS")
    nexmo_api_domain: str = option(
        "api.nexmo.com", "host of the other APIs, e.g. Number Insight", check=values.host)
    nexmo_long_virtual_number: str = option(
        "", "number that replaces the sender for recipients in North America (+1)",
        check=values.virtual_number)
    nexmo_dlr_url: str = option(
        "", "public URL for delivery receipts: served here and asked for with every message; the "
        "provider takes up to 100 characters", check=values.receipt_url)
    nexmo_signature_secret: str = option(
        "", "signature secret of the account; when set, SMS webhooks must be signed", secret=True)
    nexmo_signature_method: str = option(
        "md5hash", "how they are signed: md5hash, md5, sha1, sha256 or sha512",
        check=values.one_of("md5hash", "md5", "sha1", "sha256", "sha512"))
    nexmo_signature_max_age: int = option(
        90_000, "seconds after which a signed MO is too old, as the provider repeats it for a day; "
        "receipts may be three days older; 0 = never", minimum=0)
    nexmo_application_id: str = option(
        "", "id of the Vonage application for Messages and Voice webhooks")
    nexmo_application_jwt_secret: str = option(
        "", "secret of the tokens (JWT) on these webhooks; empty: nexmo_signature_secret",
        secret=True)
    nexmo_rate: float = option(
        30.0, "API requests a second for one key, all processes together; 0 = no pacing", minimum=0)

    org_name: str = option(
        "Your Org Name", "name in front of notices to participants, put in capitals")
    session_start_msg: str = option(
        "Your new session has started, send a message!",
        "notice to both participants of a new session")
    session_end_msg: str = option(
        "This session has ended, talk to you again soon!", "notice at the end of a session")
    no_session_msg: str = option(
        "An active session was not found. Please contact support@yourorg.com",
        "notice to someone whose text belongs to no session")
    optout_msg: str = option(
        "Your contact has chosen to receive no more messages.",
        "notice to a participant whose counterpart has opted out")
    stop_msg: str = option(
        "You will get no more messages. Text {start} to get them again.",
        "the one answer to somebody who opts out; {start} stands for the first of start_words, "
        "empty: he is not answered")
    help_msg: str = option(
        "For help contact support@yourorg.com. Text {stop} to get no more messages.",
        "answer to somebody who asks for help, once a day; {stop} stands for the first of "
        "stop_words, empty: nobody is answered")
    answer_countries: str = option(
        "", "countries (two letters, separated by commas) whose people a number answers beside "
        "those of its own when they take part in nothing; * = all; never satellite or premium",
        check=values.countries)
    answer_limit: int = option(
        60, "answers of one virtual number to people who take part in nothing within an hour; 0 = "
        "any number", minimum=0, maximum=10_000)
    media_msg: str = option(
        "Pictures and other media cannot be passed on. Please send a text instead.",
        "notice to a participant who sends a picture or the like, once per session")
    unknown_msg: str = option(
        "", "notice to a participant whose text may not have arrived, once per session; empty: "
        "none is sent")
    stop_words: str = option(
        "STOP,STOPALL,UNSUBSCRIBE,QUIT,END,REVOKE,OPTOUT,CANCEL,ARRET,ARRETER,DESABONNER",
        "texts by which a person opts out, separated by commas; nothing more is sent to him")
    start_words: str = option("START,UNSTOP", "texts by which he opts in again")
    help_words: str = option(
        "HELP,INFO,AIDE", "texts that ask for help_msg; they are relayed all the same")
    loop_guard: bool = option(
        True, "pause machines that answer each other: texts that are like earlier ones of their "
        "sides, in turns and in rhythm")
    paused_msg: str = option(
        "Not passed on, as two machines seem to be talking. Write something else to go on.",
        "notice to the participant whose text was not passed on for that reason, once for a pause")
    side_limit_amount: int = option(
        60, "texts of one side of a session that are passed on within side_limit_expires seconds, "
        "those above wait; 0 = any number", minimum=0, maximum=10_000)
    side_limit_expires: int = option(
        600, "length of that window in seconds", minimum=0, maximum=86_400)
    side_limit_day: int = option(
        300, "texts of one side of a session that are passed on within 24 hours; 0 = any number",
        minimum=0, maximum=10_000)
    side_limit_msg: str = option(
        "You have sent many messages in a short time. They are passed on later.",
        "notice to the participant whose texts wait for that reason, once a day")
    wait_msg: str = option(
        "Your messages have to wait for some hours. They are passed on later.",
        "notice to the participant whose texts wait because the budget is used up, once after a "
        "quarter of an hour")
    tn_exclusive: bool = option(False, "give every session a virtual number of its own")
    number_cooldown: int = option(
        0, "seconds for which a participant does not meet a number of an old session again, except "
        "with the same counterpart", minimum=0)
    number_rate: float = option(
        1.0, "relayed SMS a second from one North American number; 0 = no pacing", minimum=0)
    chat_numbers: str = option(
        "", "virtual numbers that pair strangers for a chat, separated by commas",
        check=values.virtual_numbers)
    chat_wait: float = option(
        30.0, "minutes after which nobody waits for a chat any longer; 0 = for ever", minimum=0)
    session_log_days: int = option(
        30, "days for which the log of a closed session is kept; 0 = no log", minimum=0)

    voice_start_msg: str = option(
        "Call this number to talk to your contact",
        "text to both participants of a new voice session")
    voice_wait_msg: str = option(
        "Please wait whilst we connect your call", "what a caller hears first")
    voice_pin_msg: str = option(
        "Please enter your PIN, followed by the hash key.",
        "what a caller from an unknown phone hears on a number with PINs")
    voice_sorry_msg: str = option(
        "We are sorry, this call cannot be connected. Goodbye.",
        "what a caller hears who cannot be connected")
    ring_timeout: int = option(45, "seconds for which the other side's phone rings", minimum=1)
    call_limit: int = option(3600, "longest call in seconds", minimum=1)
    number_insight: str = option(
        "off", "basic: have participants checked by Vonage Number Insight too",
        check=values.one_of("off", "basic"))

    flowroute_access_key: str = option("", "access key of the Flowroute account")
    flowroute_secret_key: str = option("", "secret key that belongs to it", secret=True)
    flowroute_url: str = option(
        "https://api.flowroute.com/v2.1/messages", "address of Flowroute's messages API",
        check=values.base_url)

    smssync_secret: str = option(
        "", "secret of a single phone, which is called default", secret=True)
    smssync_devices_file: str = option(
        "", "TOML file with several phones, each with its own secret")
    smssync_reply: str = option(
        "", "instant reply to an SMS that belongs to nothing and lands in the inbox")
    smssync_lease: int = option(
        300, "seconds after which an SMS that a phone fetched but never confirmed is offered "
        "again, to phones known to report results", minimum=1)
    smssync_confirm: float = option(
        24.0, "hours after which an SMS that a phone took counts as unconfirmed without a result",
        above=0)

    redis_url: str = option(
        "", "where Redis or Valkey is: unix://, redis://, redis+sentinel:// or redis+cluster://, "
        "with TLS rediss in place of redis; overrides the four options below", secret=True,
        check=values.redis_url)
    redis_host: str = option("localhost", "host of a single server", check=values.filled)
    redis_port: int = option(6379, "its port", minimum=1, maximum=65535)
    redis_password: str = option("", "its password", secret=True)
    redis_db: int = option(0, "number of the database on it", minimum=0)
    sentinel_password: str = option(
        "", "the sentinels' own password; empty: that of redis_url", secret=True)

    logging: str = option(
        "info", "what is logged: debug, info, warning, error or none",
        check=values.one_of("debug", "info", "warning", "error", "none"))
    log_to_stderr: bool | None = option(
        None, "log to standard error; unset: only if there is no log file")
    log_file_prefix: str = option("", "path of the log file; empty: none")
    log_file_max_size: int = option(
        100_000_000, "bytes after which a new log file is begun", minimum=0, maximum=2**53)
    log_file_num_backups: int = option(10, "old log files to keep", minimum=0)
    access_log: bool = option(False, "log one line for every request, phone numbers masked")
    # fmt: on


GROUPS = (
    Group("Server", "port"),
    Group("Access", "admin_token"),
    Group("Message endpoints", "message"),
    Group("Countries of numbers", "guess_country"),
    Group("Limits", "limit_amount"),
    Group("Protection and budgets", "protection"),
    Group("Sending", "message_log_days"),
    Group("Vonage (Nexmo)", "nexmo_api_key"),
    Group("Masked conversations", "org_name"),
    Group("Voice", "voice_start_msg"),
    Group("Flowroute", "flowroute_access_key"),
    Group("SMSsync phones", "smssync_secret"),
    Group("Redis", "redis_url"),
    Group("Logging", "logging"),
)


def _declared() -> dict[str, Option]:
    kinds = get_type_hints(Settings)
    return {
        each.name: dataclasses.replace(
            each.metadata["option"], name=each.name, kind=kinds[each.name]
        )
        for each in dataclasses.fields(Settings)
    }


OPTIONS = _declared()
