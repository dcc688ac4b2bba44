"""What comes in by itself and what goes out: feeds, payments, the API's tokens, deliveries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import NAME_CHARS, PHONE_CHARS, SHA256_CHARS, UUID_CHARS, Base, text_enum


class PaymentEvent(Base):
    """Somebody paid. Takes them out of reminders at once, and tells later who paid after a call."""

    __tablename__ = "payment_event"
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_payment_event_phone_paid_at", "phone", "paid_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    paid_at: Mapped[datetime]
    amount_cents: Mapped[int | None] = mapped_column(BigInteger)  # None: the source doesn't say
    source: Mapped[str]  # a feed's name, or what an import was told
    source_id: Mapped[str]  # the source's own name of the payment
    taken_at: Mapped[datetime]  # when we learned of it


class FeedKind(StrEnum):
    CONTACTS = "contacts"
    PAYMENTS = "payments"
    COMPLAINTS = "complaints"


class FeedState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"  # kept for its runs; its name may be used again


class Feed(Base):
    """A source that is asked on a schedule for what is new.

    `position` is how far its rows are in our tables: it is written in the transaction that writes them."""

    __tablename__ = "feed"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    kind: Mapped[FeedKind] = mapped_column(text_enum(FeedKind))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"), index=True)  # that it fills
    list_id: Mapped[int | None] = mapped_column(ForeignKey("contact_list.id"))  # where its contacts go
    document: Mapped[str] = mapped_column(Text)  # of ivr.feeds; names no password
    version: Mapped[str] = mapped_column(String(SHA256_CHARS))  # of the document
    state: Mapped[FeedState] = mapped_column(text_enum(FeedState), default=FeedState.ACTIVE)
    position: Mapped[dict[str, Any]] = mapped_column(default=dict)  # empty: from the beginning
    columns: Mapped[dict[str, Any]] = mapped_column(default=dict)  # column -> kind of its values, as last seen
    next_at: Mapped[datetime | None]  # None: not by itself
    failures: Mapped[int] = mapped_column(default=0)  # runs in a row
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class FeedRunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class FeedRun(Base):
    """One time that a source was asked. rows = taken + replaced + known + rejected; `problem` is why it failed."""

    __tablename__ = "feed_run"
    __table_args__ = (Index("ix_feed_run_feed_id_id", "feed_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"))
    state: Mapped[FeedRunState] = mapped_column(text_enum(FeedRunState), default=FeedRunState.RUNNING)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    rows: Mapped[int] = mapped_column(default=0)
    taken: Mapped[int] = mapped_column(default=0)
    replaced: Mapped[int] = mapped_column(default=0)  # newer values for a contact that is still to be called
    known: Mapped[int] = mapped_column(default=0)  # here already, or older than what is
    rejected: Mapped[int] = mapped_column(default=0)
    never: Mapped[int] = mapped_column(default=0)  # of the taken: the policy says that they are never called
    problem: Mapped[dict[str, Any]] = mapped_column(default=dict)  # template and params; empty: none


class FeedReject(Base):
    """A row that can't be taken, with its reason; the others of its run were."""

    __tablename__ = "feed_reject"
    __table_args__ = (Index("ix_feed_reject_run_id_id", "run_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("feed_run.id"))
    source_id: Mapped[str]
    reason: Mapped[dict[str, Any]]  # column, template and params
    cells: Mapped[dict[str, Any]]  # the row as it came, each value cut to what can be read


class Intake(Base):
    """The list of a campaign's contacts that came one by one over the API."""

    __tablename__ = "intake"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"))


class IntakeDay(Base):
    """How many contacts feeds and the API brought a campaign on one day (its own): what its maxima are kept by."""

    __tablename__ = "intake_day"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # 2026-01-05
    taken: Mapped[int] = mapped_column(default=0)


class ApiToken(Base):
    """A key for programs that use the API. The token itself is shown once; its hash is what is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    token_sha256: Mapped[str] = mapped_column(String(SHA256_CHARS), unique=True)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"  # tried as often as it may be; `ivr deliveries retry` queues it again


class Delivery(Base):
    """What another system is to be told: written with what it tells, sent by somebody else afterwards."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_state_next_at", "state", "next_at", "id"),
        Index("ix_delivery_task_id", "task_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sink: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(32))
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))  # of one task and sink they are sent in order
    attempt_id: Mapped[str | None] = mapped_column(String(UUID_CHARS), ForeignKey("attempt.id"))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[DeliveryState] = mapped_column(text_enum(DeliveryState), default=DeliveryState.QUEUED)
    created_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]  # not before; while somebody sends it: when their lease ends
    problem: Mapped[str | None] = mapped_column(Text)  # what the last try met
    sent_at: Mapped[datetime | None]
