"""Tasks for the contacts on a campaign's lists."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, insert, literal, select
from sqlalchemy.orm import Session

from ivr.dialer.entry import enter
from ivr.model import CampaignList, Contact, Task, TaskState
from ivr.policy.policy import CampaignRules


def take_in(session: Session, rules: CampaignRules, now: datetime) -> int:
    """Make the tasks that are missing and ask the policy about each; how many are never to be called."""
    lists = select(CampaignList.list_id).where(CampaignList.campaign_id == rules.campaign_id)
    contacts = (
        select(literal(rules.campaign_id), Contact.id, literal(TaskState.READY.value), literal(0))
        .where(
            Contact.list_id.in_(lists),
            Contact.removed_at.is_(None),
            ~exists().where(Task.campaign_id == rules.campaign_id, Task.contact_id == Contact.id),
        )
        .order_by(Contact.id)
    )
    columns = ["campaign_id", "contact_id", "state", "attempts"]
    session.execute(insert(Task).from_select(columns, contacts, include_defaults=False))
    return enter(session, rules, now)
