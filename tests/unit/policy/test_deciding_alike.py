"""Deciding about many at once says of each what deciding about it alone does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.policy.alike import decide_each
from ivr.policy.decide import Agreed, Engaged, Facts, Invalid, OptOut, Success, decide_ahead
from ivr.policy.loader import loads
from ivr.policy.policy import CampaignRules

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
AGES = st.sampled_from([timedelta(minutes=2), timedelta(days=1), timedelta(days=35)]).map(lambda age: NOW - age)
LATER = st.sampled_from([None, NOW + timedelta(days=2)])
POLICY = loads(
    b"""
schema: 1
policy: test
attributes: {exempt: boolean, score: number, expires_on: date}
consent: [marketing]
paid: [service]
hold_out: {percent: 10, draw: d}
exclude:
  exempt: {when: exempt}
  low: {when: score < 2}
  expired: {when: expires_on < today}
attempts: 2
results: {days: 30}
engagements: {per_month: 1}
limits: {per_5_minutes: 1, per_day: 2}
windows:
  - times: [09:00-21:00]
"""
)
# Few values of each, so that some are alike and some nearly are: True and 1, one zone and another.
FACTS = st.builds(
    Facts,
    phone=st.sampled_from(["+8613800000001", "+8613800000002", "+12125551234", "+442079460000"]),
    attributes=st.fixed_dictionaries(
        {},
        optional={
            "exempt": st.sampled_from([True, False]),
            "score": st.sampled_from([1, True, 2.0, 3]),
            "expires_on": st.sampled_from(["2026-11-19", "2026-11-20", "2026-11-21"]),
            "name": st.sampled_from(["a", "b"]),
        },
    ),
    attempts=st.integers(0, 2),
    opt_outs=st.lists(st.builds(OptOut, st.sampled_from(["*", "survey"]), LATER), max_size=1).map(tuple),
    consents=st.lists(st.builds(Agreed, st.just("marketing"), AGES, LATER), max_size=1).map(tuple),
    engagements=st.lists(st.builds(Engaged, st.just("care"), st.sampled_from(["2026-10", "2026-11"])), max_size=1)
    .map(tuple),
    successes=st.lists(st.builds(Success, st.just("care"), AGES), max_size=1).map(tuple),
    results=st.lists(AGES, max_size=1).map(tuple),
    calls=st.lists(AGES, max_size=2).map(lambda calls: tuple(sorted(calls))),
    held_out=st.booleans(),
    paid_at=st.none() | AGES,
    removed=st.booleans(),
    invalid=st.none() | st.builds(Invalid, AGES, st.just(NOW + timedelta(days=90))),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(FACTS, max_size=12), st.sampled_from(["marketing", "service", "care"]))
def test_each_gets_the_answer_that_it_gets_alone(found: list[Facts], purpose: str) -> None:
    rules = CampaignRules(POLICY, 1, purpose, "offer", {})
    found += [Facts(one.phone, one.attributes) for one in found]  # of most numbers nothing else is known
    assert decide_each(rules, found, NOW) == [decide_ahead(rules, one, NOW) for one in found]
