"""Logging our own faults: where it happened, never what was said.

An exception's text may hold a caller's words, digits or number (a validation error shows its input), so only its
type and the lines of code are logged."""

from __future__ import annotations

import logging
import traceback


def log_fault(log: logging.Logger, action: str, error: BaseException, **ids: object) -> None:
    """One error entry: the action's name, the exception's type and where it came from, and the ids."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s %s\n%s", action, type(error).__name__, frames, extra=ids)
