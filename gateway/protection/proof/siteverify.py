"""Proofs that a service of others makes and judges: Cloudflare Turnstile, hCaptcha.

https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
https://docs.hcaptcha.com/#verify-the-user-response-server-side
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import ProofUnavailable
from gateway.protection.proof.base import Purpose, Worth
from gateway.providers.http.answers import Answer, json_object
from gateway.providers.http.client import HttpClient

log = logging.getLogger(__name__)

# Somebody waits before a form.
SECONDS = 5.0
MAX_ANSWER_BYTES = 64 * 1024
# https://developers.cloudflare.com/turnstile/: at most 2,048; those of hCaptcha are longer.
LONGEST = 8_192
SILENCE_SECONDS = 60.0
# Turnstile takes 32 characters of these for an action.
_NO_ACTION = re.compile(r"[^A-Za-z0-9_-]+")
LONGEST_ACTION = 32

REPLAYED = frozenset(
    "timeout-or-duplicate already-seen-response invalid-or-already-seen-response".split()
)
EXPIRED = frozenset({"expired-input-response"})
# The owner's mistakes, or the service's: no visitor can mend them by trying again.
OURS = frozenset(
    "missing-input-secret invalid-input-secret sitekey-secret-mismatch missing-sitekey"
    " invalid-sitekey internal-error".split()
)


@dataclass(frozen=True, slots=True)
class Service:
    """One such service: the argument of a call that carries its token, and who judges it.

    wants_site_key: it is told for whose widget a token should be.
    """

    name: str
    field: str
    url: str
    wants_site_key: bool = False


SERVICES: Mapping[str, Service] = {
    each.name: each
    for each in (
        Service(
            "turnstile",
            "cf-turnstile-response",
            "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        ),
        Service(
            "hcaptcha",
            "h-captcha-response",
            "https://api.hcaptcha.com/siteverify",
            wants_site_key=True,
        ),
    )
}


class SiteVerifyProof:
    """Tokens of a service; url: who judges them in place of the service, '' = the service.

    hosts: names of the sites whose pages may call, none = all; seconds: that an answer may take;
    clock: monotonic. Each token is good once: the service sees to that.
    """

    def __init__(
        self,
        service: Service,
        secret: str,
        site_key: str,
        *,
        url: str = "",
        hosts: Collection[str] = (),
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.field = service.field
        self._service = service
        self._secret = secret
        self._site_key = site_key
        self._hosts = frozenset(hosts)
        self._clock = clock
        self._said = -SILENCE_SECONDS
        self._client = HttpClient(
            url or service.url, timeout=seconds, longest=MAX_ANSWER_BYTES, headers={}
        )

    async def challenge(self, purpose: Purpose, pressure: float) -> Mapping[str, Any]:
        """Return with what a page is to show the service's widget; its price is the service's."""
        return {
            "by": self._service.name,
            "site_key": self._site_key,
            "action": action(purpose.endpoint),
        }

    async def judge(self, answer: str, purpose: Purpose) -> Worth:
        """Return what the service makes of a token; raises ProofUnavailable when it says nothing.

        Failing closed: a form shows its link then, while failing open would be a way around that
        anybody could open who disturbs the service.
        """
        if len(answer) > LONGEST:
            return Worth.WRONG
        form = {"secret": self._secret, "response": answer, "remoteip": purpose.address}
        if self._service.wants_site_key:
            form["sitekey"] = self._site_key
        found = await self._client.call("POST", body=form)
        document = json_object(found.body) if isinstance(found, Answer) else None
        if document is None or type(document.get("success")) is not bool:
            raise self._unavailable(found.status if isinstance(found, Answer) else found.text)
        if document["success"]:
            return self._of_ours(document, purpose)
        codes = document.get("error-codes")
        return self._refused({str(each) for each in codes} if isinstance(codes, list) else set())

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._client.close()

    def _of_ours(self, document: Mapping[str, Any], purpose: Purpose) -> Worth:
        """Return whether a good token was made on a page of ours, for this endpoint."""
        host, what = (document.get(name) for name in ("hostname", "action"))
        strange = self._hosts and host and str(host).lower() not in self._hosts
        if strange or (what and what != action(purpose.endpoint)):
            return Worth.FOREIGN
        return Worth.ACCEPTED

    def _refused(self, codes: Collection[str]) -> Worth:
        if ours := OURS.intersection(codes):
            raise self._unavailable(", ".join(sorted(ours)))
        if EXPIRED.intersection(codes):
            return Worth.EXPIRED
        return Worth.REPLAYED if REPLAYED.intersection(codes) else Worth.WRONG

    def _unavailable(self, why: object) -> ProofUnavailable:
        """Return the error of a call, and say why in the log, at most once a minute."""
        if self._clock() - self._said >= SILENCE_SECONDS:
            log.error("%s does not judge proofs: %s", self._service.name, why)
            self._said = self._clock()
        return ProofUnavailable()


def action(endpoint: str) -> str:
    """Return the name under which a page is to ask the service for a token of an endpoint."""
    return _NO_ACTION.sub("_", endpoint.strip("/"))[:LONGEST_ACTION] or "message"
