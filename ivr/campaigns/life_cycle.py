"""The life of a campaign as one table: (state, event) -> the next state, and who may bring it about.

Pure. What isn't in the table can't happen; `ivr.campaigns.running` and `deciding` apply it, with its line in the
audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ivr.campaigns.errors import CampaignError
from ivr.campaigns.words import state_word
from ivr.model import CampaignState


class Event(StrEnum):
    SUBMIT = "submit"
    SIGN = "sign"  # one of several approvals
    APPROVE = "approve"  # the last one that was needed
    REJECT = "reject"
    EDIT = "edit"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"  # for good
    FINISH = "finish"  # everybody is done, or the end has come


class By(StrEnum):
    OWNER = "owner"  # who may manage the campaign
    APPROVER = "approver"
    ENGINE = "engine"  # the platform by itself, and whoever may manage it


@dataclass(frozen=True, slots=True)
class Step:
    to: CampaignState
    by: By


_DRAFT, _SUBMITTED, _APPROVED = CampaignState.DRAFT, CampaignState.SUBMITTED, CampaignState.APPROVED
_RUNNING, _PAUSED, _FINISHED = CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.FINISHED

STEPS: Mapping[tuple[CampaignState, Event], Step] = {
    (_DRAFT, Event.SUBMIT): Step(_SUBMITTED, By.OWNER),
    (_DRAFT, Event.EDIT): Step(_DRAFT, By.OWNER),
    (_DRAFT, Event.STOP): Step(_FINISHED, By.OWNER),
    (_SUBMITTED, Event.SIGN): Step(_SUBMITTED, By.APPROVER),
    (_SUBMITTED, Event.APPROVE): Step(_APPROVED, By.APPROVER),
    (_SUBMITTED, Event.REJECT): Step(_DRAFT, By.APPROVER),
    (_SUBMITTED, Event.EDIT): Step(_DRAFT, By.OWNER),
    (_SUBMITTED, Event.STOP): Step(_FINISHED, By.OWNER),
    (_SUBMITTED, Event.FINISH): Step(_FINISHED, By.ENGINE),
    (_APPROVED, Event.EDIT): Step(_DRAFT, By.OWNER),
    (_APPROVED, Event.START): Step(_RUNNING, By.OWNER),
    (_APPROVED, Event.STOP): Step(_FINISHED, By.OWNER),
    (_APPROVED, Event.FINISH): Step(_FINISHED, By.ENGINE),
    (_RUNNING, Event.EDIT): Step(_PAUSED, By.OWNER),
    (_RUNNING, Event.PAUSE): Step(_PAUSED, By.ENGINE),
    (_RUNNING, Event.STOP): Step(_FINISHED, By.OWNER),
    (_RUNNING, Event.FINISH): Step(_FINISHED, By.ENGINE),
    # An approval that an edit has taken away is asked for again; one that holds needs no second time.
    (_PAUSED, Event.SUBMIT): Step(_SUBMITTED, By.OWNER),
    (_PAUSED, Event.EDIT): Step(_PAUSED, By.OWNER),
    (_PAUSED, Event.RESUME): Step(_RUNNING, By.OWNER),
    (_PAUSED, Event.STOP): Step(_FINISHED, By.OWNER),
    (_PAUSED, Event.FINISH): Step(_FINISHED, By.ENGINE),
}

_REFUSALS: Mapping[Event, str] = {
    Event.SUBMIT: "The campaign {name} is {state}: only a draft, or a paused one that was edited, is submitted.",
    Event.SIGN: "The campaign {name} is {state}: nothing of it waits for approval.",
    Event.APPROVE: "The campaign {name} is {state}: nothing of it waits for approval.",
    Event.REJECT: "The campaign {name} is {state}: nothing of it waits for approval.",
    Event.EDIT: "The campaign {name} is finished: create a new one.",
    Event.START: "The campaign {name} is {state}: only an approved campaign is started.",
    Event.PAUSE: "The campaign {name} is {state}: only a running campaign is paused.",
    Event.RESUME: "The campaign {name} is {state}: only a paused campaign is resumed.",
    Event.STOP: "The campaign {name} is finished already.",
    Event.FINISH: "The campaign {name} is {state}: it can't finish.",
}


def step(name: str, state: CampaignState, event: Event) -> Step:
    """What the event does to the campaign of that name. Raises CampaignError when it can't happen now."""
    found = STEPS.get((state, event))
    if found is None:
        raise CampaignError(_REFUSALS[event], name=name, state=state_word(state))
    return found
