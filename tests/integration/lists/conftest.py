"""Lists on both kinds of database, and a campaign that calls them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.contacts_import import ImportOptions, ImportReport, import_contacts
from ivr.database import Database
from ivr.dialer.entry import TakenIn, take_in
from ivr.model import (
    Attempt,
    AttemptState,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    FlowVersion,
    ImportMode,
    Task,
)
from ivr.policy.loader import load_document
from ivr.policy.policy import CampaignRules, Policy
from tests.database_rig.fixture import (
    database_url,
    db,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)

__all__ = ["database_url", "db", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]

NEEDS = {"name": "text", "balance": "money"}
PLAIN = '{"schema": 1, "policy": "plain"}'


def phone(number: int) -> str:
    return f"+86138{number:08d}"


@dataclass(frozen=True, slots=True)
class Lists:
    """Imports rows as a file would bring them, and looks at what is there."""

    db: Database
    folder: Path

    async def load(self, rows: dict[int, str], mode: ImportMode = ImportMode.NEW, **options: Any) -> ImportReport:
        """`rows`: number of the phone -> name. A new list's name is `november` unless options say otherwise."""
        path = self.folder / "list.csv"
        lines = (f"{phone(number)},{name},5\n" for number, name in rows.items())
        path.write_text("phone,name,balance\n" + "".join(lines), encoding="utf-8")
        asked = replace(ImportOptions(by="ann", name="november", mode=mode), **options)
        return await import_contacts(self.db, path, NEEDS, asked)

    async def names(self, list_id: int = 1) -> dict[int, str]:
        """Who is on the list now."""

        def work(session: Session) -> dict[int, str]:
            rows = session.scalars(
                select(Contact)
                .where(Contact.list_id == list_id, Contact.removed_at.is_(None))
                .order_by(Contact.id)
            )
            return {int(row.phone[6:]): row.attributes["name"] for row in rows}

        return await self.db.read(work)

    async def campaign(self, *list_ids: int, policy: str = PLAIN, name: str = "care") -> CampaignRules:
        """A running campaign with the lists."""
        now = self.db.clock.now()

        def work(session: Session) -> int:
            version = session.scalars(select(FlowVersion)).first()
            if version is None:
                version = FlowVersion(
                    flow="f", version=1, content_hash="0" * 64, source="", language="zh-CN", purpose="care",
                    published_at=now, published_by="ann",
                )  # fmt: skip
                session.add(version)
                session.flush()
            row = Campaign(
                name=name, flow_version_id=version.id, purpose="care", concurrency=1, created_at=now,
                created_by="ann", state=CampaignState.RUNNING, started_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add_all(CampaignList(campaign_id=row.id, list_id=one) for one in list_ids)
            return row.id

        made: Policy = load_document(policy)
        return CampaignRules(made, await self.db.run(work), "care", "f", NEEDS)

    async def enter(self, rules: CampaignRules) -> TakenIn:
        now = self.db.clock.now()
        return await self.db.run(lambda session: take_in(session, rules, now))

    async def tasks(self, campaign_id: int = 1) -> dict[int, tuple[str, str | None]]:
        """phone -> (state, result)."""

        def work(session: Session) -> dict[int, tuple[str, str | None]]:
            rows = session.execute(
                select(Contact.phone, Task.state, Task.result)
                .join(Task, Task.contact_id == Contact.id)
                .where(Task.campaign_id == campaign_id)
                .order_by(Task.id)
            )
            return {int(found[6:]): (state.value, result) for found, state, result in rows}

        return await self.db.read(work)

    async def call(self, number: int, at: datetime | None = None, campaign_id: int = 1) -> str:
        """An attempt at the number, as if it had been called; its id."""
        when = at or self.db.clock.now() + timedelta(seconds=1)

        def work(session: Session) -> str:
            task = session.scalars(
                select(Task)
                .join(Contact, Task.contact_id == Contact.id)
                .where(Contact.phone == phone(number), Task.campaign_id == campaign_id)
            ).one()
            task.attempts += 1
            made = Attempt(
                id=f"call-{number}-{task.attempts}", task_id=task.id, campaign_id=campaign_id,
                number=task.attempts, phone=phone(number), state=AttemptState.ENDED,
                started_at=when, ended_at=when, path=[],
            )  # fmt: skip
            session.add(made)
            return made.id

        return await self.db.run(work)


@pytest.fixture
def lists(db: Database, tmp_path: Path) -> Lists:
    return Lists(db, tmp_path)
