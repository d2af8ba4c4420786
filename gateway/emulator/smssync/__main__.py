"""A phone alone: ``python -m gateway.emulator.smssync --url=URL`` until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from urllib.parse import urlsplit

import uvloop

from gateway.emulator.smssync.handset import SMS_CAP, Handset
from gateway.emulator.smssync.world.events import Event
from gateway.emulator.smssync.world.preferences import FORMATS, Preferences
from gateway.emulator.smssync.world.versions import ALIASES, VERSIONS


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(prog="python -m gateway.emulator.smssync", description=__doc__)
    result.add_argument("--url", required=True, type=_url, help="the sync URL")
    result.add_argument("--secret", default="", help="default: none")
    result.add_argument(
        "--version", default="3.1", choices=[*VERSIONS, *ALIASES], help="of the app, default 3.1"
    )
    result.add_argument("--number", default="", help="of the phone, sent as sent_to")
    result.add_argument("--device-id", default="", help="the app's unique id")
    result.add_argument("--format", default="form", choices=FORMATS)
    result.add_argument("--method", default="POST", choices=("POST", "PUT"))
    result.add_argument(
        "--interval", type=_seconds, default=300.0, help="seconds between polls, default 300"
    )
    result.add_argument("--cap", type=int, default=SMS_CAP, help="SMS an hour, 0 = any number")
    result.add_argument("--results", action="store_true", help="use the message results API")
    result.add_argument("--delivery-report", action="store_true", help="ask for delivery reports")
    result.add_argument("--once", action="store_true", help="poll and report once, then end")
    result.add_argument(
        "--receive",
        action="append",
        default=[],
        type=_sms,
        metavar="FROM:TEXT",
        help="an SMS that arrives at the start; may be repeated",
    )
    return result


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme in ("http", "https") and parts.hostname:
        return text
    raise argparse.ArgumentTypeError("must be an http or https URL")


def _seconds(text: str) -> float:
    seconds = float(text)
    if 0 < seconds < float("inf"):
        return seconds
    raise argparse.ArgumentTypeError("must be more than 0 seconds")


def _sms(text: str) -> tuple[str, str]:
    sender, colon, message = text.partition(":")
    if colon:
        return sender, message
    raise argparse.ArgumentTypeError("must be FROM:TEXT")


def build(arguments: argparse.Namespace) -> Handset:
    """Return the phone that the command line means; raises ValueError for an unfit format."""
    preferences = Preferences(
        method=arguments.method,
        data_format=arguments.format,
        device_id=arguments.device_id,
        results_api=arguments.results,
        delivery_report=arguments.delivery_report,
    )
    return Handset(
        arguments.url,
        version=arguments.version,
        secret=arguments.secret,
        number=arguments.number,
        preferences=preferences,
        listener=show,
        interval=arguments.interval,
        sms_cap=arguments.cap,
    )


def show(event: Event) -> None:
    """Print one line for an event."""
    print(event, flush=True)


async def live(phone: Handset, received: list[tuple[str, str]], *, once: bool) -> None:
    """Receive the SMS, then poll: once, or until SIGTERM or SIGINT."""
    async with phone:
        for sender, text in received:
            await phone.receive(sender, text)
        if once:
            await phone.poll()
            await phone.report()
            return
        working = asyncio.ensure_future(phone.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        await asyncio.wait([working])


def main() -> int:
    """Return the exit status: 0 after a signal or ``--once``, 2 for options."""
    command_line = parser()
    arguments = command_line.parse_args()
    try:
        phone = build(arguments)
    except ValueError as error:
        command_line.error(str(error))
    uvloop.run(live(phone, arguments.receive, once=arguments.once))
    return 0


if __name__ == "__main__":
    sys.exit(main())
