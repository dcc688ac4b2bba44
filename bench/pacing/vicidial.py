"""VICIdial's dial methods by what that project publishes, written anew: the lines it keeps open and its level.

Sources: docs/PREDICTIVE.txt of VICIdial (2006, in github.com/inktel/Vicidial): what is gathered each second and
each minute, that the level (lines per active agent) is set every 15 s from the difference between waiting agents
and waiting calls, the intensity and the drop rule, and never falls below 1.0; its manager's help on the campaign's
settings (defaults: maximum level 3.0, drop limit 3 %, difference target 0, intensity 0); what the drop rules do to
the level, and from which number of calls on, is what its AST_VDadapt.pl can be seen to do. In short:

- Every 2.5 s lines are opened up to level x agents who are ready or in a call; calls with agents are lines, too.
- Every 15 s: level x (1 + (difference + target) / agents), means of the last 15 s; at most the maximum.
- More than half of the last minute's calls dropped, of over 20: the level is halved.
- More than the limit of the day's answered calls dropped, after 50 calls: 1.0 (ADAPT_HARD_LIMIT), halved
  (ADAPT_AVERAGE), or times the hours of ten that are left until adaptive_latest_server_time, 21:00 by default
  (ADAPT_TAPERED), so that it is stricter later: a day from 9 to 17 ends at 0.4. Counted once a minute.

Agents who wrap up are paused there. `drop_call_seconds` (5 by default) is two seconds, as for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bench.pacing.day import HOUR_S
from bench.pacing.world import World
from ivr.dialer.routes import Ready

LOOP_S = 2.5
SAMPLE_S = 1.0
SAMPLES = 15  # until the level is set
COUNT_EVERY_S = 60.0
MOST_LEVEL = 3.0
ENOUGH_TODAY, ENOUGH_IN_A_MINUTE = 50, 20
TAPER_HOURS = 10.0
LATEST_S = 12 * HOUR_S  # adaptive_latest_server_time, 21:00 by default, after a day's begin at nine


class Method(StrEnum):
    RATIO = "RATIO"
    HARD_LIMIT = "ADAPT_HARD_LIMIT"
    TAPERED = "ADAPT_TAPERED"
    AVERAGE = "ADAPT_AVERAGE"


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a campaign. `level`: where it begins (RATIO: stays); `limit`: adaptive_dropped_percentage as a share."""

    method: Method
    level: float = 1.0
    limit: float = 0.03
    target: float = 0.0  # calls that are to wait; below 0: agents (adaptive_dl_diff_target)


def set_level(level: float, difference: float, agents: float, settings: Settings) -> float:
    """The level by the difference alone: agents who wait less calls that wait, on average."""
    wanted = difference + settings.target
    changed = level * (1 + wanted / agents) if agents else level
    return max(1.0, min(MOST_LEVEL, changed))


def limited(level: float, method: Method, hours_left: float) -> float:
    """The level when too many were dropped today."""
    match method:
        case Method.HARD_LIMIT:
            return 1.0
        case Method.AVERAGE:
            return max(1.0, level / 2)
        case _:
            return max(1.0, level * min(1.0, max(0.0, hours_left) / TAPER_HOURS))


class Vicidial:
    """A pacer for one day."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world, self._settings = world, settings
        self.level = settings.level
        self._allowed = 0
        self._changed: Callable[[], None] = lambda: None
        self._samples: list[tuple[int, int]] = []  # (agents who wait less calls that wait, agents)
        self._dropped_share = 0.0  # of those answered today, as last counted
        self._minute = (0, 0)  # calls and drops of the last minute
        self._counted = (0, 0)
        for every_s, does in ((LOOP_S, self._dial), (SAMPLE_S, self._sample), (COUNT_EVERY_S, self._count)):
            if settings.method is not Method.RATIO or does == self._dial:
                world.timers.call_at(every_s, self._repeat, every_s, does)

    def ready(self, calls: int) -> Ready:
        del calls
        allowed, self._allowed = self._allowed, 0
        return Ready(allowed)

    def surplus(self) -> frozenset[str]:
        return frozenset()

    def watch(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def close(self) -> None:
        pass

    def _repeat(self, every_s: float, does: Callable[[], None]) -> None:
        if self._world.is_open:
            does()
            self._world.timers.call_at(self._world.timers.time() + every_s, self._repeat, every_s, does)

    @property
    def _active(self) -> int:
        agents = self._world.agents
        return agents.free_now + agents.talking_now

    def _dial(self) -> None:
        self._allowed = max(0, round(self.level * self._active) - self._world.calls)
        if self._allowed:
            self._changed()

    def _sample(self) -> None:
        self._samples.append((self._world.agents.free_now - self._world.callees_waiting, self._active))
        if len(self._samples) == SAMPLES:
            difference, agents = (sum(column) / SAMPLES for column in zip(*self._samples, strict=True))
            self._samples.clear()
            self.level = self._ruled(set_level(self.level, difference, agents, self._settings))

    def _ruled(self, level: float) -> float:
        calls, drops = self._minute
        if calls > ENOUGH_IN_A_MINUTE and drops > calls / 2:
            level = max(1.0, level / 2)
        if self._world.seen.placed > ENOUGH_TODAY and self._dropped_share > self._settings.limit:
            left_s = LATEST_S - self._world.timers.time()
            level = limited(level, self._settings.method, left_s / HOUR_S)
        return level

    def _count(self) -> None:
        seen = self._world.seen
        self._dropped_share = seen.abandoned / seen.answered if seen.answered else 0.0
        self._minute = (seen.placed - self._counted[0], seen.abandoned - self._counted[1])
        self._counted = (seen.placed, seen.abandoned)
