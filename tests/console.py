"""The console as its tests see it by HTTP: signing in, pages, forms."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
from yarl import URL

from tests.serving import Gateway

TOKEN = "correct-horse-battery"
OPTIONS = (f"--admin_token={TOKEN}",)


class Operator:
    """A person at a browser without scripts: keeps the cookie and the token of his forms."""

    def __init__(self, gateway: Gateway) -> None:
        self._client = gateway.client
        self.xsrf = ""

    async def sign_in(self, token: str = TOKEN) -> aiohttp.ClientResponse:
        """Post the sign-in form; afterwards ``post`` knows the token of the forms."""
        answer = await self._client.post(
            "/console/sign-in", data={"token": token}, allow_redirects=False
        )
        if answer.status == 303:
            self.xsrf = token_of(await self.page("/console/"))
        return answer

    async def page(self, path: str, status: int = 200) -> str:
        """Return a page."""
        async with self._client.get(path) as answer:
            text = await answer.text()
            assert status == answer.status, text
            return text

    async def post(self, path: str, **fields: Any) -> aiohttp.ClientResponse:
        """Post a form of the console and return the answer, redirects not followed."""
        data = {"xsrf": self.xsrf, **fields}
        return await self._client.post(path, data=data, allow_redirects=False)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the console."""
        found = self._client.cookie_jar.filter_cookies(URL("http://127.0.0.1/console/"))
        return {name: each.value for name, each in found.items()}


def token_of(page: str) -> str:
    """Return the token of a page's forms."""
    found = re.search(r'name="xsrf" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]
