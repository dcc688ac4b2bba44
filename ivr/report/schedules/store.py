"""Schedules and their runs as rows. All functions work inside the caller's transaction.

A run is one schedule's report of one period. It is queued in the transaction that moves the schedule on, is leased
by one worker at a time, and its parts are noted as they are done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ivr.metrics.filters import Filter, check
from ivr.model import AuditEntry, ReportRun, ReportRunState, ReportSchedule, ScheduleState
from ivr.report.build import ReportError
from ivr.report.schedules.definition import Schedule, load_document

LEASE = timedelta(minutes=15)  # longer than any report takes
TRIES = 10
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that is ours until its lease ends. `schedule` is as it is now; the period is the run's own, whatever
    the schedule's has become since it was queued."""

    run_id: int
    schedule: Schedule
    period: tuple[date, date]
    due_at: datetime
    written: bool
    mailed: bool
    owner: str


class ClaimLost(Exception):  # noqa: N818 it says what happened
    """The lease ran out, and somebody else has the run."""


def add(session: Session, schedule: Schedule, who: str, now: datetime) -> bool:
    """Add a schedule; True: there was one of that name, and it goes on by this definition. Raises MetricError for
    a team or an organisation that isn't there: nobody may be looking when the report is due."""
    check(session, Filter(organisation=schedule.spec.organisation, teams=tuple(schedule.spec.teams)))
    query = select(ReportSchedule).where(ReportSchedule.name == schedule.name).with_for_update()
    row = session.execute(query).scalar_one_or_none()
    was_there = row is not None and row.state is ScheduleState.ACTIVE
    if row is None:
        row = ReportSchedule(name=schedule.name, created_at=now, created_by=who)
        session.add(row)
    row.document, row.version, row.state = schedule.document, schedule.version, ScheduleState.ACTIVE
    row.next_at = schedule.next_time(now)
    _audit(session, "add", row, who, now)
    return was_there


def remove(session: Session, name: str, who: str, now: datetime) -> None:
    """Make no more reports of it. Its runs stay on record. Raises ReportError."""
    row = find(session, name)
    row.state = ScheduleState.REMOVED
    for run in session.scalars(
        select(ReportRun).where(ReportRun.schedule_id == row.id, ReportRun.state == ReportRunState.QUEUED)
    ):
        run.state, run.ended_at = ReportRunState.FAILED, now
    _audit(session, "remove", row, who, now)


def find(session: Session, name: str) -> ReportSchedule:
    """Raises ReportError when there is none of that name."""
    query = select(ReportSchedule).where(ReportSchedule.name == name, ReportSchedule.state == ScheduleState.ACTIVE)
    row = session.execute(query).scalar_one_or_none()
    if row is None:
        raise ReportError(
            "There is no report {name}; ivr report schedule list shows those that there are.", name=name
        )
    return row


def schedules(session: Session) -> list[tuple[Schedule, datetime, ReportRun | None]]:
    """Each with when it is due next, and its newest run."""
    found = []
    query = (
        select(ReportSchedule).where(ReportSchedule.state == ScheduleState.ACTIVE).order_by(ReportSchedule.name)
    )
    for row in session.scalars(query):
        run = select(ReportRun).where(ReportRun.schedule_id == row.id).order_by(ReportRun.id.desc()).limit(1)
        found.append((load_document(row.document), row.next_at, session.scalars(run).one_or_none()))
    return found


def queue_due(session: Session, now: datetime) -> int:
    """Queue a run for each schedule that is due. However many of its moments have passed, it is one run: of the
    period before the last of them, unless that has one already."""
    query = (
        select(ReportSchedule)
        .where(ReportSchedule.state == ScheduleState.ACTIVE, ReportSchedule.next_at <= now)
        .order_by(ReportSchedule.id)
        .with_for_update(skip_locked=True)
    )
    count = 0
    for row in session.scalars(query).all():
        schedule = load_document(row.document)
        moment = max(row.next_at, schedule.last_time(now))
        count += queue(session, row, schedule.period_before(moment), moment, now)
        row.next_at = schedule.next_time(now)
    return count


def queue(
    session: Session, row: ReportSchedule, period: tuple[date, date], due_at: datetime, now: datetime
) -> bool:
    """Queue a run of one period; False: it has one already. A day's run is none of the week that it begins."""
    first, last = period
    there = select(ReportRun.id).where(
        ReportRun.schedule_id == row.id, ReportRun.first == first, ReportRun.last == last
    )
    if session.scalar(there) is not None:
        return False
    session.add(ReportRun(schedule_id=row.id, first=first, last=last, due_at=due_at, next_at=now, files=[]))
    session.flush()
    return True


def tried_since(session: Session, moment: datetime) -> list[ReportRun]:
    """Runs that were tried from that moment on, in their order."""
    tried = or_(ReportRun.ended_at >= moment, (ReportRun.state == ReportRunState.QUEUED) & (ReportRun.tries > 0))
    return list(session.scalars(select(ReportRun).where(tried).order_by(ReportRun.id)))


def claim(session: Session, owner: str, now: datetime) -> Claim | None:
    """The queued run that has waited longest; None: there is none to be made."""
    query = (
        select(ReportRun)
        .where(
            ReportRun.state == ReportRunState.QUEUED,
            ReportRun.next_at <= now,
            or_(ReportRun.lease_until.is_(None), ReportRun.lease_until <= now),
        )
        .order_by(ReportRun.next_at, ReportRun.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    run = session.execute(query).scalar_one_or_none()
    if run is None:
        return None
    run.tries += 1
    run.lease_owner, run.lease_until = f"{owner} try {run.tries}", now + LEASE
    schedule = load_document(session.get_one(ReportSchedule, run.schedule_id).document)
    written, mailed = run.written_at is not None, run.mailed_at is not None
    return Claim(run.id, schedule, (run.first, run.last), run.due_at, written, mailed, run.lease_owner)


def note_written(session: Session, ours: Claim, files: Sequence[str], now: datetime) -> None:
    """Raises ClaimLost."""
    run = _hold(session, ours)
    run.written_at, run.files, run.lease_until = now, list(files), now + LEASE


def note_mailed(session: Session, ours: Claim, now: datetime) -> None:
    """Raises ClaimLost."""
    run = _hold(session, ours)
    run.mailed_at, run.lease_until = now, now + LEASE


def end(session: Session, ours: Claim, now: datetime) -> None:
    """The run is done. Raises ClaimLost."""
    run = _hold(session, ours)
    run.state, run.ended_at, run.lease_owner, run.lease_until = ReportRunState.DONE, now, None, None


def fail(session: Session, ours: Claim, problem: Mapping[str, Any], now: datetime) -> bool:
    """The try failed; True: it was the last one. Raises ClaimLost."""
    run = _hold(session, ours)
    run.problem, run.lease_owner, run.lease_until = dict(problem), None, None
    run.next_at = now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(run.tries - 1, 10))
    if run.tries >= TRIES:
        run.state, run.ended_at = ReportRunState.FAILED, now
    return run.state is ReportRunState.FAILED


def _hold(session: Session, ours: Claim) -> ReportRun:
    run = session.execute(select(ReportRun).where(ReportRun.id == ours.run_id).with_for_update()).scalar_one()
    if run.lease_owner != ours.owner or run.state is not ReportRunState.QUEUED:
        raise ClaimLost(ours.schedule.name)
    return run


def _audit(session: Session, what: str, row: ReportSchedule, who: str, now: datetime) -> None:
    details = {"sha256": row.version}
    session.add(AuditEntry(at=now, who=who, action=f"report.{what}", subject=row.name, details=details))
