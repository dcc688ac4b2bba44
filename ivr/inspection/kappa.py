"""Whether two people who score the same calls agree more than chance would. Pure.

Cohen's kappa (J. Cohen, Educational and Psychological Measurement 20, 1960) for categories without an order; with
quadratic weights (Cohen, Psychological Bulletin 70, 1968) for steps of a scale. The interval is by the variance
for large samples of J. L. Fleiss, J. Cohen and B. S. Everitt (Psychological Bulletin 72, 1969)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from ivr.metrics.statistics import FEWEST, USUAL


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `calls` scored twice. `kappa` is 1 for full agreement and 0 for what chance gives; None where chance
    alone would agree always (nobody ever gave anything but one mark)."""

    calls: int
    observed: float  # share of agreement, weighted
    kappa: float | None
    low: float | None
    high: float | None

    @property
    def says_something(self) -> bool:
        """Whether there are enough calls to read anything into it."""
        return self.kappa is not None and self.calls >= FEWEST


def agreement(pairs: Sequence[tuple[int, int]], steps: int, *, ordered: bool) -> Agreement:
    """Agreement of pairs of marks, each from 0 to `steps` - 1. `ordered`: near misses count, by quadratic weights.

    Raises ValueError for marks outside of that, and for fewer than two steps."""
    if steps < 2 or any(not 0 <= mark < steps for pair in pairs for mark in pair):
        raise ValueError(f"marks must be from 0 to {steps - 1}, of at least two steps")
    calls = len(pairs)
    if not calls:
        return Agreement(0, 0.0, None, None, None)
    used = range(steps)
    share = [[0.0] * steps for _ in used]
    for one, other in pairs:
        share[one][other] += 1 / calls
    weight = [[_weight(i, j, steps, ordered) for j in used] for i in used]
    rows = [sum(share[i]) for i in used]
    columns = [sum(share[i][j] for i in used) for j in used]
    observed = sum(weight[i][j] * share[i][j] for i in used for j in used)
    chance = sum(weight[i][j] * rows[i] * columns[j] for i in used for j in used)
    if 1 - chance < 1e-12:
        return Agreement(calls, observed, None, None, None)
    kappa = (observed - chance) / (1 - chance)
    of_row = [sum(columns[j] * weight[i][j] for j in used) for i in used]
    of_column = [sum(rows[i] * weight[i][j] for i in used) for j in used]
    spread = sum(
        share[i][j] * (weight[i][j] - (of_row[i] + of_column[j]) * (1 - kappa)) ** 2 for i in used for j in used
    )
    variance = (spread - (kappa - chance * (1 - kappa)) ** 2) / (calls * (1 - chance) ** 2)
    half = NormalDist().inv_cdf(0.5 + USUAL / 2) * sqrt(max(0.0, variance))
    return Agreement(calls, observed, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))


def _weight(one: int, other: int, steps: int, ordered: bool) -> float:
    if not ordered:
        return float(one == other)
    return 1 - (one - other) ** 2 / (steps - 1) ** 2
