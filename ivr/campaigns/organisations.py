"""Organisations: the tree of province, cities, counties and halls that users and campaigns belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.campaigns.actors import LEVELS, Actor, Place, place_of
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.words import level_word
from ivr.database import Database
from ivr.model import AuditEntry, Organisation, OrganisationLevel, User
from ivr.model.types import NAME_CHARS


@dataclass(frozen=True, slots=True)
class OrganisationView:
    name: str
    level: OrganisationLevel
    parent: str | None
    users: tuple[str, ...]


async def add_organisation(
    database: Database, actor: Actor, name: str, level: OrganisationLevel, parent: str | None
) -> None:
    """Add one below `parent`. Raises CampaignError: the name is taken, or the parent isn't of a higher level."""
    actor.must_manage()
    now = database.clock.now()
    await database.run(lambda session: _add(session, actor, Organisation(name=name, level=level), parent, now))


async def list_organisations(database: Database) -> tuple[OrganisationView, ...]:
    """All of them, each below the one that it belongs to."""
    return await database.read(_list)


async def assign_user(database: Database, actor: Actor, user: str, organisation: str | None) -> None:
    """The user belongs to this organisation from now on; None: to none. Raises CampaignError."""
    actor.must_manage()
    now = database.clock.now()

    def work(session: Session) -> None:
        row = session.scalars(select(User).where(User.name == user)).one_or_none()
        if row is None:
            raise CampaignError("There is no user {name}; see: ivr user list", name=user)
        row.organisation_id = None if organisation is None else find_organisation(session, organisation).id
        details = {"organisation": organisation, **actor.keyboard}
        session.add(AuditEntry(at=now, who=actor.name, action="user.organisation", subject=user, details=details))

    await database.run(work)


def find_organisation(session: Session, name: str) -> Place:
    """The organisation of that name. Raises CampaignError."""
    row = session.scalars(select(Organisation).where(Organisation.name == name)).one_or_none()
    if row is None:
        raise CampaignError("There is no organisation {name}; see: ivr organisation list", name=name)
    found = place_of(session, row.id)
    assert found is not None
    return found


def _add(session: Session, actor: Actor, row: Organisation, parent: str | None, now: datetime) -> None:
    if not row.name.strip() or len(row.name) > NAME_CHARS:
        raise CampaignError("An organisation's name has 1 to {most} characters.", most=NAME_CHARS)
    if session.scalars(select(Organisation.id).where(Organisation.name == row.name)).first() is not None:
        raise CampaignError("There is an organisation {name} already.", name=row.name)
    if parent is not None:
        above = find_organisation(session, parent)
        if LEVELS.index(above.level) >= LEVELS.index(row.level):
            raise CampaignError(
                "{parent} is of the level {level}: nothing of that level or a higher one stands below it.",
                parent=parent,
                level=level_word(above.level),
            )
        row.parent_id = above.id
    row.created_at, row.created_by = now, actor.name
    session.add(row)
    details = {"level": row.level.value, "parent": parent, **actor.keyboard}
    session.add(AuditEntry(at=now, who=actor.name, action="organisation.add", subject=row.name, details=details))


def _list(session: Session) -> tuple[OrganisationView, ...]:
    rows = {row.id: row for row in session.scalars(select(Organisation))}
    users: dict[int, list[str]] = {}
    for name, organisation_id in session.execute(select(User.name, User.organisation_id).order_by(User.name)):
        if organisation_id is not None:
            users.setdefault(organisation_id, []).append(name)

    def below(parent_id: int | None) -> list[Organisation]:
        children = sorted((row for row in rows.values() if row.parent_id == parent_id), key=lambda row: row.name)
        return [one for child in children for one in (child, *below(child.id))]

    return tuple(
        OrganisationView(
            row.name,
            row.level,
            None if row.parent_id is None else rows[row.parent_id].name,
            tuple(users.get(row.id, ())),
        )
        for row in below(None)
    )
