"""Faults, whose they are, and what is done so that they don't come again (seeds S2b): one person's fault counts
for that person, a common one for the leader of the team."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import exists, literal, select
from sqlalchemy.orm import Session

from ivr.desk.former_teams import team_id_on
from ivr.inspection.card import items
from ivr.inspection.errors import InspectionError
from ivr.inspection.papers import card_of
from ivr.inspection.people import Person, must_inspect, must_not_be_own
from ivr.inspection.scoring import audit, locked
from ivr.inspection.words import action_word
from ivr.model import (
    ActionState,
    Agent,
    AuditEntry,
    CorrectiveAction,
    FaultOf,
    Inspection,
    InspectionFault,
    Team,
    User,
)

_NEXT: dict[ActionState, frozenset[ActionState]] = {
    ActionState.OPEN: frozenset({ActionState.DONE, ActionState.DROPPED}),
    ActionState.DONE: frozenset({ActionState.VERIFIED, ActionState.OPEN}),
    ActionState.VERIFIED: frozenset(),
    ActionState.DROPPED: frozenset({ActionState.OPEN}),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A fault: a point of the card, whose it is, and where in the recording. `of` None: the person's, or of the
    robot's part the flow's."""

    point: str
    of: FaultOf | None = None
    at_s: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Something to be done: by an agent (their number) or a user (their name), until a day."""

    what: str
    owner: str
    due_on: date
    fault_id: int | None = None


def note(session: Session, who: Person, inspection_id: int, found: Found, now: datetime) -> InspectionFault:
    """Put a fault on record. Raises InspectionError: unknown, one's own call, no such point, or nobody whose fault
    it could be."""
    must_inspect(who)
    row = locked(session, inspection_id)
    must_not_be_own(session, who, row.attempt_id)
    spec = card_of(session, row.card_id).spec
    if found.point not in items(spec) and found.point not in spec.instant_fail:
        raise InspectionError("The card {card} has no point {point}; see: ivr inspect show {number}",
                              card=spec.card, point=found.point, number=row.id)  # fmt: skip
    of = found.of or (FaultOf.PERSON if row.agent else FaultOf.FLOW)
    team_id = session.scalar(select(team_id_on(literal(row.day))).where(Agent.number == row.agent))
    fault = InspectionFault(
        inspection_id=row.id,
        point=found.point,
        of=of,
        agent=_whose(session, row, of, team_id),
        team_id=team_id,
        at_s=found.at_s,
        note=found.note,
        noted_by=who.name,
        noted_at=now,
    )
    session.add(fault)
    audit(session, "fault", row, who, {"point": found.point, "of": of.value, **who.details}, now)
    session.flush()
    return fault


def _whose(session: Session, row: Inspection, of: FaultOf, team_id: int | None) -> str | None:
    """For whom it counts: the agent, the leader of their team; nobody for a flow."""
    if of is FaultOf.FLOW:
        if row.agent:
            raise InspectionError("Inspection {number} is of a person: a fault is theirs or their team's.",
                                  number=row.id)  # fmt: skip
        return None
    if not row.agent:
        raise InspectionError("Inspection {number} is of the robot: a fault is its flow's.", number=row.id)
    if of is FaultOf.PERSON:
        return row.agent
    leader = session.scalar(select(Team.leader).where(Team.id == team_id)) if team_id else None
    if leader is None:
        raise InspectionError("Agent {agent} is in no team with a leader; say so in the roster first.",
                              agent=row.agent)  # fmt: skip
    return leader


def open_action(session: Session, who: Person, opening: Opening, now: datetime) -> CorrectiveAction:
    """Begin a corrective action. Raises InspectionError: no such owner or fault, or a date that is over."""
    must_inspect(who)
    owner = exists().where(Agent.number == opening.owner)
    if not session.scalar(select(owner | exists().where(User.name == opening.owner))):
        raise InspectionError("There is no agent or user {name}.", name=opening.owner)
    if opening.fault_id is not None and session.get(InspectionFault, opening.fault_id) is None:
        raise InspectionError("There is no fault {number}; see: ivr inspect show", number=opening.fault_id)
    if opening.due_on < now.date():
        raise InspectionError("{day} is over.", day=opening.due_on.isoformat())
    action = CorrectiveAction(
        fault_id=opening.fault_id,
        what=opening.what,
        owner=opening.owner,
        due_on=opening.due_on,
        state=ActionState.OPEN,
        opened_by=who.name,
        opened_at=now,
    )
    session.add(action)
    session.flush()
    _audit(session, action, who, {"owner": opening.owner, "due_on": opening.due_on.isoformat()}, now)
    return action


def change_action(session: Session, who: Person, action_id: int, to: ActionState, why: str | None,
                  now: datetime) -> CorrectiveAction:  # fmt: skip
    """Take an action on: done (its owner, or who inspects), verified (somebody else than its owner and whoever
    said that it is done), open again, dropped. Raises InspectionError for what can't follow, and who may not."""
    action = session.get(CorrectiveAction, action_id, with_for_update=True, populate_existing=True)
    if action is None:
        raise InspectionError("There is no action {number}; see: ivr inspect action list", number=action_id)
    own = action.owner in (who.name, who.agent)
    if not own or to is not ActionState.DONE:
        must_inspect(who)
    if to not in _NEXT[action.state]:
        raise InspectionError("Action {number} is {state}: it can't become {to}.", number=action.id,
                              state=action_word(action.state), to=action_word(to))  # fmt: skip
    if to is ActionState.VERIFIED and (own or who.name == action.changed_by):
        raise InspectionError("Somebody else than {who} looks whether action {number} is done.", who=who.name,
                              number=action.id)  # fmt: skip
    before, action.state = action.state, to
    action.changed_by, action.changed_at, action.note = who.name, now, why
    _audit(session, action, who, {"from": before.value, "to": to.value}, now)
    return action


def _audit(
    session: Session, action: CorrectiveAction, who: Person, details: dict[str, str], now: datetime
) -> None:
    subject = f"action {action.id}"
    session.add(
        AuditEntry(
            at=now, who=who.name, action="inspection.action", subject=subject, details=details | who.details
        )
    )
