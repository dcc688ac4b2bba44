"""A campaign's rows for tests of the policy: contacts, tasks, and calls that were made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.dialer import store
from ivr.model import (
    Campaign,
    CampaignState,
    Contact,
    ContactDecision,
    ContactList,
    DoNotDisturb,
    Engagement,
    EngagementState,
    FlowVersion,
    Task,
)
from ivr.policy.loader import loads
from ivr.policy.policy import CampaignRules
from ivr.policy.story import Story, story_of
from ivr.session.record import CallRecord
from ivr.strategy import default_strategy
from ivr.strategy.strategy import once
from trunk.ports import Cause, DialOutcome

T = TypeVar("T")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=SHANGHAI)
BUSY = Cause(DialOutcome.BUSY, "sip 486", "network")
ANSWERED = Cause(DialOutcome.ANSWERED, "sip 200", "callee")
CONTACTS = 20


def rules(text: str = "", campaign_id: int = 1) -> CampaignRules:
    policy = loads(f"schema: 1\npolicy: test\n{text}".encode())
    return CampaignRules(policy, campaign_id, "marketing", "offer", {})


def phone(number: int) -> str:
    return f"+86138{number:08d}"


@dataclass
class Rows:
    """Two campaigns on the same numbers. Tasks 1 to 20 are the first one's, 21 to 40 the second one's."""

    db: Database

    async def do(self, work: Callable[[Session], T]) -> T:
        return await self.db.run(work)

    async def lease(self, own: CampaignRules, count: int = 1, now: datetime = NOW) -> store.Leased:
        request = store.LeaseRequest(rules=own, owner="test", count=count, now=now, lease_s=600)
        return await store.lease(self.db, request)

    async def place(self, own: CampaignRules, lease: store.Lease, now: datetime = NOW) -> bool:
        placing = store.Placing(f"{own.campaign_id}-{lease.task_id}-{lease.attempts}", own, lease, now)
        return await store.place_at_once(self.db, placing)

    async def finish(
        self, own: CampaignRules, lease: store.Lease, cause: Cause, now: datetime = NOW, *, retries: bool = True
    ) -> datetime | None:
        attempt_id = f"{own.campaign_id}-{lease.task_id}-{lease.attempts}"
        answered = now if cause is ANSWERED else None
        record = CallRecord(attempt_id, lease.phone, now, now, answered, now, cause=cause)
        strategy = default_strategy() if retries else once(default_strategy())
        ending = store.Ending(lease.task_id, record, own, strategy)
        return await store.finish_at_once(self.db, ending)

    async def call(
        self, own: CampaignRules, lease: store.Lease, cause: Cause, now: datetime = NOW
    ) -> datetime | None:
        assert await self.place(own, lease, now)
        return await self.finish(own, lease, cause, now)

    async def task(self, task_id: int) -> Task:
        return await self.db.read(lambda session: session.get_one(Task, task_id))

    async def engagement(self, task_id: int) -> EngagementState | None:
        found = await self.db.read(lambda session: session.get(Engagement, task_id))
        return None if found is None else found.state

    async def decisions(self, task_id: int) -> list[tuple[str, str, str | None]]:
        query = select(ContactDecision).where(ContactDecision.task_id == task_id).order_by(ContactDecision.id)
        rows = await self.db.read(lambda session: session.execute(query).scalars().all())
        return [(row.stage.value, row.verdict, row.rule) for row in rows]

    async def story(self, own: CampaignRules, number: int, now: datetime = NOW) -> Story:
        return await self.db.read(lambda session: story_of(session, phone(number), own.policy, now))


@pytest.fixture
async def rows(db: Database) -> Rows:
    await db.run(_fill)
    return Rows(db)


def _fill(session: Session) -> None:
    version = {"language": "en", "purpose": "marketing", "published_at": NOW, "published_by": "test"}
    session.add(FlowVersion(flow="offer", version=1, content_hash="0" * 64, source="", **version))
    session.flush()
    for campaign_id in (1, 2):
        session.add(ContactList(name=f"list {campaign_id}", created_at=NOW, created_by="test"))
        session.flush()
        session.add(
            Campaign(
                name=f"campaign {campaign_id}",
                flow_version_id=1,
                purpose="marketing",
                concurrency=5,
                state=CampaignState.RUNNING,
                created_at=NOW,
                created_by="test",
            )
        )
        session.flush()
        for number in range(1, CONTACTS + 1):
            contact = Contact(list_id=campaign_id, row_number=number + 1, phone=phone(number), attributes={})
            session.add(contact)
            session.flush()
            session.add(Task(campaign_id=campaign_id, contact_id=contact.id))
            session.flush()


def _opt_out(number: int) -> DoNotDisturb:
    return DoNotDisturb(phone=phone(number), purpose="*", source="test", created_at=NOW)
