"""What must always be true, whatever happens in whatever order: random campaigns, policies and clocks; workers
that die, that are thought dead and aren't, whose connections are cut before any statement or after the commit;
events told twice. The same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ivr.model import CampaignState
from tests.integration.always.world import BEGIN, Plan, World
from trunk.ports import DialOutcome

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

OUTCOMES = [
    DialOutcome.ANSWERED,
    DialOutcome.BUSY,
    DialOutcome.NO_ANSWER,
    DialOutcome.REJECTED,
    DialOutcome.POWERED_OFF,
    DialOutcome.INVALID_NUMBER,
    DialOutcome.CONGESTION,
    DialOutcome.FAILED,
    DialOutcome.CANCELLED,
    DialOutcome.UNKNOWN,
]
RINGS = {DialOutcome.ANSWERED, DialOutcome.BUSY, DialOutcome.NO_ANSWER, DialOutcome.REJECTED}
FREE = dict.fromkeys(("per_5_minutes", "per_day", "per_30_days", "per_month", "attempts", "days"))
# Mostly one bound at a time, so that it is this one that binds; sometimes any of them together.
one_bound = st.sampled_from(sorted(FREE)).flatmap(
    lambda name: st.integers(1, 2 if name != "days" else 20).map(lambda most: {**FREE, name: most})
)
any_bounds = st.fixed_dictionaries({name: st.none() | st.integers(1, 4) for name in FREE})
plans = st.builds(
    lambda purpose, opens, hours, bounds: Plan(purpose, opens, min(23, opens + hours), **bounds),
    st.sampled_from(["service", "marketing", "survey"]),
    st.integers(6, 10),
    st.integers(5, 13),
    one_bound | one_bound | any_bounds,
)
INTERFERENCES = [
    "opt-out",
    "pause",
    "resume",
    "resume",
    "stop",
    "lift",
    "lift",
    "set back the clock",
    "look after campaigns",
]
cuts = st.none() | st.integers(0, 9)


class Machine(RuleBasedStateMachine):
    """Its steps are what may happen; `World` says what must hold."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @property
    def there(self) -> World:
        assert self.world is not None
        return self.world

    @initialize(drawn=st.lists(plans, min_size=2, max_size=4), phones=st.integers(2, 5), opted_out=st.booleans())
    def begin(self, drawn: list[Plan], phones: int, opted_out: bool) -> None:
        self.world = World(self.url, drawn, phones)
        if opted_out:  # after the lists were taken in
            self.world.opt_out(self.world.phones[0], "*")

    @rule(minutes=st.sampled_from([1, 4, 6, 61, 61, 150, 300, 721, 1440, 10_080, 44_640]))
    def time_passes(self, minutes: int) -> None:
        self.there.now += timedelta(minutes=minutes)

    @rule(who=st.integers(0, 1), campaign=st.integers(0, 3), count=st.integers(1, 3), cut=cuts)
    def lease(self, who: int, campaign: int, count: int, cut: int | None) -> None:
        world = self.there
        world.cut_after(cut)
        world.lease(world.workers[who], campaign % len(world.plans) + 1, count)

    @rule(count=st.integers(1, 4), outcome=st.none() | st.sampled_from(OUTCOMES))
    def everybody_works(self, count: int, outcome: DialOutcome | None) -> None:
        """Leases and places what it can; with an outcome, all these calls end with it."""
        world = self.there
        for worker in world.workers:
            for campaign in world.states:
                world.lease(worker, campaign, count)
            while worker.leases:
                world.place(worker, 0)
            while outcome is not None and worker.calls:
                world.finish(worker, 0, outcome, rang=outcome in RINGS)

    @precondition(lambda self: any(worker.leases for worker in self.there.workers))
    @rule(data=st.data(), cut=cuts, answer_lost=st.sampled_from([False, False, False, True]))
    def place(self, data: Any, cut: int | None, answer_lost: bool) -> None:
        world = self.there
        worker = data.draw(st.sampled_from([worker for worker in world.workers if worker.leases]))
        index = data.draw(st.integers(0, len(worker.leases) - 1))
        world.cut_after(cut)
        world.place(worker, index, answer_lost=answer_lost and cut is None)
        world.check_rows()

    @precondition(lambda self: any(worker.calls for worker in self.there.workers))
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES), cut=cuts)
    def finish(self, data: Any, outcome: DialOutcome, cut: int | None) -> None:
        world = self.there
        worker = data.draw(st.sampled_from([worker for worker in world.workers if worker.calls]))
        index = data.draw(st.integers(0, len(worker.calls) - 1))
        world.cut_after(cut)
        world.finish(worker, index, outcome, rang=outcome in RINGS)

    @rule(who=st.integers(0, 1), alive=st.booleans())
    def a_worker_is_thought_dead(self, who: int, alive: bool) -> None:
        world = self.there
        worker = world.workers[who]
        world.bury(worker)
        if alive:  # it was only slow: what it does now must change nothing
            while worker.leases:
                assert not world.place(worker, 0)
            while worker.calls:
                world.finish(worker, 0, DialOutcome.ANSWERED, rang=True)
        world.check_rows()

    @rule(what=st.sampled_from(INTERFERENCES), number=st.integers(0, 11))
    def somebody_interferes(self, what: str, number: int) -> None:
        world = self.there
        campaign = number % len(world.plans) + 1
        match what:
            case "opt-out":
                purpose = ("*", "marketing", "service")[number % 3]
                world.opt_out(world.phones[number % len(world.phones)], purpose)
            case "pause":
                world.switch(campaign, CampaignState.PAUSED)
            case "resume":
                world.switch(campaign, CampaignState.RUNNING)
            case "stop":
                world.stop()
            case "lift":
                world.lift()
            case "set back the clock":
                world.now = max(BEGIN, world.now - timedelta(minutes=7 * number))
            case "look after campaigns":
                world.keep()

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            self.world.wind_up()
        finally:
            self.world.close()


def test_always(database_url: str) -> None:
    few = 8 if database_url.startswith("postgresql") else 16  # its transactions take three times as long

    class Here(Machine):
        url = database_url

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=few,
            stateful_step_count=35,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
