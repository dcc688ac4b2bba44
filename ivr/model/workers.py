"""Processes that dial, and what share of the trunks and campaigns each of them holds for a while."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import NAME_CHARS, Base, text_enum


class WorkerState(StrEnum):
    RUNNING = "running"
    DRAINING = "draining"  # its calls go on to their end, no new ones begin
    DEAD = "dead"  # another worker missed its heartbeat; what it has left isn't cleared up yet
    GONE = "gone"  # it has left, or what it had left is cleared up


class Worker(Base):
    """One process that dials. Its id stands in `attempt.worker` and `task.lease_owner`."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(String(NAME_CHARS), primary_key=True)  # host-pid-random
    host: Mapped[str]
    pid: Mapped[int]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]  # the database's time, as everything here
    state: Mapped[WorkerState] = mapped_column(text_enum(WorkerState), default=WorkerState.RUNNING)


class QuotaKind(StrEnum):
    TRUNK = "trunk"
    CAMPAIGN = "campaign"
    PEOPLE = "people"  # whoever holds it runs the campaigns that end at people


class Quota(Base):
    """What one worker may use of a trunk or of a campaign's concurrency, until that moment. The sum over all
    workers never exceeds what there is."""

    __tablename__ = "quota"

    kind: Mapped[QuotaKind] = mapped_column(text_enum(QuotaKind), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), primary_key=True)  # the trunk's, or the campaign's id
    worker_id: Mapped[str] = mapped_column(ForeignKey("worker.id"), primary_key=True)
    channels: Mapped[int]  # calls at once
    calls_per_s: Mapped[float]  # 0.0 for campaigns, which have no limit of their own
    until: Mapped[datetime]
