"""Who scores what: claiming the next call, scoring it, and what its scores come to.

Every score is a row that stays; who scores second doesn't see what the first said before their own is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import case, exists, or_, select
from sqlalchemy.orm import Session, aliased

from ivr.inspection import card, successes
from ivr.inspection.errors import InspectionError
from ivr.inspection.papers import card_of
from ivr.inspection.people import Person, must_inspect, must_not_be_own, scored_before
from ivr.inspection.settling import Given, next_role, settle
from ivr.model import (
    AuditEntry,
    Example,
    Inspection,
    InspectionScore,
    InspectionState,
    ScoreRole,
    Segment,
)

CLAIM = timedelta(hours=1)
TRIES = 20  # calls that others claim at the same moment


@dataclass(frozen=True, slots=True)
class Sheet:
    """A filled-in card."""

    marks: Mapping[str, int | None] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    note: str | None = None


def next_one(session: Session, who: Person, now: datetime) -> Inspection | None:
    """The next call for this inspector, theirs for an hour; None: there is nothing that they may score. What they
    have claimed already comes first, then successes that wait, then disputes, then the oldest day.

    Raises InspectionError when they inspect no calls."""
    must_inspect(who)
    mine = (Inspection.claimed_by == who.name) & (Inspection.claimed_until > now)
    free = Inspection.claimed_until.is_(None) | (Inspection.claimed_until <= now)
    other = aliased(Inspection)  # of the same part of the same call, at any level
    scored = exists().where(
        InspectionScore.inspection_id == other.id,
        InspectionScore.who == who.name,
        other.attempt_id == Inspection.attempt_id,
        other.agent == Inspection.agent,
    )
    wanted = select(Inspection).where(Inspection.settled_at.is_(None), or_(mine, free), ~scored)
    if who.agent is not None:
        talked = exists().where(Segment.attempt_id == Inspection.attempt_id, Segment.agent == who.agent)
        wanted = wanted.where(Inspection.agent != who.agent, ~talked)
    row = session.scalars(
        wanted.order_by(
            case((mine, 0), else_=1),
            case((Inspection.gates, 0), else_=1),
            case((Inspection.state == InspectionState.DISPUTED, 0), else_=1),
            Inspection.day,
            Inspection.id,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is not None:
        row.claimed_by, row.claimed_until = who.name, now + CLAIM
    return row


def score(session: Session, who: Person, inspection_id: int, sheet: Sheet, now: datetime) -> Inspection:
    """Write one person's score, and what all of them come to now; a success that waits is told of it.

    Raises InspectionError: unknown, settled, one's own call, scored by them at either level, somebody else is at
    it, or the sheet doesn't fit the card."""
    must_inspect(who)
    row = locked(session, inspection_id)
    must_not_be_own(session, who, row.attempt_id)
    before = scored_before(session, who, row.attempt_id, row.agent)
    if before is not None:
        raise InspectionError(
            "{who} has scored this call already, in inspection {number}: somebody else scores it.",
            who=who.name,
            number=before,
        )
    if row.claimed_by not in (None, who.name) and row.claimed_until and row.claimed_until > now:
        raise InspectionError("{other} is at inspection {number}; see: ivr inspect next", other=row.claimed_by,
                              number=row.id)  # fmt: skip
    role = next_role(given(session, row.id), row.state)
    if role is None:
        raise InspectionError("Inspection {number} is settled; agents may appeal: ivr inspect appeal {number}",
                              number=row.id)  # fmt: skip
    add_score(session, row, role, who, sheet, now)
    row.claimed_by = row.claimed_until = None
    resettle(session, row, who, now)
    return row


def add_score(
    session: Session, row: Inspection, role: ScoreRole, who: Person, sheet: Sheet, now: datetime
) -> None:
    """One more row of the history. Raises InspectionError when the sheet doesn't fit the card."""
    scored = card.score(card_of(session, row.card_id).spec, sheet.marks, sheet.failed)
    session.add(
        InspectionScore(
            inspection_id=row.id,
            number=len(given(session, row.id)) + 1,
            role=role,
            who=who.name,
            at=now,
            marks=dict(sheet.marks),
            failed=sorted(set(sheet.failed)),
            score=scored.score,
            grade=scored.grade,
            note=sheet.note,
        )
    )
    details = {"role": role.value, "score": scored.score, "grade": scored.grade.value, **who.details}
    audit(session, "score", row, who, details, now)
    session.flush()


def resettle(session: Session, row: Inspection, who: Person, now: datetime) -> None:
    """What counts after the newest score."""
    found = settle(given(session, row.id), row.scorers, row.within)
    row.state, row.score, row.grade = found.state, found.score, found.grade
    row.failed = sorted(found.failed)
    if found.state is InspectionState.SETTLED:
        row.settled_at = row.settled_at or now
        session.flush()
        successes.tell(session, row, who.name, now)


def given(session: Session, inspection_id: int) -> list[Given]:
    """The scores of an inspection, in their order."""
    return [
        Given(one.role, one.score, one.grade, frozenset(one.failed)) for one in scores_of(session, inspection_id)
    ]


def scores_of(session: Session, inspection_id: int) -> list[InspectionScore]:
    """The rows, in their order."""
    rows = select(InspectionScore).where(InspectionScore.inspection_id == inspection_id)
    return list(session.scalars(rows.order_by(InspectionScore.number)))


def scores_for(session: Session, who: Person | None, row: Inspection) -> list[InspectionScore]:
    """What of the scores somebody may see: all of them once it is settled, else their own alone."""
    rows = scores_of(session, row.id)
    if row.state is InspectionState.SETTLED:
        return rows
    return [one for one in rows if who is not None and one.who == who.name]


def mark(session: Session, who: Person, inspection_id: int, example: Example | None, note: str | None,
         now: datetime) -> None:  # fmt: skip
    """Say that a recording is a good or a bad example for the monthly review; None: neither any more.

    Raises InspectionError: unknown, or one's own call."""
    must_inspect(who)
    row = locked(session, inspection_id)
    must_not_be_own(session, who, row.attempt_id)
    row.example, row.example_note = example, note
    audit(session, "mark", row, who, {"example": example and example.value, **who.details}, now)


def locked(session: Session, inspection_id: int) -> Inspection:
    """The inspection, until the transaction ends. Raises InspectionError when there is none of that number."""
    row = session.get(Inspection, inspection_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise InspectionError("There is no inspection {number}; see: ivr inspect list", number=inspection_id)
    return row


def audit(
    session: Session, what: str, row: Inspection, who: Person, details: Mapping[str, object], now: datetime
) -> None:
    """Who did what with an inspection."""
    session.add(
        AuditEntry(at=now, who=who.name, action=f"inspection.{what}", subject=str(row.id), details=dict(details))
    )
