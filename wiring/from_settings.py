"""What the options mean: the values and services that are made of them.

``services.py`` and ``texts.py`` connect the services with each other; none sees the settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from conf.checks import is_here
from conf.messages import MessageEndpoint
from conf.protection import Protection, Site
from conf.settings import Settings
from gateway.access.answers import Answers
from gateway.access.client_address import ClientAddress
from gateway.access.gates import AdminGate, WebhookGate
from gateway.access.limiter import Limiter
from gateway.conversations.calls import Calls
from gateway.conversations.notices import Notices, NoticeTexts
from gateway.conversations.opening import Opening
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.guard import Guard
from gateway.conversations.transcript import Transcript
from gateway.messaging.keywords import Keywords
from gateway.messaging.sending.pacer import Flow
from gateway.protection.destinations.rule_checks import rule_problems
from gateway.protection.spending.budget import Budget
from gateway.providers import flowroute
from gateway.providers.base import Provider
from gateway.providers.flowroute import FlowrouteProvider
from gateway.providers.vonage.insight import Insight
from gateway.providers.vonage.numbers import NumbersApi
from gateway.providers.vonage.sms import Account, VonageProvider
from gateway.store.pipeline import Store, connect
from gateway.telephony import geoip, phonenumber
from gateway.telephony.answerable import EVERY_COUNTRY, Answerable
from gateway.telephony.country import CountryGuesser, region
from gateway.telephony.judges import Judge, is_valid, is_valid_or_sample
from gateway.telephony.networks import e164_of
from gateway.virtual_numbers.inventory import Inventory
from gateway.virtual_numbers.pool import Pool
from gateway.virtual_numbers.provisioning import Provisioning
from gateway.virtual_numbers.setup import NumberSetup, Webhooks

# Flowroute publishes no limit and throttles senders that it takes for spammers: a modest rate.
FLOWROUTE_RATE = 10.0


def problems(settings: Settings, protection: Protection | None = None) -> list[str]:
    """Return a line for each option that is well written but names what cannot be used.

    protection: what its file says, whose rules name countries and numbers.
    """
    found = [f"protection_file: {each}" for each in rule_problems(protection or Protection())]
    if not phonenumber.is_region(settings.default_country):
        found.append(f"--default_country={settings.default_country}: no such country")
    named = set(words(settings.answer_countries)) - {EVERY_COUNTRY}
    unknown = sorted(each for each in named if region(each) is None)
    found += [f"--answer_countries: no such country: {each}" for each in unknown]
    for name, check in (
        ("geoip_file", lambda: geoip.open_lookup(settings.geoip_file)),
        ("redis_url", lambda: store(settings)),
    ):
        try:
            check()
        except ValueError as error:
            found.append(f"--{name}: {error}")
    return found


def redis_url(settings: Settings) -> str:
    """Return ``redis_url``, or the URL that the four single options make."""
    if settings.redis_url:
        return settings.redis_url
    host = f"[{settings.redis_host}]" if ":" in settings.redis_host else settings.redis_host
    password = f":{quote(settings.redis_password, safe='')}@" if settings.redis_password else ""
    return f"redis://{password}{host}:{settings.redis_port}/{settings.redis_db}"


def store(settings: Settings) -> Store:
    """Return the store, not connected yet; raises ValueError, which never quotes a password."""
    return connect(redis_url(settings), settings.sentinel_password)


def client_address(settings: Settings) -> ClientAddress:
    """Return what tells a caller's address from that of a reverse proxy."""
    return ClientAddress(words(settings.trusted_proxies), settings.client_address_header)


def country_guesser(settings: Settings) -> CountryGuesser:
    """Return what completes national numbers."""
    return CountryGuesser(
        geoip.open_lookup(settings.geoip_file),
        default_country=settings.default_country,
        guess=settings.guess_country,
    )


def judge(settings: Settings) -> Judge:
    """Return what people and administrators may write for a number."""
    return is_valid_or_sample if settings.development_mode else is_valid


def admin_gate(settings: Settings) -> AdminGate:
    """Return the gate of the admin routes and of the console."""
    trusts = settings.development_mode and is_local(settings)
    return AdminGate(settings.admin_token, development=trusts)


def is_local(settings: Settings) -> bool:
    """Tell whether nobody is to reach the gateway from another machine."""
    return not settings.public_url or is_here(settings.public_url)


def webhook_gate(settings: Settings) -> WebhookGate:
    """Return the gate of the webhooks with every means of authentication that is configured."""
    return WebhookGate(
        token=settings.webhook_token,
        open_here=settings.open_webhooks or (settings.development_mode and is_local(settings)),
        signature_secret=settings.nexmo_signature_secret,
        signature_method=settings.nexmo_signature_method,
        signature_max_age=settings.nexmo_signature_max_age,
        jwt_secret=settings.nexmo_application_jwt_secret,
        application_id=settings.nexmo_application_id,
        api_key=settings.nexmo_api_key,
    )


def network_providers(settings: Settings) -> list[Provider]:
    """Return the providers that are reached by HTTP."""
    return [
        VonageProvider(
            vonage_account(settings), rate=settings.nexmo_rate, timeout=settings.provider_timeout
        ),
        FlowrouteProvider(
            flowroute.Account(
                settings.flowroute_access_key,
                settings.flowroute_secret_key,
                settings.flowroute_url,
            ),
            rate=FLOWROUTE_RATE,
            timeout=settings.provider_timeout,
        ),
    ]


def vonage_account(settings: Settings) -> Account:
    """Return the Vonage account; receipts are asked for when ``nexmo_dlr_url`` is set."""
    dlr_url = settings.nexmo_dlr_url
    if dlr_url and settings.webhook_token:
        dlr_url = f"{dlr_url.rstrip('/')}/{settings.webhook_token}"
    return Account(
        api_key=settings.nexmo_api_key,
        api_secret=settings.nexmo_api_secret,
        url=f"{_vonage(settings, settings.nexmo_domain)}/{settings.nexmo_endpoint}",
        long_virtual_number=settings.nexmo_long_virtual_number,
        dlr_url=dlr_url,
    )


def vonage_numbers_api(settings: Settings) -> NumbersApi:
    """Return the client of the Numbers API, on the host of the SMS API."""
    return NumbersApi(
        _vonage(settings, settings.nexmo_domain),
        settings.nexmo_api_key,
        settings.nexmo_api_secret,
        timeout=settings.provider_timeout,
    )


def vonage_insight(settings: Settings) -> Insight | None:
    """Return Number Insight, None when it is off."""
    if settings.number_insight == "off":
        return None
    url = _vonage(settings, settings.nexmo_api_domain)
    return Insight(url, settings.nexmo_api_key, settings.nexmo_api_secret)


def renting(
    settings: Settings, store: Store, api: NumbersApi, pool: Pool, budget: Budget
) -> tuple[Provisioning, Inventory]:
    """Return what rents numbers of the account, and what compares those it has with the pool."""
    webhooks, account = number_webhooks(settings), settings.nexmo_api_key
    setup = NumberSetup(api, pool, webhooks)
    provisioning = Provisioning(store, api, setup, account=account, budget=budget)
    return provisioning, Inventory(api, pool, webhooks, account=account)


def number_webhooks(settings: Settings) -> Webhooks:
    """Return where the texts and calls of a rented number are to come."""
    return Webhooks.at(settings.public_url, settings.webhook_token, settings.nexmo_application_id)


def opening(
    settings: Settings,
    store: Store,
    sessions: Sessions,
    notices: Notices,
    insight: Insight | None,
) -> Opening:
    """Return what opens sessions; numbers that pair strangers are given to none."""
    return Opening(
        store,
        sessions=sessions,
        notices=notices,
        insight=insight,
        exclusive=settings.tn_exclusive,
        cooldown=settings.number_cooldown,
        reserved=chat_numbers(settings),
    )


def calls(
    settings: Settings, store: Store, sessions: Sessions, transcript: Transcript, budget: Budget
) -> Calls:
    """Return what connects calls, with the texts, the patience and the addresses of the options."""
    return Calls(
        store,
        sessions=sessions,
        transcript=transcript,
        wait_text=settings.voice_wait_msg,
        sorry_text=settings.voice_sorry_msg,
        pin_text=settings.voice_pin_msg,
        ring_timeout=settings.ring_timeout,
        call_limit=settings.call_limit,
        event_url=_webhook(settings, "/event/"),
        input_url=_webhook(settings, "/proxy-call/"),
        log_days=settings.session_log_days,
        budget=budget,
    )


def _webhook(settings: Settings, path: str) -> str:
    """Return the public address of a webhook, '' when there is none."""
    return f"{settings.public_url}{path}{settings.webhook_token}" if settings.public_url else ""


def keywords(settings: Settings) -> Keywords:
    """Return the words by which people opt out and in, and ask for help."""
    options = (settings.stop_words, settings.start_words, settings.help_words)
    return Keywords(*(option.split(",") for option in options))


def own_senders(
    settings: Settings, endpoints: Iterable[MessageEndpoint], sites: Iterable[Site] = ()
) -> frozenset[str]:
    """Return the numbers that the site's messages come from, E.164; names are left out."""
    senders = (
        settings.sender,
        settings.nexmo_long_virtual_number,
        *(endpoint.sender for endpoint in endpoints),
        *(site.sender for site in sites),
    )
    return frozenset(filter(None, map(e164_of, senders)))


def chat_numbers(settings: Settings) -> list[str]:
    """Return the virtual numbers that pair strangers, E.164."""
    return words(settings.chat_numbers)


def notice_texts(settings: Settings) -> NoticeTexts:
    """Return the notices of the options."""
    return NoticeTexts(
        org_name=settings.org_name,
        start=settings.session_start_msg,
        end=settings.session_end_msg,
        no_session=settings.no_session_msg,
        opted_out=settings.optout_msg,
        stopped=_withwords(settings, settings.stop_msg),
        help=_withwords(settings, settings.help_msg),
        voice_start=settings.voice_start_msg,
        media=settings.media_msg,
        paused=settings.paused_msg,
        held=settings.side_limit_msg,
        unknown=settings.unknown_msg,
        waiting=settings.wait_msg,
    )


def rate_shares(settings: Settings) -> dict[Flow, float]:
    """Return the weights of the flows that share a provider's rate."""
    pairs = (each.split(":") for each in words(settings.rate_shares))
    return {Flow(flow): float(weight) for flow, weight in pairs}


def answers(settings: Settings, limiter: Limiter) -> Answers:
    """Return who is answered that takes part in nothing."""
    countries = words(settings.answer_countries)
    whom = Answerable(region(each) or each for each in countries)
    return Answers(limiter, whom, settings.answer_limit)


def guard(settings: Settings) -> Guard:
    """Return how texts of participants are bounded."""
    return Guard(
        loops=settings.loop_guard,
        amount=settings.side_limit_amount,
        window_ms=settings.side_limit_expires * 1000,
        day=settings.side_limit_day,
    )


def _withwords(settings: Settings, text: str) -> str:
    """Return a text with the words by which one opts out and in, the first of each option."""
    options = (settings.stop_words, settings.start_words)
    stop, start = (words.split(",")[0].strip() for words in options)
    return text.replace("{stop}", stop).replace("{start}", start)


def _vonage(settings: Settings, host: str) -> str:
    return f"{'https' if settings.nexmo_ssl else 'http'}://{host}"


def words(option: str) -> list[str]:
    """Return the items of an option that separates them by commas."""
    return [each for each in option.split(",") if each]
