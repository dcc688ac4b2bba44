"""What a user is told when a campaign can't be what they ask for."""

from __future__ import annotations

from ivr.errors import IvrError


class CampaignError(IvrError):
    """The campaign can't be run or changed as asked. One sentence: what is in the way, and what to do."""
