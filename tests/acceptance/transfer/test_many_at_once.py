"""Many customers and agents at once over a real Asterisk, with everything that people do: `ivr bench transfers`
runs the same with 30 agents and 60 customers."""

from __future__ import annotations

import pytest

from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.shared_prompts import with_shared_prompts
from tests.transfer_rig.checks import faults
from tests.transfer_rig.plan import mixed
from tests.transfer_rig.steps import to_hearing_s, to_ringing_s
from tests.transfer_rig.world import Ran, ran

__all__ = ["asterisk_rig"]

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.alone, pytest.mark.timeout(290)]
AGENTS, CUSTOMERS = 8, 16


@pytest.fixture(scope="module")
def many(asterisk_rig: AsteriskRig, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("many")
    return ran(
        asterisk_rig, mixed(AGENTS, CUSTOMERS), folder, with_shared_prompts(folder / "var", tmp_path_factory)
    )


def test_every_call_has_one_result_and_nothing_is_left_over(many: Ran) -> None:
    assert faults(many) == []
    assert sum(many.results.values()) == CUSTOMERS


def test_people_did_all_that_people_do(many: Ran) -> None:
    """Else the test above proves less than it says."""
    seen = set(many.results)
    assert {"talked", "left_ringing", "left_whisper", "unreachable"} <= seen
    assert {"no_key", "phone_lost"} & seen
    tried = {one["result"] for rows in many.handoffs.values() for row in rows for one in row.tried}
    assert "declined" in tried
    assert all(to_ringing_s(many).values())
    assert all(to_hearing_s(many).values())


def test_who_stayed_rates_the_agent_they_talked_with(many: Ran) -> None:
    assert many.ratings
    for phone, (rating, agent) in many.ratings.items():
        (row,) = many.handoffs[phone]
        assert (rating, agent) == ("4", row.agent)
