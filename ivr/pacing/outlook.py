"""How many callees will have nobody, if so many calls are begun now: the model behind predictive pacing. Pure.

At a moment t ahead, each call in flight has come to need a person with some chance n_i(t), each engaged agent is
free again with some chance f_j(t), all independent. With F agents free now, W callees waiting and E agents
engaged,

    Y(t) = W + sum of Bernoulli(n_i(t)) + sum of Bernoulli(1 - f_j(t))

people are wanted or taken where F + E are there. Every agent takes one callee, so up to the end of the outlook
at least the largest of E[(Y(t) - F - E)+] over t are lost. Up to EXACT chances the distribution of Y (Poisson's
binomial) is computed exactly, a Bernoulli at a time; beyond, at the moments with a variance of FEW and more, it is
the normal one with the correction for its skew (Y. Hong, Computational Statistics & Data Analysis 59, 2013, calls
it the refined normal approximation), for the whole costs the square of the calls. Where it varies less, as it does
within the next seconds, and where one line rings beside people who all talk, the normal one is wrong by up to 0.2:
that is computed exactly. D. A. Samuelson (Predictive dialing for outbound telephone call centers, Interfaces 29:5,
1999) found such losses by simulation; Erlang's formulas would assume calls and talks without
memory, where here the age of each is known. What agents who take a call within the outlook do after it isn't
counted: that errs towards fewer calls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ivr.pacing.hazards import Numbers

EXACT = 16  # chances, of calls and agents together, up to which the distribution is computed exactly
FEW = 8.0  # variance of Y from which on the corrected normal distribution is within 0.005
AT_A_TIME = 8  # calls more that are looked at in one step, where it isn't


@dataclass(frozen=True, slots=True)
class Outlook:
    """Chances at the same moments ahead, the last of them after (nearly) everything that is in flight now."""

    free: int
    waiting: int  # callees who need a person now
    needs: Numbers  # calls x moments: that the call has come to need a person
    frees: Numbers  # engaged agents x moments: that the agent is free
    fresh: Numbers  # moments: as `needs`, of a call that is begun now

    @property
    def engaged(self) -> int:
        return len(self.frees) if self.frees.size else 0

    def at(self, moments: NDArray[np.bool_]) -> Outlook:
        """The same at these moments only."""
        needs, frees = self.needs[:, moments], self.frees[:, moments]
        return replace(self, needs=needs, frees=frees, fresh=self.fresh[moments])


@dataclass(frozen=True, slots=True)
class Bound:
    """What may be lost: this share (0..1) of those in need, and more than `most` only with the chance `risk`."""

    share: float
    most: int = 0
    risk: float = 1.0


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is to be expected of all calls in flight."""

    needed: float  # callees who come to need a person
    lost: float  # of these, those for whom nobody will be there
    too_many: float  # chance that more are lost than may be

    def within(self, bound: Bound) -> bool:
        return self.lost <= bound.share * self.needed + 1e-9 and self.too_many <= bound.risk


@dataclass(frozen=True, slots=True)
class Prospects:
    """The same with some calls more, one after the other."""

    needed: Numbers
    lost: Numbers
    too_many: Numbers

    def within(self, bound: Bound) -> list[bool]:
        kept = (self.lost <= bound.share * self.needed + 1e-9) & (self.too_many <= bound.risk)
        return [bool(one) for one in kept]


class Odds:
    """The distribution of Y, to which calls are added one by one."""

    def __init__(self, outlook: Outlook, room: int, most_lost: int = 0) -> None:
        """`room`: so many calls may be added."""
        engaged = outlook.engaged
        top = outlook.waiting + len(outlook.needs) + engaged + room
        self._odds = np.zeros((len(outlook.fresh), top + 1))
        self._odds[:, outlook.waiting] = 1.0
        self._most = outlook.waiting
        self._needed = float(outlook.waiting)
        over = np.maximum(0.0, np.arange(top + 1) - (outlook.free + engaged))
        self._over = np.stack((over, over > most_lost), axis=1)
        for row in 1.0 - outlook.frees if engaged else ():
            self._take(row)
        for row in outlook.needs:
            self.add(row)

    def add(self, chances: Numbers) -> None:
        """One call more, by its chances of needing a person."""
        self._needed += float(chances[-1])
        self._take(chances)

    def _take(self, chances: Numbers) -> None:
        self._most += 1
        odds, column = self._odds[:, : self._most + 1], chances[:, None]
        moved = odds[:, :-1] * column
        odds[:, :-1] -= moved
        odds[:, 1:] += moved

    def prospect(self) -> Prospect:
        lost, too_many = (self._odds @ self._over).max(axis=0)
        return Prospect(self._needed, float(lost), float(too_many))


class NearlyOdds:
    """As `Odds`, where Y varies enough by its mean, variance and third cumulant: for many calls."""

    def __init__(self, outlook: Outlook, room: int, most_lost: int = 0) -> None:
        """`room`: so many calls may be added."""
        wanted, taken = _cumulants(outlook.needs), _cumulants(1.0 - outlook.frees)
        now, fresh = wanted + taken, _cumulants(outlook.fresh[None, :])
        now[0] += outlook.waiting
        few = now[1] < FEW
        self._now, self._fresh = now[:, ~few], fresh[:, ~few]
        self._needed, self._fresh_needed = outlook.waiting + float(wanted[0, -1]), float(outlook.fresh[-1])
        self._room = outlook.free + outlook.engaged
        self._most_lost = most_lost
        self._exact = Odds(outlook.at(few), room, most_lost) if few.any() else None
        self._exact_fresh = outlook.fresh[few]
        self._exact_added = 0

    def prospects(self, first: int, count: int) -> Prospects:
        """With `first`, `first` + 1 … fresh calls more, so many answers; never fewer calls than asked before."""
        added = np.arange(first, first + count, dtype=float)
        found = self._nearly(added[:, None]) if self._now.size else np.zeros((2, count))
        if self._exact is not None:
            found = np.maximum(found, self._exactly(self._exact, first, count))
        needed = self._needed + added * self._fresh_needed
        return Prospects(needed, np.minimum(needed, found[0]), found[1])

    def _nearly(self, added: Numbers) -> Numbers:
        """2 x additions: lost, and the chance of too many."""
        mean, variance, third = (now + added * fresh for now, fresh in zip(self._now, self._fresh, strict=True))
        spread = np.sqrt(variance - 1 / 12)  # Y is whole: Sheppard's correction
        skew = third / (6 * spread**3)
        at = (self._room - mean) / spread
        # The mean loss is the sum of P(Y > k) from k on: an integral by the middles of steps, less its error of
        # the second order. `edge` is one such middle.
        edge = at + (self._most_lost + 0.5) / spread
        (density, steep), (above, beyond) = _tails(np.stack((at, edge)))
        lost = spread * (density - at * above + skew * at * density) - density / (24 * spread)
        too_many = beyond + skew * (edge * edge - 1) * steep
        most: Numbers = np.stack((lost.max(axis=1), too_many.max(axis=1)))
        return np.maximum(0.0, most)

    def _exactly(self, odds: Odds, first: int, count: int) -> Numbers:
        found = np.zeros((2, count))
        for column in range(count):
            for _ in range(first + column - self._exact_added):
                odds.add(self._exact_fresh)
            self._exact_added = first + column
            prospect = odds.prospect()
            found[:, column] = prospect.lost, prospect.too_many
        return found


_NORMAL = 1 / np.sqrt(2 * np.pi)


def _cumulants(chances: Numbers) -> Numbers:
    """3 x moments: mean, variance and third cumulant of the number of those that come true."""
    if not chances.size:
        return np.zeros((3, chances.shape[1]))
    spread = chances * (1.0 - chances)
    return np.stack((chances.sum(axis=0), spread.sum(axis=0), (spread * (1.0 - 2.0 * chances)).sum(axis=0)))


def _tails(at: Numbers) -> tuple[Numbers, Numbers]:
    """The normal distribution's density, and what is above, to 7 digits: Abramowitz and Stegun 26.2.17."""
    density = np.exp(-at * at / 2) * _NORMAL
    away = 1 / (1 + 0.2316419 * np.abs(at))
    tail = density * away * (
        0.319381530 + away * (-0.356563782 + away * (1.781477937 + away * (-1.821255978 + away * 1.330274429)))
    )  # fmt: skip
    return density, np.where(at >= 0, tail, 1 - tail)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of an outlook: how many calls more can begin, and how many at its end should go."""

    more: int
    surplus: int


def judge(outlook: Outlook, bound: Bound, most: int, relief: Bound, droppable: int) -> Verdict:
    """Begin calls, up to `most`, as long as what is lost is expected to be within `bound`. When it isn't even
    within `relief`: how many of the last `droppable` calls have to go until it is."""
    if len(outlook.needs) + outlook.engaged > EXACT:
        return _judge_nearly(outlook, bound, max(0, most), relief, droppable)
    odds = Odds(outlook, max(0, most), bound.most)
    if not odds.prospect().within(relief):
        return Verdict(0, _too_many(outlook, relief, droppable))
    for count in range(most):
        odds.add(outlook.fresh)
        if not odds.prospect().within(bound):
            return Verdict(count, 0)
    return Verdict(max(0, most), 0)


def _judge_nearly(outlook: Outlook, bound: Bound, most: int, relief: Bound, droppable: int) -> Verdict:
    nearly = NearlyOdds(outlook, most, bound.most)
    for first in range(0, most + 1, AT_A_TIME):
        prospects = nearly.prospects(first, min(AT_A_TIME, most + 1 - first))
        if first == 0 and not prospects.within(relief)[0]:
            return Verdict(0, _too_many(outlook, relief, droppable))
        for number, kept in enumerate(prospects.within(bound), start=first):
            if number > 0 and not kept:
                return Verdict(number - 1, 0)
    return Verdict(most, 0)


def _too_many(outlook: Outlook, relief: Bound, droppable: int) -> int:
    """The fewest, by halving: each call that goes takes at least its share of what is lost with it."""
    kept = len(outlook.needs)
    low, high = 1, droppable
    while low < high:
        count = (low + high) // 2
        left = replace(outlook, needs=outlook.needs[: kept - count])
        if len(left.needs) + left.engaged > EXACT:
            relieved = NearlyOdds(left, 0).prospects(0, 1).within(relief)[0]
        else:
            relieved = Odds(left, 0).prospect().within(relief)
        low, high = (low, count) if relieved else (count + 1, high)
    return droppable if droppable < 1 else low
