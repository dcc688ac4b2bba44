"""When a campaign has run away: recent counts in, the reason to pause it out. Pure.

A share is judged by what is certain of it, not by what was seen: by the bound of its interval
(`ivr.metrics.statistics`). So a few calls never trip it, and many calls trip it soon."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.campaigns.changing import Reason
from ivr.config import GuardSettings
from ivr.metrics.statistics import Share, difference, wilson

NOBODY = Share(0, 0)


@dataclass(frozen=True, slots=True)
class Watched:
    """What happened in one campaign lately, since it was last started at most."""

    short: Share = NOBODY  # of the answered calls, those that the callee ended at once
    answered: Share = NOBODY  # of first tries
    answered_before: Share = NOBODY  # of the first tries before them
    complaints: Share = NOBODY  # complaints, to connected calls


def alarm(watched: Watched, settings: GuardSettings) -> Reason | None:
    """Why the campaign is to be paused; None: it isn't."""
    if not settings.on:
        return None
    return _short(watched, settings) or _answers(watched, settings) or _complaints(watched, settings)


def _short(watched: Watched, settings: GuardSettings) -> Reason | None:
    short = watched.short
    if short.whole < settings.min_calls or wilson(short, settings.certainty).low <= settings.most_short:
        return None
    return Reason(
        "{part} of {whole} answered calls were ended by the callee within {seconds} s",
        {"part": short.part, "whole": short.whole, "seconds": f"{settings.short_s:g}"},
    )


def _answers(watched: Watched, settings: GuardSettings) -> Reason | None:
    now, before = watched.answered, watched.answered_before
    if now.whole < settings.min_calls or before.whole < settings.baseline_calls:
        return None
    changed = difference(now, before, together=settings.certainty).interval
    if changed.low <= settings.answer_rate_change and changed.high >= -settings.answer_rate_change:
        return None
    return Reason(
        "the answer rate of first tries went from {before} to {now} ({calls} calls)",
        {"before": f"{before.value:.0%}", "now": f"{now.value:.0%}", "calls": now.whole},
    )


def _complaints(watched: Watched, settings: GuardSettings) -> Reason | None:
    found = watched.complaints
    if found.part < settings.min_complaints or found.whole < settings.min_calls:
        return None
    share = Share(min(found.part, found.whole), found.whole)
    if wilson(share, settings.certainty).low <= settings.most_complaints:
        return None
    return Reason(
        "{complaints} complaints about {calls} connected calls",
        {"complaints": found.part, "calls": found.whole},
    )
