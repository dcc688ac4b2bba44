"""What happened over the network: attempts, who talked in them, answers, recordings, and what they left to do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from flows.values import Modality
from ivr.model.strategy import CallWhy
from ivr.model.types import PHONE_CHARS, SHA256_CHARS, UUID_CHARS, Base, json_type, text_enum
from trunk.ports import DialOutcome, EarlyMedia


class AttemptState(StrEnum):
    """How far a call has got, for the live view."""

    DIALING = "dialing"
    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


class Intention(StrEnum):
    """The five classes of a customer after a call (seeds S4)."""

    UNREACHABLE = "unreachable"
    SUCCESS = "success"
    STRONGLY_INTERESTED = "strongly_interested"
    INTERESTED = "interested"
    DECLINED = "declined"


class HungUpBy(StrEnum):
    CALLEE = "callee"
    US = "us"
    NETWORK = "network"


class Direction(StrEnum):
    """Who called whom."""

    OUT = "out"
    RETURN = "return"  # the customer called back


class Attempt(Base):
    """One try over the network, or a customer's call back. Committed before its originate, or its answer; closed
    once; never deleted or reopened.

    The two unique constraints are what makes "at most once" true whatever the code does: a task has one attempt
    of each number, and a phone has one live attempt (one without `ended_at`) at a time, in all campaigns."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("task_id", "number"),
        Index(
            "uq_attempt_live_phone",
            "phone",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_attempt_campaign_id_started_at", "campaign_id", "started_at", "id"),
        Index("ix_attempt_phone", "phone"),
    )

    # The network's call id: a uuid4 as text; of a call that came in the network's own choice.
    id: Mapped[str] = mapped_column(String(UUID_CHARS), primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))  # of the task; here for lists and counts
    number: Mapped[int]  # 1 is the task's first try
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))  # E.164
    state: Mapped[AttemptState] = mapped_column(text_enum(AttemptState), default=AttemptState.DIALING)
    current_node: Mapped[str | None]  # while talking: where the flow is
    last_heard: Mapped[str | None] = mapped_column(Text)  # while talking: the last thing understood
    started_at: Mapped[datetime]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    talk_ms: Mapped[int] = mapped_column(default=0)  # answer to hang-up, on the media clock
    outcome: Mapped[DialOutcome | None] = mapped_column(text_enum(DialOutcome))
    cause: Mapped[str] = mapped_column(Text, default="")  # raw, as the network said it
    hung_up_by: Mapped[HungUpBy | None] = mapped_column(text_enum(HungUpBy))
    disposition: Mapped[str | None] = mapped_column(String(64))
    intention: Mapped[Intention | None] = mapped_column(text_enum(Intention))
    pending: Mapped[bool] = mapped_column(default=False)  # accepted by voice, still to be confirmed
    opted_out: Mapped[bool] = mapped_column(default=False)
    path: Mapped[list[str]] = mapped_column(default=list)  # flow nodes in the order they were entered
    worker: Mapped[str | None]  # whose call it is (a Task's `lease_owner`)
    arm: Mapped[str | None] = mapped_column(String(64))  # of an A/B test
    grade: Mapped[str | None] = mapped_column(String(1))  # A to F
    why: Mapped[CallWhy | None] = mapped_column(text_enum(CallWhy))  # None: the task's first call
    # Answered, wanted a person, and nobody was there in time.
    abandoned: Mapped[bool] = mapped_column(default=False, server_default=false())
    trunk: Mapped[str | None]  # which way it went; None: it never left
    caller_id: Mapped[str | None]  # the number that the callee was shown; None: the operator's choice
    # The trunk refused the call before anything rang and another trunk was asked at once: the next number's
    # attempt. Retry rules don't count this one.
    failed_over: Mapped[bool] = mapped_column(default=False, server_default=false())
    early_media: Mapped[EarlyMedia | None] = mapped_column(text_enum(EarlyMedia))  # of a call that wasn't answered

    @property
    def direction(self) -> Direction:
        return direction_of(self.why)


def direction_of(why: CallWhy | None) -> Direction:
    return Direction.RETURN if why is CallWhy.RETURN else Direction.OUT


def dialled() -> ColumnElement[bool]:
    """Of attempts: those that we placed, not customers' calls back."""
    return Attempt.why.is_distinct_from(CallWhy.RETURN)


class SegmentKind(StrEnum):
    BOT = "bot"
    AGENT = "agent"


class Segment(Base):
    """Who talked with the callee from when to when: a call may pass from the robot to a person and back."""

    __tablename__ = "segment"
    __table_args__ = (UniqueConstraint("attempt_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    number: Mapped[int]  # 1 is the first
    kind: Mapped[SegmentKind] = mapped_column(text_enum(SegmentKind))
    agent: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Answer(Base):
    """One answer to one question, with what is needed when it is disputed. All are kept; the last one counts."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("attempt_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    number: Mapped[int]  # 1 is the attempt's first answer
    node: Mapped[str]
    name: Mapped[str]  # the question's `save_as`
    value: Mapped[str] = mapped_column(Text)
    modality: Mapped[Modality] = mapped_column(text_enum(Modality))
    transcript: Mapped[str | None] = mapped_column(Text)  # None for keys
    confidence: Mapped[float | None]  # 0..1 on the recogniser's own scale; None for keys
    reaction_ms: Mapped[int | None]  # from the prompt's end; negative over the prompt
    rule: Mapped[str | None] = mapped_column(String(64))  # what decided
    pending: Mapped[bool] = mapped_column(default=False)  # accepted by voice, still to be confirmed
    prompt_sha256: Mapped[str | None] = mapped_column(String(SHA256_CHARS))  # of the audio that asked
    audio_file: Mapped[str | None] = mapped_column(Text)  # the answer's audio slice, where one was kept
    given_at: Mapped[datetime]
    agent: Mapped[str | None] = mapped_column(String(8))  # who had talked with them before: a rating is theirs


class Recording(Base):
    """A call's stereo FLAC (a rehearsal's: WAV): callee left, we right. The row comes when the file is final.

    `file` is relative to the recording directory; the archive (ivr.archive) gives it another one."""

    __tablename__ = "recording"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), index=True)
    file: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(SHA256_CHARS))
    seconds: Mapped[float]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]  # its time was over and the file deleted; the archive's entries say why


class OutboxState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Outbox(Base):
    """A text message to be sent. Written in the call's transaction; sending is somebody else's work."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_state_id", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str | None] = mapped_column(ForeignKey("attempt.id"), index=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[OutboxState] = mapped_column(text_enum(OutboxState), default=OutboxState.QUEUED)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Callback(Base):
    """A call back that was promised: to which number, when (as asked, and as a moment), by which queue."""

    __tablename__ = "callback"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str | None] = mapped_column(ForeignKey("attempt.id"), index=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    wanted: Mapped[str | None]  # as the callee put it; None left the choice to us
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    queue: Mapped[str | None]
    # What they had been asked by then and what they answered (`ivr.briefs.Point`): for whoever calls them back.
    brief: Mapped[list[dict[str, str]]] = mapped_column(json_type, default=list, server_default="[]")
    created_at: Mapped[datetime]
