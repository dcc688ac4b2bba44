"""What a simulated day brings: callees, drawn ahead and by number, an answer rate that drifts, people on shifts.

Whatever a pacer does, its k-th call meets the same callee: how long it rings, who picks up at which answer rate,
how long they talk. Days are compared this way with common random numbers, and each is the same every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

HOUR_S = 3600.0
MINUTE_S = 60.0
WHOLE_HOURS = 6.0  # of a day in which all breaks have room
BLOCK = 4096  # callees drawn at once
LOWEST, HIGHEST = 0.15, 0.60  # answer rates that a drifting day stays within
CALLEES, RATES, SHIFTS = range(3)  # streams of a day's seed
Rate = Callable[[float], float]


def steady(rate: float) -> Rate:
    return lambda _now_s: rate


def jumping(low: float, high: float, every_s: float) -> Rate:
    """Low first, then high, and so on."""
    return lambda now_s: high if int(now_s / every_s) % 2 else low


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the world does. Times are lognormal with this mean and the sigma below."""

    agents: int = 10
    hours: float = 8.0
    answer_rate: Rate = field(default_factory=lambda: steady(0.3))
    answer_s: float = 9.0  # from dialling to the answer
    ring_timeout_s: float = 40.0
    busy: float = 0.25  # of the calls that aren't answered: they end within seconds
    robot_s: float = 12.0  # from the answer until somebody needs a person, or hangs up
    wants_person: float = 0.6  # of those who answer
    patience_s: float = 1e6  # who waits for a person hangs up after this; exponential
    talk_s: float = 110.0
    wrap_up_s: float = 20.0
    within_s: float = 2.0  # who needs a person waits so long before they are abandoned
    sigma: float = 0.5
    shifts: tuple[tuple[float, int], ...] = ()  # (from when, how many agents are there)
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Callee:
    """One call's fate. Seconds; `ring_s` and `answer_s` count from dialling."""

    ring_s: float
    answers: float  # 0..1: they answer when the rate is above
    answer_s: float
    fails_s: float  # … else it is over after so long
    robot_s: float
    wants_person: bool
    patience_s: float
    talk_s: float
    wrap_up_s: float


class Callees:
    """A day's callees, by number from 0, in blocks: the k-th doesn't depend on how many are called."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._drawn: list[Callee] = []

    def __getitem__(self, number: int) -> Callee:
        while number >= len(self._drawn):
            self._drawn.extend(self._block(len(self._drawn) // BLOCK))
        return self._drawn[number]

    def _block(self, number: int) -> list[Callee]:
        day, draw = self._day, np.random.default_rng([self._day.seed, CALLEES, number])
        never = np.where(draw.random(BLOCK) < day.busy, draw.uniform(2.0, 6.0, BLOCK), day.ring_timeout_s)
        answer_s = 2.0 + _lognormal(draw, day.answer_s - 2.0, day.sigma)
        columns = (
            draw.uniform(1.0, 3.0, BLOCK),
            draw.random(BLOCK),
            np.minimum(day.ring_timeout_s - 1.0, answer_s),
            never,
            _lognormal(draw, day.robot_s, day.sigma),
            draw.random(BLOCK) < day.wants_person,
            draw.exponential(day.patience_s, BLOCK),
            _lognormal(draw, day.talk_s, day.sigma),
            _lognormal(draw, day.wrap_up_s, day.sigma),
        )
        return [Callee(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _lognormal(draw: np.random.Generator, mean: float, sigma: float) -> NDArray[np.float64]:
    return draw.lognormal(np.log(mean) - sigma * sigma / 2, sigma, BLOCK)


def drifting(seed: int, hours: float) -> Rate:
    """An answer rate within LOWEST..HIGHEST: a curve over the day, a random walk by the minute, and a sudden
    step, as when a bad (or good) part of the list begins and ends."""
    draw = np.random.default_rng([seed, RATES])
    minutes = np.arange(int(hours * 60) + 120)
    low, high = np.sort(draw.uniform(LOWEST, HIGHEST, 2))
    curve = (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * (minutes / (hours * 60) + draw.random()))
    walk = np.cumsum(draw.normal(0.0, 0.006, len(minutes)))
    begins = draw.integers(30, int(hours * 60 * 0.8) + 31)
    lasts, height = draw.integers(20, 90), draw.choice([-1.0, 1.0]) * draw.uniform(0.12, 0.30)
    step = np.where((minutes >= begins) & (minutes < begins + lasts), height, 0.0)
    rates = _reflected(curve + walk + step).tolist()
    return lambda now_s: rates[min(len(rates) - 1, int(now_s / MINUTE_S))]


def _reflected(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Back into LOWEST..HIGHEST, mirrored at its ends: no day sits at an end for long."""
    wide = HIGHEST - LOWEST
    away = np.mod(rates - LOWEST, 2 * wide)
    return np.asarray(LOWEST + np.where(away > wide, 2 * wide - away, away), dtype=float)


def waves(seed: int, agents: int, hours: float) -> tuple[tuple[float, int], ...]:
    """How many are there: they come one after the other in ten minutes, take breaks in waves of a quarter each (15
    minutes, at lunch 40), and leave in waves in the last half hour, the last ones at the end. Of a day shorter
    than WHOLE_HOURS all this is shorter in proportion: nobody has a break while they have another, come or go."""
    draw = np.random.default_rng([seed, SHIFTS])
    day_s, wave, part = hours * HOUR_S, max(1, round(agents / 4)), min(1.0, hours / WHOLE_HOURS)
    changes = [(part * float(at_s), 1) for at_s in np.sort(draw.uniform(0.0, 600.0, agents - wave))]
    changes += [(0.0, wave)]
    for middle, lasts_s in ((0.25, 900.0), (0.5, 2400.0), (0.75, 900.0)):
        for number in range(3):  # the fourth quarter has its break at home
            begins_s = day_s * middle + part * ((number - 1.5) * lasts_s + draw.uniform(-120.0, 120.0))
            changes += [(begins_s, -wave), (begins_s + part * (lasts_s + draw.uniform(0.0, 60.0)), wave)]
    leave_s = [-1800.0 + 600.0 * number + draw.uniform(0.0, 120.0) for number in range(2)]
    changes += [(day_s + part * before_s, -wave) for before_s in leave_s]
    there, shifts = 0, []
    for at_s, change in sorted(changes):
        there += change
        shifts.append((at_s, there))
    return tuple(shifts)


def compared_day(agents: int, hours: float, seed: int) -> Day:
    """The day on which ways are compared. Every live answer is for a person, at the end of the callee's greeting;
    a few hang up before. The field's usual figures: a talk of two minutes and a half, twenty seconds' wrap-up."""
    return Day(
        agents=agents,
        hours=hours,
        answer_rate=drifting(seed, hours),
        answer_s=11.0,
        ring_timeout_s=30.0,
        robot_s=1.5,
        wants_person=0.97,
        patience_s=20.0,
        talk_s=150.0,
        wrap_up_s=20.0,
        sigma=0.6,
        shifts=waves(seed, agents, hours),
        seed=seed,
    )
