"""``/metrics`` is for this machine and for who has the admin token."""

from __future__ import annotations

import pytest

from tests.support.servers.serving import serving

TOKEN = "admin-token-7hWz4"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ELSEWHERE = {"X-Real-Ip": "203.0.113.9"}
HERE = {"X-Real-Ip": "127.0.0.1"}
OTHER_HEADER = {"X-Forwarded-For": "203.0.113.9"}
NOBODY = {"X-Real-Ip": "unknown"}
FORGED = {"X-Forwarded-For": "127.0.0.1"}


@pytest.mark.parametrize(
    ("options", "headers", "status"),
    [
        pytest.param([], {}, 200, id="this machine"),
        pytest.param([], ELSEWHERE, 403, id="forwarded by an unknown proxy, no token configured"),
        pytest.param([], FORGED, 403, id="an unknown proxy forwards for this machine"),
        pytest.param(["--trusted_proxies=127.0.0.1"], {}, 200, id="beside the proxy"),
        pytest.param(["--trusted_proxies=127.0.0.1"], HERE, 200, id="this machine by the proxy"),
        pytest.param(["--trusted_proxies=127.0.0.1"], ELSEWHERE, 403, id="visitor by the proxy"),
        pytest.param(
            ["--trusted_proxies=127.0.0.1"], OTHER_HEADER, 403, id="proxy with another header"
        ),
        pytest.param(["--trusted_proxies=127.0.0.1"], NOBODY, 403, id="proxy that names nobody"),
        pytest.param([f"--admin_token={TOKEN}"], ELSEWHERE, 401, id="without the token"),
        pytest.param([f"--admin_token={TOKEN}"], ELSEWHERE | BEARER, 200, id="with the token"),
        pytest.param(
            [f"--admin_token={TOKEN}"],
            ELSEWHERE | {"Authorization": "Bearer wrong"},
            401,
            id="with a wrong token",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
async def test_metrics_are_for_this_machine_or_the_admin_token(
    redis_url: str, options: list[str], headers: dict[str, str], status: int, path: str
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        answer = await gateway.client.get(path, headers=headers)
        text = await answer.text()
    assert answer.status == status
    assert ("gateway_messages_total" in text) == (status == 200)
