"""``/tn``: the pool of virtual numbers."""

from __future__ import annotations

from typing import Any

from conf.providers import VOICE_PROVIDERS
from gateway.errors import BadRequest
from gateway.virtual_numbers.pool import PoolEntry, VirtualNumber
from handlers.admin.base import FieldsHandler
from handlers.admin.fields import CAPABILITIES, Fields, digits, utc
from wiring.services import Services

FIELDS = ("value", "provider", "capabilities", "country", "possible")


class RemovingHandler(FieldsHandler):
    """``DELETE /tn {"value"}`` and, since many clients drop the body, ``DELETE /tn/<value>``."""

    async def delete(self, value: str | None = None) -> None:
        """Take a number that no session uses out of the pool."""
        e164 = self.fields(value=value).known_number("value").e164
        await self.services.pool.remove(e164)
        self.reply({"message": "successfully removed TN from pool", "value": digits(e164)})


class NumbersHandler(RemovingHandler):
    """``GET /tn`` and ``POST /tn {"value"[,"provider","capabilities","country","possible"]}``."""

    async def get(self) -> None:
        """Answer the pool in the order of its numbers."""
        page = await self.services.pool.page(*self.page())
        self.reply(
            {
                "available": page.total - page.in_use,
                "in_use": page.in_use,
                "pool_size": page.total,
                "virtual_tns": [_shown(entry) for entry in page.items],
                "next": page.next,
            }
        )

    async def post(self) -> None:
        """Add one number."""
        number = read_number(self.services, self.fields(*FIELDS))
        await self.services.pool.add(number)
        self.reply({"message": "successfully added TN to pool", "value": digits(number.e164)})


class NumberHandler(RemovingHandler):
    """``PATCH /tn/<value> {"healthy"}``."""

    async def patch(self, value: str) -> None:
        """Leave a number out of new sessions, or take it in again."""
        given = self.fields("healthy", value=value)
        e164, healthy = given.known_number("value").e164, given.flag("healthy")
        await self.services.pool.set_health(e164, healthy)
        message = "successfully updated TN"
        self.reply({"message": message, "value": digits(e164), "healthy": healthy})


def read_number(services: Services, given: Fields) -> VirtualNumber:
    """Return the number that the ``FIELDS`` describe; raises BadRequest."""
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
        "rests_until": utc(entry.rests_until),
    }


ROUTES = [
    (r"/tn/?", NumbersHandler),
    (r"/tn/([^/]+)/?", NumberHandler),
]
