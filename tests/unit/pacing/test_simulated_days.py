"""The world that ways to pace are compared in: one end per call, the same callees for all, who is abandoned."""

from __future__ import annotations

import itertools

import pytest

from bench.pacing.compare import DayOf, against, at_share, paired, summary
from bench.pacing.day import Callees, Day, compared_day, drifting, steady, waves
from bench.pacing.vicidial import Method, Settings, Vicidial, limited, set_level
from bench.pacing.ways import HALVINGS, Curve, Way
from bench.pacing.world import End, World, paced
from ivr.dialer.pacer import FixedPacer, Pacer
from ivr.pacing.schema import PaceSpec
from ivr.session.progress import Abandoned, CallOver, CallPlaced, ProgressEvent

pytestmark = pytest.mark.unit
HARD = Settings(Method.HARD_LIMIT)


def ways(world: World) -> list[Pacer]:
    return [FixedPacer(9), Vicidial(world, HARD), paced(world, PaceSpec(mode="predictive"))]


@pytest.mark.parametrize("way", [0, 1, 2])
def test_every_call_has_one_end_and_people_are_where_they_are_counted(way: int) -> None:
    world = World(compared_day(6, 1.0, seed=3))
    placed: list[str] = []
    over: list[str] = []
    abandoned: list[str] = []

    def observe(event: ProgressEvent) -> None:
        for kind, found in ((CallPlaced, placed), (CallOver, over), (Abandoned, abandoned)):
            if isinstance(event, kind):
                found.append(event.attempt_id)

    world.bus.subscribe(observe)
    seen = world.run(ways(world)[way])
    assert seen.placed == len(placed) == seen.ends.total() > 50
    assert sorted(over) == sorted(set(over)) == sorted(placed)
    assert seen.abandoned == len(abandoned) == len(set(abandoned))
    assert seen.answered == seen.placed - seen.ends[End.NOT_ANSWERED] - seen.given_up
    assert 0 < seen.talk_s < seen.busy_s < seen.there_s <= 6 * 3600
    assert (world.calls, world.callees_waiting, world.agents.talking_now) == (0, 0, 0)


def test_the_kth_call_is_the_same_callee_whoever_dials_and_however_many() -> None:
    day = compared_day(20, 8.0, seed=5)
    first, second = Callees(day), Callees(day)
    assert second[9000] == first[9000]  # drawn at once, and block by block
    assert [first[number] for number in range(50)] == [second[number] for number in range(50)]
    assert first[1] != Callees(compared_day(20, 8.0, seed=6))[1]
    assert drifting(5, 8.0)(7777.0) == day.answer_rate(7777.0)


def test_a_day_comes_out_the_same_every_time() -> None:
    seen = []
    for _ in range(2):
        world = World(compared_day(5, 0.5, seed=2))
        seen.append(world.run(Vicidial(world, HARD)))
    assert seen[0] == seen[1]


def test_abandoned_is_who_waited_two_seconds_and_not_who_left_before() -> None:
    """Nobody is there for the second of two callees who always answer; who hangs up sooner isn't abandoned."""
    day = Day(agents=1, hours=0.01, answer_rate=steady(1.0), wants_person=1.0, talk_s=500.0, sigma=0.01)
    stubborn = World(day).run(FixedPacer(2))
    assert stubborn.ends[End.TALKED] == 1
    assert stubborn.abandoned == stubborn.needed - 1 > 0
    hasty = World(Day(agents=1, hours=0.01, answer_rate=steady(1.0), wants_person=1.0, talk_s=500.0, sigma=0.01,
                      patience_s=1e-6)).run(FixedPacer(2))  # fmt: skip
    assert (hasty.abandoned, hasty.needed) == (0, 1)
    assert hasty.ends[End.LEFT] > 0


def test_the_answer_rate_stays_within_its_limits_and_drifts() -> None:
    for seed in range(1, 30):
        rate = drifting(seed, 8.0)
        rates = [rate(60.0 * minute) for minute in range(480)]
        assert min(rates) >= 0.15
        assert max(rates) <= 0.60
        assert max(rates) - min(rates) > 0.1
        assert max(abs(after - before) for before, after in itertools.pairwise(rates)) > 0.04  # the step


@pytest.mark.parametrize("hours", [0.5, 1.0, 2.0, 8.0])
@pytest.mark.parametrize("agents", [2, 6, 20, 100])
@pytest.mark.parametrize("seed", range(5))
def test_people_come_have_breaks_in_waves_and_go(agents: int, hours: float, seed: int) -> None:
    shifts = waves(seed, agents, hours)
    assert max(there for _, there in shifts) == agents
    assert all(at_s >= 0.0 for at_s, _ in shifts)
    assert all(0 <= there <= agents for _, there in shifts)
    for middle_h in (2.0, 4.0, 6.0):
        around = [there for at_s, there in shifts if abs(at_s / hours - middle_h * 450) < 450]
        assert min(around) < agents
    assert shifts[-1][1] <= agents - 2 * max(1, round(agents / 4))


def test_vicidials_level_follows_who_waits_and_never_falls_below_one() -> None:
    assert set_level(1.5, difference=4.0, agents=20.0, settings=HARD) == pytest.approx(1.8)
    assert set_level(1.5, difference=-4.0, agents=20.0, settings=HARD) == pytest.approx(1.2)
    assert set_level(1.5, 4.0, 20.0, Settings(Method.AVERAGE, target=-4.0)) == pytest.approx(1.5)
    assert set_level(2.9, 20.0, 20.0, HARD) == 3.0
    assert set_level(1.1, -20.0, 20.0, HARD) == set_level(1.0, 0.0, 0.0, HARD) == 1.0


def test_vicidials_rules_for_too_many_drops() -> None:
    assert limited(2.6, Method.HARD_LIMIT, 8.0) == 1.0
    assert limited(2.6, Method.AVERAGE, 8.0) == 1.3
    assert limited(2.6, Method.TAPERED, 12.0) == 2.6
    assert limited(2.6, Method.TAPERED, 5.0) == 1.3
    assert limited(2.6, Method.TAPERED, -1.0) == limited(1.2, Method.AVERAGE, 1.0) == 1.0


def day(seed: int, talk: float, abandoned: int, kind: str = "ours") -> DayOf:
    return DayOf(20, seed, kind, kind, talk, 1000, abandoned)


def test_talk_at_the_same_abandonment_is_between_the_nearest_ways() -> None:
    points = [(0.01, 0.6), (0.03, 0.8), (0.05, 0.7)]
    assert at_share(points, 0.02) == pytest.approx(0.7)
    assert at_share(points, 0.05) == at_share(points, 0.04) == 0.8  # more abandoned, and less talk: nobody does
    assert at_share(points, 0.0) == 0.6  # the nearest, to its advantage
    found = against([day(1, 0.75, 20), day(2, 0.70, 10)],
                    [day(1, 0.6, 10, "x"), day(1, 0.8, 30, "x"), day(2, 0.6, 10, "x")])  # fmt: skip
    assert found.mean == pytest.approx(0.075)
    assert found.low == pytest.approx(0.075 - 12.706 * 0.025)


def test_the_interval_is_students() -> None:
    found = paired([0.0, 1.0, 2.0])
    assert found.mean == 1.0
    assert found.high == pytest.approx(1.0 + 4.303 / 3**0.5)
    assert paired([1.0]).low == float("-inf")


def test_days_over_are_counted_by_the_share_and_by_its_bound() -> None:
    of = summary([day(1, 0.7, 10), day(2, 0.8, 25), day(3, 0.6, 31)])
    assert (of.days_over, of.days_bound_over) == (1, 2)
    assert (of.talk_worst, of.abandoned_worst) == (0.6, 0.031)


def test_a_curve_is_halved_towards_the_share_until_it_is_near() -> None:
    """Of a steep one: the settings between whose two neighbours ours lies are far apart in what they abandon."""
    curve = Curve("x", (1.0, 1.2, 1.4), lambda setting: Way(f"x {setting:g}", "x", paced_by_nobody))
    ran: list[str] = []

    def abandoned(way: Way) -> float:
        ran.append(way.name)
        return max(0.0, float(way.name[2:]) - 1.2) * 0.5

    near = curve.near(0.025, abandoned)
    assert ran == ["x 1", "x 1.2", "x 1.4", "x 1.3", "x 1.25"]
    assert [way.name for way in near] == ["x 1.3", "x 1.25"]
    assert len(curve.near(0.0271, abandoned)) <= HALVINGS
    assert curve.near(0.2, abandoned) == []  # none abandons as many


def paced_by_nobody(world: World) -> Pacer:
    del world
    return FixedPacer(0)


def test_vicidials_taper_ends_at_nine_in_the_evening_and_not_with_the_day() -> None:
    """Of a day that begins at nine: from ten hours left on it takes what is left of ten."""
    world = World(compared_day(5, 8.0, seed=2))
    pacer = Vicidial(world, Settings(Method.TAPERED))
    world.seen.placed = 1000
    pacer._dropped_share = 0.1
    levels = []
    for hour in (1.0, 4.0, 8.0):
        world.timers.call_at(hour * 3600.0, lambda: levels.append(pacer._ruled(3.0)))
    world.ends_s = 0.0
    world.timers.run()
    assert levels == pytest.approx([3.0, 2.4, 1.2])
