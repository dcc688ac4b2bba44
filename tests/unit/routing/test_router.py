"""Which trunk takes a call, with which number, and when none does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunk.routing.breaker import ServiceChange
from trunk.routing.caller_ids import CallerIds
from trunk.routing.router import AWAY_S, FULL_S, Hold, Refusal, Router, Use
from trunk.routing.rules import CallerIdRules, TrunkRules

pytestmark = pytest.mark.unit

NOBODY: frozenset[str] = frozenset()
SERVICE = Use("service")
MOBILE, FIXED = "+8613800000001", "+861065000000"


def rules(name: str, **changes: Any) -> TrunkRules:
    return TrunkRules(**{"name": name, "calls_per_s": 100.0, **changes})


def router(*trunks: TrunkRules, told: list[Any] | None = None) -> Router:
    def tell(trunk: str, change: ServiceChange) -> None:
        if told is not None:
            told.append((trunk, change.state.value))

    return Router([(trunk, True) for trunk in trunks], CallerIds(), 0.0, tell)


def took(found: Hold | Refusal) -> str:
    assert isinstance(found, Hold), found
    return found.lane.name


def test_the_longest_prefix_then_the_lowest_priority_then_the_least_used() -> None:
    trunks = router(
        rules("all", priority=1),
        rules("mobile", prefixes=("+8613", "+8615"), priority=9),
        rules("china", prefixes=("+86",), priority=2),
        rules("china2", prefixes=("+86",), priority=2),
        rules("china3", prefixes=("+86",), priority=3),
    )
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 0.0)) == "mobile"
    assert [took(trunks.take(SERVICE, FIXED, NOBODY, 1.0)) for _ in range(4)] == [
        "china",
        "china2",
        "china",
        "china2",
    ]
    assert took(trunks.take(SERVICE, "+4930123456", NOBODY, 2.0)) == "all"


def test_the_next_one_takes_what_the_best_cannot() -> None:
    trunks = router(rules("best", channels=1), rules("next", priority=2))
    first = trunks.take(SERVICE, MOBILE, NOBODY, 0.0)
    assert took(first) == "best"
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 0.0)) == "next"
    assert isinstance(first, Hold)
    trunks.release(first)
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 1.0)) == "best"
    assert took(trunks.take(SERVICE, MOBILE, frozenset({"best"}), 1.0)) == "next"


def test_what_nobody_takes_is_refused_for_good_and_what_nobody_takes_now_is_not() -> None:
    trunks = router(rules("mobile", prefixes=("+8613",), channels=1))
    assert trunks.take(SERVICE, FIXED, NOBODY, 0.0) == Refusal("no trunk takes this number", None)
    assert trunks.take(SERVICE, MOBILE, frozenset({"mobile"}), 0.0) == Refusal(
        "no other trunk takes this number", None
    )
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 0.0)) == "mobile"
    full = trunks.take(SERVICE, MOBILE, NOBODY, 0.0)
    assert isinstance(full, Refusal)
    assert full.again_in_s is not None


def test_a_trunk_without_the_link_is_passed_over_and_named_when_it_is_the_only_one() -> None:
    told: list[Any] = []
    trunks = router(rules("best"), rules("next", priority=2, prefixes=("+8613",)), told=told)
    trunks.lanes["best"].breaker.link(0.0, up=False)
    assert told == [("best", "out_of_service")]
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 0.0)) == "next"
    assert trunks.take(SERVICE, FIXED, NOBODY, 0.0) == Refusal("no trunk is free for this number", AWAY_S)
    trunks.lanes["next"].breaker.link(0.0, up=False)
    nobody = trunks.take(SERVICE, FIXED, NOBODY, 0.0)
    assert isinstance(nobody, Refusal)
    assert nobody.again_in_s == FULL_S  # so that it is called soon after the return
    assert trunks.ready(SERVICE, 0.0, 2.0) == (0, None)  # nothing begins, and time alone doesn't help


def test_failures_of_a_trunk_take_it_out_and_calls_that_never_left_count_for_nothing() -> None:
    trunks = router(rules("only"))
    failed = 0
    for call in range(50):
        hold = trunks.take(SERVICE, MOBILE, NOBODY, float(call))
        if not isinstance(hold, Hold):
            break
        if call % 2:
            trunks.leave(hold, float(call))
            trunks.bad(hold, float(call))
            failed += 1
        trunks.release(hold)
    assert failed == 5
    assert trunks.ready(SERVICE, 10.0, 2.0) == (0, 29.0)


def test_calls_per_second() -> None:
    trunks = router(rules("only", calls_per_s=5.0, channels=100))
    waits_s = []
    for _ in range(2):  # the second one is prepared ahead of its moment
        hold = trunks.take(SERVICE, MOBILE, NOBODY, 0.0)
        assert isinstance(hold, Hold)
        waits_s.append(trunks.leave(hold, 0.0))
    assert waits_s == pytest.approx([0.0, 0.2])
    refused = trunks.take(SERVICE, MOBILE, NOBODY, 0.0)
    assert isinstance(refused, Refusal)
    assert refused.again_in_s == pytest.approx(0.1)  # it may leave at 0.4
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 0.1)) == "only"


def test_a_number_belongs_to_its_purpose() -> None:
    pools = {"service": CallerIdRules(("1001",)), "marketing": CallerIdRules(("2001",))}
    trunks = router(rules("both", caller_ids=pools))  # one account of channels, whatever the calls are for
    for purpose, number in (("service", "1001"), ("marketing", "2001")):
        hold = trunks.take(Use(purpose), MOBILE, NOBODY, 0.0)
        assert isinstance(hold, Hold)
        assert hold.shown is not None
        assert hold.shown.number == number
    survey = Use("survey")
    assert trunks.take(survey, MOBILE, NOBODY, 0.0) == Refusal("no trunk takes this number", None)
    assert trunks.ready(survey, 0.0, 2.0) == (0, None)
    hold = router(rules("bare")).take(survey, MOBILE, NOBODY, 0.0)
    assert isinstance(hold, Hold)
    assert hold.shown is None


def test_calls_for_different_ends_share_one_account_and_each_leaves_by_its_own_trunks() -> None:
    trunks = router(rules("first", channels=2), rules("second", channels=2))
    ours, all_others = Use("service", frozenset({"first"})), Use("marketing")
    assert took(trunks.take(ours, MOBILE, NOBODY, 0.0)) == "first"
    assert [took(trunks.take(all_others, MOBILE, NOBODY, 0.1)) for _ in range(3)] == ["second", "first", "second"]
    for use in (ours, all_others):
        assert isinstance(trunks.take(use, MOBILE, NOBODY, 0.2), Refusal)
        assert trunks.ready(use, 0.2, 2.0) == (0, None)
    assert (trunks.channels(ours), trunks.channels(all_others)) == (2, 4)


def test_a_share_of_a_trunk_bounds_what_begins_and_leaves_alone_what_is_on() -> None:
    trunks = router(rules("only", channels=3, calls_per_s=50.0))
    holds = [trunks.take(SERVICE, MOBILE, NOBODY, float(call)) for call in range(2)]
    trunks.limit("only", 1, 50.0, 2.0)
    assert trunks.channels(SERVICE) == 1
    assert isinstance(trunks.take(SERVICE, MOBILE, NOBODY, 2.0), Refusal)
    for hold in holds:
        assert isinstance(hold, Hold)
        trunks.release(hold)
    next_one = trunks.take(SERVICE, MOBILE, NOBODY, 3.0)
    assert isinstance(next_one, Hold)
    trunks.leave(next_one, 3.0)
    trunks.limit("only", 99, 0.0, 4.0)  # never more than the trunk has; without a pace nothing begins
    assert trunks.channels(SERVICE) == 3
    waits = trunks.take(SERVICE, MOBILE, NOBODY, 60.0)
    assert isinstance(waits, Refusal)
    assert waits.again_in_s is not None
    assert waits.again_in_s > 1.0
    trunks.limit("only", 3, 1.0, 60.0)
    assert isinstance(trunks.take(SERVICE, MOBILE, NOBODY, 60.0), Refusal)  # nothing was saved up
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 61.0)) == "only"


def test_an_exhausted_caller_id_passes_the_call_on_and_holds_back_the_list() -> None:
    pool = {"service": CallerIdRules(("1001",), calls_per_hour=1, calls_per_callee=9)}
    spare = {"service": CallerIdRules(("1002",), calls_per_hour=1, calls_per_callee=9)}
    trunks = router(rules("best", caller_ids=pool), rules("next", priority=2, caller_ids=spare))
    assert [took(trunks.take(SERVICE, MOBILE, NOBODY, 1.0)) for _ in range(2)] == ["best", "next"]
    calls, again_in_s = trunks.ready(SERVICE, 1.0, 2.0)
    assert calls == 0
    assert again_in_s == pytest.approx(3600.0)


def test_a_call_that_never_left_gives_back_its_channel_its_token_and_its_number() -> None:
    pool = {"service": CallerIdRules(("1001",), calls_per_hour=1)}
    trunks = router(rules("only", channels=1, calls_per_s=1.0, caller_ids=pool))
    for _ in range(3):
        hold = trunks.take(SERVICE, MOBILE, NOBODY, 0.0)
        assert isinstance(hold, Hold)
        trunks.release(hold)


def test_legs_to_agents_need_a_channel_and_no_caller_id() -> None:
    pool = {"service": CallerIdRules(("1001",), calls_per_hour=1)}
    trunks = router(rules("both", channels=3, caller_ids=pool), rules("office", prefixes=(), channels=1))
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 0.0)) == "both"
    assert [took(trunks.take_beside("both", 0.0)) for _ in range(2)] == ["both", "both"]
    assert isinstance(trunks.take_beside("both", 0.0), Refusal)
    assert took(trunks.take_beside("office", 0.0)) == "office"
    assert isinstance(trunks.take_beside("elsewhere", 0.0), Refusal)


TRUNKS = st.lists(
    st.builds(
        lambda channels, prefix, priority, pools: dict(  # noqa: C408 a row of settings
            channels=channels, prefixes=(prefix,), priority=priority, caller_ids=pools, calls_per_s=20.0
        ),
        st.integers(1, 4),
        st.sampled_from(["+", "+86", "+8613", "+44"]),
        st.integers(1, 3),
        st.dictionaries(
            st.sampled_from(["service", "marketing"]),
            st.builds(CallerIdRules, st.sampled_from([("1",), ("2", "3")]), st.one_of(st.none(), st.just(2))),
        ),
    ),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "leave", "bad", "good", "release", "down", "up"]), st.floats(0, 30)),
    max_size=80,
)


@given(trunks=TRUNKS, steps=STEPS)
def test_whatever_happens_no_limit_is_passed_and_all_is_given_back(
    trunks: list[dict[str, Any]], steps: list[tuple[str, float]]
) -> None:
    lanes = router(*(rules(str(index), **settings) for index, settings in enumerate(trunks)))
    holds: list[Hold] = []
    now_s = 0.0
    for step, later_s in steps:
        now_s += later_s
        match step:
            case "take":
                found = lanes.take(SERVICE, MOBILE, NOBODY, now_s)
                if isinstance(found, Hold):
                    holds.append(found)
                    own = found.lane.rules.caller_ids
                    assert (found.shown is None) == (not own)
                    assert found.shown is None or found.shown.number in own["service"].numbers
            case "leave" if holds and not holds[0].left:
                lanes.leave(holds[0], now_s)
            case "good" if holds:
                lanes.good(holds[0], now_s)
            case "bad" if holds:
                lanes.bad(holds[0], now_s)
            case "release" if holds:
                lanes.release(holds.pop(0))
            case "down" | "up":
                lanes.lanes["0"].breaker.link(now_s, up=step == "up")
        for lane in lanes.lanes.values():
            assert 0 <= lane.on <= lane.rules.channels
        calls, again_in_s = lanes.ready(SERVICE, now_s, 2.0)
        assert calls >= 0
        assert again_in_s is None or (calls == 0 and again_in_s >= 0)
    for hold in holds:
        lanes.release(hold)
    assert all(lane.on == 0 for lane in lanes.lanes.values())


def test_a_call_that_came_in_holds_a_channel_and_nothing_else() -> None:
    """It is there already: neither the pace nor a trunk that rests keeps it away; it says nothing of either."""
    trunks = router(rules("one", channels=2, calls_per_s=1.0))
    held = trunks.take_incoming("one")
    assert isinstance(held, Hold)
    assert trunks.leave(held, 0.0) == 0.0
    assert took(trunks.take(SERVICE, MOBILE, NOBODY, 0.0)) == "one", "the pace has its token still"
    assert isinstance(trunks.take_incoming("one"), Refusal), "both channels are in use"
    trunks.release(held)
    assert isinstance(trunks.take_incoming("one"), Hold)
    assert isinstance(trunks.take_incoming("two"), Refusal)
