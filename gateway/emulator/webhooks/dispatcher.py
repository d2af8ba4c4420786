"""Who is told what: receipts of messages and texts of handsets, each in its provider's way."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from gateway.emulator.account import texts
from gateway.emulator.account.account import Account
from gateway.emulator.account.records import HandsetText, SentMessage, is_taken
from gateway.emulator.account.texts import TextOrder
from gateway.emulator.rented.leases import Lease
from gateway.emulator.settings import Settings
from gateway.emulator.webhooks import flowroute, inbound, receipts
from gateway.emulator.webhooks.delivery import Deliveries, RetryPolicy
from gateway.emulator.webhooks.outgoing import Lane, Webhook, repeated, shuffled
from gateway.errors import BadRequest


class Dispatcher:
    """Turns what has happened at the account into webhooks and hands them to the deliveries."""

    def __init__(self, account: Account, deliveries: Deliveries) -> None:
        self._account = account
        self._deliveries = deliveries

    def schedule(self, message: SentMessage) -> None:
        """Send the receipts of a message, each after the account's delay."""
        settings = self._account.settings
        policy = retry_policy(message.provider, settings)
        self._deliveries.schedule(self._receipts(message, settings), policy, settings.dlr_delay)

    async def send_early(self, message: SentMessage) -> None:
        """Send the receipts of a message at once; returns when each was tried."""
        settings = self._account.settings
        policy = retry_policy(message.provider, settings)
        await self._deliveries.try_once(self._receipts(message, settings), policy)

    def text(self, body: Mapping[str, object]) -> tuple[HandsetText, Awaitable[object]]:
        """Let a handset send the text that JSON orders.

        Returns it, and what to await for the end of its delivery, which has begun. Raises
        BadRequest naming a wrong key, or the setting without which nobody can be told.
        """
        settings = self._account.settings
        order = texts.parse(body, settings)
        url = self._mo_url(order, settings)
        text = self._account.accept_text(order)
        of_provider = flowroute if order.provider == "flowroute" else inbound
        lane = _arranged(order, of_provider.lane(text, url, settings))
        policy = retry_policy(order.provider, settings)
        return text, self._deliveries.deliver(lane, policy)

    def _receipts(self, message: SentMessage, settings: Settings) -> list[Lane]:
        if settings.dlr_off or not message.wants_receipt:
            return []
        is_flowroute = message.provider == "flowroute"
        of_account = settings.flowroute_dlr_url if is_flowroute else settings.dlr_url
        url = self._deliveries.target(message.callback, of_account)
        if not url:
            return []
        of_provider = flowroute if is_flowroute else receipts
        lanes = [
            repeated(lane, settings.dlr_repeat)
            for lane in of_provider.lanes(message, url, settings)
        ]
        if settings.dlr_shuffle:
            return [shuffled([webhook for lane in lanes for webhook in lane])]
        return list(lanes)

    def _mo_url(self, order: TextOrder, settings: Settings) -> str:
        name = "flowroute_mo_url" if order.provider == "flowroute" else "mo_url"
        lease = None if order.provider == "flowroute" else self._lease(order.to)
        of_number = lease.callbacks.get("moHttpUrl", "") if lease else ""
        url = self._deliveries.target(of_number or getattr(settings, name))
        if not url:
            raise BadRequest(f"{name}: must be set to a URL of this machine", field=name)
        return url

    def _lease(self, number: str) -> Lease | None:
        return self._account.leases.find(number, self._account.settings)


def retry_policy(provider: str, settings: Settings) -> RetryPolicy:
    """Return when the provider tells a webhook again."""
    if provider == "flowroute":
        return flowroute.retry_policy(settings)
    return RetryPolicy(settings.retry_delays, lambda status: not is_taken(status))


def _arranged(order: TextOrder, lane: Lane) -> list[Webhook]:
    kept = [webhook for number, webhook in enumerate(lane, 1) if number not in order.drop]
    told = repeated(kept, order.repeat)
    return shuffled(told) if order.shuffle else told
