"""A trunk that fails, rests, is tried, and comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunk.routing.breaker import Breaker, Reason, Service, ServiceChange
from trunk.routing.rules import BreakerRules

pytestmark = pytest.mark.unit

RULES = BreakerRules(failures=3, within_s=10.0, rest_s=30.0)


class Bench:
    """A breaker with its own time, and what it said."""

    def __init__(self, rules: BreakerRules = RULES, *, linked: bool = True) -> None:
        self.told: list[ServiceChange] = []
        self.now_s = 0.0
        self.breaker = Breaker(rules, linked=linked, told=self.told.append)

    @property
    def state(self) -> Service:
        return self.breaker.state

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.breaker.may_begin(self.now_s)
            self.breaker.bad(self.breaker.began(), self.now_s)

    def succeed(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.breaker.may_begin(self.now_s)
            self.breaker.good(self.breaker.began(), self.now_s)

    def rest(self) -> float:
        """Wait until a call may begin; how long that was."""
        wait_s = self.breaker.again_in_s(self.now_s)
        assert wait_s is not None
        assert not self.breaker.may_begin(self.now_s + wait_s - 0.001)
        self.now_s += wait_s
        assert self.breaker.may_begin(self.now_s)
        return wait_s


def test_so_many_failures_in_so_many_seconds_take_it_out() -> None:
    bench = Bench()
    bench.fail(2)
    bench.now_s = 10.0  # the first two are too old now
    bench.fail(2)
    assert bench.told == []
    bench.now_s = 19.0
    bench.fail()
    assert bench.state is Service.OUT
    assert not bench.breaker.may_begin(bench.now_s)
    assert bench.told == [ServiceChange(Service.OUT, Reason.FAILURES, 30.0)]


def test_good_answers_make_up_for_failures_but_not_for_most_calls_failing() -> None:
    """At 5 calls a second even one refusal in sixty would be five a minute."""
    bench = Bench()
    for _ in range(50):
        bench.fail()
        bench.succeed()
    assert bench.told == []
    bench.fail(2)
    bench.succeed()
    bench.fail()
    assert bench.told == []
    bench.fail()
    assert bench.state is Service.OUT


def test_good_calls_alone_never_take_it_out() -> None:
    bench = Bench()
    bench.succeed(100)
    assert bench.told == []


def test_after_its_rest_one_call_at_a_time_tries_it_until_several_went_well() -> None:
    bench = Bench()
    bench.fail(3)
    bench.rest()
    for _ in range(RULES.good_answers):
        assert bench.state is Service.TRIAL
        ticket = bench.breaker.began()
        assert not bench.breaker.may_begin(bench.now_s)  # while that one has shown nothing
        bench.breaker.good(ticket, bench.now_s)
    assert bench.state is Service.IN
    assert [change.reason for change in bench.told] == [Reason.FAILURES, Reason.RESTED, Reason.PROVEN]


def test_a_trial_call_that_shows_nothing_makes_room_for_the_next() -> None:
    bench = Bench()
    bench.fail(3)
    bench.rest()
    bench.breaker.no_verdict(bench.breaker.began())
    assert bench.breaker.may_begin(bench.now_s)
    assert bench.state is Service.TRIAL


def test_each_failed_trial_doubles_the_rest_up_to_a_bound() -> None:
    bench = Bench()
    bench.fail(3)
    rests = [bench.rest()]
    for _ in range(8):
        bench.fail()
        rests.append(bench.rest())
    assert rests == [30, 60, 120, 240, 480, 600, 600, 600, 600]


def test_a_relapse_soon_after_the_return_counts_and_a_late_one_begins_anew() -> None:
    bench = Bench()
    for expected in (30.0, 60.0):
        bench.fail(3)
        assert bench.rest() == expected
        bench.succeed(RULES.good_answers)
        bench.now_s += 60.0
    bench.now_s += RULES.calm * RULES.rest_s
    bench.fail(3)
    assert bench.rest() == 30.0


def test_calls_from_before_the_change_say_nothing_of_now() -> None:
    bench = Bench()
    old = [bench.breaker.began() for _ in range(20)]
    bench.fail(3)
    bench.rest()
    for ticket in old[:10]:
        bench.breaker.good(ticket, bench.now_s)
    assert bench.state is Service.TRIAL
    for ticket in old[10:]:
        bench.breaker.bad(ticket, bench.now_s)
    assert bench.state is Service.TRIAL


def test_a_lost_link_takes_it_out_at_once_and_its_return_begins_the_trial_without_a_rest() -> None:
    bench = Bench()
    bench.breaker.link(1.0, up=False)
    assert not bench.breaker.may_begin(1000.0)
    assert bench.breaker.again_in_s(1000.0) is None  # time alone doesn't help
    bench.breaker.link(1000.0, up=True)
    assert bench.breaker.may_begin(1000.0)
    assert [change.reason for change in bench.told] == [Reason.UNLINKED, Reason.LINKED]
    bench.now_s = 1000.0
    bench.succeed(RULES.good_answers)
    assert bench.state is Service.IN


def test_a_link_that_flaps_doesnt_cut_a_rest_short() -> None:
    bench = Bench()
    bench.fail(3)
    bench.breaker.link(1.0, up=False)
    bench.breaker.link(2.0, up=True)
    assert not bench.breaker.may_begin(29.0)
    assert bench.breaker.may_begin(30.0)


def test_a_trunk_that_is_away_from_the_beginning_is_tried_when_it_comes() -> None:
    bench = Bench(linked=False)
    assert not bench.breaker.may_begin(0.0)
    bench.breaker.link(5.0, up=True)
    assert bench.breaker.may_begin(5.0)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["begin", "good", "bad", "none", "down", "up"]), st.floats(0, 40)), max_size=150
)


@given(events=EVENTS)
def test_whatever_happens(events: list[tuple[str, float]]) -> None:
    """Out and without a link nothing begins; on trial one call is on at most; every change is told once."""
    bench = Bench()
    tickets = []
    linked = True
    for event, later_s in events:
        bench.now_s += later_s
        before = len(bench.told)
        state = bench.state
        match event:
            case "begin" if bench.breaker.may_begin(bench.now_s):
                assert linked
                tickets.append(bench.breaker.began())
                if bench.state is Service.TRIAL:
                    assert not bench.breaker.may_begin(bench.now_s)
            case "good" if tickets:
                bench.breaker.good(tickets.pop(), bench.now_s)
            case "bad" if tickets:
                bench.breaker.bad(tickets.pop(), bench.now_s)
            case "none" if tickets:
                bench.breaker.no_verdict(tickets.pop())
            case "down" | "up":
                linked = event == "up"
                bench.breaker.link(bench.now_s, up=linked)
        if bench.state is not state:
            assert len(bench.told) > before
        if not linked:
            assert bench.state is Service.OUT
        for change in bench.told:
            assert change.rest_s is None or change.rest_s <= RULES.rest_s * RULES.longest_rest
    # Whatever happened, it comes back when the network is well again.
    bench.breaker.link(bench.now_s, up=True)
    while tickets:
        bench.breaker.no_verdict(tickets.pop())
    for _ in range(RULES.good_answers):
        bench.now_s += bench.breaker.again_in_s(bench.now_s) or 0.0
        bench.succeed()
    assert bench.state is Service.IN
