"""What strategies know and leave behind: why a number is called again, numbers that don't exist, grades that
people changed, and at which hours who answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import PHONE_CHARS, UUID_CHARS, Base


class CallWhy(StrEnum):
    """Why a number is called once more; a task's first call has none."""

    RETRY = "retry"  # nobody was reached
    UNFINISHED = "unfinished"  # somebody was, and hung up before the flow's key question was answered
    FOLLOW_UP = "follow_up"  # the grade asks for it
    CALLBACK = "callback"  # the customer did
    RETURN = "return"  # none of ours: the customer called back (docs/returns.md)
    BETTER_HOUR = "better_hour"  # the first call, put off to an hour at which such numbers answer more often


class InvalidNumber(Base):
    """The network said that there is no such number. It holds until `until`: numbers are given to new owners."""

    __tablename__ = "invalid_number"
    __table_args__ = (Index("ix_invalid_number_phone_until", "phone", "until"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    since: Mapped[datetime]
    until: Mapped[datetime]
    attempt_id: Mapped[str | None] = mapped_column(ForeignKey("attempt.id"))


class GradeChange(Base):
    """Somebody gave an attempt another grade than the rules did. Append-only: the newest is what it has."""

    __tablename__ = "grade_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(String(UUID_CHARS), ForeignKey("attempt.id"), index=True)
    at: Mapped[datetime]
    who: Mapped[str]
    grade_before: Mapped[str | None] = mapped_column(String(1))
    grade: Mapped[str] = mapped_column(String(1))
    note: Mapped[str] = mapped_column(Text)


class HourRate(Base):
    """How often the numbers of a segment answered at an hour of working days, or of days off; of all campaigns."""

    __tablename__ = "hour_rate"

    segment: Mapped[str] = mapped_column(String(255), primary_key=True)  # "prefix=138, vip=true"
    working_day: Mapped[bool] = mapped_column(primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True)  # 0 to 23 where the callee is
    tried: Mapped[int]
    answered: Mapped[int]
    computed_at: Mapped[datetime]
