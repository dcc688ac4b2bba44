"""How large a campaign is for its approval, alone and with its siblings."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from ivr.campaigns.approval import Demand, Size, demand_of, together
from ivr.campaigns.hashing import feeds_of, fixed_lists
from ivr.config import ApprovalSettings
from ivr.model import Campaign, CampaignState, Contact, FlowVersion


def contacts_of(session: Session, campaign: Campaign) -> int | None:
    """How many people it may call: the different numbers on its lists and the most that feeds may bring.

    None: a feed without `max_total`, which nothing bounds."""
    numbers = numbers_on(session, fixed_lists(session, campaign.id))
    if not feeds_of(session, campaign.id) and campaign.max_total is None:
        return numbers
    return None if campaign.max_total is None else numbers + campaign.max_total


def numbers_on(session: Session, list_ids: tuple[int, ...]) -> int:
    """Different numbers on these lists, without those that were taken off."""
    counted = select(func.count(distinct(Contact.phone))).where(
        Contact.list_id.in_(list_ids), Contact.removed_at.is_(None)
    )
    return session.execute(counted).scalar_one()


def demand(session: Session, campaign: Campaign, settings: ApprovalSettings) -> Demand:
    """What the campaign needs now, with everything of its owner and flow that was submitted around the same time:
    approved ones too, so that what is split up in time is summed as well."""
    assert campaign.submitted_at is not None
    version = session.get_one(FlowVersion, campaign.flow_version_id)
    window = timedelta(hours=settings.split_hours)
    own = Size(campaign.created_by, version.flow, campaign.submitted_at, contacts_of(session, campaign))
    rows = session.execute(
        select(Campaign, FlowVersion.flow)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(
            Campaign.id != campaign.id,
            Campaign.created_by == campaign.created_by,
            Campaign.state != CampaignState.DRAFT,
            Campaign.submitted_at.between(own.submitted_at - window, own.submitted_at + window),
            FlowVersion.flow == version.flow,
        )
    ).all()
    siblings = [
        Size(other.created_by, flow, other.submitted_at, contacts_of(session, other))
        for other, flow in rows
        if other.submitted_at is not None
    ]
    return demand_of(together(own, siblings, window), settings)
