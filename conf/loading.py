"""What one process is started with: options, and what the files that they name declare."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conf import checks
from conf.devices import Device, read_devices, single
from conf.messages import DEMO_SENDER, DEMO_TEXT, MessageEndpoint, message_path, read_messages_file
from conf.protection import Protection, read_protection_file
from conf.reading import read_flags, read_values
from conf.settings import OPTIONS, Settings


@dataclass
class Loaded:
    """What ``load`` made of the command line and the environment.

    endpoints: paths without trailing slash, the default endpoint first; devices: SMSsync phones;
    protection: rules, limits, budgets and shops of their file; problems: reasons not to start,
    warnings: things to say at the start, a line each; given: the names of the options that were
    set, rightly or wrongly, by flag or environment variable.
    """

    settings: Settings
    endpoints: tuple[MessageEndpoint, ...] = ()
    devices: tuple[Device, ...] = ()
    protection: Protection = field(default_factory=Protection)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    help_requested: bool = False
    given: frozenset[str] = frozenset()

    @property
    def redis_named(self) -> bool:
        """Whether someone said which Redis to use; an empty text names none."""
        names = self.given & {"redis_url", "redis_host", "redis_port", "redis_password", "redis_db"}
        return any(getattr(self.settings, name) != "" for name in names)


def load(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> Loaded:
    """Return the settings from ``argv`` (without program name), ``environ`` and the defaults.

    ``folder`` is where conf/messages.toml is looked for; files that are named by an option are
    relative to the working directory. Mistakes are not raised but listed in ``problems``.
    """
    flags = read_flags(argv, OPTIONS)
    read, wrong, problems = read_values(flags.texts, environ, OPTIONS)
    given = frozenset(read) | wrong
    if read.get("development_mode") and "localhostonly" not in given:
        read["localhostonly"] = True
    settings = Settings(**read)
    endpoints, endpoint_problems = _message_endpoints(settings, wrong, folder)
    devices, device_problems = _devices(settings)
    protection, protection_problems = _protection(settings, folder)
    contradictions = checks.contradictions(vars(settings), wrong, endpoints)
    contradictions += checks.link_problems(vars(settings), wrong, endpoints, protection.sites)
    if not device_problems:
        contradictions += checks.device_contradictions(settings.provider, devices)
        contradictions += checks.equal_secrets(vars(settings), devices)
    return Loaded(
        settings=settings,
        endpoints=tuple(endpoints),
        devices=tuple(devices),
        protection=protection,
        problems=[
            *(*flags.problems, *problems, *endpoint_problems, *device_problems),
            *(*protection_problems, *contradictions),
            *([] if protection_problems else checks.unknown_sites(protection)),
        ],
        warnings=[
            *checks.warnings(vars(settings), wrong, endpoints, protection.sites),
            *checks.guessable_secrets(vars(settings), devices),
        ],
        help_requested=flags.help_requested,
        given=given,
    )


def _devices(settings: Settings) -> tuple[list[Device], list[str]]:
    """Return the SMSsync phones and the problems of their file."""
    if settings.smssync_devices_file:
        return read_devices(Path(settings.smssync_devices_file))
    return ([single(settings.smssync_secret)] if settings.smssync_secret else []), []


def _protection(settings: Settings, folder: Path) -> tuple[Protection, list[str]]:
    """Return what the protection file declares and its problems; the defaults without one."""
    file = Path(settings.protection_file or folder / "conf" / "protection.toml")
    if settings.protection_file or os.path.isfile(file):
        return read_protection_file(file)
    return Protection(), []


def _message_endpoints(
    settings: Settings, wrong: frozenset[str], folder: Path
) -> tuple[list[MessageEndpoint], list[str]]:
    """Return all message endpoints and the problems of the file and of the default endpoint."""
    endpoints: list[MessageEndpoint] = []
    problems: list[str] = []
    file = Path(settings.messages_file or folder / "conf" / "messages.toml")
    if settings.messages_file or os.path.isfile(file):
        endpoints, problems = read_messages_file(file)
    if wrong & {"message", "sender", "request_path"}:
        return endpoints, problems
    path = message_path(settings.request_path)
    taken = path in {each.path for each in endpoints}
    if settings.message and settings.sender:
        if taken:
            problems.append(f"request_path={path}: the messages file has this path, too")
        endpoints.insert(0, MessageEndpoint(path, settings.message, settings.sender))
    elif settings.development_mode and not (taken or settings.message or settings.sender):
        endpoints.insert(0, MessageEndpoint(path, DEMO_TEXT, DEMO_SENDER))
    return endpoints, problems
