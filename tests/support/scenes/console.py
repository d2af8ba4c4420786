"""The console as its tests see it by HTTP: signing in, pages, forms."""

from __future__ import annotations

import re
from typing import Any, Self

import aiohttp
from yarl import URL

from tests.support.servers.serving import Gateway

TOKEN = "correct-horse-battery"
OPTIONS = (f"--admin_token={TOKEN}",)


class Operator:
    """A person at a browser without scripts: keeps the cookie and the token of his forms."""

    def __init__(self, gateway: Gateway) -> None:
        self._client = gateway.client
        self.xsrf = ""

    @classmethod
    async def signed_in(cls, gateway: Gateway, token: str = TOKEN) -> Self:
        """Return somebody who has signed in."""
        operator = cls(gateway)
        assert 303 == (await operator.sign_in(token)).status
        return operator

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

    async def ask(self, path: str, status: int = 200, **fields: Any) -> str:
        """Return the page that answers a form without leading to another one."""
        answer = await self.post(path, **fields)
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


# Every page of the console, for tests that look at all of them. In braces: the ids of a
# conversation and of a message, the name of a phone.
PAGES = (
    "/console/",
    "/console/?span=day",
    "/console/conversations",
    "/console/conversations?of={session}.a",
    "/console/conversations?through={number}",
    "/console/conversations/new",
    "/console/conversations/{session}",
    "/console/messages",
    "/console/messages?to={message}",
    "/console/messages/{message}",
    "/console/messages/dead-letters",
    "/console/messages/unknown",
    "/console/messages/inbox",
    "/console/messages/optouts",
    "/console/numbers",
    "/console/devices",
    "/console/devices/{device}",
    "/console/limits",
    "/console/limits/links",
    "/console/budget",
    "/console/rehearsal",
    "/console/handsets",
    "/console/sign-in",
    "/console/no-such-page",
)
# Those that are lists, and what each says when there is nothing in it.
LISTS = {
    "/console/conversations": "Begin a conversation",
    "/console/messages": "Send one by the form above",
    "/console/messages/dead-letters": "appears here",
    "/console/messages/unknown": "nothing to do",
    "/console/messages/inbox": "begin one under",
    "/console/messages/optouts": "STOP",
    "/console/numbers": "add",
    "/console/devices": "smssync_secret",
    "/console/limits": "stands here until",
    "/console/limits/links": "in a text becomes one",
    "/console/budget": "appears here",
}
