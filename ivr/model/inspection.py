"""Quality inspection: cards and plans, which calls were picked and why, every score that was given, faults, what
is done about them, appeals; and what the automatic screen measured in each recording.

Scores are never changed: each is a row, and `Inspection` has what counts now."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.desk import AGENT_NUMBER_CHARS
from ivr.model.types import NAME_CHARS, SHA256_CHARS, Base, json_type, part_index, text_enum


class InspectionDocumentKind(StrEnum):
    CARD = "card"
    PLAN = "plan"


class InspectionDocument(Base):
    """A score card or a sampling plan as it was published: immutable, named by its content.

    Of one name the row that is in use since last counts; `in_use_since` alone ever changes."""

    __tablename__ = "inspection_document"
    __table_args__ = (
        UniqueConstraint("kind", "name", "version"),
        UniqueConstraint("kind", "name", "content_hash"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[InspectionDocumentKind] = mapped_column(text_enum(InspectionDocumentKind))
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    version: Mapped[int]  # 1, 2, 3 … of this name
    content_hash: Mapped[str] = mapped_column(String(SHA256_CHARS))
    source: Mapped[str] = mapped_column(Text)  # JSON: ivr.inspection.documents reads it
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    in_use_since: Mapped[datetime]


class PickReason(StrEnum):
    """Why a call is inspected. The first that picked it."""

    DAILY = "daily"  # one of the day's draw
    SUCCESS = "success"  # its success counts only when it stands
    RISK = "risk"  # the screen or a complaint spoke for it
    LIVE = "live"  # somebody listened while it went on
    BY_HAND = "by_hand"  # somebody chose it


class InspectionState(StrEnum):
    OPEN = "open"  # somebody is to score it
    DISPUTED = "disputed"  # two scored it and don't agree: a third is to
    SETTLED = "settled"


class QualityGrade(StrEnum):
    EXCELLENT = "excellent"
    GOOD = "good"
    PASSED = "pass"
    FAIL = "fail"


class Example(StrEnum):
    """What a recording shows in the monthly review."""

    GOOD = "good"
    BAD = "bad"


class Inspection(Base):
    """One call that was picked to be inspected, for what one agent, or the robot, did in it.

    `score`, `grade` and `failed` are those that count now, once it is settled."""

    __tablename__ = "inspection"
    __table_args__ = (
        UniqueConstraint("attempt_id", "agent", "level"),
        Index("ix_inspection_day_agent", "day", "agent"),
        part_index("ix_inspection_unsettled", "day", "id", where="settled_at IS NULL"),
        Index("ix_inspection_settled_at", "settled_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    agent: Mapped[str] = mapped_column(String(AGENT_NUMBER_CHARS))  # whose part of the call; "": the robot's
    level: Mapped[int] = mapped_column(default=1, server_default="1")  # 2: the next level up looks for itself
    # The agent's on that day, as the roster had it when this was picked; figures follow what it says since.
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"), index=True)
    day: Mapped[date]  # of the call, in the plan's time zone
    reason: Mapped[PickReason] = mapped_column(text_enum(PickReason))
    drawn: Mapped[bool] = mapped_column(default=False, server_default=false())  # is one of the day's draw
    why: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the lot, the signals and their weights
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("inspection_document.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("inspection_document.id"))  # it is scored by this version
    picked_at: Mapped[datetime]
    picked_by: Mapped[str]
    scorers: Mapped[int]  # how many score it, not knowing of each other
    within: Mapped[float]  # so many points may two of them differ
    gates: Mapped[bool] = mapped_column(default=False, server_default=false())  # its success waits for this
    state: Mapped[InspectionState] = mapped_column(text_enum(InspectionState), default=InspectionState.OPEN)
    claimed_by: Mapped[str | None]  # who is at it
    claimed_until: Mapped[datetime | None]
    score: Mapped[float | None]  # 0..100
    grade: Mapped[QualityGrade | None] = mapped_column(text_enum(QualityGrade))
    failed: Mapped[list[str]] = mapped_column(default=list, server_default="[]")  # instant-fail points
    settled_at: Mapped[datetime | None]
    example: Mapped[Example | None] = mapped_column(text_enum(Example))
    example_note: Mapped[str | None] = mapped_column(Text)


class ScoreRole(StrEnum):
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"  # the two didn't agree
    APPEAL = "appeal"


class InspectionScore(Base):
    """One person's score of one inspection. Append-only; nobody scores the same one twice."""

    __tablename__ = "inspection_score"
    __table_args__ = (UniqueConstraint("inspection_id", "number"), UniqueConstraint("inspection_id", "who"))

    id: Mapped[int] = mapped_column(primary_key=True)
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspection.id"))
    number: Mapped[int]  # 1 is the first
    role: Mapped[ScoreRole] = mapped_column(text_enum(ScoreRole))
    who: Mapped[str]
    at: Mapped[datetime]
    marks: Mapped[dict[str, Any]] = mapped_column(default=dict)  # item -> points; null: doesn't apply
    failed: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    score: Mapped[float]
    grade: Mapped[QualityGrade] = mapped_column(text_enum(QualityGrade))
    note: Mapped[str | None] = mapped_column(Text)


class FaultOf(StrEnum):
    """Whose a fault is: one person's, common to a team (its leader answers for it), or the robot's flow."""

    PERSON = "person"
    TEAM = "team"
    FLOW = "flow"


class InspectionFault(Base):
    """A fault that an inspection found. Kept for good; an appeal may withdraw it."""

    __tablename__ = "inspection_fault"

    id: Mapped[int] = mapped_column(primary_key=True)
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspection.id"), index=True)
    point: Mapped[str] = mapped_column(String(64))  # an item of the card, or one of its instant-fail points
    of: Mapped[FaultOf] = mapped_column(text_enum(FaultOf))
    agent: Mapped[str | None] = mapped_column(String(AGENT_NUMBER_CHARS), index=True)  # for whom it counts
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    at_s: Mapped[float | None]  # where in the recording
    note: Mapped[str | None] = mapped_column(Text)
    noted_by: Mapped[str]
    noted_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]


class ActionState(StrEnum):
    OPEN = "open"
    DONE = "done"  # the owner says so
    VERIFIED = "verified"  # somebody else looked
    DROPPED = "dropped"


class CorrectiveAction(Base):
    """What is done so that a fault doesn't come again. Each change of its state is in the audit trail."""

    __tablename__ = "corrective_action"
    __table_args__ = (Index("ix_corrective_action_state_due_on", "state", "due_on"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    fault_id: Mapped[int | None] = mapped_column(ForeignKey("inspection_fault.id"), index=True)
    what: Mapped[str] = mapped_column(Text)
    owner: Mapped[str]  # an agent's number or a user's name
    due_on: Mapped[date]
    state: Mapped[ActionState] = mapped_column(text_enum(ActionState), default=ActionState.OPEN)
    opened_by: Mapped[str]
    opened_at: Mapped[datetime]
    changed_by: Mapped[str | None]
    changed_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)  # of the last change


class AppealState(StrEnum):
    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"


class InspectionAppeal(Base):
    """An agent doesn't accept a score. One for each inspection; somebody else than its scorers decides."""

    __tablename__ = "inspection_appeal"

    id: Mapped[int] = mapped_column(primary_key=True)
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspection.id"), unique=True)
    by: Mapped[str]  # who wrote it down: the agent's user, or somebody for them
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[AppealState] = mapped_column(text_enum(AppealState), default=AppealState.OPEN)
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)


class CallScreen(Base):
    """What was measured in one part of a recorded call: the robot's or an agent's. One row for each segment."""

    __tablename__ = "call_screen"
    __table_args__ = (UniqueConstraint("attempt_id", "segment"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    segment: Mapped[int]  # its number; 0: the whole call, which has no segments
    agent: Mapped[str] = mapped_column(String(AGENT_NUMBER_CHARS))  # "": the robot
    at: Mapped[datetime]
    starts_s: Mapped[float]  # in the recording
    seconds: Mapped[float]
    our_voice_s: Mapped[float | None]  # None: the recording has one channel
    callee_voice_s: Mapped[float | None]
    longest_silence_s: Mapped[float]  # nobody spoke
    dead_air_s: Mapped[float]  # sum of silences from 3 s on
    talk_overs: Mapped[int | None]  # both spoke at once for half a second or more
    talk_overs_ours: Mapped[int | None]  # of them, those in which the callee had been speaking first
    talk_over_s: Mapped[float | None]
    syllables: Mapped[int | None]  # that we said, counted in the sound; None: it has one side
    missing: Mapped[list[str]] = mapped_column(default=list, server_default="[]")  # steps of the script
    moments: Mapped[list[dict[str, Any]]] = mapped_column(json_type, default=list, server_default="[]")
    problem: Mapped[str | None] = mapped_column(Text)  # why nothing could be measured
