"""A campaign, its lists and its tasks: what is to be done, for whom, and how far it got."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.byhand import HandledBy, PeopleMode
from ivr.model.strategy import CallWhy
from ivr.model.types import NAME_CHARS, SHA256_CHARS, Base, part_index, text_enum

NORMAL_PRIORITY = 5  # of a task; 1 is leased first, 9 last


class CampaignState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"


class ProjectType(StrEnum):
    """What kind of project a campaign is (seeds S3): it decides what a success is."""

    TELEMARKETING = "telemarketing"
    SATISFACTION_SURVEY = "satisfaction_survey"
    FOLLOW_UP_CALL = "follow_up_call"
    DATA_CHECK = "data_check"
    QUESTIONNAIRE = "questionnaire"
    INVITATION = "invitation"


CAMPAIGN_ENDED = "campaign_ended"  # result of contacts that were left when their campaign was over


class Campaign(Base):
    """One flow version, called through its lists by a policy and a strategy."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    flow_version_id: Mapped[int] = mapped_column(ForeignKey("flow_version.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(32))
    state: Mapped[CampaignState] = mapped_column(text_enum(CampaignState), default=CampaignState.DRAFT)
    concurrency: Mapped[int]  # calls at once
    # The documents of ivr.policy and ivr.strategy; None: from before there were.
    policy: Mapped[str | None] = mapped_column(Text)
    strategy: Mapped[str | None] = mapped_column(Text)
    trunks: Mapped[list[str]] = mapped_column(
        default=list, server_default="[]"
    )  # that it may use; empty: all that serve its purpose
    starts_at: Mapped[datetime | None]  # nobody is called before; None: at once
    ends_at: Mapped[datetime | None]  # nobody is called from then on
    max_per_day: Mapped[int | None]  # most contacts taken in from feeds on one day, and in all
    max_total: Mapped[int | None]
    paused_why: Mapped[str | None] = mapped_column(Text)  # in words for people, when something paused it by itself
    project_type: Mapped[ProjectType | None] = mapped_column(text_enum(ProjectType))
    statistics: Mapped[list[str]] = mapped_column(
        default=list, server_default="[]"
    )  # questions and dispositions that its report shows; empty: all
    handled_by: Mapped[HandledBy] = mapped_column(
        text_enum(HandledBy), default=HandledBy.ROBOT, server_default=HandledBy.ROBOT.value
    )
    people_mode: Mapped[PeopleMode | None] = mapped_column(text_enum(PeopleMode))  # None: the robot talks
    teams: Mapped[list[str]] = mapped_column(
        default=list, server_default="[]"
    )  # whose people handle it; empty: everybody's
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    # False: rehearsals and what one operator dials directly. True: it calls while `approved_sha256` is set.
    needs_approval: Mapped[bool] = mapped_column(default=False, server_default=false())
    submission: Mapped[int] = mapped_column(default=0, server_default="0")  # how often it was submitted
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[str | None]
    # The parts of what was submitted by their hashes, and the hash over them once everybody has signed it; an
    # edit takes both away (ivr.campaigns.hashing).
    submitted_parts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    approved_sha256: Mapped[str | None] = mapped_column(String(SHA256_CHARS))
    authors: Mapped[list[str]] = mapped_column(default=list, server_default="[]")  # who wrote it: never approve it
    running_since: Mapped[datetime | None]  # when it was last started or resumed: the guard looks no further back
    seed: Mapped[int | None]  # a rehearsal's
    recognizer: Mapped[str] = mapped_column(default="")
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Shanghai")  # IANA name; for people to read
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class CampaignList(Base):
    """A list that a campaign calls."""

    __tablename__ = "campaign_list"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"), primary_key=True, index=True)


class TaskState(StrEnum):
    READY = "ready"  # may be leased now
    LEASED = "leased"  # somebody is calling; the lease's end frees it
    WAITING = "waiting"  # to be tried again at `next_at`
    DONE = "done"


class Task(Base):
    """One contact in one campaign. `result` is the disposition that ended it."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("campaign_id", "contact_id"),
        # A lease reads these two in their own order, priority by priority: it never meets a task that waits.
        part_index("ix_task_ready", "campaign_id", "priority", "next_at", "id", where="state = 'ready'"),
        part_index("ix_task_waiting", "campaign_id", "priority", "next_at", "id", where="state = 'waiting'"),
        part_index("ix_task_leased", "campaign_id", "lease_owner", where="state = 'leased'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), index=True)
    state: Mapped[TaskState] = mapped_column(text_enum(TaskState), default=TaskState.READY)
    priority: Mapped[int] = mapped_column(default=NORMAL_PRIORITY, server_default=str(NORMAL_PRIORITY))
    next_at: Mapped[datetime | None]  # not before; None: at once
    next_why: Mapped[CallWhy | None] = mapped_column(text_enum(CallWhy))  # what the next call is for
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)  # how many attempt rows this task has
    result: Mapped[str | None] = mapped_column(String(64))
