"""People, places, a list and a campaign to approve, on both kinds of database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flows import library
from flows.loader import load
from ivr.campaigns.actors import Actor, find_actor
from ivr.campaigns.creating import Draft, create_campaign
from ivr.campaigns.deciding import approve, submit
from ivr.campaigns.running import start
from ivr.config import Settings
from ivr.database import Database
from ivr.model import Contact, ContactList, Organisation, OrganisationLevel, Role, User
from ivr.policy.policy import Policy, policy_of
from ivr.policy.schema import PolicySpec
from ivr.strategy import default_strategy
from tests.database_rig.fixture import (
    database_url,
    db,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)

__all__ = ["database_url", "db", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]

FLOW = load(library.path("low_balance_reminder", "zh-CN"))
ATTRIBUTES = {"balance": 5.2, "pay_by": "2026-12-25"}
FIELDS = {"balance": "money", "pay_by": "date"}
SETTINGS = Settings()


def open_policy(**more: Any) -> Policy:
    """One by which everybody may be called at any hour, unless it says more."""
    return policy_of(PolicySpec.model_validate({"schema": 1, "policy": "open"} | more))


def phone(number: int) -> str:
    return f"+86138{number:08d}"


@dataclass
class Office:
    """A database with organisations and people, and what they usually do."""

    db: Database
    settings: Settings = SETTINGS

    async def actor(self, name: str) -> Actor:
        return await self.db.read(lambda session: find_actor(session, name))

    async def list_of(self, name: str, numbers: Sequence[int], **more: Any) -> int:
        def work(session: Session) -> int:
            people = ContactList(name=name, created_at=self.db.clock.now(), created_by="li", fields=FIELDS)
            session.add(people)
            session.flush()
            session.add_all(
                Contact(list_id=people.id, phone=phone(number), attributes=ATTRIBUTES | more) for number in numbers
            )
            return people.id

        return await self.db.run(work)

    def draft(self, name: str, **more: Any) -> Draft:
        given: dict[str, Any] = {
            "flow": FLOW,
            "policy": open_policy(),
            "strategy": default_strategy(),
            "concurrency": 10,
        }
        return Draft(name=name, **given | more)

    async def create(self, name: str, *, by: str = "li", **more: Any) -> int:
        draft = self.draft(name, **more)
        return (await create_campaign(self.db, await self.actor(by), draft, self.settings)).campaign_id

    async def submit(self, name: str, by: str = "li") -> None:
        await submit(self.db, await self.actor(by), name, self.settings, None)

    async def sign(self, name: str, by: str) -> None:
        await approve(self.db, await self.actor(by), name, self.settings, None)

    async def approved(self, name: str, **more: Any) -> int:
        """A campaign with everything that it needs below 5,000 contacts."""
        campaign_id = await self.create(name, **more)
        await self.submit(name)
        await self.sign(name, "wang")
        await self.sign(name, "wang")
        return campaign_id

    async def started(self, name: str, **more: Any) -> int:
        campaign_id = await self.approved(name, **more)
        await start(self.db, await self.actor("li"), name, self.settings)
        return campaign_id


@pytest.fixture
async def office(db: Database) -> Office:
    """Li of Shunde makes campaigns; Wang and Chen of Foshan, above it, approve them; Zhao is in Shunde too."""

    def work(session: Session) -> None:
        now = db.clock.now()
        kept: dict[str, Any] = {"created_at": now, "created_by": "root"}
        city = Organisation(name="Foshan", level=OrganisationLevel.CITY, **kept)
        session.add(city)
        session.flush()
        county = Organisation(name="Shunde", level=OrganisationLevel.COUNTY, parent_id=city.id, **kept)
        session.add(county)
        session.flush()
        kept = {"created_at": now}
        for name, place in (("li", county), ("zhao", county), ("wang", city), ("chen", city)):
            kept |= {"organisation_id": place.id}
            session.add(User(name=name, password_hash="-", role=Role.SUPERVISOR, **kept))
        session.add(User(name="agent", password_hash="-", role=Role.AGENT, created_at=now))

    await db.run(work)
    return Office(db)
