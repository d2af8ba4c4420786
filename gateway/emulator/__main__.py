"""The emulator alone: ``python -m gateway.emulator --port=P`` until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

import uvloop

from gateway.emulator.app import Emulator
from gateway.emulator.settings import NAMES, Settings, from_text
from gateway.errors import BadRequest


def parser() -> argparse.ArgumentParser:
    """Return the command line: the port, and an option for each setting of the account."""
    result = argparse.ArgumentParser(
        prog="python -m gateway.emulator",
        usage="%(prog)s [--port=PORT] [--SETTING=VALUE ...]",
        description=__doc__,
    )
    result.add_argument("--port", type=_port, default=0, help="0 = any free port, printed")
    for name in NAMES:
        default = _shown(getattr(Settings(), name))
        result.add_argument(f"--{name}", default=None, help=f"default: {default or 'empty'}")
    return result


def _shown(default: object) -> str:
    items = default if isinstance(default, tuple) else (default,)
    return ",".join(map(str, items)).replace("%", "%%")


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 to 65535")


def build(arguments: argparse.Namespace) -> Emulator:
    """Return the emulator that the command line means; raises BadRequest for a wrong setting."""
    given = {name: text for name in NAMES if (text := getattr(arguments, name)) is not None}
    emulator = Emulator()
    emulator.configure(**{name: from_text(name, text) for name, text in given.items()})
    return emulator


async def serve(emulator: Emulator, port: int) -> None:
    """Run until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await emulator.start(port)
    try:
        print(f"emulator listening on {emulator.url}", flush=True)
        await stopped.wait()
    finally:
        await emulator.stop()


def main() -> int:
    """Return the exit status: 0 after a signal, 1 when the port is not to be had, 2 for options."""
    command_line = parser()
    arguments = command_line.parse_args()
    try:
        emulator = build(arguments)
    except BadRequest as error:
        command_line.error(str(error))
    try:
        uvloop.run(serve(emulator, arguments.port))
    except OSError as error:
        print(f"cannot listen on port {arguments.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
