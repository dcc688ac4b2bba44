"""The engine over several trunks, simulated, in virtual time: fail-over, pace, caller IDs, and a PBX that dies."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ivr.dialer.trunk_routes import (
    RoutingError,
    check_caller_ids,
)
from ivr.virtual_loop import VirtualLoop
from tests.integration.engine.trunks import CONGESTED, WELL, Ran, Several, ran_over, rules
from trunk.ports import Cause, DialOutcome
from trunk.routing.rules import BreakerRules, CallerIdRules

pytestmark = pytest.mark.integration


@pytest.fixture
def calls(bench: Any) -> Callable[..., Ran]:
    """`calls(contacts, trunks and callees, then, …)`: see `ran_over`."""
    return partial(ran_over, bench)


# ---- fail-over ------------------------------------------------------------------------------------------------


def test_what_one_trunk_refuses_another_one_takes_at_once_as_the_next_attempt(calls: Any) -> None:
    ran = calls(3, [(rules("first"), CONGESTED), (rules("second", priority=2), WELL)], concurrency=3)
    assert ran.results.summary.finished
    for attempts in (ran.of(phone) for phone in {attempt.phone for attempt in ran.results.attempts}):
        refused, talked = attempts
        assert (refused.number, refused.trunk, refused.outcome) == (1, "first", "congestion")
        assert (talked.number, talked.trunk, talked.outcome) == (2, "second", "answered")
        assert (refused.failed_over, talked.failed_over) == (True, False)
        assert talked.started_s - refused.started_s < 1.0
    assert len(ran.results.attempts) == 6


def test_each_trunk_is_asked_once_and_then_the_retry_rule_decides(calls: Any) -> None:
    """Congestion may come five times; the attempts that were handed on don't count."""
    patient = BreakerRules(failures=1000)
    ran = calls(1, [(rules(name, breaker=patient), CONGESTED) for name in ("a", "b", "c")])
    attempts = ran.results.attempts
    assert [attempt.trunk for attempt in attempts] == ["a", "b", "c"] * 5
    assert [attempt.failed_over for attempt in attempts] == [True, True, False] * 5
    assert [attempt.number for attempt in attempts] == list(range(1, 16))
    assert ran.results.summary.finished


def test_who_was_rung_is_never_handed_on(calls: Any) -> None:
    """Busy, refused, switched off: the network has spoken of the callee; only congestion is the trunk's own."""
    endings = ["busy", "reject", "no_answer", "powered_off", "invalid", "unreachable"]
    people = "\n".join(f'  "+86138{n:08d}": {{pickup: {end}}}' for n, end in enumerate(endings, start=1))
    book = f"defaults: {{ring_s: 2}}\ncallees:\n{people}\n"
    ran = calls(len(endings), [(rules("first"), book), (rules("second", priority=2), WELL)], retries=False)
    assert [attempt.trunk for attempt in ran.results.attempts] == ["first"] * len(endings)
    assert ran.network.trunks["second"].dialled == []


def test_a_trunk_that_keeps_refusing_rests_and_is_tried_again(calls: Any) -> None:
    ran = calls(40, [(rules("first"), CONGESTED), (rules("second", priority=2, channels=4), WELL)], concurrency=4)
    tries = [at_s for at_s, _ in ran.network.trunks["first"].dialled]
    news = [reason for trunk, reason in ran.news() if trunk == "first"]
    assert news[:4] == ["failures", "rested", "trial_failed", "rested"]
    assert len(tries) < 15  # five to notice, one for each rest, of forty that it would have refused
    assert {attempt.trunk for attempt in ran.results.attempts if attempt.outcome == "answered"} == {"second"}
    assert len({attempt.phone for attempt in ran.results.attempts if attempt.outcome == "answered"}) == 40


def test_the_network_isnt_asked_for_its_calls_each_time_that_one_ends(calls: Any) -> None:
    """A listing costs a PBX and us an event for each of its channels; it is for trunks that come or go."""
    ran = calls(12, [(rules("only"), WELL)], concurrency=4)
    assert ran.results.summary.outcomes == {"answered": 12}
    assert ran.network.trunks["only"].asked <= 2  # before the first call


# ---- limits ---------------------------------------------------------------------------------------------------


def test_channels_and_calls_per_second_hold_on_each_trunk(calls: Any) -> None:
    books = [
        (rules("slow", calls_per_s=2.0, channels=3), WELL),
        (rules("fast", calls_per_s=4.0, channels=50), WELL),
    ]
    ran = calls(60, books, concurrency=40)
    for name, per_s in (("slow", 2.0), ("fast", 4.0)):
        at_s = [moment for moment, _ in ran.network.trunks[name].dialled]
        assert len(at_s) > 5
        for first in range(len(at_s)):
            for last in range(first, len(at_s)):
                assert last - first + 1 <= 1 + per_s * (at_s[last] - at_s[first]) + 1e-6
    assert not [attempt for attempt in ran.results.attempts if attempt.outcome == "congestion"]  # never overfull
    begun_s = sorted(ran.begun_s())
    assert begun_s[11] - begun_s[0] < 3.0  # two and four a second are used, not only kept


def test_callees_see_numbers_of_the_purpose_in_turn_and_never_too_often(calls: Any) -> None:
    pools = {
        "service": CallerIdRules(("1001", "1002"), calls_per_hour=6),
        "marketing": CallerIdRules(("2001",)),
    }
    ran = calls(20, [(rules("only", caller_ids=pools), WELL)], concurrency=4)
    shown = [(at_s, request.caller_id) for at_s, request in ran.network.trunks["only"].dialled]
    assert len(shown) == 20
    assert Counter(number for _, number in shown[:12]) == {"1001": 6, "1002": 6}
    for at_s, number in shown:
        hour = [one for one, other in shown if other == number and at_s <= one < at_s + 3600]
        assert len(hour) <= 6
    assert {attempt.caller_id for attempt in ran.results.attempts} == {"1001", "1002"}


def test_a_number_for_nobody_else_is_told_before_the_first_call() -> None:
    pools = {"marketing": CallerIdRules(("2001",))}
    with pytest.raises(RoutingError, match=r"No trunk has a caller ID for calls of the purpose service .*only"):
        check_caller_ids([rules("only", caller_ids=pools)], "service")
    check_caller_ids([rules("only", caller_ids=pools), rules("bare")], "service")
    both = pools | {"service": CallerIdRules(("2001",))}
    with pytest.raises(RoutingError, match="2001 is configured for marketing and for service"):
        check_caller_ids([rules("only", caller_ids=both)], "service")


# ---- a PBX that dies ------------------------------------------------------------------------------------------


def test_while_no_trunk_is_there_nothing_is_leased_and_the_campaign_goes_on_by_itself(calls: Any) -> None:
    """Killed in the middle of its calls, back after two minutes: nobody is dialled twice, nobody is forgotten."""
    moments: dict[str, float] = {}
    seen: list[tuple[str, int]] = []

    def look(network: Several) -> None:
        with sqlite3.connect(network.database) as connection:
            ((state,),) = connection.execute("SELECT state FROM campaign").fetchall()
            ((leased,),) = connection.execute("SELECT count(*) FROM task WHERE state = 'leased'").fetchall()
        seen.append((state, leased))

    def plan(loop: VirtualLoop, network: Several) -> None:
        moments.update(lost=loop.time() + 40.0, back=loop.time() + 160.0)
        loop.call_at(moments["lost"], network.trunks["only"].lose)
        loop.call_at(moments["back"] - 1.0, look, network)
        loop.call_at(moments["back"], network.trunks["only"].come_back)

    ran = calls(60, [(rules("only", channels=12), WELL)], plan, concurrency=12)
    begun_s = ran.begun_s()
    assert not [at_s for at_s in begun_s if moments["lost"] <= at_s < moments["back"]]
    after_s = [at_s - moments["back"] for at_s in begun_s if at_s >= moments["back"]]
    assert min(after_s) < 1.0
    assert len([at_s for at_s in after_s if at_s < 10.0]) >= 12  # three trial calls, and then all channels again
    assert seen == [("running", 0)]
    unknown = [attempt for attempt in ran.results.attempts if attempt.outcome == "unknown"]
    assert len(unknown) == 12
    assert all(attempt.cause.startswith("lost in the trunk") for attempt in unknown)
    assert set(ran.dialled().values()) == {1}
    assert len(ran.dialled()) == 60
    assert ran.results.summary.outcomes == {"answered": 48, "unknown": 12}
    assert ran.results.summary.finished
    assert ran.news() == [("only", "unlinked"), ("only", "linked"), ("only", "proven")]


def test_a_pbx_that_never_comes_back_lets_a_run_end_that_has_nothing_left_to_do(calls: Any) -> None:
    def plan(loop: VirtualLoop, network: Several) -> None:
        loop.call_later(15.0, network.trunks["only"].lose)

    ran = calls(4, [(rules("only"), WELL)], plan, concurrency=4)
    assert ran.results.summary.finished
    assert ran.results.summary.outcomes == {"unknown": 4}


def test_calls_that_the_network_forgot_while_we_were_apart_are_closed_at_the_return(calls: Any) -> None:
    """The connection alone was lost, its calls went on; but one was over when it came back, and nobody said so."""

    def plan(loop: VirtualLoop, network: Several) -> None:
        trunk = network.trunks["only"]

        def forget() -> None:
            call = next(iter(trunk._live.values()))
            trunk.ticker.discard(call)
            del trunk._live[call.attempt_id], trunk._calls[call]

        loop.call_later(15.0, trunk.set_linked, False)
        loop.call_later(16.0, forget)
        loop.call_later(20.0, trunk.set_linked, True)

    ran = calls(3, [(rules("only"), WELL)], plan, concurrency=3)
    assert ran.results.summary.outcomes == {"answered": 2, "unknown": 1}
    last_s = max(at_s for at_s, _ in ran.events) - min(ran.begun_s())
    assert last_s < 120.0  # closed at the return, not at the end of the longest call


def test_calls_that_turn_up_while_we_were_apart_are_dropped_at_the_return(calls: Any) -> None:
    """An originate was on its way when the connection broke: we gave the call up, the PBX placed it after all."""

    def plan(loop: VirtualLoop, network: Several) -> None:
        trunk = network.trunks["only"]

        def lose_one() -> None:
            call = next(iter(trunk._live.values()))
            trunk.set_linked(False)
            call.refuse(Cause(DialOutcome.UNKNOWN, "lost in the trunk: no connection", "network"))
            trunk.strangers = {call.attempt_id, "somebody-elses"}

        loop.call_later(15.0, lose_one)
        loop.call_later(20.0, trunk.set_linked, True)

    ran = calls(3, [(rules("only"), WELL)], plan, concurrency=3)
    trunk = ran.network.trunks["only"]
    (lost,) = [attempt for attempt in ran.results.attempts if attempt.outcome == "unknown"]
    assert trunk.dropped == {lost.attempt_id}
    assert trunk.strangers == {"somebody-elses"}


def test_a_run_that_begins_without_its_pbx_waits_for_it(calls: Any) -> None:
    def plan(loop: VirtualLoop, network: Several) -> None:
        network.trunks["only"].set_linked(False)
        loop.call_later(100.0, network.trunks["only"].set_linked, True)

    ran = calls(3, [(rules("only"), WELL)], plan)
    assert ran.results.summary.outcomes == {"answered": 3}
    assert ran.begun_s()[0] - ran.events[0][0] == pytest.approx(100.0, abs=2.0)


def test_a_call_whose_end_is_lost_with_the_pbx_doesnt_hold_the_run_for_ever(calls: Any) -> None:
    """Neither the trunk nor the PBX ever says a word again."""

    def plan(loop: VirtualLoop, network: Several) -> None:
        trunk = network.trunks["only"]

        def lose_silently() -> None:
            trunk.set_linked(False)
            for call in tuple(trunk._calls):
                trunk.ticker.discard(call)
                call._cancel_timers()
                del trunk._live[call.attempt_id], trunk._calls[call]

        loop.call_later(15.0, lose_silently)

    ran = calls(2, [(rules("only"), WELL)], plan, concurrency=2)
    assert ran.results.summary.finished
    assert ran.results.summary.outcomes == {"unknown": 2}


def test_a_restart_drops_the_calls_that_the_dead_process_left_and_nobody_elses(calls: Any) -> None:
    """The database knows two open attempts; the PBX holds one of them, an old one, and one that isn't ours."""
    dead = ("dead-open", "dead-ended", "somebody-elses")

    def crash(loop: VirtualLoop, network: Several) -> None:
        trunk = network.trunks["only"]
        trunk.strangers = set(dead)
        with sqlite3.connect(network.database) as connection:
            for attempt_id, number, ended in (
                ("dead-open", 91, None),
                ("gone-open", 92, None),
                ("dead-ended", 93, "2026-01-05 02:01:00"),
            ):
                connection.execute(
                    "INSERT INTO attempt (id, task_id, campaign_id, number, phone, state, started_at, ended_at,"
                    " talk_ms, cause, pending, opted_out, path)"
                    " SELECT ?, id, campaign_id, ?, ?, 'talking', '2026-01-05 02:00:00', ?, 0, '', 0, 0, '[]'"
                    " FROM task WHERE id = 1",
                    (attempt_id, number, f"+8613900000{number}", ended),
                )

    ran = calls(4, [(rules("only"), WELL)], crash)
    trunk = ran.network.trunks["only"]
    assert trunk.dropped == {"dead-open", "dead-ended"}
    assert trunk.strangers == {"somebody-elses"}
    closed = {attempt.attempt_id: attempt for attempt in ran.results.attempts}
    assert closed["dead-open"].outcome == closed["gone-open"].outcome == "unknown"
    assert len(ran.dialled()) == 3  # the first contact's task ended with its unknown attempt
