"""A small house on both kinds of database: inspectors, agents in a team, campaigns, calls row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.inspection.people import Person, person
from ivr.model import (
    Agent,
    Attempt,
    AttemptState,
    Campaign,
    Contact,
    HungUpBy,
    Intention,
    Recording,
    Role,
    Segment,
    SegmentKind,
    Task,
    TaskState,
    Team,
    User,
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

DAY = date(2026, 11, 20)
MORNING = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)  # nine in Shanghai
EVENING = MORNING + timedelta(hours=10)
TOMORROW = MORNING + timedelta(days=1)


@dataclass
class House:
    """Rows that tests write to; ids of calls are what the test says."""

    session: Session
    campaigns: dict[str, tuple[Campaign, int]] = field(default_factory=dict)
    _calls: int = 0

    def campaign(self, name: str, purpose: str) -> None:
        made = new_campaign(self.session, MORNING, name=name, flow=name.lower(), purpose=purpose)
        self.campaigns[name] = (made.campaign, made.people.id)

    def call(self, id_: str, campaign: str, *talks: tuple[str, float], minutes: float = 0, **more: Any) -> Attempt:
        """An answered call: who talked for how many seconds ("": the robot); recorded unless `recorded=False`."""
        self._calls += 1
        row, list_id = self.campaigns[campaign]
        phone = f"+861380000{self._calls:04}"
        contact = Contact(list_id=list_id, phone=phone, attributes={})
        self.session.add(contact)
        self.session.flush()
        task = Task(campaign_id=row.id, contact_id=contact.id, state=TaskState.DONE, attempts=1)
        self.session.add(task)
        self.session.flush()
        begun = MORNING + timedelta(minutes=minutes)
        talk_s = sum(seconds for _, seconds in talks)
        recorded = more.pop("recorded", True)
        values: dict[str, Any] = {
            "state": AttemptState.ENDED, "number": 1, "started_at": begun, "answered_at": begun,
            "ended_at": begun + timedelta(seconds=talk_s), "talk_ms": round(talk_s * 1000),
            "outcome": DialOutcome.ANSWERED, "hung_up_by": HungUpBy.US, "disposition": "informed",
            "intention": Intention.INTERESTED, "path": ["greet", "offer"],
        } | more  # fmt: skip
        attempt = Attempt(id=id_, task_id=task.id, campaign_id=row.id, phone=phone, **values)
        self.session.add(attempt)
        self.session.flush()
        for number, (agent, seconds) in enumerate(talks, 1):
            kind = SegmentKind.AGENT if agent else SegmentKind.BOT
            until = begun + timedelta(seconds=seconds)
            self.session.add(Segment(attempt_id=id_, number=number, kind=kind, agent=agent or None,
                                     started_at=begun, ended_at=until))  # fmt: skip
            begun = until
        if recorded:
            self.session.add(Recording(attempt_id=id_, file=f"{id_}.flac", sha256="0" * 64, seconds=talk_s,
                                       created_at=values["ended_at"]))  # fmt: skip
        self.session.flush()
        return attempt


def furnish(session: Session) -> House:
    """Users, agents, and two campaigns without calls."""
    roles = {"ann": Role.INSPECTOR, "ben": Role.INSPECTOR, "cat": Role.INSPECTOR, "lee": Role.INSPECTOR,
             "boss": Role.SUPERVISOR, "wang": Role.AGENT}  # fmt: skip
    users = {name: User(name=name, password_hash="-", role=role, created_at=MORNING)
             for name, role in roles.items()}  # fmt: skip
    team = Team(name="north", leader="1002")
    session.add_all([*users.values(), team])
    session.flush()
    for number, name, user, team_id in (("1001", "王芳", "wang", team.id), ("1002", "李强", "lee", team.id),
                                        ("1003", "赵敏", None, None)):  # fmt: skip
        session.add(Agent(number=number, name=name, phone=number, team_id=team_id, hired_on=DAY,
                          user_id=users[user].id if user else None))  # fmt: skip
    house = House(session)
    house.campaign("Offers", "marketing")
    house.campaign("Reminders", "service")
    return house


def who(session: Session, name: str) -> Person:
    return person(session, name, "cli:test")


@pytest.fixture
def fixed(db: Database, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The database's clock stands: it is the next morning."""
    monkeypatch.setattr(type(db.clock), "now", lambda self: TOMORROW)
    return TOMORROW
