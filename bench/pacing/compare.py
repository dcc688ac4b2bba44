"""Days side by side: what each way came to, and how long people talk when as many are abandoned. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, stdev

import numpy as np

from ivr.pacing.bounds import upper_bound

CAP = 0.03
CONFIDENCE = 0.95
# Student's t, two-sided 95 %, by degrees of freedom from 1; beyond, the normal distribution's.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayOf:
    """One way on one day. Shares are 0..1."""

    agents: int
    seed: int
    way: str
    kind: str
    talk_share: float
    needed: int  # callees who got a person or were abandoned
    abandoned: int

    @property
    def abandoned_share(self) -> float:
        return self.abandoned / self.needed if self.needed else 0.0

    @property
    def over(self) -> bool:
        return self.abandoned_share > CAP

    @property
    def bound_over(self) -> bool:
        """By the exact one-sided upper bound (Clopper, Pearson) of the day's share, as the pacers judge it."""
        return upper_bound(self.abandoned, self.needed, CONFIDENCE) > CAP


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one way's days."""

    talk_share: float
    talk_worst: float
    abandoned: float
    abandoned_worst: float
    days_over: int
    days_bound_over: int


def summary(days: Sequence[DayOf]) -> Summary:
    return Summary(
        fmean(day.talk_share for day in days),
        min(day.talk_share for day in days),
        fmean(day.abandoned_share for day in days),
        max(day.abandoned_share for day in days),
        sum(day.over for day in days),
        sum(day.bound_over for day in days),
    )


def at_share(points: Iterable[tuple[float, float]], share: float) -> float:
    """The talk share that a kind reaches at this abandoned share; `points`: (abandoned, talk share) of its ways.

    Between two of them it is interpolated, and whoever may abandon more may also abandon less: the best up to
    each point counts. Beyond its ends the kind is given its nearest point, though the lowest abandons more."""
    ordered = sorted(points)
    best = list(accumulate((talk for _, talk in ordered), max))
    return float(np.interp(share, [abandoned for abandoned, _ in ordered], best))


@dataclass(frozen=True, slots=True)
class Paired:
    """Ours less theirs, over the days, in talk share; `low`..`high` holds the mean with 95 %."""

    mean: float
    low: float
    high: float


def paired(differences: Sequence[float]) -> Paired:
    mean, count = fmean(differences), len(differences)
    if count < 2:
        return Paired(mean, -math.inf, math.inf)
    wide = (_T[count - 2] if count - 2 < len(_T) else 1.96) * stdev(differences) / math.sqrt(count)
    return Paired(mean, mean - wide, mean + wide)


def against(ours: Sequence[DayOf], theirs: Sequence[DayOf]) -> Paired:
    """Day by day, at the share that ours abandoned on it; `theirs`: all ways of one kind."""
    differences = []
    for day in ours:
        points = [(one.abandoned_share, one.talk_share) for one in theirs if one.seed == day.seed]
        differences.append(day.talk_share - at_share(points, day.abandoned_share))
    return paired(differences)
