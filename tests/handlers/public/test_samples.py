"""The numbers of the provider's documentation: mobiles in development_mode, nobody's elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers.processes import GatewayProcess
from tests.support.visitor import visiting

UNLIMITED = ("--limit_amount=0", "--receiver_limit_amount=0", "--protection=off")
SAMPLES = ("447700900000", "447700900123", "447700900999")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    data_dir = f"--data_dir={tmp_path_factory.mktemp('gateway')}"
    with GatewayProcess("--development_mode", data_dir, *UNLIMITED) as process:
        yield process


@pytest.mark.parametrize(
    ("typed", "country"),
    [("07700 900123", "GB"), ("+44 7700 900123", ""), ("447700900123", "US")],
)
async def test_the_public_form_texts_a_number_of_the_documentation(
    gateway: GatewayProcess, typed: str, country: str
) -> None:
    async with visiting(gateway.url) as visitor:
        answer = await visitor.send(typed, country=country)
        assert ("ok", "+44 7700 900123") == (answer.json["status"], answer.json["number"])
        read = await visitor.request(
            "GET", "/validate_number/", params={"number": typed, "country": country}
        )
        expected = {"e164": "+447700900123", "country": "GB", "type": "mobile", "sms": True}
        assert expected.items() <= read.json.items()


async def test_the_operator_uses_numbers_of_the_documentation(gateway: GatewayProcess) -> None:
    a, b, number = SAMPLES
    async with visiting(gateway.url) as visitor:
        for path, body in (
            ("/tn", {"value": number}),
            ("/session", {"participant_a": a, "participant_b": b, "virtual_tn": number}),
            ("/messages", {"to": a, "text": "Hello", "sender": "Example"}),
        ):
            answer = await visitor.request("POST", path, json=body)
            assert 200 == answer.status, answer.text


async def test_a_number_beside_them_is_none(gateway: GatewayProcess) -> None:
    async with visiting(gateway.url) as visitor:
        answer = await visitor.send("+447700901000", country="GB")
    assert "receiver_validation" == answer.json["error"]
