"""Tasks that go to people: who had which when, what they entered into the script, and how their call went.

A `Handling` is the truth about a task by hand until its result is written: any process can go on from it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import UUID_CHARS, Base, json_type, part_index, text_enum


class HandledBy(StrEnum):
    """Who talks with a campaign's contacts."""

    ROBOT = "robot"
    PEOPLE = "people"


class PeopleMode(StrEnum):
    """How people come by their calls."""

    PREVIEW = "preview"  # they see the contact and the script, then dial or skip
    PROGRESSIVE = "progressive"  # whoever is ready gets a task, which is dialled at once
    PREDICTIVE = "predictive"  # customers are called ahead, and whoever answers gets an agent who is free


class HandlingState(StrEnum):
    PREVIEW = "preview"  # the agent looks at it
    ASKED = "asked"  # the agent wants it dialled; a worker takes it
    DIALING = "dialing"  # a worker rings the agent, then the customer
    TALKING = "talking"
    WRAP_UP = "wrap_up"  # the call is over, its result isn't written yet
    DONE = "done"  # the result is written
    SKIPPED = "skipped"  # by the agent, with a reason
    RETURNED = "returned"  # nobody was called, for another reason


class Handling(Base):
    """An agent has a task: from the moment they get it until the call's result is written."""

    __tablename__ = "handling"
    __table_args__ = (
        part_index("uq_handling_open_agent", "agent_id", where="ended_at IS NULL", unique=True),
        part_index("uq_handling_open_task", "task_id", where="ended_at IS NULL", unique=True),
        UniqueConstraint("attempt_id"),
        Index("ix_handling_agent_id_began_at", "agent_id", "began_at"),
        Index("ix_handling_task_id", "task_id"),
        part_index("ix_handling_open", "campaign_id", "state", where="ended_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    flow_version_id: Mapped[int] = mapped_column(ForeignKey("flow_version.id"))  # of the script
    state: Mapped[HandlingState] = mapped_column(text_enum(HandlingState))
    began_at: Mapped[datetime]
    until: Mapped[datetime | None]  # preview and wrap-up end by themselves then
    worker: Mapped[str | None]  # that places the call
    attempt_id: Mapped[str | None] = mapped_column(String(UUID_CHARS))  # an Attempt's, which comes a moment later
    start: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the script is begun with
    entries: Mapped[list[Any]] = mapped_column(json_type, default=list)  # what came into the script, in order
    call: Mapped[dict[str, Any]] = mapped_column(default=dict)  # how the call went, as the network said it
    note: Mapped[str | None] = mapped_column(Text)  # the agent's
    why: Mapped[str | None] = mapped_column(Text)  # it was skipped or given back
    ended_at: Mapped[datetime | None]
