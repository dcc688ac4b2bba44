"""The rows that a campaign stands on, for tests that write a database by hand.

Use: `made = new_campaign(session, NOW, phones=[…], …)` in a transaction; what a test is about it says itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ivr.model import Campaign, CampaignList, CampaignState, Contact, ContactList, FlowVersion, Task


@dataclass(frozen=True, slots=True)
class MadeCampaign:
    """What was written; the tasks are in the order of the phones."""

    campaign: Campaign
    people: ContactList
    contacts: list[Contact]
    tasks: list[Task]


def new_campaign(
    session: Session, at: datetime, phones: Sequence[str] = (), flow: str = "f", by: str = "ann", **values: Any
) -> MadeCampaign:
    """A campaign of a flow of its own, with a list and a task for each phone. It runs since `at`, and is called
    "November", and so is its list, unless `values` (columns of the campaign) say otherwise."""
    columns: dict[str, Any] = {
        "name": "November",
        "purpose": "service",
        "concurrency": 10,
        "state": CampaignState.RUNNING,
        "created_at": at,
        "created_by": by,
        "started_at": at,
    } | values
    version = FlowVersion(
        flow=flow, version=1, content_hash=f"{columns['name']:0>64}", source="flow: f\n", language="zh-CN",
        purpose=columns["purpose"], published_at=at, published_by=by,
    )  # fmt: skip
    people = ContactList(name=columns["name"], created_at=at, created_by=by)
    session.add_all([version, people])
    session.flush()
    campaign = Campaign(flow_version_id=version.id, **columns)
    contacts = [Contact(list_id=people.id, phone=phone, attributes={}) for phone in phones]
    session.add_all([campaign, *contacts])
    session.flush()
    session.add(CampaignList(campaign_id=campaign.id, list_id=people.id))
    tasks = [Task(campaign_id=campaign.id, contact_id=contact.id) for contact in contacts]
    session.add_all(tasks)
    session.flush()
    return MadeCampaign(campaign, people, contacts, tasks)
