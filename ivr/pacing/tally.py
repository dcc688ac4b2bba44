"""The abandoned share of a sliding window, and what it allows. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.pacing.bounds import most_within, upper_bound
from ivr.pacing.schema import AbandonedSpec

AHEAD = 50  # callees in need over whom what is left of the cap is spread; more when many have been seen:
AHEAD_PART = 0.25  # … this part of them
USED = 0.5  # … and this part of it used: the rest is for chance, since the bound above the cap costs much more
STEP = 0.5  # of the gain, in logarithms, for a callee who is abandoned instead of none
FIRST_GAIN = 0.1  # the outlook sees a part of what is lost: see `Tally.aim`
GAINS = (0.005, 1.0)


@dataclass(frozen=True, slots=True)
class Needed:
    """A callee who needed a person. `at_s` on the clock of whoever counts."""

    at_s: float
    abandoned: bool


class Tally:
    """Counts callees who needed a person, and how many of them were abandoned, over the window."""

    def __init__(self, spec: AbandonedSpec, before: Iterable[Needed] = ()) -> None:
        self._spec = spec
        self._kept: deque[Needed] = deque(sorted(before, key=lambda one: one.at_s))
        self.needed = len(self._kept)
        self.abandoned = sum(one.abandoned for one in self._kept)
        self.learning = False  # whether the outlook decides how many lines there are, so that `aim` can be learned
        self._gain = FIRST_GAIN

    def note(self, one: Needed) -> None:
        if self.learning:
            least, most = GAINS
            gain = self._gain * math.exp(STEP * (self.allowance() - one.abandoned))
            self._gain = min(most, max(least, gain))
        self._kept.append(one)
        self.needed += 1
        self.abandoned += one.abandoned

    def forget(self, now_s: float) -> None:
        """Drop what the window has left behind."""
        while self._kept and self._kept[0].at_s <= now_s - self._spec.window_h * 3600:
            self.needed -= 1
            self.abandoned -= self._kept.popleft().abandoned

    @property
    def upper(self) -> float:
        """The upper confidence bound of the abandoned share, 0..1."""
        return upper_bound(self.abandoned, self.needed, self._spec.confidence / 100) if self.needed else 1.0

    @property
    def over(self) -> bool:
        """Whether the share may be above the cap, for all that is known."""
        most = most_within(self.needed, self._spec.at_most / 100, self._spec.confidence / 100)
        return self.abandoned > most

    @property
    def exceeds(self) -> bool:
        """Whether the share itself is above the cap, not its bound alone."""
        return self.abandoned * 100 > self._spec.at_most * self.needed

    def allowance(self) -> float:
        """The abandoned share (0..1) that the next callees in need may have: USED of what is left of the cap
        after the next AHEAD of them (more when many have been seen), spread over them; at most USED of the cap."""
        if self.over:
            return 0.0
        cap, ahead = self._spec.at_most / 100, max(AHEAD, round(self.needed * AHEAD_PART))
        left = most_within(self.needed + ahead, cap, self._spec.confidence / 100) - self.abandoned
        return USED * min(cap, max(0.0, left / ahead))

    @property
    def slack(self) -> int:
        """So many may still be abandoned before the bound is above the cap."""
        most = most_within(self.needed, self._spec.at_most / 100, self._spec.confidence / 100)
        return max(0, most - self.abandoned)

    def aim(self) -> float:
        """The share (0..1) that the outlook may show as lost, so that the allowance is what comes of it.

        An outlook counts the calls in flight once, while losses come of all the moments at which lines are added:
        what comes is a multiple of it that depends on calls and people. So it is learned, by Robbins and Monro's
        rule: after each callee in need the gain rises a little, after each abandoned one it falls by much, and it
        rests where the share of the abandoned is the allowance."""
        return self.allowance() * self._gain
