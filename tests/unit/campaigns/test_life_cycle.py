"""The table of a campaign's life: what can follow what, and that nothing calls without having been approved."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.campaigns.errors import CampaignError
from ivr.campaigns.life_cycle import STEPS, By, Event, step
from ivr.model import CampaignState

pytestmark = pytest.mark.unit

EVENTS = st.lists(st.sampled_from(list(Event)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_nothing_runs_that_wasnt_approved_and_nothing_finished_lives_again(events: list[Event]) -> None:
    """Walk by the table alone: an edit takes the approval away, and only APPROVE gives it."""
    state, approved = CampaignState.DRAFT, False
    for event in events:
        found = STEPS.get((state, event))
        if found is None:
            continue
        assert state is not CampaignState.FINISHED
        if event is Event.RESUME and not approved:
            continue  # `running` refuses: the table's RESUME is for an approval that holds
        approved = event is Event.APPROVE or (approved and event not in (Event.EDIT, Event.SUBMIT))
        state = found.to
        if state is CampaignState.RUNNING:
            assert approved


def test_every_state_can_be_ended_and_every_state_can_be_come_to() -> None:
    ended = {state for (state, event), found in STEPS.items() if found.to is CampaignState.FINISHED}
    assert ended == set(CampaignState) - {CampaignState.FINISHED}
    assert {found.to for found in STEPS.values()} == set(CampaignState)


def test_only_approvers_sign_and_reject() -> None:
    by_approvers = {event for (_, event), found in STEPS.items() if found.by is By.APPROVER}
    assert by_approvers == {Event.SIGN, Event.APPROVE, Event.REJECT}


@pytest.mark.parametrize(
    ("state", "event", "said"),
    [
        (CampaignState.DRAFT, Event.START, "only an approved campaign is started"),
        (CampaignState.RUNNING, Event.SUBMIT, "only a draft"),
        (CampaignState.FINISHED, Event.EDIT, "create a new one"),
        (CampaignState.FINISHED, Event.RESUME, "only a paused campaign"),
        (CampaignState.APPROVED, Event.SIGN, "nothing of it waits for approval"),
        (CampaignState.PAUSED, Event.PAUSE, "only a running campaign"),
        (CampaignState.FINISHED, Event.STOP, "finished already"),
    ],
)
def test_what_cant_happen_is_one_sentence(state: CampaignState, event: Event, said: str) -> None:
    with pytest.raises(CampaignError, match=said) as caught:
        step("May", state, event)
    assert str(caught.value).count("\n") == 0
