"""Who gets the slots that are free: strict priority, and inside a priority weighted max-min fairness. Pure.

Every slot goes to a campaign of the best priority that still wants one, there to the one with the fewest calls for
its weight. So the calls at once of campaigns that want more than they get stand in the ratio of their weights (to
within one call), what one doesn't want is lent to the others, and no slot stays free while anybody wants it.
Calls are never cut: a campaign that has more than its share comes down to it as its calls end.

No campaign starves behind others of its own priority: the one with the fewest calls for its weight gets the next
free slot, ties go in turn, so of n campaigns each gets a slot after at most n calls of its priority have ended.
Behind a better priority it waits for as long as that one wants every slot: that is what priority means."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Claim(Generic[K]):
    """What a campaign has and wants. `wants`: how many more calls it could begin now, its own limits (tasks that
    are due, concurrency, what its pacer says) taken into account. `turn`: who had the last slot longest ago goes
    first among equals (see `Turns`)."""

    key: K
    wants: int
    on: int = 0  # its calls that are on
    priority: int = 5  # 1 first … 9 last
    weight: float = 1.0
    turn: float = 0.0


def share(free: int, claims: Iterable[Claim[K]]) -> dict[K, int]:
    """How many more calls each may begin: every claim's key, together min(free, everything wanted)."""
    ordered = sorted(claims, key=lambda claim: claim.priority)
    given = {claim.key: 0 for claim in ordered}
    for _, rivals in groupby(ordered, key=lambda claim: claim.priority):
        free -= _fill(max(0, free), tuple(rivals), given)
    return given


def _fill(free: int, rivals: tuple[Claim[K], ...], given: dict[K, int]) -> int:
    """Slot by slot to the one with the fewest calls for its weight; returns how many were given."""
    order = [
        (claim.on / claim.weight, claim.turn, number)
        for number, claim in enumerate(rivals)
        if claim.wants > 0 and claim.weight > 0
    ]
    heapq.heapify(order)
    used = 0
    while order and used < free:
        _, turn, number = heapq.heappop(order)
        claim = rivals[number]
        given[claim.key] += 1
        used += 1
        if given[claim.key] < claim.wants:
            heapq.heappush(order, ((claim.on + given[claim.key]) / claim.weight, turn, number))
    return used


class Turns(Generic[K]):
    """Remembers who got slots when, for `Claim.turn`. A campaign that is new or was away has waited longest."""

    def __init__(self) -> None:
        self._turns: dict[K, float] = {}
        self._number = 0.0

    def of(self, key: K) -> float:
        return self._turns.get(key, 0.0)

    def note(self, given: Mapping[K, int]) -> None:
        """After `share`, or whenever calls have begun: they go to the end of the line, those given most last."""
        for key, count in sorted(given.items(), key=lambda item: (item[1], self.of(item[0]))):
            if count > 0:
                self._number += 1.0
                self._turns[key] = self._number
