"""Who acts on a campaign: a user with a role and an organisation, somebody at the command line, the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.campaigns.errors import CampaignError
from ivr.database import Database
from ivr.model import Organisation, OrganisationLevel, Role, User

MANAGERS = frozenset({Role.ADMIN, Role.SUPERVISOR})  # roles that create, start and stop campaigns
LEVELS: tuple[OrganisationLevel, ...] = tuple(OrganisationLevel)  # from the highest to the lowest


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation with those above it, from itself to the top."""

    id: int
    name: str
    level: OrganisationLevel
    above: tuple[int, ...] = ()  # ids, the nearest first

    def covers(self, other: Place) -> bool:
        """Whether the other is this one or below it."""
        return self.id in (other.id, *other.above)

    def reaches(self, level: OrganisationLevel) -> bool:
        """Whether this is of that level or a higher one."""
        return LEVELS.index(self.level) <= LEVELS.index(level)


@dataclass(frozen=True, slots=True)
class Actor:
    """`role` None: somebody at the command line who isn't one of the users; they manage, and approve nothing."""

    name: str
    role: Role | None = None
    place: Place | None = None
    keyboard: Mapping[str, str] = field(default_factory=dict)  # whose account of the operating system it was

    def must_manage(self) -> None:
        """Raises CampaignError unless the actor may manage campaigns."""
        if self.role is not None and self.role not in MANAGERS:
            raise CampaignError(
                "{who} is {role}: campaigns are managed by supervisors and admins.",
                who=self.name,
                role=self.role.value,
            )


SYSTEM = Actor("system")


async def actor_of(database: Database, operator: str, user: str | None) -> Actor:
    """Who acts: the user of that name, or the operator at the command line when none is named.

    Nothing proves that the operator is that user: the audit trail keeps both names. Raises CampaignError for an
    unknown user."""
    if user is None:
        return Actor(operator)
    found = await database.read(lambda session: find_actor(session, user))
    return Actor(found.name, found.role, found.place, {"keyboard": operator})


def find_actor(session: Session, user: str) -> Actor:
    """The user with their role and place. Raises CampaignError when there is none of that name."""
    row = session.scalars(select(User).where(User.name == user)).one_or_none()
    if row is None:
        raise CampaignError("There is no user {name}; see: ivr user list", name=user)
    return Actor(row.name, row.role, place_of(session, row.organisation_id))


def place_of(session: Session, organisation_id: int | None) -> Place | None:
    """The organisation with those above it; None for none."""
    if organisation_id is None:
        return None
    row = session.get_one(Organisation, organisation_id)
    above: list[int] = []
    parent = row.parent_id
    while parent is not None:
        above.append(parent)
        parent = session.get_one(Organisation, parent).parent_id
    return Place(row.id, row.name, row.level, tuple(above))
