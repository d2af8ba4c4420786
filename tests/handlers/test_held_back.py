"""A provider that takes no texts of conversations, as its owner and his visitors see it."""

from __future__ import annotations

from gateway.messaging.outbox.holds import Patience
from tests.support.scenes.console import TOKEN, Operator
from tests.support.scenes.masking import ANNA, BERT, FLOW, ONE, town
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin, accepted, refused
from tests.support.visitor import eventually, visiting

NUMBER = "12062992129"
PLAIN = {"session_start_msg": "", "session_end_msg": "", "no_session_msg": "", "optout_msg": ""}


async def test_public_messages_and_those_of_the_back_end_are_tried_all_the_same(
    standin: VonageStandin, redis_url: str
) -> None:
    """The banner and the metric stand there until the first text of a conversation is taken."""
    standin.expect(refused("9", "Partner quota exceeded"))
    options = standin.options(redis_url, admin_token=TOKEN, number_rate=0, **PLAIN)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        services = gateway.application.services
        services.holds.patience = Patience(account=3600)
        backend = visitor.via(Authorization=f"Bearer {TOKEN}")
        await backend.request("POST", "/tn", json={"value": NUMBER})
        body = {"participant_a": ANNA, "participant_b": BERT}
        await backend.request("POST", "/session", json=body)
        operator = await Operator.signed_in(gateway)

        async def say(text: str) -> None:
            form = {"msisdn": ANNA, "to": NUMBER, "text": text, "messageId": f"mo-{text}"}
            assert 200 == (await backend.request("POST", "/inbound/", data=form)).status

        async def banner() -> bool:
            return "refuses the account" in await operator.page("/console/numbers")

        await say("one")
        await eventually(banner)
        await say("two")
        assert "refuses the account" in (await backend.get("/console/numbers")).text
        assert "refuses the account" not in (await visitor.get("/console/numbers")).text
        assert "(code 9)" in await operator.page("/console/conversations")
        assert 'gateway_provider_held{provider="nexmo"} 1.0' in (await visitor.get("/metrics")).text
        assert "nexmo_error" == (await visitor.send("+4917612345678")).json["error"]
        sent = await backend.request("POST", "/messages", json={"to": BERT, "text": "three"})
        assert "refused" == sent.json["outcome"]
        assert 3 == len(standin.posts)
        assert 0 == (await backend.get("/dead-letters")).json["total_dead_letters"]

        standin.expect(accepted())
        await services.holds.end("nexmo")
        await eventually(lambda: len(standin.posts) == 2)
        assert ["one", "two"] == [post.form["text"] for post in standin.posts]
        assert not await banner()
        assert 'gateway_provider_held{provider="nexmo"} 0.0' in (await visitor.get("/metrics")).text


async def test_a_wrong_key_for_flowroute_holds_its_texts_alone(redis_url: str) -> None:
    """Those of the other provider go on."""
    async with town(redis_url, flowroute_secret_key="another-key") as place:
        await place.rent(ONE)
        await place.rent(FLOW, provider="flowroute")
        body = {"participant_a": ANNA, "participant_b": BERT}
        for number in (FLOW, ONE):
            await place.ok("POST", "/session", body | {"virtual_tn": number})
        services = place.gateway.application.services
        await eventually(lambda: "flowroute" in services.holds.current)
        await eventually(lambda: len(place.heard(ANNA)) == 1 and len(place.heard(BERT)) == 1)
        assert {ONE} == {sender for sender, _ in place.heard(ANNA) + place.heard(BERT)}
        assert {"flowroute"} == set(services.holds.current)
        assert 0 == (await place.ok("GET", "/dead-letters"))["total_dead_letters"]
