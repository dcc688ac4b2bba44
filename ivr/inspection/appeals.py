"""Appeals: an agent doesn't accept a score, and somebody who didn't give it decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.inspection.errors import InspectionError
from ivr.inspection.papers import plan_in_use
from ivr.inspection.people import INSPECTORS, Person, has_scored, must_inspect, must_not_be_own
from ivr.inspection.scoring import Sheet, add_score, audit, locked, resettle
from ivr.model import AppealState, Inspection, InspectionAppeal, InspectionFault, InspectionState, ScoreRole


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an appeal and why. `sheet`: the score that counts from now on; None: the appeal is rejected.
    `withdrawn`: faults that fall with the score."""

    note: str
    sheet: Sheet | None = None
    withdrawn: Sequence[int] = ()


def appeal(session: Session, who: Person, inspection_id: int, reason: str, now: datetime) -> InspectionAppeal:
    """Write an appeal down: the agent's own, or by somebody who inspects for an agent without a user.

    Raises InspectionError: not settled, somebody else's, too late, or appealed already."""
    row = locked(session, inspection_id)
    if not row.agent:
        raise InspectionError("Inspection {number} is of the robot: nobody appeals for it.", number=row.id)
    if row.agent != who.agent and who.role not in INSPECTORS:
        raise InspectionError("Inspection {number} isn't about {who}.", number=row.id, who=who.name)
    if row.state is not InspectionState.SETTLED or row.settled_at is None:
        raise InspectionError("Inspection {number} isn't settled yet.", number=row.id)
    until = row.settled_at + timedelta(days=plan_in_use(session, now).spec.appeals.days)
    if now > until:
        raise InspectionError("Appeals against inspection {number} ended on {day}.", number=row.id,
                              day=until.date().isoformat())  # fmt: skip
    if _of(session, row) is not None:
        raise InspectionError("Inspection {number} was appealed against already.", number=row.id)
    found = InspectionAppeal(inspection_id=row.id, by=who.name, at=now, reason=reason, state=AppealState.OPEN)
    session.add(found)
    audit(session, "appeal", row, who, dict(who.details), now)
    session.flush()
    return found


def decide(
    session: Session, who: Person, inspection_id: int, decision: Decision, now: datetime
) -> InspectionAppeal:
    """Decide an appeal. Raises InspectionError: there is none open, one's own call, score or appeal, a fault of
    another inspection, or a sheet that doesn't fit the card."""
    must_inspect(who)
    row = locked(session, inspection_id)
    must_not_be_own(session, who, row.attempt_id)
    found = _of(session, row)
    if found is None or found.state is not AppealState.OPEN:
        raise InspectionError("No appeal against inspection {number} is open.", number=row.id)
    if has_scored(session, who, row.id) or found.by == who.name:
        raise InspectionError("{who} scored inspection {number} or wrote the appeal: somebody else decides.",
                              who=who.name, number=row.id)  # fmt: skip
    found.state = AppealState.REJECTED if decision.sheet is None else AppealState.UPHELD
    found.decided_by, found.decided_at, found.note = who.name, now, decision.note
    audit(session, "decide", row, who, {"became": found.state.value, **who.details}, now)
    if decision.sheet is not None:
        for fault_id in decision.withdrawn:
            _withdraw(session, row, fault_id, who, now)
        add_score(session, row, ScoreRole.APPEAL, who, decision.sheet, now)
        resettle(session, row, who, now)
    return found


def _withdraw(session: Session, row: Inspection, fault_id: int, who: Person, now: datetime) -> None:
    fault = session.get(InspectionFault, fault_id)
    if fault is None or fault.inspection_id != row.id:
        raise InspectionError("Inspection {number} has no fault {fault}.", number=row.id, fault=fault_id)
    fault.withdrawn_by, fault.withdrawn_at = who.name, now


def _of(session: Session, row: Inspection) -> InspectionAppeal | None:
    return session.scalars(select(InspectionAppeal).where(InspectionAppeal.inspection_id == row.id)).one_or_none()
