"""Whether a report is of a machine that had too much to do: what it took per call then says nothing of what a call
takes, since calls were lost, sound was left out, or all of them waited for the processor. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ivr.errors import IvrError

MOST_BUSY = 0.95  # of the machine: with more, work that didn't fit isn't in its CPU time


class OverloadError(IvrError):
    """The run carried less than it was asked to: run it again with fewer calls."""


def refuse_overload(file: Path, figures: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
    """Raises OverloadError with the first reason. `limits` as the report has them; what it doesn't say is fine."""
    held, asked = figures.get("calls_held_most"), _bound(limits, "calls_held_most", "at_least")
    if held is not None and asked is not None and held < asked:
        raise OverloadError(
            "{file}: only {held:g} of {asked:g} calls were held, so it says nothing of what a call takes"
            " (fix: leave it out, or run again with fewer calls)",
            file=file,
            held=held,
            asked=asked,
        )
    lost, most_lost = figures.get("lost_calls"), _bound(limits, "lost_calls", "at_most")
    if lost is not None and most_lost is not None and lost > most_lost:
        raise OverloadError(
            "{file}: calls were lost, {lost:g} of them, so it says nothing of what a call takes"
            " (fix: leave it out, or run again with fewer calls)",
            file=file,
            lost=lost,
        )
    missing, most = figures.get("frames_missing_share"), _bound(limits, "frames_missing_share", "at_most")
    if missing is not None and most is not None and missing > most:
        raise OverloadError(
            "{file}: {missing:.2f} % of the sound was missing, more than {most:g} %, so it says nothing of what a"
            " call takes (fix: leave it out, or run again with fewer calls)",
            file=file,
            missing=100 * missing,
            most=100 * most,
        )
    busy = figures.get("busy_share")
    if busy is not None and busy > MOST_BUSY:
        raise OverloadError(
            "{file}: the machine was {busy:.1f} % busy, more than {most:g} %, so it says nothing of what a call"
            " takes (fix: leave it out, or run again with fewer calls)",
            file=file,
            busy=100 * busy,
            most=100 * MOST_BUSY,
        )


def _bound(limits: Mapping[str, Any], name: str, kind: str) -> float | None:
    """None: the report has no such limit."""
    value = limits.get(name, {}).get(kind)
    return None if value is None else float(value)
