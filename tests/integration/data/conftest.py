"""A real database file per test, and the smallest campaign that a test can stand on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.model import Campaign, CampaignState, Contact, ContactList, FlowVersion, Task

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with its tables: migrations run once, every test gets a copy."""
    path = tmp_path_factory.mktemp("database") / "empty.db"

    async def create() -> None:
        database = Database(f"sqlite:///{path}")
        await database.upgrade()
        await database.close()

    asyncio.run(create())
    return path


@pytest.fixture
async def db(tmp_path: Path, empty_database: Path) -> AsyncIterator[Database]:
    path = tmp_path / "ivr.db"
    shutil.copy(empty_database, path)
    database = Database(f"sqlite:///{path}")
    yield database
    await database.close()


@pytest.fixture
def make_campaign(db: Database) -> Callable[..., Awaitable[int]]:
    """`await make_campaign(["+8613800000001", …])` gives the id of a running campaign with one task each."""

    async def make(phones: list[str], name: str = "November", flow_name: str = "low_balance_reminder") -> int:
        def work(session: Session) -> int:
            flow = FlowVersion(
                flow=flow_name, version=1, content_hash=f"{name:0>64}", source="flow: f\n",
                language="zh-CN", purpose="service", published_at=NOW, published_by="ann",
            )  # fmt: skip
            people = ContactList(name=name, created_at=NOW, created_by="ann")
            session.add_all([flow, people])
            session.flush()
            campaign = Campaign(
                name=name, flow_version_id=flow.id, list_id=people.id, purpose="service", concurrency=10, seed=7,
                state=CampaignState.RUNNING, recognizer="vosk", created_at=NOW, created_by="ann", started_at=NOW,
            )  # fmt: skip
            session.add(campaign)
            session.flush()
            contacts = [Contact(list_id=people.id, phone=phone, attributes={"name": "王先生"}) for phone in phones]
            session.add_all(contacts)
            session.flush()
            session.add_all(Task(campaign_id=campaign.id, contact_id=contact.id) for contact in contacts)
            return campaign.id

        return await db.run(work)

    return make
