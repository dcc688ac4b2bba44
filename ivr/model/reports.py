"""Reports that are made by themselves: when, of what, and what became of each."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import NAME_CHARS, SHA256_CHARS, Base, part_index, text_enum


class ScheduleState(StrEnum):
    ACTIVE = "active"
    REMOVED = "removed"  # kept for its runs; its name may be used again


class ReportSchedule(Base):
    """A report that is made on a schedule. `document` is that of ivr.report.schedules; it names no password."""

    __tablename__ = "report_schedule"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    document: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(String(SHA256_CHARS))  # of the document
    state: Mapped[ScheduleState] = mapped_column(
        text_enum(ScheduleState), default=ScheduleState.ACTIVE, index=True
    )
    next_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class ReportRunState(StrEnum):
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"  # given up


class ReportRun(Base):
    """One period's report of a schedule: the unique constraint is what makes it exactly one.

    `written_at` and `mailed_at` stand as soon as that part is done: a run that is taken up again goes on there."""

    __tablename__ = "report_run"
    __table_args__ = (
        UniqueConstraint("schedule_id", "first", "last"),
        part_index("ix_report_run_queued", "next_at", where="state = 'queued'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("report_schedule.id"))
    first: Mapped[date]  # the period
    last: Mapped[date]
    state: Mapped[ReportRunState] = mapped_column(text_enum(ReportRunState), default=ReportRunState.QUEUED)
    due_at: Mapped[datetime]  # by the schedule
    next_at: Mapped[datetime]  # when it is tried, or tried again
    tries: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    written_at: Mapped[datetime | None]
    mailed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    files: Mapped[list[str]] = mapped_column(default=list)
    problem: Mapped[dict[str, Any] | None]  # template and params: why the last try failed
