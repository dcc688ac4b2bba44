"""The ways to pace that are compared, by name; those of one kind differ in how much they abandon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.pacing.vicidial import Method, Settings, Vicidial
from bench.pacing.world import World, paced
from ivr.dialer.pacer import Pacer
from ivr.pacing.schema import PaceSpec

OURS = "predictive"
# Ratio dialling is compared as it is elsewhere: without a cap (20 % is the most that can be written).
UNCAPPED = {"at_most": 20.0}
POWER_LINES = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0)  # per free agent
RATIO_LEVELS = (1.02, 1.05, 1.1, 1.15, 1.2, 1.4)  # per agent who isn't paused, calls with them included
DROP_LIMITS = (0.005, 0.01, 0.02, 0.03)
# Agents who are to wait on average, as a part of all: a negative adaptive_dl_diff_target, with the usual limit.
WAITING = (0.05, 0.1, 0.2)
ADAPTIVE = (Method.HARD_LIMIT, Method.TAPERED, Method.AVERAGE)


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    kind: str  # those of one kind are one curve: people's talk share over the share abandoned
    pacer: Callable[[World], Pacer]


def _ours(spec: PaceSpec, world: World) -> Pacer:
    return paced(world, spec)


def _theirs(settings: Settings, world: World) -> Pacer:
    return Vicidial(world, settings)


def _with_some_waiting(method: Method, waiting: float, world: World) -> Pacer:
    return Vicidial(world, Settings(method, target=-float(round(waiting * world.day.agents))))


def _ways() -> list[Way]:
    ways = [Way(OURS, OURS, partial(_ours, PaceSpec(mode="predictive")))]
    for lines in POWER_LINES:
        spec = PaceSpec.model_validate({"mode": "power", "lines_per_agent": lines, "abandoned": UNCAPPED})
        ways.append(Way(f"power {lines:g}", "power", partial(_ours, spec)))
    for level in RATIO_LEVELS:
        settings = Settings(Method.RATIO, level=level)
        ways.append(Way(f"RATIO {level:g}", Method.RATIO, partial(_theirs, settings)))
    for method in ADAPTIVE:
        for limit in DROP_LIMITS:
            settings = Settings(method, limit=limit)
            ways.append(Way(f"{method} {100 * limit:g} %", method, partial(_theirs, settings)))
        for waiting in WAITING:
            pacer = partial(_with_some_waiting, method, waiting)
            ways.append(Way(f"{method} -{100 * waiting:g} %", method, pacer))
    return ways


WAYS: tuple[Way, ...] = tuple(_ways())
RIVALS = ("power", *Method)
