"""Calls placed and ended from the loop on PostgreSQL leave the rows that a session's transactions leave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flows.results import Input
from flows.values import Modality
from ivr.database import Database
from ivr.dialer import store
from ivr.model import (
    Answer,
    Attempt,
    Campaign,
    CampaignState,
    Contact,
    ContactDecision,
    ContactList,
    DoNotDisturb,
    EmergencyStop,
    Engagement,
    FlowVersion,
    InvalidNumber,
    Segment,
    Task,
)
from ivr.policy.loader import loads
from ivr.policy.policy import CampaignRules
from ivr.session.record import CallRecord, GivenAnswer, Talk
from ivr.strategy import default_strategy
from trunk.ports import Cause, DialOutcome

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=40)
POLICY = loads(b"schema: 1\npolicy: test\nengagements: {per_month: 1, purposes: [marketing]}")
ENDED = {
    "busy": Cause(DialOutcome.BUSY, "sip 486", "network"),
    "invalid": Cause(DialOutcome.INVALID_NUMBER, "sip 404", "network"),
    "unknown": Cause(DialOutcome.UNKNOWN, "", "us"),
    "opted out": Cause(DialOutcome.ANSWERED, "sip 200", "callee"),
    "talked": Cause(DialOutcome.ANSWERED, "sip 200 “\\\"'{}", "callee"),
}
TABLES = (Task, Attempt, Answer, Segment, Engagement, ContactDecision, InvalidNumber)
OWN = frozenset({"id", "task_id", "attempt_id", "contact_id", "campaign_id", "phone"})  # differ by their nature


@dataclass
class Desk:
    """Two campaigns alike, each on its own numbers: the first one's calls go by sessions."""

    db: Database

    def rules(self, campaign_id: int) -> CampaignRules:
        return CampaignRules(POLICY, campaign_id, "marketing", "offer", {})

    async def lease(self, campaign_id: int) -> tuple[store.Lease, ...]:
        request = store.LeaseRequest(self.rules(campaign_id), "test", len(ENDED), NOW, 600.0)
        return (await store.lease(self.db, request)).leases

    def placing(self, campaign_id: int, lease: store.Lease) -> store.Placing:
        return store.Placing(
            f"call {lease.task_id}", self.rules(campaign_id), lease, NOW, "north", "+861012345678"
        )

    def ending(self, campaign_id: int, lease: store.Lease, name: str) -> store.Ending:
        cause = ENDED[name]
        answered = NOW if cause.outcome is DialOutcome.ANSWERED else None
        record = CallRecord(f"call {lease.task_id}", lease.phone, NOW, NOW, answered, LATER, 40.0, cause)
        record.opted_out = name == "opted out"
        if name == "talked":
            pressed = Input(value="5", modality=Modality.KEYS, reaction_ms=-3)
            said = Input(
                value="yes", modality=Modality.SPEECH, transcript='{"好,"\\} ', confidence=0.5, rule="grammar"
            )
            record.answers = [
                GivenAnswer("ask", "rating", pressed, NOW, None),
                GivenAnswer("ask 2", "agrees", said, LATER, "f" * 64, pending=True),
            ]
            record.talks = [Talk("+8613900000001", NOW + timedelta(seconds=10))]
            record.path = ["ask", "问"]
        return store.Ending(lease.task_id, record, self.rules(campaign_id), default_strategy())

    async def rows(self, campaign_id: int) -> dict[str, list[dict[str, Any]]]:
        """What there is of a campaign, without what names it."""

        def read(session: Session) -> dict[str, list[dict[str, Any]]]:
            phones = select(Attempt.phone).where(Attempt.campaign_id == campaign_id)
            tasks = select(Task.id).where(Task.campaign_id == campaign_id)
            calls = select(Attempt.id).where(Attempt.campaign_id == campaign_id)
            found: dict[str, list[dict[str, Any]]] = {}
            for table in TABLES:
                columns = table.__table__.columns
                by: dict[str, Any] = {
                    "campaign_id": [campaign_id],
                    "task_id": tasks,
                    "attempt_id": calls,
                    "phone": phones,
                }
                key = next(name for name in by if name in columns)
                rows = session.execute(select(table.__table__).where(columns[key].in_(by[key]))).mappings()
                kept = [{name: row[name] for name in row if name not in OWN} for row in rows]
                found[table.__tablename__] = sorted(kept, key=repr)
            return found

        return await self.db.read(read)


@pytest.fixture
async def desk(postgresql_url: str) -> AsyncIterator[Desk]:
    db = Database(postgresql_url)
    await db.run(_fill)
    yield Desk(db)
    await db.close()


def _fill(session: Session) -> None:
    about = {"source": "", "language": "en", "published_at": NOW, "published_by": "test"}
    session.add(FlowVersion(flow="offer", version=1, content_hash="0" * 64, purpose="marketing", **about))
    session.flush()
    for number in (1, 2):
        session.add(ContactList(name=str(number), created_at=NOW, created_by="test"))
        session.flush()
        made = {"created_at": NOW, "created_by": "test", "concurrency": 5, "state": CampaignState.RUNNING}
        session.add(Campaign(name=str(number), flow_version_id=1, purpose="marketing", **made))
        session.flush()
        for contact in range(len(ENDED)):
            row = Contact(list_id=number, phone=f"+8613{number}{contact:08d}", attributes={})
            session.add(row)
            session.flush()
            session.add(Task(campaign_id=number, contact_id=row.id))
            session.flush()


async def test_both_ways_leave_the_same_rows(desk: Desk) -> None:
    for name, one, other in zip(ENDED, await desk.lease(1), await desk.lease(2), strict=True):
        placing, ending = desk.placing(1, one), desk.ending(1, one, name)
        assert await desk.db.run(lambda session, placing=placing: store.place(session, placing))  # type: ignore[misc]
        assert await store.place_at_once(desk.db, desk.placing(2, other))
        again = await desk.db.run(lambda session, ending=ending: store.finish(session, ending))  # type: ignore[misc]
        assert await store.finish_at_once(desk.db, desk.ending(2, other, name)) == again
    rows = await desk.rows(1)
    assert rows == await desk.rows(2)
    assert {name: len(found) for name, found in rows.items()} == {
        "task": 5,
        "attempt": 5,
        "answer": 2,
        "segment": 3,
        "engagement": 5,
        "contact_decision": 5,
        "invalid_number": 1,
    }


async def test_an_end_is_written_once(desk: Desk) -> None:
    lease = (await desk.lease(2))[4]
    assert await store.place_at_once(desk.db, desk.placing(2, lease))
    await store.finish_at_once(desk.db, desk.ending(2, lease, "talked"))
    with pytest.raises(store.AlreadyEnded):
        await store.finish_at_once(desk.db, desk.ending(2, lease, "talked"))
    assert len((await desk.rows(2))["answer"]) == 2


async def test_nothing_is_placed_against_what_came_since_the_lease(desk: Desk) -> None:
    opted_out, live, lost, stopped, *_ = await desk.lease(2)
    purpose = {"purpose": "marketing", "source": "call", "created_at": NOW}
    await desk.db.run(lambda session: session.add(DoNotDisturb(phone=opted_out.phone, **purpose)))
    assert not await store.place_at_once(desk.db, desk.placing(2, opted_out))

    busy = desk.placing(2, lost._replace(phone=live.phone))  # a live call to the other's number
    await desk.db.run(
        lambda session: session.execute(
            update(Contact).where(Contact.id == lost.contact_id).values(phone=live.phone, source_id="2")
        )
    )
    assert await store.place_at_once(desk.db, desk.placing(2, live))
    assert not await store.place_at_once(desk.db, busy)

    stop = EmergencyStop(at=NOW, by="ann", why="")
    await desk.db.run(lambda session: session.add(stop))
    assert not await store.place_at_once(desk.db, desk.placing(2, stopped))
    assert not await store.place_at_once(desk.db, desk.placing(2, stopped._replace(owner="dead")))
    assert await desk.db.read(lambda session: session.scalar(select(func.count()).select_from(Attempt))) == 1
