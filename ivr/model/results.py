"""What becomes of results later: who confirmed a success or didn't, and whether the books balanced each night."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import Base, json_type, text_enum


class ConfirmationState(StrEnum):
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class ConfirmedBy(StrEnum):
    """What confirmed a success, or took it away (seeds S8)."""

    SMS_REPLY = "sms_reply"  # the customer's
    INSPECTION = "inspection"  # somebody listened to the call
    PERSON = "person"  # somebody says so


class Confirmation(Base):
    """A word on one success. All are kept, in order; the newest counts."""

    __tablename__ = "confirmation"
    __table_args__ = (Index("ix_confirmation_attempt_id_id", "attempt_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    state: Mapped[ConfirmationState] = mapped_column(text_enum(ConfirmationState))
    by: Mapped[ConfirmedBy] = mapped_column(text_enum(ConfirmedBy))
    who: Mapped[str]  # a user's name, "cli:ann"; of a reply who took it in
    at: Mapped[datetime]  # when it was confirmed: of a reply, when it came
    note: Mapped[str | None] = mapped_column(Text)  # why


class SmsRating(Base):
    """A customer's mark for a call, given by text message afterwards. One for each call: the last counts."""

    __tablename__ = "sms_rating"

    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), primary_key=True)
    rating: Mapped[int]  # 1 to 5, 5 is best
    at: Mapped[datetime]
    who: Mapped[str]  # took it in


class InvariantCheck(Base):
    """One rule of the books, looked at once. Append-only; `faults` 0: it holds."""

    __tablename__ = "invariant_check"
    __table_args__ = (Index("ix_invariant_check_at", "at"), Index("ix_invariant_check_name_id", "name", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]  # the same for all rules of one look
    name: Mapped[str] = mapped_column(String(64))
    faults: Mapped[int]
    examples: Mapped[list[str]] = mapped_column(json_type, default=list)  # ids of attempts, tasks …; no numbers
