"""Each thing that must always be true, led to the moment in which it binds: leased while it allowed a call, placed
after it has come to forbid it, asked again when it allows calls anew. The same account is kept as of random steps
(`test_always`), which seldom come to such a moment by themselves; each bound that is taken out of the code fails
here, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ivr.model import CampaignState
from tests.integration.always.parts import Plan
from tests.integration.always.world import World
from trunk.ports import DialOutcome

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

MOST_CUTS = 16  # statements of one piece of work; far more than any has
UNBOUND = Plan("marketing", 8, 20, None, None, None, None, None, None)
OPENS_AFTER = timedelta(hours=13)  # from the window's end to its next beginning, and an hour more


def plan(**bounds: Any) -> Plan:
    """A campaign that calls from 8 to 20 o'clock and is bound by nothing else but these."""
    return replace(UNBOUND, **bounds)


@contextmanager
def world_of(url: str, *plans: Plan, phones: int = 2) -> Iterator[World]:
    """It goes on until every contact has its reason."""
    world = World(url, list(plans), phones)
    try:
        yield world
        world.wind_up()
    finally:
        world.close()


def hand_in(world: World, outcome: DialOutcome, *, minutes: int = 0) -> int:
    """All that can be leased is placed so much later, and these calls end like this; how many there were."""
    world.lease_all()
    world.now += timedelta(minutes=minutes)
    before = len(world.history)
    world.place_all()
    end_all(world, outcome)
    return len(world.history) - before


def end_all(world: World, outcome: DialOutcome) -> None:
    for worker in world.workers:
        while worker.calls:
            world.finish(worker, 0, outcome, rang=outcome is not DialOutcome.CONGESTION)


@pytest.mark.parametrize(
    ("bounds", "waits"),
    [
        # Between calls that don't count and calls that do, and far enough that the limit allows them again.
        ({"per_5_minutes": 1}, [2, 2, 3, 16, 3, 61, 3]),
        ({"per_day": 2}, [2, 61, 181, 1440, 181, 61]),
        ({"per_30_days": 2}, [2, 61, 181, 1440, 1440, 43_200, 181]),
    ],
)
def test_calls_within_a_limit(database_url: str, bounds: dict[str, int], waits: list[int]) -> None:
    with world_of(database_url, plan(**bounds), plan(**bounds)) as world:
        placed = hand_in(world, DialOutcome.NO_ANSWER)
        for wait in waits:
            placed += hand_in(world, DialOutcome.NO_ANSWER, minutes=wait)
            placed += hand_in(world, DialOutcome.BUSY, minutes=1)
        assert placed >= 4, "each number is called in each campaign, or twice in one"


@pytest.mark.parametrize("first", [DialOutcome.ANSWERED, DialOutcome.NO_ANSWER])
def test_one_contact_a_month(database_url: str, first: DialOutcome) -> None:
    """Also with both leased at once, and with retries of the one campaign between calls of the other."""
    with world_of(database_url, plan(per_month=1), plan(per_month=1)) as world:
        hand_in(world, first)
        for wait in (2, 61, 181, 1440, 1440):
            hand_in(world, DialOutcome.ANSWERED, minutes=wait)
        assert {call.campaign for call in world.history} == {1}
        world.now += timedelta(days=31)
        hand_in(world, DialOutcome.ANSWERED)
    assert {call.campaign for call in world.history} == {1, 2}, "a month of its own is the other campaign's"


def test_a_call_that_nobody_knows_the_end_of_uses_up_the_month(database_url: str) -> None:
    with world_of(database_url, plan(per_month=1), plan(per_month=1)) as world:
        world.lease_all()
        world.place_all()
        for worker in tuple(world.workers):
            world.bury(worker)
        for wait in (2, 61, 181):
            assert hand_in(world, DialOutcome.ANSWERED, minutes=wait) == 0


def test_the_window(database_url: str) -> None:
    with world_of(database_url, plan()) as world:
        world.now = world.now.replace(hour=19, minute=59)
        assert hand_in(world, DialOutcome.NO_ANSWER, minutes=2) == 0, "it has closed meanwhile"
        assert hand_in(world, DialOutcome.NO_ANSWER) == 0
        world.now += OPENS_AFTER
        assert hand_in(world, DialOutcome.BUSY) == 2


def test_the_campaigns_end(database_url: str) -> None:
    with world_of(database_url, plan(days=2)) as world:
        assert hand_in(world, DialOutcome.BUSY) == 2
        world.now += timedelta(days=2, minutes=-1)
        assert hand_in(world, DialOutcome.BUSY, minutes=2) == 0, "it has come meanwhile"
        assert hand_in(world, DialOutcome.BUSY) == 0, "and nobody has looked after campaigns yet"


def test_fewer_attempts_than_were_planned(database_url: str) -> None:
    """The strategy plans no call that the policy forbids: here the policy changes while the next call waits."""
    with world_of(database_url, plan()) as world:
        assert hand_in(world, DialOutcome.BUSY) == 2
        world.allow_attempts(1, 1)
        assert hand_in(world, DialOutcome.BUSY, minutes=16) == 0
        assert hand_in(world, DialOutcome.BUSY, minutes=16) == 0


@pytest.mark.parametrize("what", ["opt-out", "opt-out of all", "pause", "stop"])
def test_what_somebody_does_between_the_lease_and_the_call(database_url: str, what: str) -> None:
    with world_of(database_url, plan(), phones=2) as world:
        world.lease_all()
        match what:
            case "opt-out":
                world.opt_out(world.phones[0], "marketing")
                world.opt_out(world.phones[1], "service")  # another purpose
            case "opt-out of all":
                world.opt_out(world.phones[0], "*")
            case "pause":
                world.switch(1, CampaignState.PAUSED)
            case "stop":
                world.stop()
        world.place_all()
        end_all(world, DialOutcome.NO_ANSWER)
        called = {call.phone for call in world.history}
        assert called == (set(world.phones[1:]) if what.startswith("opt-out") else set())
        for wait in (61, 1440):
            hand_in(world, DialOutcome.NO_ANSWER, minutes=wait)
        if what == "stop":
            world.lift()
        if what == "pause":
            world.switch(1, CampaignState.RUNNING)
        if not what.startswith("opt-out"):
            assert hand_in(world, DialOutcome.NO_ANSWER) == 2


def test_whoever_was_declared_dead_places_nothing_that_another_has_leased(database_url: str) -> None:
    with world_of(database_url, plan()) as world:
        slow, other = world.workers
        world.lease(slow, 1, 2)
        world.place(slow, 0)  # this one's end nobody will know
        world.bury(slow)
        world.lease(other, 1, 2)
        assert len(other.leases) == 1, "what was only leased is another's now, what was dialled nobody's"
        assert not world.place(slow, 0)
        assert world.place(other, 0)
        while slow.calls:
            world.finish(slow, 0, DialOutcome.ANSWERED, rang=True)
        end_all(world, DialOutcome.BUSY)
        for wait in (16, 181, 1440):
            hand_in(world, DialOutcome.BUSY, minutes=wait)


def test_nothing_is_left_over_wherever_the_connection_is_cut(database_url: str) -> None:
    """Before each statement in turn; and after the commit, whose answer never came."""
    free = plan(per_month=1, per_day=4)
    with world_of(database_url, free, replace(free, purpose="service"), phones=3) as world:
        worker = world.workers[0]
        for cut in (None, *range(MOST_CUTS)):
            campaign = 1 + (cut or 0) % 2
            world.cut_after(cut)
            world.lease(worker, campaign, 2, answer_lost=cut is None)
            world.check_rows()
            world.lease(worker, campaign, 2)
            world.cut_after(cut)
            if worker.leases:
                world.place(worker, 0, answer_lost=cut is None)
            world.check_rows()
            while worker.leases:
                world.place(worker, 0)
            tells = 0
            while worker.calls:  # its end is told until it is written, and each time cut a little later
                world.cut_after(None if cut is None else cut + tells)
                world.finish(worker, 0, DialOutcome.CONGESTION, rang=False)
                tells += 1
            world.now += timedelta(minutes=31)
            world.check_rows()
