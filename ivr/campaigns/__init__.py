"""Campaigns: opened by a run at a terminal (`opening`), or created, approved and run by workers.

`life_cycle` says what may follow what, `approval` who must sign, `guard` when a campaign stops by itself: pure
rules. `creating`, `editing`, `deciding` and `running` are the services that apply them, each change with its line
in the audit trail; `keeping` is what whoever dials calls every few seconds, `stopping` the emergency stop. Who is
called when is the dialer's.

Here is what the rest of the platform tells campaigns: that something changed which an approval is bound to."""

from ivr.campaigns.changing import lists_changed, void
from ivr.campaigns.errors import CampaignError

__all__ = ["CampaignError", "lists_changed", "void"]
