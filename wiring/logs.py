"""Where the log goes, and that no phone number stands in it in full."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import tornado.log

from conf.settings import Settings
from gateway.telephony import phonenumber


def configure_logging(settings: Settings) -> None:
    """Set logging up by Tornado's options; foreign loggers get their numbers masked.

    Raises OSError when the log file cannot be written.
    """
    tornado.log.enable_pretty_logging(
        SimpleNamespace(
            logging=settings.logging,
            log_file_prefix=settings.log_file_prefix or None,
            log_rotate_mode="size",
            log_file_max_size=settings.log_file_max_size,
            log_file_num_backups=settings.log_file_num_backups,
            log_to_stderr=settings.log_to_stderr,
        )
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(_mask_quoted)


def _mask_quoted(record: logging.LogRecord) -> bool:
    """Mask digits in what libraries log and in what errors say: they may quote a request."""
    if record.exc_info:
        record.exc_text = phonenumber.mask_digits(
            logging.Formatter().formatException(record.exc_info)
        )
    if not record.name.startswith(("gateway", "handlers", "wiring")):
        record.msg, record.args = phonenumber.mask_digits(record.getMessage()), ()
    return True
