"""Options that are right by themselves but do not go together: problems and warnings.

``values`` holds the value of every option by name, ``wrong`` the names of those that could not be
read; nothing is said about an option that is wrong already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from conf.devices import LEAST_SECRET, Device
from conf.messages import (
    MAX_TEXT_CHARACTERS,
    PLACEHOLDER,
    MessageEndpoint,
    limit_problems,
    sender_warning,
    with_link,
)
from conf.protection import Protection, Site
from conf.providers import PROVIDERS, is_phone
from conf.tables import shown

# https://developer.vonage.com/en/api/sms (parameter ``callback``; longer ones get status 23)
MAX_RECEIPT_URL = 100

# Retries (5 s) and the store (2 s) come on top, and a stop gives up after 22 s.
LONGEST_TIMEOUT = 15.0

GOOD_PHONE_SECRET = 12

# Who judges proofs without anybody else.
ALTCHA = "altcha"

_LIKE_A_LINK = re.compile(r"\{+ *link *\}+", re.IGNORECASE)

# Names of options, and a check of their values that has a meaning only when all are right.
_Check = tuple[tuple[str, ...], Callable[..., Iterator[str]]]


def contradictions(
    values: Mapping[str, Any],
    wrong: frozenset[str],
    endpoints: Sequence[MessageEndpoint],
) -> list[str]:
    """Return a line for each contradiction that is a reason not to start."""
    problems = _findings(_CONTRADICTIONS, values, wrong)
    problems += _endpoint_contradictions(values, endpoints)
    return problems


def warnings(
    values: Mapping[str, Any],
    wrong: frozenset[str],
    endpoints: Sequence[MessageEndpoint],
    sites: Sequence[Site] = (),
) -> list[str]:
    """Return a line for each thing that is probably not what someone wants."""
    named = [(each.path, each.sender) for each in endpoints]
    named += [(f"site {each.key}", each.sender) for each in sites]
    senders = [text for each in named if (text := sender_warning(*each))]
    texts = [(each.path, each.text) for each in endpoints]
    texts += [(f"site {each.key}", each.message) for each in sites]
    links = [line for whose, text in texts for line in _misspelt_links(whose, text)]
    missing = _no_credentials(values) if endpoints and not wrong else []
    return [*senders, *links, *missing, *_findings(_WARNINGS, values, wrong)]


def _findings(
    checks: Sequence[_Check], values: Mapping[str, Any], wrong: frozenset[str]
) -> list[str]:
    return [
        line
        for names, check in checks
        if not wrong.intersection(names)
        for line in check(*(values[name] for name in names))
    ]


def _half_endpoint(message: str, sender: str) -> Iterator[str]:
    if bool(message) != bool(sender):
        there, absent = ("message", "sender") if message else ("sender", "message")
        yield f"{there} is set but {absent} is not: set both or neither"


def _call_window(amount: int, expires: int) -> Iterator[str]:
    yield from limit_problems("", "limit_", amount, expires)


def _receiver_window(amount: int, expires: int) -> Iterator[str]:
    yield from limit_problems("", "receiver_limit_", amount, expires)


def _long_receipt_url(url: str, token: str) -> Iterator[str]:
    length = len(f"{url.rstrip('/')}/{token}" if token else url)
    if length > MAX_RECEIPT_URL:
        what = "nexmo_dlr_url with webhook_token" if token else "nexmo_dlr_url"
        yield f"{what} has {length} characters, the provider takes at most {MAX_RECEIPT_URL}"


def _two_sources_of_phones(secret: str, file: str) -> Iterator[str]:
    if secret and file:
        yield "smssync_secret and smssync_devices_file are both set: set one of them"


def device_contradictions(provider: str, devices: Sequence[Device]) -> list[str]:
    """Return a line when the default provider is a phone that there is not."""
    _, _, name = provider.partition(":")
    if is_phone(provider) and name not in {device.name for device in devices}:
        return [f"provider {shown(provider)}: there is no such SMSsync phone"]
    return []


def link_problems(
    values: Mapping[str, Any],
    wrong: frozenset[str],
    endpoints: Sequence[MessageEndpoint],
    sites: Sequence[Site],
) -> Iterator[str]:
    """Yield a line for each text whose ``{link}`` leads nowhere, or whose link has no address.

    Nothing is said about what rests on an option that is wrong already.
    """
    has_default = bool(values["form_link"]) or "form_link" in wrong
    everywhere = has_default or (bool(endpoints) and all(each.link for each in endpoints))
    texts = [(each.path, each.text, bool(each.link) or has_default) for each in endpoints]
    texts += [(f"site {e.key}", e.message, bool(e.link) or everywhere) for e in sites]
    for whose, text, leads_somewhere in texts:
        name = f"the message of {whose}"
        if PLACEHOLDER not in text:
            continue
        if not leads_somewhere:
            yield f"{name}: {PLACEHOLDER} leads nowhere: set link beside it, or form_link"
        if not (values["public_url"] or values["development_mode"] or "public_url" in wrong):
            yield f"{name}: {PLACEHOLDER} is a link of this gateway: set public_url"
        elif (length := len(with_link(text, values["public_url"]))) > MAX_TEXT_CHARACTERS:
            yield (
                f"{name}: with its link the text has {length} characters, at most"
                f" {MAX_TEXT_CHARACTERS} can be sent"
            )


def _misspelt_links(whose: str, text: str) -> Iterator[str]:
    """Yield a line for each thing in a text that is nearly a ``{link}``; it would be sent."""
    for found in dict.fromkeys(_LIKE_A_LINK.findall(text)):
        if found != PLACEHOLDER:
            yield f"the message of {whose}: a short link is written {PLACEHOLDER}, not {found}"


def unknown_sites(protection: Protection) -> list[str]:
    """Return a line for each limit and budget of a shop that there is not."""
    known = {each.key for each in protection.sites}
    limited = [each.site for each in protection.own_limits if each.site]
    paid = [each.of for each in protection.budgets if each.of.startswith("site:")]
    named = [("limit", each) for each in limited]
    named += [("budget", each.removeprefix("site:")) for each in paid]
    return [f"{what}: there is no site {key}" for what, key in named if key not in known]


def equal_secrets(values: Mapping[str, Any], devices: Sequence[Device]) -> list[str]:
    """Return a line for each secret that is that of somebody else, too."""
    known: dict[str, str] = {}
    problems = []
    for name, secret in _secrets(values, devices):
        other = known.setdefault(secret, name)
        if secret and other != name:
            problems.append(f"{other} and {name} are the same: each needs a secret of its own")
    return problems


def guessable_secrets(values: Mapping[str, Any], devices: Sequence[Device]) -> list[str]:
    """Return a line for each phone that has a secret which is short, if not too short."""
    short = range(LEAST_SECRET, GOOD_PHONE_SECRET)
    names = [name for name, secret in _phone_secrets(values, devices) if len(secret) in short]
    return [
        f"{name} has fewer than {GOOD_PHONE_SECRET} characters: it can be guessed"
        for name in dict.fromkeys(names)
    ]


def _secrets(values: Mapping[str, Any], devices: Sequence[Device]) -> Iterator[tuple[str, str]]:
    """Yield whose it is, and what somebody is let in by."""
    yield "admin_token", values["admin_token"]
    yield "webhook_token", values["webhook_token"]
    yield from _phone_secrets(values, devices)


def _phone_secrets(
    values: Mapping[str, Any], devices: Sequence[Device]
) -> Iterator[tuple[str, str]]:
    for device in devices:
        name = "smssync_secret" if values["smssync_secret"] else f"the secret of {device.name}"
        yield name, device.secret
        yield name, device.old_secret


_CREDENTIALS = {each.name: each.credentials for each in PROVIDERS if each.credentials}


def _half_credentials(names: tuple[str, str]) -> Callable[[str, str], Iterator[str]]:
    def check(key: str, secret: str) -> Iterator[str]:
        if bool(key) != bool(secret):
            absent = names[1] if key else names[0]
            yield f"{absent} is not set: {names[0]} and {names[1]} belong together"

    return check


def _no_credentials(values: Mapping[str, Any]) -> Iterator[str]:
    names = _CREDENTIALS.get(values["provider"])
    if names and not values[names[0]] and not values["development_mode"]:
        yield f"{names[0]} and {names[1]} are not set: the provider will refuse messages"


def _short_secret(secret: str) -> Iterator[str]:
    if 0 < len(secret) < LEAST_SECRET:
        yield f"smssync_secret has fewer than {LEAST_SECRET} characters"


def _half_proof(proof: str, by: str, site_key: str, secret: str) -> Iterator[str]:
    if proof == "off" or by == ALTCHA:
        return
    named = {"proof_site_key": site_key, "proof_secret": secret}
    yield from (f"{each} is not set: proof_by={by} needs it" for each in named if not named[each])


def _idle_proof(proof: str, protection: str) -> Iterator[str]:
    if proof != "off" and protection == "off":
        yield "proof is without effect: protection is off"


def _idle_proof_secret(by: str, site_key: str, secret: str, url: str) -> Iterator[str]:
    if by == ALTCHA:
        named = {"proof_site_key": site_key, "proof_secret": secret, "proof_url": url}
        yield from (f"{each} is without effect: proof_by is {by}" for each in named if named[each])


def _in_the_open(name: str) -> Callable[[str], Iterator[str]]:
    def check(url: str) -> Iterator[str]:
        if urlsplit(url).scheme == "http" and not is_here(url):
            yield f"{name} begins with http://: what is sent there can be read on the way"

    return check


def _provider_in_the_open(domain: str, ssl: bool) -> Iterator[str]:
    if not ssl and not is_here(f"http://{domain}"):
        yield "nexmo_ssl is off: the API secret and all texts can be read on the way"


def is_here(url: str) -> bool:
    """Tell whether a URL is one of this machine, seen from itself; '' is none."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _slow_provider(seconds: float) -> Iterator[str]:
    if seconds > LONGEST_TIMEOUT:
        yield (
            f"provider_timeout is above {LONGEST_TIMEOUT:g} s: a stop may cut off a message on its"
            " way, and nginx.conf's proxy_read_timeout must be raised too"
        )


def _tokens_only(jwt_secret: str, signature_secret: str, token: str) -> Iterator[str]:
    if jwt_secret and not signature_secret and not token:
        yield (
            "nexmo_application_jwt_secret alone authenticates no receipts of the SMS API:"
            " set webhook_token or nexmo_signature_secret"
        )


def _ending_service(number_insight: str) -> Iterator[str]:
    # https://developer.vonage.com/en/api/number-insight
    if number_insight != "off":
        yield "number_insight: the provider ends Number Insight on 4 February 2027"


_CONTRADICTIONS: tuple[_Check, ...] = (
    (("message", "sender"), _half_endpoint),
    (("limit_amount", "limit_expires"), _call_window),
    (("receiver_limit_amount", "receiver_limit_expires"), _receiver_window),
    (("nexmo_dlr_url", "webhook_token"), _long_receipt_url),
    (("smssync_secret", "smssync_devices_file"), _two_sources_of_phones),
    (("smssync_secret",), _short_secret),
    (("proof", "proof_by", "proof_site_key", "proof_secret"), _half_proof),
    *((names, _half_credentials(names)) for names in _CREDENTIALS.values()),
)
_WARNINGS: tuple[_Check, ...] = (
    *(
        ((name,), _in_the_open(name))
        for name in ("public_url", "nexmo_dlr_url", "flowroute_url", "proof_url")
    ),
    (("proof", "protection"), _idle_proof),
    (("proof_by", "proof_site_key", "proof_secret", "proof_url"), _idle_proof_secret),
    (("nexmo_domain", "nexmo_ssl"), _provider_in_the_open),
    (("provider_timeout",), _slow_provider),
    (("number_insight",), _ending_service),
    (
        ("nexmo_application_jwt_secret", "nexmo_signature_secret", "webhook_token"),
        _tokens_only,
    ),
)


def _endpoint_contradictions(
    values: Mapping[str, Any], endpoints: Sequence[MessageEndpoint]
) -> Iterator[str]:
    for each in endpoints:
        if values["webhook_token"] and each.path == f"/{values['webhook_token']}":
            yield "webhook_token: a message endpoint has it as its path"
        for prefix in ("limit_", "receiver_limit_"):
            own = [getattr(each, f"{prefix}{word}") for word in ("amount", "expires")]
            if own != [None, None]:
                amount, expires = (
                    values[f"{prefix}{word}"] if value is None else value
                    for word, value in zip(("amount", "expires"), own, strict=True)
                )
                yield from limit_problems(f"{each.path}: ", prefix, amount, expires)
