"""Simulated days with the pacers that dial: the cap on abandoned callees, and nothing without people."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.pacing.day import Day, jumping, steady
from bench.pacing.world import Seen, World, paced
from ivr.pacing.bounds import most_within
from ivr.pacing.lines import Phase
from ivr.pacing.schema import AbandonedSpec, PaceSpec
from ivr.session.progress import PaceChanged, ProgressEvent, Stance

pytestmark = pytest.mark.unit
POWER = PaceSpec(mode="power", lines_per_agent=3)
PREDICTIVE = PaceSpec(mode="predictive")


def run(day: Day, spec: PaceSpec) -> tuple[Seen, list[tuple[float, PaceChanged]]]:
    world = World(day)
    told: list[tuple[float, PaceChanged]] = []

    def observe(event: ProgressEvent) -> None:
        if isinstance(event, PaceChanged):
            told.append((world.timers.time(), event))

    world.bus.subscribe(observe)
    return world.run(paced(world, spec)), told


@st.composite
def days(draw: st.DrawFn) -> Day:
    low = draw(st.floats(0.05, 0.9))
    agents = draw(st.integers(1, 8))
    return Day(
        agents=agents,
        hours=1.0,
        answer_rate=jumping(low, draw(st.floats(0.05, 0.9)), draw(st.sampled_from([300.0, 900.0]))),
        wants_person=draw(st.floats(0.2, 1.0)),
        robot_s=draw(st.floats(1.0, 40.0)),
        talk_s=draw(st.floats(20.0, 200.0)),
        shifts=(
            (0.0, agents),
            (draw(st.floats(600, 2000)), draw(st.integers(0, agents))),
            (2400.0, 0),
            (3000.0, agents),
        ),
        seed=draw(st.integers(1, 10_000)),
    )


@pytest.mark.parametrize("spec", [POWER, PREDICTIVE], ids=["power", "predictive"])
@settings(max_examples=4, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(day=days())
def test_nothing_is_placed_without_people_and_little_is_lost_before_the_cap_is_proven(
    spec: PaceSpec, day: Day
) -> None:
    """In an hour so few callees need somebody that the cap allows next to none to be lost; those who signed out
    with calls in flight towards them are the world's doing, not the pacer's."""
    seen, told = run(day, spec)
    assert seen.without_people == 0
    assert told[0][1].stance is Stance.UNPROVEN
    assert any(event.stance is Stance.NOBODY for _, event in told)
    left_in_flight = 3 * day.agents  # three times somebody signs out: a line per free agent is on its way
    assert seen.abandoned <= max(0, most_within(seen.needed, 0.03, 0.95)) + left_in_flight


@pytest.mark.parametrize("spec", [POWER, PREDICTIVE], ids=["power", "predictive"])
def test_unproven_means_a_line_per_free_agent_and_nobody_lost(spec: PaceSpec) -> None:
    seen, told = run(Day(agents=3, hours=1.0, answer_rate=steady(0.8)), spec)
    assert [event.stance for _, event in told] == [Stance.UNPROVEN]
    assert (seen.most_over, seen.abandoned) == (0, 0)
    assert seen.needed > 50


def test_in_the_long_run_the_cap_holds_and_people_are_kept_busier() -> None:
    """The answer rate jumps between 15 and 50 % every half hour, and half of the people have lunch."""
    day = Day(
        agents=9,
        hours=2.0,
        answer_rate=jumping(0.15, 0.5, 1800),
        shifts=((0.0, 9), (4500.0, 5), (5400.0, 9)),
    )
    careful, _ = run(day, PaceSpec(mode="power"))
    seen, told = run(day, PREDICTIVE)
    assert seen.needed > 220
    assert seen.abandoned_share <= 0.03
    assert seen.utilisation > 1.1 * careful.utilisation
    assert {event.stance for _, event in told} >= {Stance.UNPROVEN, Stance.OPEN}


def test_above_the_cap_it_is_a_line_per_free_agent_again() -> None:
    """Three lines per free agent lose far more than 3 % where most people answer; the cap is what holds it."""
    day = Day(agents=8, hours=3.0, answer_rate=steady(0.7), wants_person=0.9)
    seen, told = run(day, POWER)
    assert seen.abandoned_share <= 0.03
    closed = [event for _, event in told if event.stance in (Stance.UNPROVEN, Stance.OVER_CAP)]
    assert len(closed) > 2
    assert all(event.upper > 3.0 for event in closed)
    loose = POWER.model_copy(update={"abandoned": AbandonedSpec(at_most=20.0)})
    assert run(day, loose)[0].abandoned_share > 0.06


def test_when_everybody_signs_out_what_rings_is_given_up_once_that_is_fair() -> None:
    day = Day(agents=6, hours=1.0, answer_rate=steady(0.1), shifts=((0.0, 6), (1800.0, 0)))
    world = World(day)
    pacer = paced(world, PaceSpec(mode="power"))
    world.timers.call_at(1800.0 + 17.0, lambda: left.append(len(pacer.people.lines.of(Phase.DIALLED))))
    left: list[int] = []
    seen = world.run(pacer)
    assert seen.given_up > 0
    assert left == [0]
    assert seen.without_people == 0
