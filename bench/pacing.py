"""Pacing by people over simulated days: how busy people are and how many callees are abandoned, side by side.

The same days (same callees, same seed) for a fixed number of lines, power with one to three lines per free agent,
predictive, and a model of VICIdial's adaptive dialling by its published rule (docs/PREDICTIVE.txt of that
project: lines are agents times a dial level, which is set anew every 15 s from agents who wait and calls that
wait; ADAPT_HARD_LIMIT goes back to level 1.0 while the day's dropped calls are above the cap, out of those
answered)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click

from bench.pacing_world import Day, Seen, World, jumping, paced, steady
from bench.result import BenchResult, Limit
from ivr.dialer.pacer import FixedPacer, Pacer
from ivr.dialer.routes import Ready
from ivr.i18n import translate
from ivr.pacing.schema import PaceSpec

CAP = 0.03
DAYS = {
    "steady": Day(answer_rate=steady(0.3)),
    "jumping": Day(answer_rate=jumping(0.15, 0.5, 1800.0)),
}


class Adapt:
    """VICIdial's way, as far as it is published: see the module's docstring."""

    EVERY_S = 15.0
    MOST = 3.0  # adaptive_maximum_level's usual value

    def __init__(self, world: World) -> None:
        self._world = world
        self._level = 1.0
        self._next_s = self.EVERY_S
        self._waiting: list[int] = []  # agents less callees who wait, each time it was asked

    def ready(self, calls: int) -> Ready:
        staff, seen = self._world.agents.staff(()), self._world.seen
        self._waiting.append(staff.free - self._world.callees_waiting)
        if self._world.timers.time() >= self._next_s:
            self._next_s += self.EVERY_S
            difference = sum(self._waiting) / len(self._waiting)
            self._waiting.clear()
            self._level *= 1 + difference / max(1, staff.there)
            if seen.abandoned > CAP * seen.answered:
                self._level = 1.0
            self._level = min(self.MOST, max(1.0, self._level))
        return Ready(max(0, int(self._level * staff.there) - calls), 1.0)

    def surplus(self) -> frozenset[str]:
        return frozenset()

    def watch(self, changed: Callable[[], None]) -> None:
        del changed

    def close(self) -> None:
        pass


def _by(spec: PaceSpec) -> Callable[[World], Pacer]:
    return partial(_paced, spec)


def _paced(spec: PaceSpec, world: World) -> Pacer:
    return paced(world, spec)


# Power's lines per agent are compared as they are elsewhere: without a cap (20 % is the most that can be written).
UNCAPPED = {"at_most": 20.0}
WAYS: dict[str, Callable[[World], Pacer]] = {
    "fixed_2_per_agent": lambda world: FixedPacer(2 * world.day.agents),
    "power_1": _by(PaceSpec(mode="power")),
    "power_2_no_cap": _by(PaceSpec.model_validate({"mode": "power", "lines_per_agent": 2, "abandoned": UNCAPPED})),
    "power_3_no_cap": _by(PaceSpec.model_validate({"mode": "power", "lines_per_agent": 3, "abandoned": UNCAPPED})),
    "power_3": _by(PaceSpec(mode="power", lines_per_agent=3)),
    "vicidial_like": Adapt,
    "predictive": _by(PaceSpec(mode="predictive")),
}


def measure(day: Day, way: Callable[[World], Pacer]) -> Seen:
    world = World(day)
    return world.run(way(world))


@click.command(help=translate("People's utilisation and abandoned callees by way of pacing, over simulated days."))
@click.option("--agents", default=10, show_default=True, help=translate("People who take calls."))
@click.option("--hours", default=8.0, show_default=True, help=translate("Length of each simulated day."))
@click.option("--seed", default=1, show_default=True, help=translate("Draws the day."))
def command(agents: int, hours: float, seed: int) -> BenchResult:
    figures: dict[str, float | int | str] = {"agents": agents, "hours": hours}
    limits: dict[str, Limit] = {}
    for name, usual in DAYS.items():
        day = replace(usual, agents=agents, hours=hours, seed=seed)
        for way, pacer in WAYS.items():
            seen = measure(day, pacer)
            figures[f"{name}.{way}.utilisation"] = round(seen.utilisation, 3)
            figures[f"{name}.{way}.abandoned"] = round(seen.abandoned_share, 4)
        figures[f"{name}.predictive.to_power_1"] = round(
            float(figures[f"{name}.predictive.utilisation"]) / float(figures[f"{name}.power_1.utilisation"]), 3
        )
        limits[f"{name}.predictive.abandoned"] = Limit("at_most", CAP)
        limits[f"{name}.power_3.abandoned"] = Limit("at_most", CAP)
        limits[f"{name}.predictive.to_power_1"] = Limit("at_least", 1.0)
    return BenchResult("pacing", figures, limits)
