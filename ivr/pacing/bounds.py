"""How sure a measured share is: the exact upper confidence bound of a binomial proportion (Clopper, Pearson 1934).

The bound of k out of n at confidence c is the share p at which k or fewer would be seen with the chance 1 - c. No
event out of few is a high bound: 0 of 20 may well be 14 %, at 95 % confidence, and 0 of 99 are needed for 3 %."""

from __future__ import annotations

import math
from functools import lru_cache

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
    low, high = -1, max(0, math.ceil(of * share))
    while low < high:
        middle = (low + high + 1) // 2
        if at_most(middle, of, share) <= 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low
