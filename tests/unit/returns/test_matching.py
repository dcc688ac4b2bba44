"""Whose conversation a customer gets who calls back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.model import CampaignState
from ivr.returns.matching import HOLDS, Called, Match, matching
from ivr.worker.returning import number_of

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def called(task: int = 1, ago: timedelta = HOUR, **more: Any) -> Called:
    usual: dict[str, Any] = {"on": False, "seen": True, "state": CampaignState.RUNNING, "within": 72 * HOUR}
    return Called(**{"task_id": task, "campaign_id": task, "at": NOW - ago, **usual, **more})


def test_the_newest_call_counts_that_they_can_know_of_and_whose_campaign_takes_calls_back() -> None:
    older, newest = called(1, 5 * HOUR), called(2, HOUR)
    assert matching([older, newest], NOW) is newest
    unfit = ({"seen": False}, {"within": None}, {"state": CampaignState.PAUSED}, {"within": timedelta(minutes=59)})
    for unlike in unfit:
        assert matching([older, called(2, HOUR, **unlike)], NOW) is older
    assert matching([called(1, HOUR, within=HOUR)], NOW) == called(1, HOUR, within=HOUR), "to the end of its time"


def test_a_finished_campaign_takes_calls_back_and_one_that_isnt_running_doesnt() -> None:
    states = {state: matching([called(state=state)], NOW) for state in CampaignState}
    assert {state for state, found in states.items() if isinstance(found, Called)} == HOLDS
    assert CampaignState.FINISHED in HOLDS
    assert CampaignState.PAUSED not in HOLDS


def test_one_call_with_a_person_at_a_time() -> None:
    on = called(2, timedelta(seconds=5), on=True, within=None)
    assert matching([called(1), on], NOW) is Match.BUSY


def test_nobody_called_them() -> None:
    assert matching([], NOW) is Match.NOBODY


calls = st.builds(
    called,
    task=st.integers(1, 5),
    ago=st.integers(0, 300).map(lambda hours: hours * HOUR),
    on=st.just(False),
    seen=st.booleans(),
    state=st.sampled_from(CampaignState),
    within=st.none() | st.integers(1, 200).map(lambda hours: hours * HOUR),
)


@given(st.lists(calls, max_size=8))
def test_whatever_is_found_may_be_returned_and_nothing_newer_may(found: list[Called]) -> None:
    best = matching(found, NOW)
    alone = [one for one in found if isinstance(matching([one], NOW), Called)]
    if isinstance(best, Called):
        assert best in alone
        assert all(one.at <= best.at for one in alone)
    else:
        assert not alone


@pytest.mark.parametrize(
    ("shown", "number"),
    [
        ("13800000001", "+8613800000001"),
        ("013800000001", "+8613800000001"),
        ("+8613800000001", "+8613800000001"),
        ("008613800000001", "+8613800000001"),
        ("01065001234", "+861065001234"),
        ("", None),
        ("anonymous", None),
        ("<unknown>", None),
        ("10086", None),
        ("1\r\nAction: Originate", None),
    ],
)
def test_a_caller_is_read_as_networks_show_them(shown: str, number: str | None) -> None:
    assert number_of(shown, "CN") == number
