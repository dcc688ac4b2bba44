"""Who may approve what: organisations, the signatures under a campaign; and the stop that ends all dialling."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import NAME_CHARS, SHA256_CHARS, Base, text_enum


class OrganisationLevel(StrEnum):
    """From the highest to the lowest."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    HALL = "hall"


class Organisation(Base):
    """One place in the tree of province, cities, counties and halls. Users and campaigns belong to one."""

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    level: Mapped[OrganisationLevel] = mapped_column(text_enum(OrganisationLevel))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)  # None: the top
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class ApprovalStage(StrEnum):
    REQUEST = "request"  # whether there is to be such a campaign
    PLAN = "plan"  # flow, lists, policy, strategy, schedule, statistics form


class Approval(Base):
    """One signature. Append-only; those of an earlier submission count for nothing any more.

    `sha256` is what was signed (ivr.campaigns.hashing), `contacts` and `needed` what was demanded then."""

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("campaign_id", "submission", "stage", "by"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    submission: Mapped[int]  # of the campaign: 1, 2, 3 …
    stage: Mapped[ApprovalStage] = mapped_column(text_enum(ApprovalStage))
    approved: Mapped[bool]  # False: rejected
    by: Mapped[str]
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))  # of the signer, then
    sha256: Mapped[str] = mapped_column(String(SHA256_CHARS))
    contacts: Mapped[int | None]  # with those of campaigns that count together with it; None: unbounded
    needed: Mapped[int]  # different approvers, of each stage
    form: Mapped[str]  # by which it is approved at this size
    note: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)  # who was at the keyboard


class EmergencyStop(Base):
    """While one isn't lifted nobody is dialled, by any campaign or process."""

    __tablename__ = "emergency_stop"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str]
    why: Mapped[str] = mapped_column(Text)
    # False: what rings is hung up, conversations go on to their end; True: everything is hung up.
    hang_up: Mapped[bool] = mapped_column(default=False, server_default=false())
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
