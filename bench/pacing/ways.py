"""The ways to pace that are compared, by name; those of one kind differ in how much they abandon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from bench.pacing.vicidial import Method, Settings, Vicidial
from bench.pacing.world import World, paced
from ivr.dialer.pacer import Pacer
from ivr.pacing.schema import PaceSpec

HALVINGS = 5  # of a curve's settings towards a share, at most …
NEAR = 0.0005  # … until a setting abandons the share to within this
OURS = "predictive"
# Ratio dialling is compared as it is elsewhere: without a cap (20 % is the most that can be written).
UNCAPPED = {"at_most": 20.0}
POWER_LINES = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)  # per free agent
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


@dataclass(frozen=True, slots=True)
class Curve:
    """Ways that differ in one number."""

    kind: str
    settings: tuple[float, ...]  # ascending
    at: Callable[[float], Way]

    def near(self, share: float, abandoned: Callable[[Way], float]) -> list[Way]:
        """Settings that were tried between those above, halving the last step that crosses `share`; `abandoned`
        runs one and gives its share. None where no step does."""
        found = {setting: abandoned(self.at(setting)) - share for setting in self.settings}
        tried: list[Way] = []
        while len(tried) < HALVINGS:
            steps = [step for step in pairwise(sorted(found)) if found[step[0]] * found[step[1]] <= 0]
            if not steps or min(abs(found[end]) for end in steps[-1]) <= NEAR:
                break
            middle = round(sum(steps[-1]) / 2, 5)
            tried.append(self.at(middle))
            found[middle] = abandoned(tried[-1]) - share
        return tried


def _ours(spec: PaceSpec, world: World) -> Pacer:
    return paced(world, spec)


def _theirs(settings: Settings, world: World) -> Pacer:
    return Vicidial(world, settings)


def _with_some_waiting(method: Method, waiting: float, world: World) -> Pacer:
    return Vicidial(world, Settings(method, target=-float(round(waiting * world.day.agents))))


def _power(lines: float) -> Way:
    spec = PaceSpec.model_validate({"mode": "power", "lines_per_agent": lines, "abandoned": UNCAPPED})
    return Way(f"power {lines:g}", "power", partial(_ours, spec))


def _ratio(level: float) -> Way:
    return Way(f"RATIO {level:g}", Method.RATIO, partial(_theirs, Settings(Method.RATIO, level=level)))


def _limited(method: Method, limit: float) -> Way:
    return Way(f"{method} {100 * limit:g} %", method, partial(_theirs, Settings(method, limit=limit)))


def _waiting(method: Method, waiting: float) -> Way:
    return Way(f"{method} -{100 * waiting:g} %", method, partial(_with_some_waiting, method, waiting))


CURVES: tuple[Curve, ...] = (
    Curve("power", POWER_LINES, _power),
    Curve(Method.RATIO, RATIO_LEVELS, _ratio),
    *(
        curve
        for method in ADAPTIVE
        for curve in (
            Curve(method, DROP_LIMITS, partial(_limited, method)),
            Curve(method, WAITING, partial(_waiting, method)),
        )
    ),
)
WAYS: tuple[Way, ...] = (
    Way(OURS, OURS, partial(_ours, PaceSpec(mode="predictive"))),
    *(curve.at(setting) for curve in CURVES for setting in curve.settings),
)
RIVALS = ("power", *Method)
