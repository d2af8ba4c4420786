"""``/numbers``: virtual numbers found and rented at the provider, and those there are."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from gateway.errors import BadRequest
from gateway.providers.vonage.numbers_wire import Offer
from gateway.virtual_numbers.inventory import Holding
from gateway.virtual_numbers.provisioning import Purchase, Wanted
from handlers.admin.base import FieldsHandler
from handlers.admin.fields import Fields, digits
from handlers.admin.once import once

# Of one request: a slip of the keyboard is not to cost a fortune.
MOST_NUMBERS = 10
_MONEY = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?")


class HoldingsHandler(FieldsHandler):
    """``GET /numbers``."""

    async def get(self) -> None:
        """Answer what is rented and what is in the pool, in the order of the numbers."""
        page = await self.services.inventory.page(*self.page())
        listed = [_shown(each) for each in page.items]
        self.reply({"total_numbers": page.total, "numbers": listed, "next": page.next})


class ProvisionHandler(FieldsHandler):
    """``POST /numbers/provision {"country","count"[,"features","confirm"]}``."""

    @once
    async def post(self) -> None:
        """Answer what could be rented; rent it when ``confirm`` is true."""
        given = self.fields("country", "count", "features", "confirm", "values", "max_cost")
        wanted = _wanted(given)
        if _is_confirmed(given):
            self._reply(wanted, await self.services.provisioning.rent(wanted))
            return
        found = await self.services.provisioning.candidates(wanted)
        self.reply(
            {
                "message": "candidates",
                "country": wanted.country,
                "features": sorted(each.upper() for each in wanted.features),
                "candidates": [_candidate(offer) for offer in found.offers],
                "total": found.total,
            }
        )

    def _reply(self, wanted: Wanted, purchases: list[Purchase]) -> None:
        rented = sum(each.rented is True for each in purchases)
        if sum(each.in_pool for each in purchases) < wanted.count:
            self.set_status(502)
        numbers = [_purchase(each) for each in purchases]
        self.reply({"message": f"rented {rented} of {wanted.count}", "numbers": numbers})


def _wanted(given: Fields) -> Wanted:
    country, values = given.country("country", default=""), _values(given)
    count = given.whole("count", 1, MOST_NUMBERS) or len(values)
    for name, value in (("country", country), ("count", count)):
        if not value:
            raise BadRequest(f"{name}: is missing")
    if values and count != len(values):
        raise BadRequest("count: is not that of values")
    return Wanted(country, count, given.capabilities("features"), values, _max_cost(given))


def _values(given: Fields) -> tuple[str, ...]:
    """Return the numbers that are asked for by themselves, E.164."""
    listed = given.values.get("values")
    if listed is None:
        return ()
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_NUMBERS:
        raise BadRequest(f"values: must be a list of 1 to {MOST_NUMBERS} numbers")
    found = tuple(Fields({"values": each}).number("values").e164 for each in listed)
    if len(set(found)) < len(found):
        raise BadRequest("values: names a number twice")
    return found


def _max_cost(given: Fields) -> Decimal | None:
    """Return what may be spent, EUR; a text is read as exactly as it is written."""
    value = given.values.get("max_cost")
    if value is None:
        return None
    written = str(value) if isinstance(value, int | float | str) else ""
    if isinstance(value, bool) or not _MONEY.fullmatch(written):
        raise BadRequest("max_cost: must be an amount in EUR, such as 2.50")
    return Decimal(written)


def _is_confirmed(given: Fields) -> bool:
    """Whether money may be spent: by JSON's true alone, never by a text that looks like it."""
    value = given.values.get("confirm", False)
    if not isinstance(value, bool):
        raise BadRequest("confirm: must be true or false, in a JSON body")
    return value


def _candidate(offer: Offer) -> dict[str, Any]:
    return {
        "value": digits(offer.e164),
        "type": offer.type or None,
        "features": list(offer.features),
        "cost": offer.cost or None,
        "initial_price": offer.initial_price or None,
    }


def _purchase(purchase: Purchase) -> dict[str, Any]:
    return {
        "value": digits(purchase.offer.e164),
        "rented": purchase.rented,
        "configured": purchase.configured,
        "in_pool": purchase.in_pool,
        "error": purchase.error,
    }


def _shown(holding: Holding) -> dict[str, Any]:
    return {
        "value": digits(holding.e164),
        "country": holding.country or None,
        "type": holding.type or None,
        "features": list(holding.features),
        "provider": holding.provider,
        "rented": holding.rented,
        "in_pool": holding.in_pool,
        "configured": holding.configured,
    }


ROUTES = [
    (r"/numbers/?", HoldingsHandler),
    (r"/numbers/provision/?", ProvisionHandler),
]
