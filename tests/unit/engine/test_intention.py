"""The intention table: which rule wins."""

from __future__ import annotations

import pytest

from ivr.intention import EARLY_HANG_UP_S, Facts, classify
from ivr.model import Intention
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

ANSWERED = DialOutcome.ANSWERED


@pytest.mark.parametrize("outcome", [outcome for outcome in DialOutcome if outcome is not ANSWERED])
def test_who_was_not_reached_is_unreachable_whatever_the_flow_says(outcome: DialOutcome) -> None:
    assert classify(Facts(outcome, flow_intention=Intention.SUCCESS)) == "unreachable"


def test_opting_out_wins_over_the_flow() -> None:
    assert classify(Facts(ANSWERED, flow_intention=Intention.SUCCESS, opted_out=True)) == "declined"


def test_the_flow_wins_over_the_answers() -> None:
    assert classify(Facts(ANSWERED, flow_intention=Intention.SUCCESS, answers={"consent": "no"})) == "success"


def test_answers_count_when_the_flow_says_nothing() -> None:
    assert classify(Facts(ANSWERED, answers={"consent": "yes", "offer": "no"})) == "interested"
    assert classify(Facts(ANSWERED, answers={"consent": "no"})) == "declined"


def test_an_early_hang_up_declines() -> None:
    assert classify(Facts(ANSWERED, hung_up_by="callee", talk_s=EARLY_HANG_UP_S - 1)) == "declined"
    assert classify(Facts(ANSWERED, hung_up_by="callee", talk_s=EARLY_HANG_UP_S + 1)) == "unreachable"
    assert classify(Facts(ANSWERED, hung_up_by="us", talk_s=3.0)) == "unreachable"
