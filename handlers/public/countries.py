"""``/countries/``: to which countries an endpoint sends, and what a form shows beside its field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import segno

from conf.messages import MessageEndpoint
from gateway.telephony import phonenumber
from gateway.telephony.formats import formats
from handlers.public.base import PublicHandler


class CountriesHandler(PublicHandler):
    """``GET|POST /countries/?[endpoint=][&site=][&formats=]``; nothing is counted or kept."""

    get_is_safe = True

    def get(self) -> None:
        """Answer the countries, the visitor's own as far as it can be guessed, and its formats."""
        given, site = self.given, self.site
        endpoint = self._endpoint(given.get("endpoint", "").strip())
        if endpoint is None:
            self.fail("endpoint_unknown")
            return
        countries = self.services.rule_gate.countries(endpoint.path)
        guess = self._guess(given.get("country"), countries)
        # What is longer is no calling code, and not to be remembered as one.
        code = given.get("formats", "").strip()[:4] or phonenumber.calling_code(guess)
        body: dict[str, Any] = {
            "status": "ok",
            "site": site.key if site else "",
            "guess": guess or None,
            "countries": [
                {"country": each, "calling_code": phonenumber.calling_code(each)}
                for each in countries
            ],
            "formats": _formats(code),
        }
        if link := self.link_of(endpoint):
            body |= {"link": link, "qr": qr_code(link)}
        self.reply(body)

    post = get

    def _endpoint(self, path: str) -> MessageEndpoint | None:
        """Return the endpoint of a path, the first of all for none."""
        wanted = path.removesuffix("/")
        return next(
            (each for each in self.application.endpoints if path == "" or each.path == wanted), None
        )

    def _guess(self, named: str | None, countries: Sequence[str]) -> str:
        """Return the visitor's likely country among those that are served, '' for none."""
        hints = self.services.countries.candidates(
            named, self.client_address, self.request.headers.get("Accept-Language")
        )
        return next((each for each in hints if each in countries), "")


def _formats(calling_code: str) -> dict[str, Any] | None:
    found = formats(calling_code)
    return {"calling_code": calling_code, **asdict(found)} if found else None


@lru_cache(64)
def qr_code(link: str) -> str:
    """Return a configured link as QR code, an SVG in a data URL."""
    code = segno.make_qr(link, error="m")
    # Dark on light in either set of colours, since many apps read no other.
    return code.svg_data_uri(border=4, scale=4, dark="#000", light="#fff")


ROUTES = [(r"/countries/?", CountriesHandler)]
