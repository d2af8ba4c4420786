"""Who opens a link: a person's browser, and on what; or a program that looks at it before him."""

from __future__ import annotations

import re

from tornado.httputil import HTTPHeaders

from gateway.protection.links.short_links import Platform

# Every browser since 1998 begins so (https://www.rfc-editor.org/rfc/rfc9110#name-user-agent tells
# why). What begins otherwise is a program: WhatsApp/2…, GoogleMessages, Viber/…, Twitterbot/1.0,
# TelegramBot, facebookexternalhit/1.1, curl/8…, okhttp/4…, python-requests/2….
_BROWSER = re.compile(r"(?:Mozilla|Opera|UCWEB)/\d")
# Programs that begin like a browser, by the words that their makers give them.
_PROGRAM = re.compile(
    "|".join(
        (
            # Messages on iPhones and Macs: facebookexternalhit/1.1 Facebot Twitterbot/1.0 behind
            # the name of a browser. https://peter.upfold.org.uk/blog/2019/02
            # Facebook, Instagram, Threads, and others who take their name:
            # https://developers.facebook.com/docs/sharing/webmasters/web-crawlers
            r"facebookexternalhit|meta-external|facebot",
            # Googlebot, bingbot, Applebot, LinkedInBot, Discordbot, Slackbot, redditbot,
            # Pinterestbot, TelegramBot …; CUBOT makes telephones.
            # https://developers.google.com/crawling/docs/crawlers-fetchers/overview-google-crawlers
            # https://support.apple.com/en-us/119829 and https://api.slack.com/robots
            r"(?<!\bcu)bots?\b|robot|crawl|spider|slurp|scrap[ey]",
            # https://developers.google.com/crawling/docs/crawlers-fetchers/google-user-triggered-fetchers
            r"google(?:messages|other|-|\s*web\s*preview)|snippet|adsbot|mediapartners",
            # Skype and Teams (SkypeUriPreview), Yahoo (Yahoo Link Preview), Bing (BingPreview),
            # Mastodon, Signal, Viber and VK.
            r"preview|unfurl|embedly|iframely|mastodon|vkshare|whatsapp|viber/",
            # Scanners of links in mail and SMS that say so, browsers without a screen, archives.
            r"headless|phantomjs|lighthouse|safebrowsing|urlscan|virustotal|monitor|archive\.org",
            # A page about itself, or that it is merely compatible: what people use says neither
            # since Internet Explorer. https://github.com/monperrus/crawler-user-agents
            r"compatible; (?!msie)",
            r"\+?https?://|\bwww\.|@[a-z]",
        )
    ),
    re.IGNORECASE,
)
# The browser fetches before anybody has asked for it.
# https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_BEFOREHAND = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)
# What a person opens: https://www.w3.org/TR/fetch-metadata/
_OPENED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def platform(user_agent: str) -> Platform:
    """Return on what a browser runs, as far as it says.

    An iPad says that it is a Mac unless it is told otherwise; Windows telephones name all others.
    """
    if "Windows Phone" in user_agent or "IEMobile" in user_agent:
        return Platform.OTHER
    if re.search(r"\b(?:iPhone|iPad|iPod)\b", user_agent):
        return Platform.IOS
    return Platform.ANDROID if re.search(r"\bAndroid\b|; Adr ", user_agent) else Platform.OTHER


def is_person(headers: HTTPHeaders) -> bool:
    """Tell whether a person's browser seems to open a page, and not a program or in advance."""
    agent = headers.get("User-Agent", "")
    if not _BROWSER.match(agent) or _PROGRAM.search(agent) or "Range" in headers:
        return False
    if any(_BEFOREHAND.search(headers.get(each, "")) for each in _PURPOSES):
        return False
    return all(headers.get(name, usual) == usual for name, usual in _OPENED.items())
