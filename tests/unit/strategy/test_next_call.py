"""What follows an attempt: the table of outcomes, parts of the day, conversations, callbacks, and every bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.model import CallWhy
from ivr.policy.loader import default_policy
from ivr.strategy import Strategy, default_strategy, loads, once
from ivr.strategy.day_parts import Times
from ivr.strategy.next_call import Case, Ended, EndWhy, Next, Tried
from ivr.strategy.schema import GRADES, Grade
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

SHANGHAI = ZoneInfo("Asia/Shanghai")
TEN = datetime(2026, 1, 5, 10, 0, tzinfo=SHANGHAI)  # a Monday
PHONE = "+8613800000001"
DAY = timedelta(days=1)
O = DialOutcome  # noqa: E741 the table below reads better


def strategy(text: str) -> Strategy:
    return loads(f"schema: 1\nstrategy: test\n{text}".encode())


def at_any_time(of: Strategy, purpose: str = "marketing", most: int | None = None) -> Case:
    return Case(of, purpose, Times(SHANGHAI, lambda moment: moment, of.day_parts), most)


def in_windows(of: Strategy, purpose: str = "marketing") -> Case:
    policy = default_policy()
    times = Times(SHANGHAI, lambda moment: policy.opening(purpose, PHONE, moment), of.day_parts)
    return Case(of, purpose, times)


def tried(outcome: DialOutcome, at: datetime = TEN, **more: Any) -> Tried:
    return Tried(**{"outcome": outcome, "started": at, "disposition": outcome.value, **more})


def ended(*attempts: Tried, grade: Grade = "F", **more: Any) -> Ended:
    return Ended(**{"tried": attempts, "at": attempts[-1].started, "grade": grade, **more})


def talk(**more: Any) -> Tried:
    return tried(O.ANSWERED, **{"talked": True, "disposition": "offered", **more})


@pytest.mark.parametrize(
    ("outcome", "waits"),
    [
        (O.BUSY, [timedelta(minutes=15), timedelta(minutes=15)]),
        (O.REJECTED, [timedelta(hours=4), timedelta(days=3)]),  # cools down after two
        (O.POWERED_OFF, [DAY]),
        (O.UNREACHABLE, [timedelta(hours=1), timedelta(hours=1)]),
        (O.VOICEMAIL, [timedelta(hours=4)]),
        (O.INVALID_NUMBER, []),
        (O.SUSPENDED, []),
        (O.UNKNOWN, []),
        (O.ANSWERED, []),
    ],
)
def test_the_waits_of_each_outcome_by_the_shipped_strategy(outcome: DialOutcome, waits: list[timedelta]) -> None:
    case = at_any_time(default_strategy())
    attempts: list[Tried] = []
    for wait in waits:
        attempts.append(tried(outcome))
        found = case.after(ended(*attempts))
        assert isinstance(found, Next)
        assert (found.at - TEN, found.why) == (wait, CallWhy.RETRY)
    assert isinstance(case.after(ended(*attempts, tried(outcome))), EndWhy)


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        # the policy's window of service is 08:00-21:00 every day
        ("service", ["2026-01-05 12:00", "2026-01-05 14:00"]),
        # of marketing 09:00-12:00 and 14:00-21:00: noon is closed
        ("marketing", ["2026-01-05 14:00", "2026-01-05 18:00"]),
    ],
)
def test_no_answer_is_tried_in_another_part_of_the_day(purpose: str, expected: list[str]) -> None:
    case = in_windows(default_strategy(), purpose)
    attempts = [tried(O.NO_ANSWER)]
    for moment in expected:
        found = case.after(ended(*attempts))
        assert isinstance(found, Next)
        assert f"{found.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" == moment
        attempts.append(tried(O.NO_ANSWER, found.at))
    assert case.after(ended(*attempts)) is EndWhy.TRIES_USED_UP


def test_in_the_evening_another_part_of_the_day_is_the_next_morning() -> None:
    evening = TEN.replace(hour=20)
    found = in_windows(default_strategy()).after(ended(tried(O.NO_ANSWER, evening)))
    assert isinstance(found, Next)
    assert found.at == datetime(2026, 1, 6, 9, 0, tzinfo=SHANGHAI)


def test_when_every_part_was_tried_another_than_the_last_is_taken() -> None:
    text = """
day_parts: {morning: 08:00-12:00, afternoon: 12:00-18:00}
retry: {attempts: 9, outcomes: {no_answer: {waits: [1h], at_most: 9, other_part_of_day: true}}}"""
    case = at_any_time(strategy(text))
    attempts = [tried(O.NO_ANSWER), tried(O.NO_ANSWER, TEN.replace(hour=13))]
    found = case.after(ended(*attempts))
    assert isinstance(found, Next)
    assert found.at == datetime(2026, 1, 6, 8, 0, tzinfo=SHANGHAI)


def test_where_only_one_part_is_open_it_is_taken_again() -> None:
    morning = [datetime(2026, 1, day, 9, 0, tzinfo=SHANGHAI) for day in range(5, 30)]
    times = Times(SHANGHAI, lambda at: min(one for one in morning if one >= at), default_strategy().day_parts)
    found = Case(default_strategy(), "service", times).after(ended(tried(O.NO_ANSWER, morning[0])))
    assert isinstance(found, Next)
    assert found.at == morning[1]


@pytest.mark.parametrize(("ring_s", "wait"), [(0.5, timedelta(minutes=15)), (8.0, timedelta(hours=4))])
def test_a_busy_tone_after_long_ringing_is_a_rejection(ring_s: float, wait: timedelta) -> None:
    found = at_any_time(default_strategy()).after(ended(tried(O.BUSY, ring_s=ring_s)))
    assert isinstance(found, Next)
    assert found.at - TEN == wait


@pytest.mark.parametrize("outcome", [O.FAILED, O.CONGESTION])
def test_what_never_rang_uses_up_no_try_but_has_a_bound_of_its_own(outcome: DialOutcome) -> None:
    case = at_any_time(default_strategy())
    rule = default_strategy().spec.retry.outcomes[outcome.value]
    silent = [tried(outcome, rang=False)] * (rule.at_most - 1)
    assert isinstance(case.after(ended(*silent, tried(O.BUSY))), Next)
    assert isinstance(case.after(ended(*silent)), Next)
    assert case.after(ended(*silent, tried(outcome, rang=False))) is EndWhy.TRIES_USED_UP


def test_a_call_that_a_trunk_handed_on_counts_neither_here_nor_there() -> None:
    handed_on = tried(O.CONGESTION, rang=False, failed_over=True)
    found = at_any_time(default_strategy()).after(ended(*[handed_on] * 9, tried(O.CONGESTION, rang=False)))
    assert isinstance(found, Next)


def test_calls_that_we_ended_ourselves_use_up_no_try() -> None:
    case = at_any_time(default_strategy())
    ours = [tried(O.CANCELLED)] * 5
    found = case.after(ended(*ours))
    assert isinstance(found, Next)
    assert isinstance(case.after(ended(*ours, tried(O.BUSY), tried(O.BUSY))), Next)
    assert case.after(ended(*ours, *[tried(O.BUSY)] * 3)) is EndWhy.TRIES_USED_UP


def test_attempts_are_bounded_over_all_outcomes() -> None:
    mixed = [tried(O.BUSY), tried(O.NO_ANSWER), tried(O.UNREACHABLE)]
    case = at_any_time(default_strategy())
    assert isinstance(case.after(ended(*mixed[:2])), Next)
    assert case.after(ended(*mixed)) is EndWhy.TRIES_USED_UP


def test_the_policys_bound_holds_too() -> None:
    assert isinstance(at_any_time(default_strategy(), most=2).after(ended(tried(O.BUSY))), Next)
    found = at_any_time(default_strategy(), most=1).after(ended(tried(O.BUSY)))
    assert found is EndWhy.TRIES_USED_UP


def test_a_message_left_is_enough() -> None:
    assert (
        at_any_time(default_strategy()).after(ended(tried(O.VOICEMAIL), message_left=True)) is EndWhy.MESSAGE_LEFT
    )


def test_who_was_talked_to_is_not_tried_again_even_if_the_call_failed() -> None:
    case = at_any_time(default_strategy())
    assert case.after(ended(tried(O.FAILED, talked=True))) is EndWhy.RESULT


def test_a_disposition_may_have_its_own_rule() -> None:
    case = at_any_time(strategy("retry: {dispositions: {bad_time: {waits: [3h], at_most: 2}}}"))
    first = talk(disposition="bad_time")
    found = case.after(ended(first))
    assert isinstance(found, Next)
    assert (found.at - TEN, found.rule) == (timedelta(hours=3), "retry.dispositions.bad_time")
    assert case.after(ended(first, first)) is EndWhy.RESULT


def test_an_unfinished_conversation_gets_one_more_call_in_another_part_of_the_day() -> None:
    case = in_windows(default_strategy())
    found = case.after(ended(talk(), unfinished=True))
    assert isinstance(found, Next)
    assert found.why is CallWhy.UNFINISHED
    assert found.at == datetime(2026, 1, 6, 14, 0, tzinfo=SHANGHAI)
    again = talk(why=CallWhy.UNFINISHED)
    assert case.after(ended(talk(), again, unfinished=True)) is EndWhy.RESULT


@pytest.mark.parametrize(
    ("grade", "purpose", "wait", "times"),
    [("B", "marketing", 2, 2), ("C", "marketing", 7, 1), ("A", "marketing", 0, 0), ("B", "service", 0, 0)],
)
def test_follow_ups_by_grade_are_few_and_far_between(grade: Grade, purpose: str, wait: int, times: int) -> None:
    case = at_any_time(default_strategy(), purpose)
    attempts = [talk()]
    for _ in range(times):
        found = case.after(ended(*attempts, grade=grade))
        assert isinstance(found, Next)
        assert (found.at - TEN, found.why) == (timedelta(days=wait), CallWhy.FOLLOW_UP)
        attempts.append(talk(why=CallWhy.FOLLOW_UP))
    assert case.after(ended(*attempts, grade=grade)) is EndWhy.RESULT


def test_a_follow_up_that_is_not_answered_gets_retries_of_its_own() -> None:
    case = at_any_time(default_strategy())
    before = [tried(O.BUSY), tried(O.BUSY), talk()]
    found = case.after(ended(*before, tried(O.BUSY, why=CallWhy.FOLLOW_UP)))
    assert isinstance(found, Next)
    assert found.why is CallWhy.RETRY


def test_a_callback_comes_before_everything_but_an_opt_out_and_is_bounded() -> None:
    case, wish = in_windows(default_strategy()), TEN + DAY
    found = case.after(ended(talk(), grade="B", unfinished=True, callback_at=wish))
    assert found == Next(wish, CallWhy.CALLBACK, "callbacks")
    assert case.after(ended(talk(), callback_at=wish, opted_out=True)) is EndWhy.OPTED_OUT
    most = default_strategy().spec.callbacks.at_most
    made = [talk(why=CallWhy.CALLBACK)] * most
    assert isinstance(case.after(ended(talk(), *made[1:], callback_at=wish)), Next)
    assert case.after(ended(talk(), *made, callback_at=wish)) is EndWhy.RESULT


def test_a_callback_asked_for_at_night_waits_for_the_window() -> None:
    found = in_windows(default_strategy()).after(ended(talk(), callback_at=TEN.replace(hour=23)))
    assert isinstance(found, Next)
    assert found.at == datetime(2026, 1, 6, 9, 0, tzinfo=SHANGHAI)


@pytest.mark.parametrize("outcome", list(DialOutcome))
def test_once_means_once(outcome: DialOutcome) -> None:
    case = at_any_time(once(default_strategy()))
    talked = outcome is O.ANSWERED
    last = ended(tried(outcome, talked=talked), grade="B", unfinished=True, callback_at=TEN + DAY)
    assert isinstance(case.after(last), EndWhy)


ATTEMPTS = st.builds(
    Tried,
    outcome=st.sampled_from(DialOutcome),
    started=st.just(TEN),
    disposition=st.sampled_from(["offered", "bad_time"]),
    rang=st.booleans(),
    ring_s=st.floats(0, 30),
    talked=st.just(False),
)
RULES = """
retry:
  attempts: 5
  outcomes:
    busy: {waits: [15m], at_most: 4}
    no_answer: {waits: [2h, 1d], at_most: 20, other_part_of_day: true}
    failed: {waits: [1m], at_most: 6}
    cancelled: {waits: [1m], at_most: 7}
  dispositions: {bad_time: {waits: [1d], at_most: 3}}
unfinished: {when: talked, wait: 1d, at_most: 2}
follow_ups: {B: {wait: 2d, at_most: 3}, C: {wait: 7d}}
callbacks: {at_most: 2}"""


@settings(max_examples=60, deadline=None)
@given(
    ends=st.lists(
        st.tuples(ATTEMPTS, st.sampled_from(GRADES), st.booleans(), st.booleans(), st.booleans()),
        min_size=60,
        max_size=60,
    ),
    minutes=st.integers(0, 300 * 24 * 60),
)
def test_whatever_happens_it_comes_to_an_end_and_never_outside_the_window(
    ends: Sequence[tuple[Tried, Grade, bool, bool, bool]], minutes: int
) -> None:
    case = in_windows(strategy(RULES))
    now = case.times.opening(TEN.astimezone(UTC) + timedelta(minutes=minutes))
    why: CallWhy | None = None
    attempts: list[Tried] = []
    for attempt, grade, talked, unfinished, wish in ends:
        talked = talked and attempt.outcome is O.ANSWERED
        attempts.append(replace(attempt, started=now, talked=talked, why=why))
        wanted = now + DAY if wish and talked else None
        last = ended(*attempts, grade=grade, unfinished=unfinished and talked, callback_at=wanted)
        found = case.after(last)
        if isinstance(found, EndWhy):
            return
        assert found.at > now or found.at == case.times.opening(now)
        assert case.times.opening(found.at) == found.at
        now, why = found.at, found.why
    pytest.fail("it went on for 60 calls")


def test_a_customers_call_back_uses_up_no_try_and_bounds_nothing() -> None:
    back = tried(O.ANSWERED, talked=True, disposition="asked", why=CallWhy.RETURN)
    assert not back.reached
    assert not back.uses_up
    bounded = at_any_time(strategy("follow_ups: {B: {wait: 1d}}"), most=2)
    after = bounded.after(ended(tried(O.NO_ANSWER), back, grade="B"))
    assert isinstance(after, Next), "the policy's two attempts aren't used up"
    assert after.why is CallWhy.FOLLOW_UP
