"""What kind of recording a call's is, by what is known of it today, and how long it is kept for that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, literal, or_
from sqlalchemy.orm import InstrumentedAttribute

from ivr.config import KeepSettings, RecordingKindName
from ivr.model import (
    ArchiveEntry,
    Attempt,
    Campaign,
    Complaint,
    Intention,
    ProjectType,
    RecordingKind,
    Segment,
    SegmentKind,
)

Keep = Mapping[RecordingKindName, KeepSettings]
SURVEYS = (ProjectType.SATISFACTION_SURVEY, ProjectType.QUESTIONNAIRE)


def kind_now() -> ColumnElement[str]:
    """A call's kind, the first that fits; of a list of results that. For statements over `Attempt` and `Campaign`
    (outer) joined to `ArchiveEntry`, or without one."""
    marketing = or_(Campaign.purpose == "marketing", Campaign.project_type == ProjectType.TELEMARKETING)
    complained = exists().where(Complaint.attempt_id == Attempt.id)
    talked = exists().where(Segment.attempt_id == Attempt.id, Segment.kind == SegmentKind.AGENT)
    surveyed = or_(Campaign.purpose == "survey", Campaign.project_type.in_(SURVEYS))
    rules: tuple[tuple[Any, RecordingKind], ...] = (
        (Attempt.id.is_(None), RecordingKind.RESULTS),
        (complained, RecordingKind.COMPLAINT),
        (and_(Attempt.intention == Intention.SUCCESS, marketing), RecordingKind.SUCCESS),
        (Attempt.opted_out, RecordingKind.OPT_OUT),
        (talked, RecordingKind.TRANSFER),
        (marketing, RecordingKind.MARKETING),
        (surveyed, RecordingKind.SURVEY),
    )
    whens: list[tuple[Any, Any]] = [(fits, literal(kind.value)) for fits, kind in rules]
    return case(*whens, else_=literal(RecordingKind.SERVICE.value))


def past(
    keep: Keep, since: InstrumentedAttribute[datetime | None], now: datetime, *, minimum: bool
) -> ColumnElement[bool]:
    """Whether what is kept since then is past its maximum, or its `minimum`, by its kind of today."""
    kind = kind_now()
    passed: list[ColumnElement[bool]] = []
    for name, one in keep.items():
        days = one.min_days if minimum else one.max_days
        if days is not None:
            passed.append(and_(kind == name, since <= now - timedelta(days=days)))
    return or_(*passed) if passed else ArchiveEntry.number.is_(None)  # nothing ever is


def limits(keep: Keep, kind: RecordingKind, since: datetime) -> tuple[datetime, datetime | None]:
    """Not deleted before the first; deleted after the second (None: never)."""
    one = keep[kind.value]
    return since + timedelta(days=one.min_days), (
        None if one.max_days is None else since + timedelta(days=one.max_days)
    )
