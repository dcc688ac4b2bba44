"""When a campaign has run away: recent counts in, the reason to pause it out. Pure.

A share is judged by what is certain of it, not by what was seen: the bound of its Wilson interval (E. B. Wilson,
"Probable inference, the law of succession, and statistical inference", JASA 22, 1927), and for the difference of
two shares Newcombe's combination of theirs (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10). So a few
calls never trip it, and many calls trip it soon."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from ivr.campaigns.changing import Reason
from ivr.config import GuardSettings


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int = 0
    whole: int = 0

    @property
    def rate(self) -> float:
        return self.part / self.whole if self.whole else 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What happened in one campaign lately, since it was last started at most."""

    short: Share = Share()  # of the answered calls, those that the callee ended at once
    answered: Share = Share()  # of first tries
    answered_before: Share = Share()  # of the first tries before them
    complaints: Share = Share()  # complaints, to connected calls


def alarm(watched: Watched, settings: GuardSettings) -> Reason | None:
    """Why the campaign is to be paused; None: it isn't."""
    if not settings.on:
        return None
    z = NormalDist().inv_cdf(settings.certainty)
    return _short(watched, settings, z) or _answers(watched, settings, z) or _complaints(watched, settings, z)


def wilson(share: Share, z: float) -> tuple[float, float]:
    """Between which the true share lies; (0, 1) when nothing was seen."""
    n = share.whole
    if n == 0:
        return 0.0, 1.0
    p = share.rate
    centre = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def difference(now: Share, before: Share, z: float) -> tuple[float, float]:
    """Between which the change of the share lies."""
    (low, high), (low_before, high_before) = wilson(now, z), wilson(before, z)
    seen = now.rate - before.rate
    down = sqrt((now.rate - low) ** 2 + (high_before - before.rate) ** 2)
    up = sqrt((high - now.rate) ** 2 + (before.rate - low_before) ** 2)
    return seen - down, seen + up


def _short(watched: Watched, settings: GuardSettings, z: float) -> Reason | None:
    short = watched.short
    if short.whole < settings.min_calls or wilson(short, z)[0] <= settings.most_short:
        return None
    return Reason(
        "{part} of {whole} answered calls were ended by the callee within {seconds} s",
        {"part": short.part, "whole": short.whole, "seconds": f"{settings.short_s:g}"},
    )


def _answers(watched: Watched, settings: GuardSettings, z: float) -> Reason | None:
    now, before = watched.answered, watched.answered_before
    if now.whole < settings.min_calls or before.whole < settings.baseline_calls:
        return None
    low, high = difference(now, before, z)
    if low <= settings.answer_rate_change and high >= -settings.answer_rate_change:
        return None
    return Reason(
        "the answer rate of first tries went from {before} to {now} ({calls} calls)",
        {"before": f"{before.rate:.0%}", "now": f"{now.rate:.0%}", "calls": now.whole},
    )


def _complaints(watched: Watched, settings: GuardSettings, z: float) -> Reason | None:
    found = watched.complaints
    if found.part < settings.min_complaints or found.whole < settings.min_calls:
        return None
    if wilson(Share(min(found.part, found.whole), found.whole), z)[0] <= settings.most_complaints:
        return None
    return Reason(
        "{complaints} complaints about {calls} connected calls",
        {"complaints": found.part, "calls": found.whole},
    )
