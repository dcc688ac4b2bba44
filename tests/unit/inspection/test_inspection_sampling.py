"""The draw: reproducible, fair, never double, bounded; live listening counts; risk is weighed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from ivr.inspection.sampling import ALWAYS_MOST, Candidate, Draw, Earlier, Pick, lot, scored_by_two
from ivr.inspection.schema import PlanSpec
from ivr.model import PickReason

pytestmark = pytest.mark.unit

BASE = {"schema": 1, "plan": "p", "cards": {"agent": "a", "bot": "b"}}


def plan(**more: object) -> PlanSpec:
    return PlanSpec.model_validate(BASE | more)


RISKY = plan(
    daily={"agent": 2, "bot": 1},
    risk={"daily": {"agent": 1, "bot": 1}, "weights": {"dead_air": 3, "short_call": 1}, "always": ["complaint"]},
)


def call(number: int, agent: str = "1001", *signals: str, success: bool = False, **more: bool) -> Candidate:
    return Candidate(f"call-{number}", agent, 7, frozenset(signals), more.get("recorded", True), success)


def draw(
    spec: PlanSpec, calls: list[Candidate], earlier: Sequence[Earlier] = (), whole_day: bool = True
) -> list[Pick]:
    found = Draw(spec, earlier, whole_day=whole_day)
    for one in calls:
        found.hear(one)
    return found.picks()


def as_earlier(picks: list[Pick], calls: list[Candidate]) -> list[Earlier]:
    known = {one.key: one for one in calls}
    return [
        Earlier(one.key, known[one.key].group, one.reason, one.drawn, one.gates, bool(one.why.get("lottery")))
        for one in picks
    ]


def test_the_same_calls_give_the_same_picks_in_any_order_and_none_twice() -> None:
    calls = [call(n, f"100{n % 4}", *(["dead_air"] if n % 5 == 0 else [])) for n in range(200)]
    calls += [call(n, "", "complaint") for n in range(300, 303)] + [call(n, "") for n in range(400, 440)]
    first = draw(RISKY, calls)
    random.Random(3).shuffle(calls)
    assert draw(RISKY, calls) == first
    assert draw(RISKY, calls, as_earlier(first, calls)) == []
    counts = Counter((one.key[1], one.reason) for one in first)
    assert counts["1001", PickReason.DAILY] == 2
    assert counts["1001", PickReason.RISK] == 1
    assert sum(one.key[1] == "" and one.reason is PickReason.DAILY for one in first) == 1
    complaints = {one.key for one in first if "complaint" in one.why["signals"]}
    assert {f"call-{n}" for n in range(300, 303)} == {attempt for attempt, _ in complaints}
    assert draw(plan(seed="other"), calls) != draw(plan(), calls)


def test_a_day_that_grows_is_only_topped_up() -> None:
    calls = [call(n) for n in range(50)]
    first = draw(RISKY, calls[:1])
    assert len(first) == 1  # there was no second call yet
    later = draw(RISKY, calls, as_earlier(first, calls))
    assert [one.reason for one in later] == [PickReason.DAILY]


@pytest.mark.parametrize("reason", [PickReason.LIVE, PickReason.BY_HAND])
def test_calls_heard_live_and_chosen_ones_count(reason: PickReason) -> None:
    calls = [call(n) for n in range(50)]
    heard = Earlier(("call-99", "1001"), ("1001", 0), reason, False, False, False)
    assert len(draw(RISKY, calls, [heard])) == 1
    risk = Earlier(("call-99", "1001"), ("1001", 0), PickReason.RISK, False, False, True)
    assert len(draw(RISKY, calls, [risk])) == 2


@pytest.mark.parametrize("reason", [PickReason.LIVE, PickReason.BY_HAND])
def test_a_call_that_was_heard_isnt_drawn_besides(reason: PickReason) -> None:
    calls = [call(n) for n in range(10)]
    for one in calls:
        heard = Earlier(one.key, one.group, reason, False, False, False)
        (drawn,) = draw(plan(daily={"agent": 2}), calls, [heard])
        assert drawn.key != one.key


def test_every_call_has_the_same_chance() -> None:
    drawn = Counter[str]()
    for seed in range(1500):
        spec = plan(seed=str(seed), daily={"agent": 2})
        drawn.update(one.key[0] for one in draw(spec, [call(n) for n in range(10)]))
    # 300 each are expected; 4.5 standard deviations of the binomial.
    assert sum(drawn.values()) == 3000
    assert all(abs(count - 300) < 70 for count in drawn.values()), drawn


def test_the_lottery_has_as_many_tickets_as_signals_weigh() -> None:
    won = Counter[str]()
    calls = [call(1, "1001", "dead_air"), call(2, "1001", "short_call"), call(3)]
    for seed in range(2000):
        spec = plan(seed=str(seed), daily={"agent": 0}, risk=RISKY.risk.model_dump())
        won.update(one.key[0] for one in draw(spec, calls))
    assert won.keys() == {"call-1", "call-2"}
    assert abs(won["call-1"] - 1500) < 90  # 3 of 4 tickets; 4.6 standard deviations


def test_a_risky_call_that_is_drawn_leaves_its_place_to_another() -> None:
    calls = [call(n, "1001", "dead_air") for n in range(4)]
    picks = draw(RISKY, calls)
    assert Counter(one.reason for one in picks) == {PickReason.DAILY: 2, PickReason.RISK: 1}
    assert len({one.key for one in picks}) == 3


def test_successes_are_picked_at_once_and_the_rest_when_the_day_is_over() -> None:
    calls = [call(1, "1001", "dead_air", success=True), call(2), call(3), call(4, recorded=False, success=True)]
    today = draw(RISKY, calls, whole_day=False)
    assert [(one.key[0], one.reason, one.gates) for one in today] == [
        ("call-1", PickReason.SUCCESS, True),
        ("call-4", PickReason.SUCCESS, True),
    ]
    tomorrow = draw(RISKY, calls, as_earlier(today, calls))
    assert sum(one.drawn for one in tomorrow) == 2
    assert not any(one.gates for one in tomorrow)
    # Drawn although it was picked already: the row gets a mark, so that the draw stays one of all calls.
    both = draw(plan(daily={"agent": 4}), calls, as_earlier(today, calls))
    assert ("call-1", "1001") in {one.key for one in both if one.drawn}


def test_calls_without_a_recording_are_only_picked_for_their_success() -> None:
    assert draw(RISKY, [call(1, "1001", "complaint", recorded=False)]) == []


def test_a_signal_that_always_picks_fills_no_database() -> None:
    calls = [call(n, "1001", "complaint") for n in range(ALWAYS_MOST + 100)]
    assert len({one.key for one in draw(RISKY, calls)}) in range(ALWAYS_MOST, ALWAYS_MOST + 3)  # the draw's two


def test_double_scoring_is_drawn_by_its_share() -> None:
    keys = [(f"call-{n}", "1001") for n in range(4000)]
    share = sum(scored_by_two(plan(double={"share": 0.1}), key) for key in keys) / len(keys)
    assert share == pytest.approx(0.1, abs=0.025)
    assert 0 < lot("", "draw", keys[0]) < 1
    assert lot("", "draw", keys[0]) != lot("", "double", keys[0])
