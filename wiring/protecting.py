"""What keeps strangers from spending, made of the options and the protection file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial

from conf.checks import link_problems
from conf.messages import MessageEndpoint
from conf.protection import Mode, Protection
from conf.providers import NEXMO
from conf.settings import Settings
from gateway.access.limiter import Limit, Limiter, MessageLimits, ValidationLimits
from gateway.access.shops import Shops
from gateway.errors import StoreUnavailable
from gateway.messaging.history import History
from gateway.messaging.sending.messenger import RETRY_SECONDS
from gateway.monitoring.stats import Stats
from gateway.protection.destinations.newcomers import Newcomers
from gateway.protection.destinations.rule_gate import RuleGate
from gateway.protection.destinations.rules import Rules
from gateway.protection.limits.admission import Admission
from gateway.protection.limits.layers import Layers
from gateway.protection.limits.same_text import SameTexts
from gateway.protection.links.breaker import Breaker
from gateway.protection.links.conversions import Conversions
from gateway.protection.links.short_links import ShortLinks, Usual
from gateway.protection.proof.altcha import AltchaProof
from gateway.protection.proof.base import Proof
from gateway.protection.proof.gate import ProofGate, When
from gateway.protection.proof.siteverify import SERVICES, SiteVerifyProof
from gateway.protection.rehearsal.rehearsals import Rehearsals
from gateway.protection.rehearsal.terms import by_path
from gateway.protection.shared_key import SharedKey
from gateway.protection.spending.adoption import Adoption
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import Allowance, exchange_rates
from gateway.protection.spending.prices import Prices
from gateway.store.pipeline import Store
from wiring.from_settings import words

# What a message may take beside its provider: the store, a process with much to do.
LEEWAY_SECONDS = 5.0
# A start waits no longer to learn which countries are known.
FIRST_LOOK_SECONDS = 1.0


_MODES = {"on": Mode.ENFORCE, "monitor": Mode.MONITOR, "off": Mode.OFF}


def _mode(settings: Settings) -> Mode:
    """Return what is done about all that protects."""
    return _MODES[settings.protection]


def message_limits(settings: Settings) -> MessageLimits:
    """Return how often one address may call the message endpoints and one receiver gets texts."""
    receiver = Limit(settings.receiver_limit_amount, settings.receiver_limit_expires)
    return MessageLimits(_address_limit(settings), receiver)


def layers(settings: Settings, limits: MessageLimits, protection: Protection) -> Layers:
    """Return which limits a call of a message endpoint has; limits: its two of the contract."""
    return Layers(limits, protection, _mode(settings))


def same_texts(settings: Settings, store: Store) -> SameTexts:
    """Return what keeps the same text from going out twice."""
    mode = _mode(settings)
    seconds = settings.same_text_seconds if mode is not Mode.OFF else 0
    # A turn at the provider's rate, retries, and the answer to the last of them.
    lease = 2 * RETRY_SECONDS + settings.provider_timeout + LEEWAY_SECONDS
    return SameTexts(store, seconds, lease=lease, watch=mode is Mode.MONITOR)


def short_links(
    settings: Settings, protection: Protection, endpoints: Iterable[MessageEndpoint]
) -> ShortLinks:
    """Return what writes links into texts, and knows where they lead."""
    usual = Usual(settings.form_link, settings.link_ios, settings.link_android)
    links = ShortLinks(settings.public_url, protection.sites, usual)
    links.serve(endpoints)
    return links


def breaker(
    settings: Settings, store: Store, conversions: Conversions, protection: Protection
) -> Breaker:
    """Return what takes ranges out of service whose links nobody opens, if protection lets it."""
    policy = protection.breaker
    modes = {policy.mode, _mode(settings)}
    mode = next(each for each in (Mode.OFF, Mode.MONITOR, Mode.ENFORCE) if each in modes)
    return Breaker(store, conversions, replace(policy, mode=mode))


def rule_gate(
    settings: Settings, store: Store, limiter: Limiter, protection: Protection, breaker: Breaker
) -> RuleGate:
    """Return what judges the destinations of public messages, as far as ``protection`` has it."""
    mode = _mode(settings)
    policy = protection.new_country
    if mode is Mode.OFF:
        policy = replace(policy, amount=0)
    newcomers = Newcomers(store, policy, receipts=asks_for_receipts(settings))
    return RuleGate(Rules(protection, newcomers), newcomers, limiter, mode, breaker)


async def learn_countries(rule_gate: RuleGate, history: History) -> None:
    """Learn which countries are known before the first call: until then none is limited.

    What cannot be learned now, as the store is down or its log long, is learned later.
    """
    with suppress(StoreUnavailable, TimeoutError):
        async with asyncio.timeout(FIRST_LOOK_SECONDS):
            await rule_gate.newcomers.look_after(history.sent_lately)


def asks_for_receipts(settings: Settings) -> bool:
    """Tell whether receipts say what becomes of public messages, as far as options can tell."""
    return settings.provider == NEXMO.name and bool(settings.nexmo_dlr_url)


def validation_limits(settings: Settings, limiter: Limiter) -> ValidationLimits:
    """Return how often one address may have numbers validated."""
    return ValidationLimits(limiter, _address_limit(settings))


def _address_limit(settings: Settings) -> Limit:
    return Limit(settings.limit_amount, settings.limit_expires)


def shops(settings: Settings, protection: Protection) -> Shops:
    """Return the shops, and whose pages may call."""
    return Shops(protection.sites, words(settings.allowed_origins), settings.public_url)


def proofs(
    settings: Settings,
    protection: Protection,
    store: Store,
    shared_key: SharedKey,
    budget: Budget,
    *,
    closing: AsyncExitStack,
) -> ProofGate:
    """Return what asks for proofs; what has to be closed is given to ``closing``."""
    service = SERVICES.get(settings.proof_by)
    proof: Proof = (
        SiteVerifyProof(
            service,
            settings.proof_secret,
            settings.proof_site_key,
            url=settings.proof_url,
            hosts=shops(settings, protection).hosts,
        )
        if service
        else AltchaProof(store, shared_key)
    )
    closing.push_async_callback(proof.close)
    mode = _mode(settings)
    when = When(settings.proof) if mode is not Mode.OFF else When.OFF
    return ProofGate(proof, when, Admission(store), budget, watch=mode is Mode.MONITOR)


def budget(
    settings: Settings,
    protection: Protection,
    endpoints: Iterable[MessageEndpoint],
    given: frozenset[str],
    *,
    store: Store,
    stats: Stats,
) -> Budget:
    """Return what may be spent; given: the options that were set, as for ``Loaded``."""
    usual = Allowance.of(settings.budget_day, settings.budget_month)
    rates = exchange_rates(protection.currencies)
    adoption = Adoption(store, stats, Prices(protection.prices), rates, usual)
    return Budget(
        store,
        usual if given & {"budget_day", "budget_month"} else None,
        protection,
        adopted=adoption.limits,
        endpoints=(each.path for each in endpoints),
    )


def rehearsals(
    settings: Settings,
    protection: Protection,
    endpoints: Sequence[MessageEndpoint],
    *,
    history: History,
    budget: Budget,
) -> Rehearsals:
    """Return what plays other terms over the messages of the log."""
    return Rehearsals(
        history,
        budget,
        protection,
        message_limits(settings),
        by_path(endpoints),
        mode=_mode(settings),
        days=settings.message_log_days,
        receipts=asks_for_receipts(settings),
        links=partial(link_problems, vars(settings), frozenset(), tuple(endpoints)),
    )
