"""A simulated day of a campaign that ends at people: callees, a robot that talks first, agents, and one pacer.

Every event is told on a real `Bus` as a run tells it, so the pacers are those that dial; only the dialer, the
calls and the flow are simulated, on a clock of their own (seeded: the same day every time)."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.simulated_agents import SimulatedAgents
from ivr.dialer.pacer import Pacer
from ivr.pacing.lines import Lines
from ivr.pacing.people import People, Power, Predictive
from ivr.pacing.schema import PaceSpec
from ivr.pacing.tally import Tally
from ivr.ports import Agent
from ivr.session.machine import CallState
from ivr.session.progress import Abandoned, AgentCalled, Bus, CallOver, CallPlaced, StateChanged
from ivr.session.record import CallRecord

HOUR_S = 3600.0
AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # events carry a date; nothing here reads it
QUEUE = "sales"


def steady(rate: float) -> Callable[[float], float]:
    return lambda _now_s: rate


def jumping(low: float, high: float, every_s: float) -> Callable[[float], float]:
    """Low first, then high, and so on."""
    return lambda now_s: high if int(now_s / every_s) % 2 else low


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the world does. Times are lognormal with this mean and the sigma below."""

    agents: int = 10
    hours: float = 8.0
    answer_rate: Callable[[float], float] = field(default_factory=lambda: steady(0.3))
    answer_s: float = 9.0  # from dialling to the answer
    ring_timeout_s: float = 40.0
    busy: float = 0.25  # of the calls that aren't answered: they end within seconds
    robot_s: float = 12.0
    wants_person: float = 0.6  # of those who answer
    talk_s: float = 110.0
    wrap_up_s: float = 20.0
    within_s: float = 2.0  # who needs a person waits so long before they are abandoned
    sigma: float = 0.5
    shifts: tuple[tuple[float, int], ...] = ()  # (from when, how many agents are there)
    seed: int = 1


@dataclass(slots=True)
class Seen:
    """What came of it."""

    placed: int = 0
    answered: int = 0
    needed: int = 0
    abandoned: int = 0
    given_up: int = 0  # hung up before the answer
    without_people: int = 0  # placed while nobody was there
    most_over: int = 0  # lines beyond free agents, the most at any moment
    there_s: float = 0.0
    busy_s: float = 0.0
    tracked: list[tuple[float, int, int]] = field(default_factory=list)  # (when, needed, abandoned), each minute

    @property
    def utilisation(self) -> float:
        return self.busy_s / self.there_s if self.there_s else 0.0

    @property
    def abandoned_share(self) -> float:
        return self.abandoned / self.needed if self.needed else 0.0


class Timers:
    """The simulation's clock: jumps from timer to timer."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self._now_s

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> None:
        heapq.heappush(self._heap, (when, next(self._numbers), callback, args))

    def run(self, until_s: float) -> None:
        while self._heap and self._heap[0][0] <= until_s:
            self._now_s, _, callback, args = heapq.heappop(self._heap)
            callback(*args)
        self._now_s = until_s


def paced(world: World, spec: PaceSpec) -> Power | Predictive:
    """The pacer that a campaign with this pace has, in that world."""
    lines = Lines(world.timers.time, Tally(spec.abandoned))
    world.bus.subscribe(lines.observe)
    people = People(
        spec=spec,
        queues=(QUEUE,),
        agents=world.agents,
        lines=lines,
        bus=world.bus,
        time=world.timers.time,
    )
    return Predictive(people) if spec.mode == "predictive" else Power(people)


class World:
    """One day. `run` gives what was seen with a pacer that may observe `bus` and `agents`."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.timers = Timers()
        self.bus = Bus()
        self.seen = Seen()
        self._random = random.Random(day.seed)
        self.agents = SimulatedAgents(self.timers, lambda: self._drawn_s(day.wrap_up_s))
        self._all = [Agent(str(1000 + number), str(1000 + number)) for number in range(day.agents)]
        self._pacer: Pacer
        self._calls: dict[str, CallState] = {}
        self._waiting: list[str] = []  # callees who need a person, in order
        self._numbers = itertools.count(1)
        self._asked_at_s = math.inf  # when the pacer wants to be asked again
        self._asking = False

    def run(self, pacer: Pacer) -> Seen:
        self._pacer = pacer
        pacer.watch(self._ask_soon)
        for from_s, there in self.day.shifts or ((0.0, self.day.agents),):
            self.timers.call_at(from_s, self._shift, there)
        self.agents.watch(self._serve)
        for minute in range(int(self.day.hours * 60)):
            self.timers.call_at(minute * 60.0, self._track)
        self.timers.run(self.day.hours * HOUR_S)
        self.agents.count()
        self.seen.there_s, self.seen.busy_s = self.agents.there_s, self.agents.busy_s
        return self.seen

    @property
    def callees_waiting(self) -> int:
        return len(self._waiting)

    # ---- the dialer ---------------------------------------------------------------------------------------------

    def _ask_soon(self) -> None:
        """Once, after everything of this moment."""
        if not self._asking:
            self._asking = True
            self.timers.call_at(self.timers.time(), self._ask)

    def _ask(self) -> None:
        self._asking = False
        self._asked_at_s = math.inf
        for attempt_id in self._pacer.surplus():
            if self._calls.get(attempt_id) in (CallState.DIALING, CallState.RINGING):
                self.seen.given_up += 1
                self._end(attempt_id)
        ready = self._pacer.ready(len(self._calls))
        for _ in range(ready.calls):
            self._place()
        if ready.calls:
            self._ask_soon()
        elif ready.again_in_s is not None:
            self._asked_at_s = self.timers.time() + ready.again_in_s
            self.timers.call_at(self._asked_at_s, self._ask_if, self._asked_at_s)

    def _ask_if(self, wanted_s: float) -> None:
        if wanted_s == self._asked_at_s:
            self._ask_soon()

    # ---- calls --------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        attempt_id = f"call {next(self._numbers)}"
        now_s, draw = self.timers.time(), self._random
        self.seen.placed += 1
        self.seen.without_people += self.agents.staff((QUEUE,)).there == 0
        self._calls[attempt_id] = CallState.DIALING
        self.bus.publish(CallPlaced(attempt_id, "+8613800000000", 1, AT))
        self._watch_lines()
        self.timers.call_at(now_s + draw.uniform(1.0, 3.0), self._move, attempt_id, CallState.RINGING)
        if draw.random() < self.day.answer_rate(now_s):
            answer_s = min(self.day.ring_timeout_s - 1, 2.0 + self._drawn_s(self.day.answer_s - 2.0))
            self.timers.call_at(now_s + answer_s, self._answer, attempt_id)
        elif draw.random() < self.day.busy:
            self.timers.call_at(now_s + draw.uniform(2.0, 6.0), self._end, attempt_id)
        else:
            self.timers.call_at(now_s + self.day.ring_timeout_s, self._end, attempt_id)

    def _move(self, attempt_id: str, state: CallState) -> None:
        if attempt_id in self._calls and (
            state is not CallState.RINGING or self._calls[attempt_id] is CallState.DIALING
        ):
            self._calls[attempt_id] = state
            self.bus.publish(StateChanged(attempt_id, state, AT))

    def _answer(self, attempt_id: str) -> None:
        if attempt_id not in self._calls:
            return
        self.seen.answered += 1
        self._move(attempt_id, CallState.TALKING)
        then = self._need if self._random.random() < self.day.wants_person else self._end
        self.timers.call_at(self.timers.time() + self._drawn_s(self.day.robot_s), then, attempt_id)

    def _need(self, attempt_id: str) -> None:
        self._move(attempt_id, CallState.TRANSFERRING)
        self.seen.needed += 1
        self._waiting.append(attempt_id)
        self.timers.call_at(self.timers.time() + self.day.within_s, self._abandon, attempt_id)
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self.agents.staff((QUEUE,)).free:
            attempt_id = self._waiting.pop(0)
            agent = self.agents.take()
            assert agent is not None
            self.bus.publish(AgentCalled(attempt_id, f"{attempt_id}/1", agent.number, agent.phone, AT))
            self._move(attempt_id, CallState.BRIDGED)
            self.timers.call_at(
                self.timers.time() + self._drawn_s(self.day.talk_s), self._talked, attempt_id, agent
            )

    def _talked(self, attempt_id: str, agent: Agent) -> None:
        self.agents.give_back(agent, talked=True)
        self._end(attempt_id)

    def _abandon(self, attempt_id: str) -> None:
        if attempt_id in self._waiting:
            self._waiting.remove(attempt_id)
            self.seen.abandoned += 1
            self.bus.publish(Abandoned(attempt_id, AT))
            self._end(attempt_id)

    def _end(self, attempt_id: str) -> None:
        if self._calls.pop(attempt_id, None) is not None:
            self.bus.publish(StateChanged(attempt_id, CallState.ENDED, AT))
            self.bus.publish(CallOver(attempt_id, CallRecord(attempt_id, "+8613800000000", AT), None))
            self._ask_soon()

    # ---- the rest -----------------------------------------------------------------------------------------------

    def _shift(self, there: int) -> None:
        for number, agent in enumerate(self._all):
            if number < there:
                self.agents.sign_in(agent)
            else:
                self.agents.sign_out(agent.number)
        self._ask_soon()

    def _track(self) -> None:
        self.seen.tracked.append((self.timers.time(), self.seen.needed, self.seen.abandoned))

    def _watch_lines(self) -> None:
        before = (CallState.DIALING, CallState.RINGING, CallState.TALKING, CallState.TRANSFERRING)
        lines = sum(state in before for state in self._calls.values())
        self.seen.most_over = max(self.seen.most_over, lines - self.agents.staff((QUEUE,)).free)

    def _drawn_s(self, mean_s: float) -> float:
        sigma = self.day.sigma
        return self._random.lognormvariate(math.log(mean_s) - sigma * sigma / 2, sigma)
