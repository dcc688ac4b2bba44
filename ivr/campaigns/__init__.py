"""Campaigns: opened by a run at a terminal (`opening`), or created, approved and run by workers.

`life_cycle` says what may follow what, `approval` who must sign, `guard` when a campaign stops by itself: pure
rules. `creating`, `editing`, `deciding` and `running` are the services that apply them, each one transaction with
its line in the audit trail; `keeping` is what a worker calls every few seconds, `stopping` the emergency stop.
Who is called when is the dialer's."""

from ivr.campaigns.errors import CampaignError
from ivr.campaigns.opening import (
    CampaignPlan,
    OpenedCampaign,
    finish_campaign,
    last_moment,
    left_to_call,
    open_campaign,
    pause_campaign,
    start_campaign,
)

__all__ = [
    "CampaignError",
    "CampaignPlan",
    "OpenedCampaign",
    "finish_campaign",
    "last_moment",
    "left_to_call",
    "open_campaign",
    "pause_campaign",
    "start_campaign",
]
