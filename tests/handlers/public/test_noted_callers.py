"""What the record of a message says of its caller: digests, and never an address."""

from __future__ import annotations

import pytest

from gateway.access.client_address import network_subject
from gateway.protection.callers import Caller, Callers
from gateway.protection.shared_key import SharedKey
from gateway.store import keys
from gateway.store.pipeline import Store
from tests.support.scenes.console import TOKEN
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import visiting

AUSTRALIAN, GERMAN = "+61491570156", "+4917604069010"
OPTIONS = {"protection": "on", "trusted_proxies": "127.0.0.1", "limit_amount": 10}
ADDRESSES = ["203.0.113.9", "2001:db8:1:2::1"]


async def record_of(store: Store, message_id: str) -> dict[str, str]:
    flat = await store.execute("HGETALL", keys.message(message_id))
    return dict(zip(flat[::2], flat[1::2], strict=True))


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_record_has_the_digests_of_its_caller_and_when_limits_counted_him(
    standin: VonageStandin, redis_url: str, store: Store, address: str
) -> None:
    standin.expect()
    options = standin.options(redis_url, **OPTIONS)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        id = (await visitor.via(X_Real_Ip=address).send(AUSTRALIAN)).json["id"]
        record = await record_of(store, id)
        caller = Caller.of_note(record["caller"])
        assert caller == await Callers(SharedKey(store)).of(address)
        assert bool(network_subject(address)) is bool(caller.network)
        message = await gateway.application.services.history.message(id)
        assert message
        assert message.counted <= message.created + 1000
        assert message.counted == int((await store.execute("LRANGE", *COUNTED))[0])
        assert message.new_country
        assert not [each for each in record.values() if "203.0.113" in each or "2001:db8" in each]


COUNTED = (keys.limit("all-3600", "all"), 0, 0)


async def test_without_limits_a_record_has_its_caller_all_the_same(
    standin: VonageStandin, redis_url: str, store: Store
) -> None:
    standin.expect()
    options = standin.options(redis_url)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        record = await record_of(store, (await visitor.send(GERMAN)).json["id"])
    assert record["caller"]
    assert not {"counted", "new_country"} & set(record)


async def test_the_note_goes_with_the_number_that_is_erased(
    standin: VonageStandin, redis_url: str, store: Store
) -> None:
    standin.expect()
    options = standin.options(redis_url, **OPTIONS, admin_token=TOKEN)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        id = (await visitor.send(GERMAN)).json["id"]
        assert await record_of(store, id)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        path = f"/log?number={GERMAN.removeprefix('+')}"
        async with gateway.client.delete(path, headers=headers) as answer:
            assert 200 == answer.status
        assert {} == await record_of(store, id)
