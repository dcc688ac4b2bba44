"""What policies know and decide: consents, engagements, who is held out, and every decision with its reason."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import NAME_CHARS, PHONE_CHARS, SHA256_CHARS, Base, text_enum


class Consent(Base):
    """Somebody agreed to calls for a purpose. Never changed but to note when it was withdrawn."""

    __tablename__ = "consent"
    __table_args__ = (Index("ix_consent_phone_purpose", "phone", "purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    purpose: Mapped[str] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(String(NAME_CHARS))  # where it was given: "shop", "app" …
    proof: Mapped[str | None] = mapped_column(Text)  # what shows it: the number of a form, a recording's name
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]  # None: until it is withdrawn
    withdrawn_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class EngagementState(StrEnum):
    RESERVED = "reserved"  # leased, not connected yet: its retries ride on it
    COMMITTED = "committed"  # connected, or nobody knows: it has used up one of the month's contacts
    RELEASED = "released"  # the task ended without a connection


class Engagement(Base):
    """One contact of a number in a calendar month (the callee's), by one task: what the month's cap counts."""

    __tablename__ = "engagement"
    __table_args__ = (Index("ix_engagement_phone_month", "phone", "month"),)

    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), primary_key=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    purpose: Mapped[str] = mapped_column(String(32))
    month: Mapped[str] = mapped_column(String(7))  # 2026-01
    state: Mapped[EngagementState] = mapped_column(text_enum(EngagementState))
    changed_at: Mapped[datetime]


class HoldOut(Base):
    """Whether a number is held out of a draw, settled when it first came up: later percentages don't move it."""

    __tablename__ = "hold_out"
    __table_args__ = (UniqueConstraint("draw", "phone"), Index("ix_hold_out_phone", "phone"))

    id: Mapped[int] = mapped_column(primary_key=True)
    draw: Mapped[str] = mapped_column(String(64))
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    held_out: Mapped[bool]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))  # in which it came up
    entered_at: Mapped[datetime]


class DecisionStage(StrEnum):
    IMPORT = "import"
    LEASE = "lease"
    PLACE = "place"  # just before dialling
    END = "end"  # of a call


class ContactDecision(Base):
    """Why a task's number was called or not. A row for each change, never one for the same answer again."""

    __tablename__ = "contact_decision"
    __table_args__ = (Index("ix_contact_decision_task_id_id", "task_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))
    at: Mapped[datetime]
    stage: Mapped[DecisionStage] = mapped_column(text_enum(DecisionStage))
    verdict: Mapped[str] = mapped_column(String(24))
    rule: Mapped[str | None] = mapped_column(String(24))  # None: no rule objected
    until: Mapped[datetime | None]  # of "later"
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)  # for the sentence
    policy_sha256: Mapped[str] = mapped_column(String(SHA256_CHARS))
