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
from tests.integration.always.parts import BEGIN, Plan
from tests.integration.always.world import World
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


def drawn_plans(bound: str | None) -> st.SearchStrategy[Plan]:
    """Campaigns that are bound by one thing, so that it is this one that binds; None: by any of them together."""
    if bound is None:
        bounds = st.fixed_dictionaries({name: st.none() | st.integers(1, 4) for name in FREE})
    else:
        most = st.integers(1, 20) if bound == "days" else st.integers(1, 2)
        bounds = st.builds(lambda most: {**FREE, bound: most}, most)
    purposes = ["marketing", "survey"] if bound == "per_month" else ["service", "marketing", "survey"]
    return st.builds(
        lambda purpose, opens, hours, bounds: Plan(purpose, opens, min(23, opens + hours), **bounds),
        st.sampled_from(purposes),
        st.integers(6, 10),
        st.integers(5, 13),
        bounds,
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
    "allow fewer attempts",
]
cuts = st.none() | st.integers(0, 9)


class Machine(RuleBasedStateMachine):
    """Its steps are what may happen; `World` says what must hold."""

    url = ""
    bound: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @property
    def there(self) -> World:
        assert self.world is not None
        return self.world

    @initialize(data=st.data(), phones=st.integers(2, 5), opted_out=st.booleans())
    def begin(self, data: Any, phones: int, opted_out: bool) -> None:
        drawn = data.draw(st.lists(drawn_plans(self.bound), min_size=2, max_size=4))
        self.world = World(self.url, drawn, phones)
        if opted_out:  # after the lists were taken in
            self.world.opt_out(self.world.phones[0], "*")

    @rule(minutes=st.sampled_from([1, 4, 6, 61, 61, 150, 300, 721, 1440, 10_080, 44_640]), held=st.booleans())
    def time_passes(self, minutes: int, held: bool) -> None:
        """With leases in hand, that are placed only then: or with what is in hand anyway."""
        world = self.there
        if held:
            world.lease_all()
        world.now += timedelta(minutes=minutes)
        if held:
            world.place_all()

    @rule(
        who=st.integers(0, 1),
        campaign=st.integers(0, 3),
        count=st.integers(1, 3),
        cut=cuts,
        answer_lost=st.sampled_from([False, False, True]),
    )
    def lease(self, who: int, campaign: int, count: int, cut: int | None, answer_lost: bool) -> None:
        world = self.there
        world.cut_after(cut)
        campaign = campaign % len(world.plans) + 1
        world.lease(world.workers[who], campaign, count, answer_lost=answer_lost and cut is None)
        if cut is not None or answer_lost:
            world.check_rows()

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
        world.lease_all()
        if worker.leases:
            world.place(worker, 0)  # one call is on, others are about to be made
        world.bury(worker)
        if alive:  # it was only slow: what it does now must change nothing
            while worker.leases:
                assert not world.place(worker, 0)
            while worker.calls:
                world.finish(worker, 0, DialOutcome.ANSWERED, rang=True)
        world.check_rows()

    @rule(what=st.sampled_from(INTERFERENCES), number=st.integers(0, 11))
    def somebody_interferes(self, what: str, number: int) -> None:
        """While numbers are leased: they are placed afterwards, as far as they still may be."""
        world = self.there
        campaign = number % len(world.plans) + 1
        if what == "allow fewer attempts":
            self.everybody_works(4, DialOutcome.BUSY)  # who was tried waits for the next call
        world.lease_all()
        self._interfere(what, number, campaign)
        world.place_all()

    def _interfere(self, what: str, number: int, campaign: int) -> None:
        world = self.there
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
            case "allow fewer attempts":
                world.allow_attempts(campaign, 1)

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            self.world.wind_up()
        finally:
            self.world.close()


@pytest.mark.parametrize("bound", ["per_day", "per_month", None])  # one by one: test_each_bound
def test_always(database_url: str, bound: str | None) -> None:
    bound_by = bound

    class Here(Machine):
        url = database_url
        bound = bound_by

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=2,  # of each bound: the simplest, and one that goes everywhere
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
