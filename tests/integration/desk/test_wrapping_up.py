"""What an agent says at the wrap-up that their talk came to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from flows.loader import loads
from ivr.database import Database
from ivr.desk import roster
from ivr.desk.errors import DeskError
from ivr.desk.presence import Change, choose, find, move
from ivr.desk.wrapping_up import Said, wrap_up
from ivr.flow_versions import version_row
from ivr.model import (
    AgentPresence,
    AgentState,
    Attempt,
    Campaign,
    CampaignState,
    Contact,
    ContactList,
    Handoff,
    HandoffResult,
    HandoffState,
    Task,
)

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
FLOW = b"""schema: 1
flow: care
title: care
language: en
purpose: service
limits: {call_s: 60, steps: 20}
start: end
nodes:
  end: {hangup: , disposition: agreed, intention: success}
"""
ROSTER = b"""schema: 1
queues: {care: {}}
agents:
  1: {name: Ann, phone: 601, skills: {care: 5}, hired_on: 2024-03-01}
"""
S = AgentState


def called(session: Session, *states: AgentState) -> None:
    """A call of a campaign that agent 1 talked in, and where they are."""
    roster.take(session, roster.loads(ROSTER), "ann", NOW)
    version = version_row(session, loads(FLOW), "test", NOW)
    phone = "+8613800000001"
    list_ = ContactList(name="list", created_at=NOW, created_by="test")
    session.add_all([version, list_])
    session.flush()
    campaign = Campaign(
        name="care",
        flow_version_id=version.id,
        purpose="service",
        state=CampaignState.RUNNING,
        concurrency=1,
        created_by="test",
        created_at=NOW,
    )
    contact = Contact(list_id=list_.id, phone=phone, attributes={})
    session.add_all([campaign, contact])
    session.flush()
    task = Task(campaign_id=campaign.id, contact_id=contact.id)
    session.add(task)
    session.flush()
    session.add(Attempt(id="a", task_id=task.id, campaign_id=campaign.id, number=1, phone=phone, started_at=NOW))
    session.add(
        Handoff(
            attempt_id="a",
            number=1,
            queue="care",
            asked_at=NOW,
            state=HandoffState.OVER,
            agent="1",
            result=HandoffResult.TALKED,
        )
    )
    for state in (S.SIGNED_IN, S.READY):
        choose(session, find(session, "1"), Change(state, "1"), NOW)
    for state in states:
        move(session, find(session, "1").id, Change(state, "w", attempt_id="a"), NOW)


async def test_what_it_came_to_is_kept_and_the_wrap_up_is_over(db: Database) -> None:
    await db.run(lambda session: called(session, S.RESERVED, S.TALKING, S.WRAP_UP))
    assert await db.run(lambda session: wrap_up(session, "1", Said("agreed", "1"), NOW)) is S.READY

    def read(session: Session) -> tuple[str | None, AgentState]:
        handoff, presence = session.get_one(Handoff, 1), session.get_one(AgentPresence, find(session, "1").id)
        return handoff.disposition, presence.state

    assert await db.read(read) == ("agreed", S.READY)


async def test_only_what_the_flow_knows(db: Database) -> None:
    await db.run(lambda session: called(session, S.RESERVED, S.TALKING, S.WRAP_UP))
    with pytest.raises(DeskError, match="no disposition sold; it has: agreed"):
        await db.run(lambda session: wrap_up(session, "1", Said("sold", "1"), NOW))


async def test_only_after_a_talk(db: Database) -> None:
    await db.run(lambda session: called(session, S.RESERVED, S.TALKING))
    with pytest.raises(DeskError, match="isn't wrapping up"):
        await db.run(lambda session: wrap_up(session, "1", Said("agreed", "1"), NOW))
