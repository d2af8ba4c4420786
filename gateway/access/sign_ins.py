"""Sign-ins of the web console: by the admin token once, by a cookie from then on.

They lie in the store, so that every process knows them and signing out ends them everywhere. The
store holds only a digest of the cookie: who reads it cannot use what he finds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from gateway.access.gates import AdminGate
from gateway.access.limiter import Limit, Limiter
from gateway.errors import BadRequest, Unauthenticated
from gateway.providers.vonage.signatures import same
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

# Tries from one address, right or wrong: enough for a person, hopeless for a program.
TRIES = Limit(10, 300)
IDLE_SECONDS = 12 * 3600
LONGEST_SECONDS = 7 * 86_400
# So long a thing that was shown on request stays visible to whom it was shown.
SHOWN_SECONDS = 600
MOST_SHOWN = 100

_COOKIE = re.compile(r"[0-9a-f]{64}")

_BEGIN = Script.load(__file__, "sign_in_begin")
_LOOK = Script.load(__file__, "sign_in_look")
_SHOW = Script.load(__file__, "sign_in_show")


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person who is signed in; shown: what he asked to see unmasked a short while ago."""

    cookie: str = field(repr=False)
    shown: frozenset[str] = frozenset()

    @property
    def xsrf(self) -> str:
        """The token that every form of this person carries."""
        return hmac.new(self.cookie.encode(), b"xsrf", hashlib.sha256).hexdigest()

    def owns(self, token: str) -> bool:
        """Tell, in constant time, whether a form's token is this person's."""
        return same(self.xsrf, token)


class SignIns:
    """Begins, finds and ends sign-ins; a changed admin token ends all of them."""

    def __init__(self, store: Store, limiter: Limiter, gate: AdminGate) -> None:
        self._store = store
        self._limiter = limiter
        self._gate = gate

    async def begin(self, token: str, subject: str) -> SignIn:
        """Return a new sign-in for whoever knows the admin token.

        subject: under what tries are counted, of one address; the right token forgets them.
        Raises LimitExceeded, Unauthenticated, Forbidden when no token is configured, and
        StoreUnavailable.
        """
        await self._limiter.hit("console", subject, TRIES)
        if not self._gate.accepts(token):
            raise Unauthenticated("That is not the admin token.")
        await self._store.execute("DEL", keys.limit("console", subject))
        return await self.begin_trusted()

    async def begin_trusted(self) -> SignIn:
        """Return a new sign-in for a person who need not prove anything."""
        sign_in = SignIn(secrets.token_hex(32))
        await self._store.run(_BEGIN, [_key(sign_in.cookie)], [self._gate.digest, IDLE_SECONDS])
        return sign_in

    async def find(self, cookie: str) -> SignIn | None:
        """Return the sign-in behind a cookie and keep it alive, None when it is over."""
        if not _COOKIE.fullmatch(cookie):
            return None
        lifetimes = (IDLE_SECONDS, LONGEST_SECONDS)
        shown = await self._store.run(_LOOK, [_key(cookie)], [self._gate.digest, *lifetimes])
        return None if shown is None else SignIn(cookie, frozenset(shown))

    async def show(self, sign_in: SignIn, thing: str) -> None:
        """Let a person see something unmasked for ten minutes.

        Raises BadRequest when he is shown a hundred things already.
        """
        args = (thing, SHOWN_SECONDS, MOST_SHOWN)
        if not await self._store.run(_SHOW, [_key(sign_in.cookie)], args):
            raise BadRequest("too many numbers are shown already: hide some first")

    async def hide(self, sign_in: SignIn, thing: str) -> None:
        """Mask it again."""
        await self._store.execute("HDEL", _key(sign_in.cookie), f"shown:{thing}")

    async def end(self, cookie: str) -> None:
        """Sign out."""
        if _COOKIE.fullmatch(cookie):
            await self._store.execute("DEL", _key(cookie))


def _key(cookie: str) -> str:
    return keys.sign_in(hashlib.sha256(cookie.encode()).hexdigest())
