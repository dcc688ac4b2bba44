"""How sure one may be of a share, and of the difference between two. Pure.

Intervals of shares are Wilson's score intervals; of a difference, Newcombe's, built from both groups' Wilson
intervals (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10). Both hold for small groups, and for shares
of 0 and 1, where the usual formula claims certainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

USUAL = 0.95  # confidence
# Below so many on either side a difference is reported, but nothing is read into it.
FEWEST = 30

Verdict = Literal["more", "less", "unclear", "too_few"]


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """None: of nobody."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """`of` minus `against`. `confidence` is that of the interval; of several comparisons, all together hold with
    the usual one."""

    of: Share
    against: Share
    interval: Interval
    confidence: float

    @property
    def value(self) -> float | None:
        if self.of.value is None or self.against.value is None:
            return None
        return self.of.value - self.against.value

    @property
    def verdict(self) -> Verdict:
        """Whether the difference means something. "unclear": it could as well be chance."""
        if min(self.of.whole, self.against.whole) < FEWEST:
            return "too_few"
        if self.interval.low > 0:
            return "more"
        return "less" if self.interval.high < 0 else "unclear"


def wilson(share: Share, confidence: float = USUAL) -> Interval:
    """The interval that holds the true share with that confidence; everything when nobody was counted."""
    if not share.whole:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    n, p = share.whole, share.part / share.whole
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def difference(of: Share, against: Share, comparisons: int = 1, together: float = USUAL) -> Difference:
    """The difference of two shares. With several `comparisons` each interval is widened (Bonferroni), so that all
    of them hold `together` with that confidence."""
    confidence = 1 - (1 - together) / max(1, comparisons)
    first, second = wilson(of, confidence), wilson(against, confidence)
    p, q = of.value or 0.0, against.value or 0.0
    if not of.whole or not against.whole:
        return Difference(of, against, Interval(-1.0, 1.0), confidence)
    low = p - q - sqrt((p - first.low) ** 2 + (second.high - q) ** 2)
    high = p - q + sqrt((first.high - p) ** 2 + (q - second.low) ** 2)
    return Difference(of, against, Interval(low, high), confidence)


def compared(shares: Sequence[Share]) -> tuple[Difference, ...]:
    """Each but the first against the first."""
    others = shares[1:]
    return tuple(difference(one, shares[0], len(others)) for one in others)
