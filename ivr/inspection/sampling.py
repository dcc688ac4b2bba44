"""Which calls of a day are inspected, and why. Pure: the same plan, calls and earlier picks give the same picks,
in whatever order calls come.

Each call has a lot of its own, a hash of the plan's seed and the call. The day's draw takes the lowest lots, so
that every call has the same chance. The risk lottery gives a call as many tickets as its signals weigh:
exponential keys of P. Efraimidis and P. Spirakis (Information Processing Letters 97, 2006). Memory is bounded by
what is picked."""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log
from typing import Any

from ivr.inspection.schema import PlanSpec
from ivr.model import PickReason

HEARD = frozenset({PickReason.LIVE, PickReason.BY_HAND})  # these count as heard: they are drawn by nobody besides
ALWAYS_MOST = 200  # of one agent and day: a plan that always picks short calls mustn't fill the database
Key = tuple[str, str]  # attempt, agent ("": the robot)
Group = tuple[str, int]  # whose daily calls are counted together: an agent, or the robot in one campaign


@dataclass(frozen=True, slots=True)
class Candidate:
    """One agent's, or the robot's, part of a call of that day."""

    attempt_id: str
    agent: str  # "": the robot
    campaign_id: int
    signals: frozenset[str]
    recorded: bool
    success: bool  # to be inspected before it counts

    @property
    def key(self) -> Key:
        return (self.attempt_id, self.agent)

    @property
    def group(self) -> Group:
        return group_of(self.agent, self.campaign_id)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was picked of that day before."""

    key: Key
    group: Group
    reason: PickReason
    drawn: bool
    gates: bool
    lottery: bool


@dataclass(frozen=True, slots=True)
class Pick:
    """One call to be inspected; or, where it was picked before, what is now known of it besides."""

    key: Key
    reason: PickReason
    drawn: bool
    gates: bool
    why: dict[str, Any]


def group_of(agent: str, campaign_id: int) -> Group:
    """An agent's calls of all campaigns are counted together, the robot's by campaign."""
    return (agent, 0 if agent else campaign_id)


def lot(seed: str, purpose: str, key: Key) -> float:
    """A number in (0, 1), the same for the same call for ever; nobody who doesn't know the seed can tell it."""
    text = "\n".join((seed, purpose, *key))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**64


def scored_by_two(plan: PlanSpec, key: Key) -> bool:
    """Whether this call is one of those that two people score."""
    return lot(plan.seed, "double", key) < plan.double.share


@dataclass(slots=True)
class _Lowest:
    """The calls with the lowest numbers, at most `most` of them."""

    most: int
    _heap: list[tuple[float, Key]] = field(default_factory=list)  # numbers negated: the largest comes first
    calls: dict[Key, Candidate] = field(default_factory=dict)

    def take(self, number: float, call: Candidate) -> None:
        if self.most <= 0:
            return
        heapq.heappush(self._heap, (-number, call.key))
        self.calls[call.key] = call
        if len(self._heap) > self.most:
            del self.calls[heapq.heappop(self._heap)[1]]

    def rising(self) -> list[Candidate]:
        return [self.calls[key] for _, key in sorted(self._heap, reverse=True)]


class Draw:
    """One day's picks: `hear` every call of the day once, then `picks`. `whole_day` False: only successes, since
    the day isn't over and later calls must have the same chance."""

    def __init__(self, plan: PlanSpec, earlier: Iterable[Earlier], *, whole_day: bool) -> None:
        self._plan = plan
        self._whole_day = whole_day
        self._earlier = {one.key: one for one in earlier}
        self._groups: dict[Group, _Lots] = {}
        self._successes: dict[Key, Candidate] = {}

    def hear(self, call: Candidate) -> None:
        """Note one call. Calls without a recording are picked only when their success waits for it."""
        earlier = self._earlier.get(call.key)
        if call.success and not (earlier and earlier.gates):
            self._successes[call.key] = call
        if not self._whole_day or not call.recorded:
            return
        lots = self._groups.get(call.group)
        if lots is None:
            lots = self._groups[call.group] = self._lots(call.group)
        if not (earlier and (earlier.drawn or earlier.reason in HEARD)):
            lots.drawn.take(lot(self._plan.seed, "draw", call.key), call)
        if earlier or call.success or not call.signals:
            return
        if call.signals.intersection(self._plan.risk.always):
            lots.always.take(lot(self._plan.seed, "risk", call.key), call)
        elif weight := self._weight(call):
            lots.risky.take(-log(lot(self._plan.seed, "risk", call.key)) / weight, call)

    def picks(self) -> list[Pick]:
        """What is to be picked now; nothing twice, and nothing that was picked before and stays as it is."""
        drawn: dict[Key, Candidate] = {}
        risky: dict[Key, tuple[Candidate, bool]] = {}
        for lots in self._groups.values():
            of_group = {call.key: call for call in lots.drawn.rising()}
            drawn |= of_group
            risky |= {call.key: (call, False) for call in lots.always.rising() if call.key not in of_group}
            lottery = [call for call in lots.risky.rising() if call.key not in of_group]
            risky |= {call.key: (call, True) for call in lottery[: lots.risk_needs]}
        found = [self._of_success(call, call.key in drawn) for call in self._successes.values()]
        found += [self._drawn(call) for key, call in drawn.items() if key not in self._successes]
        found += [self._risky(call, lottery) for call, lottery in risky.values()]
        return sorted(found, key=lambda pick: pick.key)

    def _lots(self, group: Group) -> _Lots:
        """How many of the group are still to be picked."""
        kind = "agent" if group[0] else "bot"
        counts: defaultdict[str, int] = defaultdict(int)
        for one in self._earlier.values():
            if one.group == group:
                counts["heard"] += one.reason in HEARD or one.drawn
                counts["lottery"] += one.lottery
        draws = max(0, getattr(self._plan.daily, kind) - counts["heard"])
        risks = max(0, getattr(self._plan.risk.daily, kind) - counts["lottery"])
        # One of the risky calls may be drawn as well: so many more are kept.
        return _Lots(_Lowest(draws), _Lowest(ALWAYS_MOST), _Lowest(risks + draws if risks else 0), risks)

    def _weight(self, call: Candidate) -> float:
        return sum(self._plan.risk.weights.get(signal, 0.0) for signal in call.signals)

    def _of_success(self, call: Candidate, drawn: bool) -> Pick:
        return Pick(call.key, PickReason.SUCCESS, drawn, True, self._why(call))

    def _drawn(self, call: Candidate) -> Pick:
        return Pick(call.key, PickReason.DAILY, True, False, self._why(call))

    def _risky(self, call: Candidate, lottery: bool) -> Pick:
        return Pick(call.key, PickReason.RISK, False, False, self._why(call) | {"lottery": lottery})

    def _why(self, call: Candidate) -> dict[str, Any]:
        weights = self._plan.risk.weights
        return {
            "lot": round(lot(self._plan.seed, "draw", call.key), 6),
            "signals": {signal: weights.get(signal, 0.0) for signal in sorted(call.signals)},
        }


@dataclass(slots=True)
class _Lots:
    drawn: _Lowest
    always: _Lowest
    risky: _Lowest
    risk_needs: int
