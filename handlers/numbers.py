"""``/tn``: the pool of virtual numbers.

Sessions that are over are closed first, so that none of them keeps a number in use.
"""

from __future__ import annotations

from typing import Any

from gateway.errors import BadRequest
from gateway.models import VirtualNumber
from gateway.numbers import PoolEntry
from handlers.values import CAPABILITIES, FieldsHandler, digits

# The only provider whose calls reach the gateway.
VOICE_PROVIDER = "nexmo"


class RemovingHandler(FieldsHandler):
    """``DELETE /tn {"value"}`` and, since many clients drop the body, ``DELETE /tn/<value>``."""

    async def delete(self, value: str | None = None) -> None:
        """Take a number that no session uses out of the pool."""
        number = self.fields(value=value).number("value")
        await self.services.sessions.expire_some()
        await self.services.numbers.remove(number.e164)
        message = "successfully removed TN from pool"
        self.reply({"message": message, "value": digits(number.e164)})


class NumbersHandler(RemovingHandler):
    """``GET /tn`` and ``POST /tn {"value"[,"provider","capabilities","country"]}``."""

    async def get(self) -> None:
        """Answer the pool in the order of its numbers."""
        limit, after = self.page()
        await self.services.sessions.expire_some()
        page = await self.services.numbers.page(limit, after)
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
        number = self._wanted()
        await self.services.sessions.expire_some()
        await self.services.numbers.add(number)
        self.reply({"message": "successfully added TN to pool", "value": digits(number.e164)})

    def _wanted(self) -> VirtualNumber:
        given = self.fields("value", "provider", "capabilities", "country")
        number = given.number("value")
        services = self.services
        provider = given.provider("provider", services.pool_providers, services.default_provider)
        default = CAPABILITIES if provider == VOICE_PROVIDER else frozenset({"sms"})
        capabilities = given.capabilities("capabilities", default)
        if capabilities - default:
            raise BadRequest(f"capabilities: voice needs a number of {VOICE_PROVIDER}")
        return VirtualNumber(
            e164=number.e164,
            provider=provider,
            country=given.country("country", default=number.country or ""),
            capabilities=capabilities,
        )


class NumberHandler(RemovingHandler):
    """``PATCH /tn/<value> {"healthy"}``."""

    async def patch(self, value: str) -> None:
        """Leave a number out of new sessions, or take it in again."""
        given = self.fields("healthy", value=value)
        number, healthy = given.number("value"), given.flag("healthy")
        await self.services.numbers.set_health(number.e164, healthy)
        message = "successfully updated TN"
        self.reply({"message": message, "value": digits(number.e164), "healthy": healthy})


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
