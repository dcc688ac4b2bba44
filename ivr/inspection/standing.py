"""Of a call that was inspected at both levels one judgement stands: that of the level above, once it is settled.

The level above looks again at what the first has judged; its word is the later one, and of those who answer for
the first (decision 0207). A recording counts once, however often it was heard."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from ivr.model import AppealState, Inspection, InspectionAppeal, InspectionFault, InspectionState


def stands() -> ColumnElement[bool]:
    """Settled, and no level above has settled another one of the same part of the call."""
    above = aliased(Inspection)
    outranked = exists().where(
        above.attempt_id == Inspection.attempt_id,
        above.agent == Inspection.agent,
        above.level > Inspection.level,
        above.settled_at.is_not(None),
    )
    return and_(Inspection.settled_at.is_not(None), ~outranked)


def counts() -> ColumnElement[bool]:
    """Stands, and no appeal against it is open."""
    appealed = exists().where(
        InspectionAppeal.inspection_id == Inspection.id, InspectionAppeal.state == AppealState.OPEN
    )
    return and_(stands(), ~appealed)


def fault_counts() -> ColumnElement[bool]:
    """Of a fault joined to its inspection: settled, not withdrawn, and its point wasn't noted of the same part of
    the call by the level above, or earlier. Two who score a call, or two levels, note the same fault twice."""
    other, noted = aliased(Inspection), aliased(InspectionFault)
    said = (
        exists()
        .where(other.attempt_id == Inspection.attempt_id, other.agent == Inspection.agent)
        .where(other.settled_at.is_not(None), noted.inspection_id == other.id)
        .where(noted.point == InspectionFault.point, noted.withdrawn_at.is_(None))
        .where(or_(other.level > Inspection.level,
                   and_(other.level == Inspection.level, noted.id < InspectionFault.id)))
    )  # fmt: skip
    return and_(Inspection.settled_at.is_not(None), InspectionFault.withdrawn_at.is_(None), ~said)


def of_same_part(session: Session, row: Inspection) -> list[Inspection]:
    """The inspections of that part of the call, the highest level first."""
    rows = select(Inspection).where(Inspection.attempt_id == row.attempt_id, Inspection.agent == row.agent)
    return list(session.scalars(rows.order_by(Inspection.level.desc())))


def standing(rows: list[Inspection]) -> Inspection | None:
    """The one that stands, of those of one part; None: none is settled."""
    return next((one for one in rows if one.state is InspectionState.SETTLED), None)
