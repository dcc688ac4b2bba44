"""Campaigns row by row, on both kinds of database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flows.values import Modality
from ivr.database import Database
from ivr.model import (
    Answer,
    Attempt,
    AttemptState,
    Campaign,
    Contact,
    HungUpBy,
    Intention,
    Task,
    TaskState,
)
from tests.database_rig.campaigns import new_campaign
from tests.database_rig.fixture import (
    database_url,
    db,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)
from trunk.ports import DialOutcome

__all__ = ["database_url", "db", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai, a Friday


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@dataclass
class Books:
    """One campaign in one session, filled row by row. Ids of attempts are what the test says."""

    session: Session
    campaign: Campaign
    list_id: int
    tasks: dict[str, Task] = field(default_factory=dict)  # by phone

    def contact(self, phone: str, result: str | None = None, **more: Any) -> Task:
        attributes = more.pop("attributes", {})
        contact = Contact(list_id=self.list_id, phone=phone, attributes=attributes)
        self.session.add(contact)
        self.session.flush()
        state = TaskState.READY if result is None else TaskState.DONE
        values: dict[str, Any] = {"state": state, "attempts": 0} | more
        task = Task(campaign_id=self.campaign.id, contact_id=contact.id, result=result, **values)
        self.session.add(task)
        self.session.flush()
        self.tasks[phone] = task
        return task

    def call(self, id_: str, phone: str, minutes: float, outcome: DialOutcome, **more: Any) -> Attempt:
        """A call that ended; `talk_s` of talk when it was answered."""
        task = self.tasks[phone]
        task.attempts += 1
        talk_s = more.pop("talk_s", 30.0 if outcome is DialOutcome.ANSWERED else 0.0)
        begun = at(minutes)
        answered = begun + timedelta(seconds=5) if talk_s else None
        values: dict[str, Any] = {
            "state": AttemptState.ENDED,
            "number": task.attempts,
            "started_at": begun,
            "ringing_at": begun + timedelta(seconds=1),
            "answered_at": answered,
            "ended_at": begun + timedelta(seconds=5 + talk_s),
            "talk_ms": round(talk_s * 1000),
            "hung_up_by": HungUpBy.US if talk_s else HungUpBy.NETWORK,
            "disposition": outcome.value,
            "intention": Intention.UNREACHABLE,
            "path": ["greet", "consent", "rating"] if talk_s else [],
            "outcome": outcome,
        } | more
        attempt = Attempt(id=id_, task_id=task.id, campaign_id=self.campaign.id, phone=phone, **values)
        self.session.add(attempt)
        self.session.flush()
        return attempt

    def answer(self, attempt_id: str, number: int, name: str, value: str, **more: Any) -> None:
        values: dict[str, Any] = {"node": name, "modality": Modality.KEYS, "given_at": NOW} | more
        self.session.add(Answer(attempt_id=attempt_id, number=number, name=name, value=value, **values))
        self.session.flush()

    def add(self, *rows: Any) -> None:
        self.session.add_all(rows)
        self.session.flush()


def new_books(session: Session, name: str = "November", **more: Any) -> Books:
    """A campaign without contacts."""
    made = new_campaign(session, NOW, name=name, flow=name, **more)
    return Books(session, made.campaign, made.people.id)


@pytest.fixture
def keep(db: Database) -> Callable[[Callable[[Session], None]], Awaitable[None]]:
    """`await keep(work)` writes what `work(session)` makes."""

    async def run(work: Callable[[Session], None]) -> None:
        await db.run(work)

    return run
