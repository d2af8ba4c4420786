"""The shops that one gateway serves, and the origins whose pages may call for them.

This keeps pages of others from spending by the browsers of their visitors; a program can name any
origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from conf.protection import Site
from conf.values import read_origin
from gateway.errors import SiteUnknown

# What browsers write for a page that does not say whose it is: from disk, in a sandboxed frame.
NO_ORIGIN = "null"

# Origins; None = all.
Pages = frozenset[str] | None


class Shops:
    """``sites``: the shops; allowed_origins: whose pages may call, none = all.

    public_url: the gateway's own address, whose pages always may; '' = not known.
    """

    def __init__(
        self, sites: Iterable[Site], allowed_origins: Iterable[str], public_url: str = ""
    ) -> None:
        self._sites: Mapping[str, Site] = {each.key: each for each in sites}
        self._allowed: Pages = frozenset(allowed_origins) or None
        self.own_origin = origin_of(public_url) if public_url else ""
        self.any_page: Pages = (
            None
            if self._allowed is None
            else self._allowed.union(*(each.origins for each in self._sites.values()))
        )
        self.restrict = self._allowed is not None or any(
            each.origins for each in self._sites.values()
        )

    @property
    def hosts(self) -> frozenset[str]:
        """The names of the sites whose pages may call, the gateway's own among them; none = all."""
        if self.any_page is None:
            return frozenset()
        origins = {*self.any_page, self.own_origin} - {""}
        return frozenset(urlsplit(each).hostname or "" for each in origins)

    def named(self, key: str) -> Site:
        """Return the shop of a key; raises SiteUnknown."""
        try:
            return self._sites[key]
        except KeyError:
            raise SiteUnknown from None

    def pages(self, site: Site | None) -> Pages:
        """Return whose pages may have messages sent for a shop, None = for none of them."""
        return frozenset(site.origins) if site and site.origins else self._allowed


def origin_of(url: str) -> str:
    """Return the origin of a page, ``NO_ORIGIN`` for what is no address of one."""
    try:
        parts = urlsplit(url.strip())
        return read_origin(f"{parts.scheme}://{parts.netloc}")
    except ValueError:
        return NO_ORIGIN
