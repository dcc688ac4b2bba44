"""What a strategy may say of its pace, the limits that know nothing of people, and campaigns that share theirs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bench.pacing.day import Day, steady
from bench.pacing.world import AT, QUEUE, World, paced
from ivr.dialer.pacer import FixedPacer
from ivr.dialer.routes import Ready
from ivr.pacing.limits import Least, PerSecond
from ivr.pacing.lines import Lines
from ivr.pacing.people import People, Power
from ivr.pacing.schema import PaceSpec
from ivr.pacing.tally import Tally
from ivr.ports import Agent
from ivr.session.progress import CallPlaced

pytestmark = pytest.mark.unit


def test_a_pace_survives_its_document() -> None:
    for spec in (PaceSpec(), PaceSpec(mode="power", lines_per_agent=2)):
        assert PaceSpec.model_validate_json(spec.model_dump_json()) == spec
    assert PaceSpec(mode="power").lines == 1.0
    assert PaceSpec(mode="predictive").lines == 5.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lines_per_agent": 2}, "lines_per_agent says nothing with mode: fixed"),
        ({"queues": ["sales"]}, "queues says nothing with mode: fixed"),
        ({"mode": "power", "lines_per_agent": 0.5}, "greater than or equal to 1"),
        ({"mode": "predictive", "abandoned": {"at_most": 50}}, "less than or equal to 20"),
        ({"mode": "guess"}, "'fixed', 'power' or 'predictive'"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PaceSpec.model_validate(given)


def test_calls_begin_evenly() -> None:
    now = [0.0]
    limit = PerSecond(2.0, lambda: now[0])
    assert limit.ready(0) == Ready(2)
    assert limit.ready(2) == Ready(0, 0.5)  # two are being prepared
    for number in range(2):
        limit.observe(CallPlaced(str(number), "+8613800000000", 1, AT))
    assert limit.ready(2).calls == 0  # the same two
    now[0] = 0.5
    assert limit.ready(2) == Ready(1)
    begun = 0
    for tick in range(1000):
        now[0] = 0.5 + tick / 100
        if limit.ready(2 + begun).calls:
            limit.observe(CallPlaced(f"later {begun}", "+8613800000000", 1, AT))
            begun += 1
    assert begun == 20


def test_the_least_of_several_waits_for_all_of_them() -> None:
    now = [0.0]
    limit = PerSecond(0.5, lambda: now[0])
    both = Least(FixedPacer(3), limit)
    assert both.ready(0) == Ready(1)
    assert both.ready(1) == Ready(0, 2.0)
    now[0] = 100.0
    assert both.ready(3).calls == 0
    assert both.surplus() == frozenset()


def test_two_campaigns_never_count_on_the_same_free_agent() -> None:
    world = World(Day(agents=5, answer_rate=steady(1.0)))
    first = paced(world, PaceSpec(mode="power"))
    lines = Lines(world.timers.time, Tally(first.people.spec.abandoned))
    floor = first.people.floor
    second = Power(
        People(spec=first.people.spec, queues=(QUEUE, "care"), agents=world.agents, lines=lines, bus=world.bus,
               time=world.timers.time, floor=floor)
    )  # fmt: skip
    for number in range(5):
        world.agents.sign_in(Agent(str(number), str(number)))
    assert first.ready(0).calls == 5
    assert second.ready(0).calls == 0  # five are promised to the first
    for number in range(2):
        world.bus.publish(CallPlaced(str(number), "+8613800000000", 1, AT))
    assert first.ready(2).calls == 3
    first.close()
    assert second.ready(0).calls == 5
