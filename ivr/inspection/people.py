"""Who may inspect: users of three roles, and nobody a call in which they talked themselves."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ivr.inspection.errors import InspectionError
from ivr.model import Agent, Inspection, InspectionScore, Role, Segment, User

INSPECTORS = frozenset({Role.INSPECTOR, Role.SUPERVISOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Person:
    """A user, and the agent that they are, if they are one. `keyboard`: whose account of the machine it was;
    nothing proves that the two are one, so the audit trail keeps both."""

    name: str
    role: Role
    agent: str | None
    keyboard: str | None = None

    @property
    def details(self) -> dict[str, str]:
        """For the audit trail."""
        return {} if self.keyboard is None else {"keyboard": self.keyboard}


def person(session: Session, name: str, keyboard: str | None = None) -> Person:
    """The user of that name. Raises InspectionError when there is none."""
    row = session.execute(
        select(User.name, User.role, Agent.number)
        .outerjoin(Agent, Agent.user_id == User.id)
        .where(User.name == name)
    ).one_or_none()
    if row is None:
        raise InspectionError("There is no user {name}; see: ivr user list", name=name)
    return Person(row.name, row.role, row.number, keyboard)


def must_inspect(who: Person) -> None:
    """Raises InspectionError unless they may inspect at all."""
    if who.role not in INSPECTORS:
        raise InspectionError(
            "{who} is {role}: inspectors, supervisors and admins inspect calls.",
            who=who.name,
            role=who.role.value,
        )


def must_not_be_own(session: Session, who: Person, attempt_id: str) -> None:
    """Raises InspectionError when they talked in that call."""
    if who.agent is not None and talked(session, who.agent, attempt_id):
        raise InspectionError("{who} talked in this call themselves: somebody else inspects it.", who=who.name)


def talked(session: Session, agent: str, attempt_id: str) -> bool:
    """Whether the agent has a part of the call."""
    part = exists().where(Segment.attempt_id == attempt_id, Segment.agent == agent)
    picked = exists().where(Inspection.attempt_id == attempt_id, Inspection.agent == agent)
    return bool(session.scalar(select(part | picked)))


def scored_before(session: Session, who: Person, attempt_id: str, agent: str) -> int | None:
    """The inspection, of whatever level, by which they scored that part of the call; None: they haven't."""
    scored = (
        select(Inspection.id)
        .join(InspectionScore, InspectionScore.inspection_id == Inspection.id)
        .where(Inspection.attempt_id == attempt_id, Inspection.agent == agent, InspectionScore.who == who.name)
    )
    return session.scalar(scored.order_by(Inspection.id).limit(1))


def has_scored(session: Session, who: Person, inspection_id: int) -> bool:
    """Whether a score of theirs is there."""
    scored = exists().where(InspectionScore.inspection_id == inspection_id, InspectionScore.who == who.name)
    return bool(session.scalar(select(scored)))
