"""When somebody is likely to be free, and whether a person may be promised. Pure: who is there comes in.

How long a talk still lasts isn't known, but how long talks last is: their lengths are taken as log-normal, as
those of call centres are (L. Brown et al., "Statistical Analysis of a Telephone Call Center", JASA 100 (2005),
section 4.2), about the agent's own mean. What has passed of a talk counts: of those that are as long already, how
long do they last? A person is promised when with a chance of `LIKELY` more agents are free in time than customers
wait before this one. Each agent counts once for each round of customers: being free twice sooner is luck."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import erfc, exp, log, sqrt

LIKELY = 0.8
SPREAD = 0.7  # standard deviation of a talk's logarithm
USUAL_TALK_S = 180.0  # before anybody has talked
LONGEST_S = 3600.0  # nobody is told of a longer wait; beyond it "nobody can say"
SURE = 1e-9
STEP_S = 1.0  # estimates are that exact


@dataclass(frozen=True, slots=True)
class Colleague:
    """One agent who is there. `talk_s` is the mean of theirs; all other times count from now."""

    skills: frozenset[str]
    ready: bool = False
    talked_s: float | None = None  # how long their call is on; None: they are in none
    talk_s: float = USUAL_TALK_S
    wrap_up_s: float = 0.0  # after their call, or what is left of it
    leaves_s: float | None = None  # the end of their shift

    def free_by(self, within_s: float) -> float:
        """The chance that they can take a call then, 0 to 1."""
        at_s = within_s if self.leaves_s is None else min(within_s, self.leaves_s)
        if at_s < 0 or (self.leaves_s is not None and self.leaves_s <= 0):
            return 0.0
        if self.ready:
            return 1.0
        left_s = at_s - self.wrap_up_s
        if self.talked_s is None:
            return 1.0 if left_s >= 0 else 0.0
        return over_by(left_s, self.talked_s, self.talk_s) if left_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What was found, for the record."""

    ready: int  # agents of the skill
    engaged: int
    ahead: int  # customers who wait for the same people
    chance: float  # that one is free for this customer within the promise, 0 to 1
    likely_s: float | None  # until one is likely to be free; None: nobody can say

    @property
    def there(self) -> int:
        return self.ready + self.engaged

    @property
    def offers(self) -> bool:
        """Whether a person may be promised."""
        return self.chance >= LIKELY - SURE


def reckon(colleagues: Sequence[Colleague], ahead: Iterable[str], skill: str, promise_s: float) -> Reckoning:
    """For a customer who needs `skill`, behind those who need the skills `ahead`. Of these only who could take one
    of the same agents counts."""
    able = [one for one in colleagues if skill in one.skills]
    shared = frozenset[str]().union(*(one.skills for one in able))
    before = sum(other in shared for other in ahead)
    ready = sum(one.ready and one.free_by(0.0) > 0 for one in able)
    return Reckoning(
        ready=ready,
        engaged=len(able) - sum(one.ready for one in able),
        ahead=before,
        chance=chance_of(able, before, promise_s),
        likely_s=likely_s(able, before),
    )


def chance_of(able: Sequence[Colleague], before: int, within_s: float) -> float:
    """The chance that one of these agents is free for who comes after `before` others, 0 to 1.

    With more customers before them than agents, each agent takes a whole talk and wrap-up for every such round."""
    if not able:
        return 0.0
    rounds, rest = divmod(before, len(able))
    return _free(able, rest, within_s - rounds * sum(one.talk_s + one.wrap_up_s for one in able) / len(able))


def likely_s(able: Sequence[Colleague], before: int) -> float | None:
    """Until one is free for them with a chance of `LIKELY`, in seconds; None: not within `LONGEST_S`."""
    if chance_of(able, before, LONGEST_S) < LIKELY:
        return None
    low, high = 0.0, LONGEST_S
    if chance_of(able, before, low) >= LIKELY:
        return low
    while high - low > STEP_S:
        middle = (low + high) / 2
        if chance_of(able, before, middle) >= LIKELY:
            high = middle
        else:
            low = middle
    return high


def _free(able: Sequence[Colleague], before: int, within_s: float) -> float:
    """The chance that more than `before` of these agents are free then (a Poisson-binomial tail)."""
    counts = [1.0] + [0.0] * before  # the chance of 0, 1 … `before` who are free
    for one in able:
        free = one.free_by(within_s)
        for number in range(before, 0, -1):
            counts[number] = counts[number] * (1 - free) + counts[number - 1] * free
        counts[0] *= 1 - free
    return max(0.0, 1.0 - sum(counts))


def over_by(left_s: float, talked_s: float, mean_s: float) -> float:
    """The chance that a talk that has lasted `talked_s` is over within `left_s`, 0 to 1."""
    still_on = _lasts(talked_s, mean_s)
    if still_on < SURE:  # longer than any: it ends as one that has nothing to go by
        return 1.0 - exp(-left_s / mean_s)
    return 1.0 - _lasts(talked_s + left_s, mean_s) / still_on


def _lasts(seconds: float, mean_s: float) -> float:
    """The share of talks that are longer."""
    if seconds <= 0:
        return 1.0
    middle = log(mean_s) - SPREAD**2 / 2
    return 0.5 * erfc((log(seconds) - middle) / (SPREAD * sqrt(2)))
