"""A campaign that feeds fill, on SQLite and on PostgreSQL, and a billing system to read from, of either kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session

from flows.library import path as library_flow
from flows.loader import load as load_flow
from ivr.clock import RealClock
from ivr.config import Settings
from ivr.database import Database
from ivr.feeds import service
from ivr.feeds.loader import loads
from ivr.feeds.runner import FeedRunner
from ivr.feeds.service import By
from ivr.flow_versions import version_row
from ivr.model import Campaign, CampaignState, Contact, Task
from ivr.policy.loader import loads as load_policy

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=SHANGHAI)
POLICY = "schema: 1\npolicy: test\nattributes: {vip: boolean}\n"


class SetClock(RealClock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def pass_(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Billing:
    """Somebody else's database, with the reminders that it has sent and the payments that came."""

    engine: Engine
    url: str

    def run(self, statement: str, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), rows or None)

    def remind(self, *rows: tuple[int, str, object], at: datetime | None = None) -> None:
        """(id, phone, balance) …"""
        statement = "INSERT INTO reminders VALUES (:id, :msisdn, :balance, :pay_by, :sent_at)"
        sent_at = (at or NOW).replace(tzinfo=None)
        self.run(statement, *(
            {"id": id_, "msisdn": phone, "balance": balance, "pay_by": "2026-01-20", "sent_at": sent_at}
            for id_, phone, balance in rows
        ))  # fmt: skip


TABLES = (
    "CREATE TABLE reminders (id INTEGER, msisdn VARCHAR(40), balance VARCHAR(40), pay_by VARCHAR(20),"
    " sent_at TIMESTAMP)",
    "CREATE TABLE payments (id INTEGER, msisdn VARCHAR(40), amount NUMERIC, paid_at TIMESTAMP)",
)


def billing_at(url: str, driver_url: str) -> Billing:
    billing = Billing(create_engine(driver_url), url)
    for table in TABLES:
        billing.run(table)
    return billing


@pytest.fixture
def sqlite_billing(tmp_path: Path) -> Iterator[Billing]:
    url = f"sqlite:///{tmp_path / 'billing.db'}"
    billing = billing_at(url, url)
    yield billing
    billing.engine.dispose()


@pytest.fixture
def postgresql_billing(postgresql_rig: Any) -> Iterator[Billing]:
    url = postgresql_rig.empty()
    billing = billing_at(url, url.replace("postgresql://", "postgresql+psycopg://"))
    yield billing
    billing.engine.dispose()


@pytest.fixture
def billing(request: pytest.FixtureRequest, database_url: str) -> Billing:
    """Of the same kind as our own database, so that both kinds are read and written."""
    kind = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    found = request.getfixturevalue(f"{kind}_billing")
    assert isinstance(found, Billing)
    return found


@dataclass
class Town:
    """Our side: a campaign, its feeds, a runner."""

    db: Database
    clock: SetClock
    billing: Billing
    runner: FeedRunner = field(init=False)

    def __post_init__(self) -> None:
        self.runner = FeedRunner(self.db, Settings(), "test")

    def document(self, **changes: str) -> bytes:
        """The reminders' feed; a change replaces a line that begins with its key, or adds one."""
        lines = {
            "schema": "1",
            "feed": "reminders",
            "kind": "contacts",
            "source": f'{{url: "{self.billing.url}", timeout_s: 5}}',
            "query": "SELECT * FROM reminders WHERE id > :after ORDER BY id",
            "position": "{column: id}",
            "phone": "msisdn",
            "since": "sent_at",
            "attributes": "{balance: balance, pay_by: {column: pay_by, type: date}}",
            "every": '"*/10 * * * *"',
        } | changes
        return "\n".join(f"{key}: {value}" for key, value in lines.items() if value).encode()

    async def add(self, campaign: str | None = "November", **changes: str) -> bool:
        definition = loads(self.document(**changes))
        by = By("ann", self.clock.now())
        return await self.db.run(lambda session: service.add(session, definition, campaign, by))

    async def payments(self, **changes: str) -> bool:
        return await self.add(
            None,
            **{
                "feed": "payments",
                "kind": "payments",
                "query": "SELECT * FROM payments WHERE id > :after ORDER BY id",
                "since": "",
                "attributes": "",
                "paid_at": "paid_at",
                "amount": "amount",
                **changes,
            },
        )

    async def contacts(self) -> list[tuple[str, str, str]]:
        """(source id, balance, state of its task) in the order they came."""

        def work(session: Session) -> list[tuple[str, str, str]]:
            rows = session.execute(
                select(Contact, Task).outerjoin(Task, Task.contact_id == Contact.id).order_by(Contact.id)
            )
            return [
                (one.source_id, one.attributes["balance"], task.state.value if task else "-") for one, task in rows
            ]

        return await self.db.read(work)

    async def change(self, **values: Any) -> None:
        def work(session: Session) -> None:
            campaign = session.execute(select(Campaign)).scalar_one()
            for name, value in values.items():
                setattr(campaign, name, value)

        await self.db.run(work)


@pytest.fixture
async def town(database_url: str, billing: Billing) -> AsyncIterator[Town]:
    clock = SetClock()
    database = Database(database_url, clock)
    flow = load_flow(library_flow("low_balance_reminder", "en"))

    def fill(session: Session) -> None:
        version = version_row(session, flow, "ann", NOW)
        session.add(
            Campaign(
                name="November",
                flow_version_id=version.id,
                purpose="service",
                concurrency=5,
                policy=load_policy(POLICY.encode()).document,
                state=CampaignState.RUNNING,
                created_at=NOW,
                created_by="ann",
            )
        )

    await database.run(fill)
    yield Town(database, clock, billing)
    await database.close()
