"""``/tn``: the pool of virtual numbers.

Sessions that are over are closed first, so that none of them keeps a number in use.
"""

from __future__ import annotations

from typing import Any

from conf.providers import VOICE_PROVIDERS
from gateway.errors import BadRequest
from gateway.virtual_numbers.pool import PoolEntry, PoolPage, VirtualNumber
from gateway.wiring.services import Services
from handlers.admin.fields import CAPABILITIES, Fields, FieldsHandler, digits

FIELDS = ("value", "provider", "capabilities", "country")


class RemovingHandler(FieldsHandler):
    """``DELETE /tn {"value"}`` and, since many clients drop the body, ``DELETE /tn/<value>``."""

    async def delete(self, value: str | None = None) -> None:
        """Take a number that no session uses out of the pool."""
        e164 = await remove(self.services, self.fields(value=value))
        self.reply({"message": "successfully removed TN from pool", "value": digits(e164)})


class NumbersHandler(RemovingHandler):
    """``GET /tn`` and ``POST /tn {"value"[,"provider","capabilities","country"]}``."""

    async def get(self) -> None:
        """Answer the pool in the order of its numbers."""
        page = await pool_page(self.services, *self.page())
        self.reply(
            {
                "available": page.size - page.in_use,
                "in_use": page.in_use,
                "pool_size": page.size,
                "virtual_tns": [_shown(entry) for entry in page.entries],
                "next": page.next,
            }
        )

    async def post(self) -> None:
        """Add one number."""
        number = await add(self.services, self.fields(*FIELDS))
        self.reply({"message": "successfully added TN to pool", "value": digits(number.e164)})


class NumberHandler(RemovingHandler):
    """``PATCH /tn/<value> {"healthy"}``."""

    async def patch(self, value: str) -> None:
        """Leave a number out of new sessions, or take it in again."""
        e164, healthy = await set_health(self.services, self.fields("healthy", value=value))
        message = "successfully updated TN"
        self.reply({"message": message, "value": digits(e164), "healthy": healthy})


async def pool_page(services: Services, limit: int, after: str) -> PoolPage:
    """Return a page of the pool as ``Numbers.page`` does, of what is in use at this moment."""
    await services.sessions.expire_some()
    return await services.pool.page(limit, after)


async def add(services: Services, given: Fields) -> VirtualNumber:
    """Put the number of ``FIELDS`` into the pool; raises BadRequest."""
    number = _wanted(services, given)
    await services.sessions.expire_some()
    await services.pool.add(number)
    return number


async def remove(services: Services, given: Fields) -> str:
    """Take ``value`` out of the pool; return it as E.164. Raises BadRequest and NotFound."""
    number = given.number("value")
    await services.sessions.expire_some()
    await services.pool.remove(number.e164)
    return number.e164


async def set_health(services: Services, given: Fields) -> tuple[str, bool]:
    """Make ``value`` ``healthy`` or not; return both. Raises BadRequest and NotFound."""
    number, healthy = given.number("value"), given.flag("healthy")
    await services.pool.set_health(number.e164, healthy)
    return number.e164, healthy


def _wanted(services: Services, given: Fields) -> VirtualNumber:
    number = given.number("value")
    provider = given.provider("provider", services.pool_providers, services.default_provider)
    default = CAPABILITIES if provider in VOICE_PROVIDERS else frozenset({"sms"})
    capabilities = given.capabilities("capabilities", default)
    if capabilities - default:
        raise BadRequest(f"capabilities: voice needs a number of {' or '.join(VOICE_PROVIDERS)}")
    return VirtualNumber(
        e164=number.e164,
        provider=provider,
        country=given.country("country", default=number.country or ""),
        capabilities=capabilities,
    )


def _shown(entry: PoolEntry) -> dict[str, Any]:
    number = entry.number
    return {
        "session_id": entry.oldest_session or None,
        "sessions": entry.sessions,
        "value": digits(number.e164),
        "provider": number.provider,
        "country": number.country or None,
        "capabilities": sorted(number.capabilities),
        "healthy": entry.healthy,
    }


ROUTES = [
    (r"/tn/?", NumbersHandler),
    (r"/tn/([^/]+)/?", NumberHandler),
]
