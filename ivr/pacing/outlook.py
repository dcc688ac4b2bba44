"""How many callees will have nobody, if so many calls are begun now: the model behind predictive pacing. Pure.

At a moment t ahead, each call in flight has come to need a person with some chance n_i(t), each engaged agent is
free again with some chance f_j(t), all independent. With F agents free now, W callees waiting and E agents
engaged,

    Y(t) = W + sum of Bernoulli(n_i(t)) + sum of Bernoulli(1 - f_j(t))

people are wanted or taken where F + E are there. Every agent takes one callee, so up to the end of the outlook
at least the largest of E[(Y(t) - F - E)+] over t are lost. The distribution of Y is computed exactly, a Bernoulli
at a time. D. A. Samuelson (Predictive dialing for outbound telephone call centers, Interfaces 29:5, 1999) found
such losses by simulation; Erlang's formulas would assume calls and talks without memory, where here the age of
each is known. What agents who take a call within the outlook do after it isn't counted: that errs towards fewer
calls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ivr.pacing.hazards import Numbers


@dataclass(frozen=True, slots=True)
class Outlook:
    """Chances at the same moments ahead, the last of them after (nearly) everything that is in flight now."""

    free: int
    waiting: int  # callees who need a person now
    needs: Numbers  # calls x moments: that the call has come to need a person
    frees: Numbers  # engaged agents x moments: that the agent is free
    fresh: Numbers  # moments: as `needs`, of a call that is begun now


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


class Odds:
    """The distribution of Y, to which calls are added one by one."""

    def __init__(self, outlook: Outlook, room: int, most_lost: int = 0) -> None:
        """`room`: so many calls may be added."""
        engaged, moments = outlook.frees.shape if outlook.frees.size else (0, len(outlook.fresh))
        top = outlook.waiting + len(outlook.needs) + engaged + room
        self._odds = np.zeros((moments, top + 1))
        self._odds[:, outlook.waiting] = 1.0
        self._most = outlook.waiting
        self._needed = float(outlook.waiting)
        over = np.maximum(0.0, np.arange(top + 1) - (outlook.free + engaged))
        self._over = np.stack((over, over > most_lost), axis=1)
        for row in 1.0 - outlook.frees if outlook.frees.size else ():
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of an outlook: how many calls more can begin, and how many at its end should go."""

    more: int
    surplus: int


def judge(outlook: Outlook, bound: Bound, most: int, relief: Bound, droppable: int) -> Verdict:
    """Begin calls, up to `most`, as long as what is lost is expected to be within `bound`. When it isn't even
    within `relief`: how many of the last `droppable` calls have to go until it is."""
    odds = Odds(outlook, max(0, most), bound.most)
    if not odds.prospect().within(relief):
        return Verdict(0, _too_many(outlook, relief, droppable))
    for count in range(most):
        odds.add(outlook.fresh)
        if not odds.prospect().within(bound):
            return Verdict(count, 0)
    return Verdict(max(0, most), 0)


def _too_many(outlook: Outlook, relief: Bound, droppable: int) -> int:
    kept = len(outlook.needs)
    for count in range(1, droppable):
        if Odds(replace(outlook, needs=outlook.needs[: kept - count]), 0).prospect().within(relief):
            return count
    return droppable
