"""One simulated day of a campaign that ends at people: callees, agents, and one pacer.

Every event is told on a real `Bus` as a run tells it, so the pacers are those that dial; only the dialer, the
calls and the flow are simulated, on a clock of their own. A callee is abandoned when they need a person and none
is there within `Day.within_s`: two seconds after the callee's completed greeting, as the Telemarketing Sales Rule
says it (16 CFR 310.4(b)(1)(iv)). Whoever hangs up sooner isn't."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bench.pacing.agents import SimulatedAgents
from bench.pacing.day import HOUR_S, Callee, Callees, Day
from ivr.dialer.pacer import Pacer
from ivr.pacing.lines import Lines
from ivr.pacing.people import People, Power, Predictive
from ivr.pacing.schema import PaceSpec
from ivr.pacing.tally import Tally
from ivr.ports import Agent
from ivr.session.progress import Abandoned, AgentCalled, Bus, CallOver, CallPlaced, StateChanged
from ivr.session.record import CallRecord
from ivr.session.states import CallState

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # events carry a date; nothing here reads it
PHONE = "+8613800000000"
QUEUE = "sales"
RECORD = CallRecord("", PHONE, AT)  # nothing here reads it, either


class End(StrEnum):
    """How a call ends: each in exactly one way."""

    NOT_ANSWERED = "not_answered"
    GIVEN_UP = "given_up"  # hung up by us before the answer
    WANTED_NOBODY = "wanted_nobody"
    LEFT = "left"  # hung up while waiting, within `Day.within_s`
    ABANDONED = "abandoned"
    TALKED = "talked"


@dataclass(slots=True)
class Seen:
    """What came of it. Calls are followed to their end; people's time is that of the day."""

    placed: int = 0
    answered: int = 0
    ends: Counter[End] = field(default_factory=Counter)
    without_people: int = 0  # placed while nobody was there
    most_over: int = 0  # lines beyond free agents, the most at any moment
    there_s: float = 0.0
    busy_s: float = 0.0
    talk_s: float = 0.0

    @property
    def abandoned(self) -> int:
        return self.ends[End.ABANDONED]

    @property
    def needed(self) -> int:
        """Who got a person, or was abandoned: what the share is of."""
        return self.ends[End.ABANDONED] + self.ends[End.TALKED]

    @property
    def given_up(self) -> int:
        return self.ends[End.GIVEN_UP]

    @property
    def utilisation(self) -> float:
        """Of people's time: with callees or wrapping up."""
        return self.busy_s / self.there_s if self.there_s else 0.0

    @property
    def talk_share(self) -> float:
        """Of people's time: with callees."""
        return self.talk_s / self.there_s if self.there_s else 0.0

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

    def run(self) -> None:
        """Until there is none left."""
        heap = self._heap
        while heap:
            self._now_s, _, callback, args = heapq.heappop(heap)
            callback(*args)


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


@dataclass(slots=True)
class _Live:
    """A call that is on."""

    id: str
    callee: Callee
    state: CallState = CallState.DIALING


class World:
    """One day. `run` gives what was seen with a pacer that may observe `bus` and `agents`."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.timers = Timers()
        self.bus = Bus()
        self.seen = Seen()
        self.agents = SimulatedAgents(self.timers)
        self.ends_s = day.hours * HOUR_S
        self._callees = Callees(day)
        self._all = [Agent(str(1000 + number), str(1000 + number)) for number in range(day.agents)]
        self._there = 0
        self._pacer: Pacer
        self._calls: dict[str, _Live] = {}
        self._waiting: dict[str, _Live] = {}  # callees who need a person, in order
        self._with_people = 0
        self._asked_at_s = math.inf  # when the pacer wants to be asked again
        self._asking = False

    def run(self, pacer: Pacer) -> Seen:
        self._pacer = pacer
        pacer.watch(self._ask_soon)
        for from_s, there in self.day.shifts or ((0.0, self.day.agents),):
            self.timers.call_at(from_s, self._shift, there)
        self.agents.watch(self._serve)
        self.timers.call_at(self.ends_s, self._close)
        self.timers.run()
        return self.seen

    @property
    def callees_waiting(self) -> int:
        return len(self._waiting)

    @property
    def calls(self) -> int:
        """All that are on, those with a person included."""
        return len(self._calls)

    @property
    def is_open(self) -> bool:
        return self.timers.time() < self.ends_s

    # ---- the dialer ---------------------------------------------------------------------------------------------

    def _ask_soon(self) -> None:
        """Once, after everything of this moment."""
        if not self._asking and self.is_open:
            self._asking = True
            self.timers.call_at(self.timers.time(), self._ask)

    def _ask(self) -> None:
        self._asking = False
        self._asked_at_s = math.inf
        for attempt_id in self._pacer.surplus():
            live = self._calls.get(attempt_id)
            if live is not None and live.state in (CallState.DIALING, CallState.RINGING):
                self._end(live, End.GIVEN_UP)
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
        callee, now_s, at = self._callees[self.seen.placed], self.timers.time(), self.timers.call_at
        self.seen.placed += 1
        live = _Live(f"call {self.seen.placed}", callee)
        self.seen.without_people += self._there == 0
        self._calls[live.id] = live
        self.bus.publish(CallPlaced(live.id, PHONE, 1, AT))
        over = len(self._calls) - self._with_people - self.agents.free_now
        self.seen.most_over = max(self.seen.most_over, over)
        at(now_s + callee.ring_s, self._ring, live)
        if callee.answers < self.day.answer_rate(now_s):
            at(now_s + callee.answer_s, self._answer, live)
        else:
            at(now_s + callee.fails_s, self._fail, live)

    def _move(self, live: _Live, state: CallState) -> None:
        live.state = state
        self.bus.publish(StateChanged(live.id, state, AT))

    def _ring(self, live: _Live) -> None:
        if live.state is CallState.DIALING:
            self._move(live, CallState.RINGING)

    def _fail(self, live: _Live) -> None:
        if live.state in (CallState.DIALING, CallState.RINGING):
            self._end(live, End.NOT_ANSWERED)

    def _answer(self, live: _Live) -> None:
        if live.state not in (CallState.DIALING, CallState.RINGING):
            return
        self.seen.answered += 1
        self._move(live, CallState.TALKING)
        now_s, callee = self.timers.time(), live.callee
        if callee.wants_person:
            self.timers.call_at(now_s + callee.robot_s, self._need, live)
        else:
            self.timers.call_at(now_s + callee.robot_s, self._end, live, End.WANTED_NOBODY)

    def _need(self, live: _Live) -> None:
        self._move(live, CallState.TRANSFERRING)
        self._waiting[live.id] = live
        self._serve()
        if live.id in self._waiting:
            leaves = live.callee.patience_s < self.day.within_s
            waits_s = live.callee.patience_s if leaves else self.day.within_s
            self.timers.call_at(self.timers.time() + waits_s, self._wait_ended, live, leaves)

    def _serve(self) -> None:
        while self._waiting and self.agents.free_now:
            live = self._waiting.pop(next(iter(self._waiting)))
            agent = self.agents.take()
            self._with_people += 1
            self.bus.publish(AgentCalled(live.id, f"{live.id}/1", agent.number, agent.phone, AT))
            self._move(live, CallState.BRIDGED)
            self.timers.call_at(self.timers.time() + live.callee.talk_s, self._talked, live, agent)

    def _talked(self, live: _Live, agent: Agent) -> None:
        self._with_people -= 1
        self.agents.give_back(agent, live.callee.wrap_up_s)
        self._end(live, End.TALKED)

    def _wait_ended(self, live: _Live, leaves: bool) -> None:
        if self._waiting.pop(live.id, None) is None:
            return
        if not leaves:
            self.bus.publish(Abandoned(live.id, AT))
        self._end(live, End.LEFT if leaves else End.ABANDONED)

    def _end(self, live: _Live, how: End) -> None:
        del self._calls[live.id]
        self.seen.ends[how] += 1
        self._move(live, CallState.ENDED)
        self.bus.publish(CallOver(live.id, RECORD, None))
        self._ask_soon()

    # ---- the rest -----------------------------------------------------------------------------------------------

    def _shift(self, there: int) -> None:
        for agent in self._all[self._there : there]:
            self.agents.sign_in(agent)
        for agent in self._all[there : self._there]:
            self.agents.sign_out(agent.number)
        self._there = there
        self._ask_soon()

    def _close(self) -> None:
        """Nobody is called any more; who is there stays for the calls that are on."""
        self.agents.count()
        self.seen.there_s, self.seen.busy_s = self.agents.there_s, self.agents.busy_s
        self.seen.talk_s = self.agents.talk_s
