"""How sure a measured share is: the exact upper confidence bound of a binomial proportion (Clopper, Pearson 1934).

The bound of k out of n at confidence c is the share p at which k or fewer would be seen with the chance 1 - c. No
event out of few is a high bound: 0 of 20 may well be 14 %, at 95 % confidence, and 0 of 99 are needed for 3 %."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

_STEPS = 40  # of halving: the bound to 12 digits


def at_most(count: int, of: int, share: float) -> float:
    """The chance of `count` or fewer events out of `of` when each has the chance `share` (0..1)."""
    if count < 0:
        return 0.0
    if count >= of or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    number = np.arange(1, count + 1)
    steps = np.log((of - number + 1) / number) + math.log(share / (1 - share))
    logs = of * math.log1p(-share) + np.concatenate(([0.0], np.cumsum(steps)))
    return min(1.0, float(np.exp(logs).sum()))


@lru_cache(maxsize=4096)
def upper_bound(count: int, of: int, confidence: float) -> float:
    """The share (0..1) that `count` of `of` doesn't exceed, at `confidence` (0..1). Of nothing: 1."""
    if count >= of:
        return 1.0
    low, high = count / of, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if at_most(count, of, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=4096)
def most_within(of: int, share: float, confidence: float) -> int:
    """The most events out of `of` whose upper bound is still within `share`; -1: not even none are."""
    most = max(0, math.ceil(of * share))
    found = min(most, max(-1, math.floor(_guess(of, share, confidence))))
    while found >= 0 and at_most(found, of, share) > 1 - confidence:
        found -= 1
    while found < most and at_most(found + 1, of, share) <= 1 - confidence:
        found += 1
    return found


def _guess(of: int, share: float, confidence: float) -> float:
    """`most_within` by the normal distribution, with the correction for its skew (Cornish, Fisher): off by one."""
    z = NormalDist().inv_cdf(1 - confidence)
    mean, spread = of * share, math.sqrt(of * share * (1 - share))
    return mean + spread * z + (1 - 2 * share) * (z * z - 1) / 6 - 0.5
