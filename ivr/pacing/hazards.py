"""How long something takes and how it ends, learned from what was seen: hazard rates by age, one per cause. Pure.

A call that is dialled is answered or fails; a call with the robot comes to need a person or ends; an agent who is
held is free again. Each is a competing-risks model with rates that are constant within bins of age: the rate of a
cause in a bin is its events there over the time spent there (Nelson-Aalen), of what goes on as well as of what
has ended, so that long spells count before they are over. Little data is drawn towards the cause's rate at all
ages, as if one spell more had passed. Older spells count less: half after `half_life` newer ones."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
GROWTH = 1.12  # of bins, from a second at the beginning to minutes at the end
LONGEST_S = 4 * 3600.0  # older ages are like this one


def _edges() -> Numbers:
    edges, width = [0.0], 1.0
    while edges[-1] < LONGEST_S:
        edges.append(edges[-1] + width)
        width = max(1.0, width if edges[-1] < 30 else width * GROWTH)
    return np.array(edges)


EDGES_S = _edges()
_EDGES_S: list[float] = EDGES_S.tolist()
_WIDTHS_S = np.diff(EDGES_S)
HEAVIEST = 1e12  # a spell's weight; then all are made lighter


class Hazards:
    """What was seen. `causes`: in how many ways a spell may end."""

    def __init__(self, causes: int, half_life: float) -> None:
        self.seen = 0  # spells that have ended, all of them
        self._growth = 2.0 ** (1 / half_life)
        self._weight = 1.0  # of the next spell: the newer count more, instead of the older less and less
        self._ended = [0.0] * len(_WIDTHS_S)  # spells by the bin that they ended in
        self._last_s = [0.0] * len(_WIDTHS_S)  # … and the time that they spent in it
        self._events = [[0.0] * len(_WIDTHS_S) for _ in range(causes)]

    def note(self, seconds: float, cause: int) -> None:
        """A spell has ended at this age by that cause."""
        seconds = min(max(0.0, seconds), LONGEST_S)
        found = min(len(_WIDTHS_S), bisect_right(_EDGES_S, seconds)) - 1
        self.seen += 1
        self._weight *= self._growth
        if self._weight > HEAVIEST:
            self._lighten()
        self._ended[found] += self._weight
        self._last_s[found] += self._weight * (seconds - _EDGES_S[found])
        self._events[cause][found] += self._weight

    def curves(self, ongoing_s: Sequence[float] | Numbers = ()) -> Curves:
        """What is to be expected; `ongoing_s`: the ages of spells that haven't ended."""
        ended = np.array(self._ended)
        longer = ended.sum() - np.cumsum(ended)
        seen_s = (longer * _WIDTHS_S + np.array(self._last_s)) / self._weight
        exposure_s = seen_s + _spent_s(np.asarray(ongoing_s, dtype=float))
        events = np.array(self._events) / self._weight
        overall = events.sum(axis=1) / max(1e-9, exposure_s.sum())
        rates = (events + overall[:, None] * _WIDTHS_S) / (exposure_s + _WIDTHS_S)
        return Curves.of(rates)

    def _lighten(self) -> None:
        for row in (self._ended, self._last_s, *self._events):
            row[:] = [value / self._weight for value in row]
        self._weight = 1.0


@dataclass(frozen=True, slots=True)
class Curves:
    """Chances by age. Arrays are over the bins' edges; `ends` has one row per cause."""

    cumulative: Numbers  # hazard of all causes together, from age 0
    ends: Numbers  # chance that a new spell has ended by that cause
    last: Numbers  # of the causes, beyond the last bin and where nothing survives

    @classmethod
    def of(cls, rates: Numbers) -> Curves:
        """`rates`: causes x bins, per second."""
        total = rates.sum(axis=0)
        cumulative = np.concatenate(([0.0], np.cumsum(total * _WIDTHS_S)))
        ended = -np.diff(np.exp(-cumulative))
        parts = np.divide(rates, total, out=np.zeros_like(rates), where=total > 0)
        ends = np.concatenate((np.zeros((len(rates), 1)), np.cumsum(parts * ended, axis=1)), axis=1)
        everything = rates.sum()
        return cls(cumulative, ends, rates.sum(axis=1) / everything if everything > 0 else rates.sum(axis=1))

    def chance(self, cause: int, ages_s: Sequence[float] | Numbers, within_s: Numbers) -> Numbers:
        """Spells x times: the chance that a spell of that age ends by that cause within so many seconds."""
        begin = np.minimum(np.asarray(ages_s, dtype=float), LONGEST_S / 2)[:, None]
        end = begin + within_s[None, :]
        hazard = np.interp(end, EDGES_S, self.cumulative) - np.interp(begin, EDGES_S, self.cumulative)
        ending: Numbers = -np.expm1(-hazard)
        if len(self.ends) == 1:
            return ending
        by_cause = np.stack([np.interp(end, EDGES_S, row) - np.interp(begin, EDGES_S, row) for row in self.ends])
        every = by_cause.sum(axis=0)
        part = np.where(every > 1e-9, by_cause[cause] / np.maximum(every, 1e-9), self.last[cause])
        return np.asarray(ending * part, dtype=float)

    def soon_s(self, part: float, longest_s: float) -> float:
        """The age by which `part` (0..1) of all spells have ended, at most `longest_s`."""
        return min(longest_s, float(np.interp(-np.log1p(-part), self.cumulative, EDGES_S)))


def _spent_s(ages_s: Numbers) -> Numbers:
    """Seconds spent in each bin by spells of these ages, together."""
    if not len(ages_s):
        return np.zeros(len(_WIDTHS_S))
    spent_s: Numbers = np.clip(ages_s[:, None] - EDGES_S[None, :-1], 0.0, _WIDTHS_S[None, :]).sum(axis=0)
    return spent_s
