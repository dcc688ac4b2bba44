"""Published flows. A version never changes; which one is active is a row of its own, so it can be rolled back."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import NAME_CHARS, SHA256_CHARS, Base, text_enum


class FlowVersion(Base):
    """A flow as it was published: immutable, named by its content hash."""

    __tablename__ = "flow_version"
    __table_args__ = (UniqueConstraint("flow", "version"), UniqueConstraint("flow", "content_hash"))

    id: Mapped[int] = mapped_column(primary_key=True)
    flow: Mapped[str] = mapped_column(String(NAME_CHARS))
    version: Mapped[int]  # 1, 2, 3 … of this flow
    content_hash: Mapped[str] = mapped_column(String(SHA256_CHARS))
    source: Mapped[str] = mapped_column(Text)  # the flow with its subflows: flows.loader.load_document reads it
    language: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(String(32))
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    reviewed_by: Mapped[str | None]


class ActivationKind(StrEnum):
    PUBLISH = "publish"
    ROLLBACK = "rollback"


class FlowActivation(Base):
    """Which version new campaigns take, and since when. Append-only: the newest row of a flow counts."""

    __tablename__ = "flow_activation"
    __table_args__ = (Index("ix_flow_activation_flow_id", "flow", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    flow: Mapped[str] = mapped_column(String(NAME_CHARS))
    flow_version_id: Mapped[int] = mapped_column(ForeignKey("flow_version.id"))
    kind: Mapped[ActivationKind] = mapped_column(text_enum(ActivationKind))
    activated_at: Mapped[datetime]
    activated_by: Mapped[str]


class ReviewState(StrEnum):
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class FlowReview(Base):
    """One content, shown to a second pair of eyes. It approves this content hash and no other."""

    __tablename__ = "flow_review"
    __table_args__ = (Index("ix_flow_review_flow_content_hash", "flow", "content_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    flow: Mapped[str] = mapped_column(String(NAME_CHARS))
    content_hash: Mapped[str] = mapped_column(String(SHA256_CHARS))
    source: Mapped[str] = mapped_column(Text)
    state: Mapped[ReviewState] = mapped_column(text_enum(ReviewState), default=ReviewState.SUBMITTED)
    submitted_at: Mapped[datetime]
    submitted_by: Mapped[str]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(Text)
