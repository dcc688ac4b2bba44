"""How long something takes and how it ends, learned from what was seen: hazard rates by age, one per cause. Pure.

A call that is dialled is answered or fails; a call with the robot comes to need a person or ends; an agent who is
held is free again. Each is a competing-risks model with rates that are constant within bins of age: the rate of a
cause in a bin is its events there over the time spent there (Nelson-Aalen), of what goes on as well as of what
has ended, so that long spells count before they are over. Little data is drawn towards the cause's rate at all
ages, as if one spell more had passed. Older spells count less: half after `half_life` newer ones."""

from __future__ import annotations

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
_WIDTHS_S = np.diff(EDGES_S)


class Hazards:
    """What was seen. `causes`: in how many ways a spell may end."""

    def __init__(self, causes: int, half_life: float) -> None:
        self.seen = 0  # spells that have ended, all of them
        self._keep = 0.5 ** (1 / half_life)
        self._exposure_s = np.zeros(len(_WIDTHS_S))
        self._events = np.zeros((causes, len(_WIDTHS_S)))

    def note(self, seconds: float, cause: int) -> None:
        """A spell has ended at this age by that cause."""
        seconds = min(max(0.0, seconds), LONGEST_S)
        self.seen += 1
        self._exposure_s *= self._keep
        self._events *= self._keep
        self._exposure_s += _spent_s(np.array([seconds]))
        self._events[cause, min(len(_WIDTHS_S) - 1, int(np.searchsorted(EDGES_S, seconds, "right")) - 1)] += 1

    def curves(self, ongoing_s: Sequence[float] = ()) -> Curves:
        """What is to be expected; `ongoing_s`: the ages of spells that haven't ended."""
        exposure_s = self._exposure_s + _spent_s(np.asarray(ongoing_s, dtype=float))
        overall = self._events.sum(axis=1) / max(1e-9, exposure_s.sum())
        rates = (self._events + overall[:, None] * _WIDTHS_S) / (exposure_s + _WIDTHS_S)
        return Curves.of(rates)


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
