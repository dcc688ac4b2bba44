"""What a campaign's numbers are judged by: its policy and what its flow needs, as they are stored."""

from __future__ import annotations

from sqlalchemy.orm import Session

from flows.loader import load_document as load_flow
from ivr.model import Campaign, FlowVersion
from ivr.policy.loader import default_policy, load_document
from ivr.policy.policy import CampaignRules


def rules_of(session: Session, campaign_id: int) -> CampaignRules:
    """What the campaign's numbers are judged by."""
    campaign = session.get_one(Campaign, campaign_id)
    version = session.get_one(FlowVersion, campaign.flow_version_id)
    policy = load_document(campaign.policy) if campaign.policy else default_policy()
    return CampaignRules(policy, campaign.id, campaign.purpose, version.flow, load_flow(version.source).needs)
