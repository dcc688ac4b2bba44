"""Pacing by people: power (lines per free agent) and predictive (as many as the outlook allows).

Both judge the abandoned share by its upper confidence bound before each call: above the cap it is one line per
free agent, counted with everything that is in flight, until the bound is below it again. Without people nothing
is placed, and what rings is given up as soon as it is fair: before it rings, or after FAIR_RING_S, so that
nobody's phone rings for a moment only. Whoever answers meanwhile is talked to by the flow, as every callee is."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from ivr.dialer.routes import Ready
from ivr.pacing.lines import Line, Lines, Phase, outlook_of
from ivr.pacing.outlook import Bound, judge
from ivr.pacing.schema import PaceSpec
from ivr.ports import AgentSupply, Staff
from ivr.session.progress import Bus, PaceChanged, Stance

log = logging.getLogger(__name__)
LOOK_AGAIN_S = 1.0  # in which what is in flight has got on
WINDOW_S = 30.0  # … or the window of the cap
FAIR_RING_S = 15.0  # who has heard it ring is given this long to answer (as Ofcom asks of diallers)
AT_ONCE = 50  # calls begun by one answer
PROMISE_S = 2.0  # so long calls that were allowed count for other campaigns, until they are there
RISK = 0.02  # that the calls in flight, as they are, bring the abandoned share's bound above the cap
RELIEF = 0.2  # ringing calls are given up when people have left and more than this part would find nobody …
RELIEF_S = 60.0  # … for so long after they have left


class Floor:
    """The pacers of one process: two campaigns never count on the same agent."""

    def __init__(self) -> None:
        self._pacers: list[ByPeople] = []

    def join(self, pacer: ByPeople) -> None:
        self._pacers.append(pacer)

    def leave(self, pacer: ByPeople) -> None:
        self._pacers.remove(pacer)

    def rivals(self, pacer: ByPeople) -> list[ByPeople]:
        """Those who count on some of the same queues."""
        mine = set(pacer.people.queues)
        return [other for other in self._pacers if other is not pacer and mine & set(other.people.queues)]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who takes the calls, and what is in flight towards them."""

    spec: PaceSpec
    queues: tuple[str, ...]
    agents: AgentSupply
    lines: Lines
    bus: Bus
    time: Callable[[], float]
    floor: Floor = field(default_factory=Floor)


class ByPeople(ABC):
    """What both have in common. `people.lines` observes the bus."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.stance: Stance | None = None
        self._changed: list[Callable[[], None]] = []
        self._promised = 0
        self._promised_until_s = 0.0
        people.floor.join(self)
        people.agents.watch(self._staff_changed)

    def ready(self, calls: int) -> Ready:
        staff, lines = self._staff(), self.people.lines
        lines.tally.forget(self.people.time())
        self._promised = 0
        self._stand(self._judge(staff), staff)
        if self.stance is Stance.NOBODY:
            return Ready(0, LOOK_AGAIN_S if lines.of(Phase.DIALLED) else None)
        spared = staff.free - lines.in_flight(calls) - sum(other.lines_and_promises for other in self._rivals())
        if self.stance is Stance.OPEN:
            count, again_s = self._open(staff, calls, spared), LOOK_AGAIN_S
        else:
            count, again_s = spared, WINDOW_S
        count = max(0, min(count, AT_ONCE))
        self._promised, self._promised_until_s = count, self.people.time() + PROMISE_S
        return Ready(count) if count else Ready(0, again_s)

    def surplus(self) -> frozenset[str]:
        lines = self.people.lines
        staff = self._staff()
        dialled = lines.of(Phase.DIALLED)
        count = len(dialled) if staff.there == 0 else self._too_many(staff)
        if not count:
            return frozenset()
        # Who has waited longest for an answer keeps ringing.
        newest = islice(reversed(list(dialled)), count)
        return frozenset(line.attempt_id for line in newest if self._fair(line))

    def watch(self, changed: Callable[[], None]) -> None:
        self._changed.append(changed)

    def close(self) -> None:
        self.people.floor.leave(self)
        self.people.agents.forget(self._staff_changed)

    @property
    def promised(self) -> int:
        """Calls that were allowed a moment ago and may not be there yet."""
        return self._promised if self.people.time() < self._promised_until_s else 0

    @property
    def lines_and_promises(self) -> int:
        lines = self.people.lines
        return lines.in_flight(len(lines.live)) + self.promised

    @abstractmethod
    def _open(self, staff: Staff, calls: int, spared: int) -> int:
        """How many calls may begin when the cap leaves room; `spared`: free agents for whom no line is there."""

    @abstractmethod
    def _too_many(self, staff: Staff) -> int:
        """How many of the calls that aren't answered are more than these people can serve."""

    def _judge(self, staff: Staff) -> Stance:
        if staff.there == 0:
            return Stance.NOBODY
        tally = self.people.lines.tally
        if tally.over:
            return Stance.OVER_CAP if tally.exceeds else Stance.UNPROVEN
        return Stance.OPEN

    def _stand(self, stance: Stance, staff: Staff) -> None:
        if stance is self.stance:
            return
        self.stance = stance
        tally = self.people.lines.tally
        told = PaceChanged(
            stance=stance,
            there=staff.there,
            needed=tally.needed,
            abandoned=tally.abandoned,
            upper=round(tally.upper * 100, 2),
            at_most=self.people.spec.abandoned.at_most,
        )
        numbers = {"needed": told.needed, "abandoned": told.abandoned, "upper_percent": told.upper}
        log.info("pace_changed", extra={"stance": stance.value, "people": told.there, **numbers})
        self.people.bus.publish(told)

    def _fair(self, line: Line) -> bool:
        return line.ringing_since_s is None or self.people.time() - line.ringing_since_s >= FAIR_RING_S

    def _rivals(self) -> list[ByPeople]:
        return self.people.floor.rivals(self)

    def _staff(self) -> Staff:
        return self.people.agents.staff(self.people.queues)

    def _staff_changed(self) -> None:
        self.people.lines.staffed(self._staff())
        for changed in self._changed:
            changed()


class Power(ByPeople):
    """`lines_per_agent` lines for each free agent."""

    def _open(self, staff: Staff, calls: int, spared: int) -> int:
        taken = staff.free - spared
        return int(self.people.spec.lines * staff.free) - taken

    def _too_many(self, staff: Staff) -> int:
        lines = self.people.lines
        return max(0, lines.in_flight(len(lines.live)) - int(self.people.spec.lines * staff.there))


class Predictive(ByPeople):
    """As many lines as keep the expected share of abandoned callees within what the cap leaves."""

    def __init__(self, people: People) -> None:
        super().__init__(people)
        self._surplus = 0
        self._most = 0  # calls, counted from the first one on, that the last look ahead allows to begin
        self._looked_at_s = -math.inf
        self._there = self._staff().there
        self._left_at_s = -math.inf  # when there were last fewer people than before

    def _judge(self, staff: Staff) -> Stance:
        stance = super()._judge(staff)
        if stance is Stance.OPEN and not self.people.lines.known:
            stance = Stance.LEARNING
        self.people.lines.tally.learning = stance is Stance.OPEN
        return stance

    def _open(self, staff: Staff, calls: int, spared: int) -> int:
        """Looks ahead, but not at every call's end: between two looks the last one's answer holds."""
        lines, now_s = self.people.lines, self.people.time()
        unplaced = max(0, calls - len(lines.live))
        begun = lines.placed + unplaced
        if now_s >= self._looked_at_s + LOOK_AGAIN_S:
            self._looked_at_s = now_s
            self._most = begun + self._look(staff, calls, unplaced)
        return max(spared, self._most - begun)

    def _look(self, staff: Staff, calls: int, unplaced: int) -> int:
        lines, now_s = self.people.lines, self.people.time()
        self._left_at_s = now_s if staff.there < self._there else self._left_at_s
        self._there = staff.there
        rivals = self._rivals()
        in_flight = lines.in_flight(calls) + sum(other.lines_and_promises for other in rivals)
        most = min(AT_ONCE, int(self.people.spec.lines * staff.there) - in_flight)
        theirs = [(other.people.lines, other.promised) for other in rivals]
        outlook = outlook_of(lines, theirs, staff, unplaced, self.people.spec.abandoned.within_s)
        bound = Bound(lines.tally.aim(), lines.tally.slack, RISK)
        relief = Bound(RELIEF if now_s < self._left_at_s + RELIEF_S else 1.0)  # 1: whatever is lost
        verdict = judge(outlook, bound, most, relief, len(lines.of(Phase.DIALLED)))
        self._surplus = verdict.surplus
        return verdict.more

    def _too_many(self, staff: Staff) -> int:
        """As the last look found; once, since those who go aren't there any more."""
        del staff
        count, self._surplus = self._surplus, 0
        return count
