"""Who a customer was found to be, and who watched or stepped into a call. No digits, no words of a call stay."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.desk import AGENT_NUMBER_CHARS
from ivr.model.types import NAME_CHARS, PHONE_CHARS, UUID_CHARS, Base, json_type, part_index, text_enum

METHOD_CHARS = 64
UNSETTLED = "ended_at IS NULL"


class IdentityResult(StrEnum):
    """What one way of checking who a customer is came to."""

    VERIFIED = "verified"
    FAILED = "failed"  # something wrong was given, and nothing right
    REFUSED = "refused"  # they don't have it, or don't want to say it
    NO_INPUT = "no_input"
    UNKNOWN = "unknown"  # nothing is on record to compare with
    LOCKED = "locked"  # too many wrong entries lately: nothing was compared
    UNAVAILABLE = "unavailable"  # nobody could say


class IdentityCheck(Base):
    """One method of one check: what was asked for, what it came to, in how many tries. Never what was given."""

    __tablename__ = "identity_check"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(String(UUID_CHARS), ForeignKey("attempt.id"), index=True)
    at: Mapped[datetime]
    method: Mapped[str] = mapped_column(String(METHOD_CHARS))  # password, name_address, id …
    result: Mapped[IdentityResult] = mapped_column(text_enum(IdentityResult))
    tries: Mapped[int]  # entries that were compared
    node: Mapped[str | None]  # of the flow; None: the agent's form alone
    agent: Mapped[str | None] = mapped_column(String(AGENT_NUMBER_CHARS))  # None: the robot asked


class SupervisionKind(StrEnum):
    """What a supervisor does with a live call."""

    READ = "read"  # its text, line by line
    LISTEN = "listen"
    WHISPER = "whisper"  # the agent alone hears the supervisor
    JOIN = "join"
    TAKE_OVER = "take_over"  # the supervisor talks instead of the agent or the robot
    CUT = "cut"
    HUSH = "hush"  # no supervisor's: the recording pauses while the customer identifies themselves to an agent


class SupervisionState(StrEnum):
    ASKED = "asked"  # the worker with the call hasn't seen it yet
    RINGING = "ringing"  # the supervisor's phone
    ON = "on"
    DONE = "done"
    CALL_OVER = "call_over"  # the call ended before, or meanwhile
    NOT_REACHED = "not_reached"  # the supervisor's phone
    NOT_POSSIBLE = "not_possible"  # in this state of the call
    FAILED = "failed"


class Supervision(Base):
    """One action of one supervisor on one call, from wish to end. The row is the order to the worker that has
    the call; `lines` hold the call's text while it is being read, and nothing afterwards."""

    __tablename__ = "supervision"
    __table_args__ = (
        Index("ix_supervision_attempt_id", "attempt_id", "id"),
        Index("ix_supervision_asked_at", "asked_at"),
        part_index("ix_supervision_unsettled", "worker", where=UNSETTLED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(String(UUID_CHARS), ForeignKey("attempt.id"))
    worker: Mapped[str] = mapped_column(String(NAME_CHARS))  # who has the call
    kind: Mapped[SupervisionKind] = mapped_column(text_enum(SupervisionKind))
    state: Mapped[SupervisionState] = mapped_column(text_enum(SupervisionState))
    who: Mapped[str] = mapped_column(String(NAME_CHARS))  # the supervisor
    phone: Mapped[str | None] = mapped_column(String(PHONE_CHARS))  # that rings for them
    agent: Mapped[str | None] = mapped_column(
        String(AGENT_NUMBER_CHARS)
    )  # who was on the call then; None: the robot
    told: Mapped[bool] = mapped_column(default=False, server_default=false())  # the agent sees it
    asked_at: Mapped[datetime]
    until: Mapped[datetime | None]  # it ends by itself then, unless it is renewed
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    stopping: Mapped[bool] = mapped_column(default=False, server_default=false())  # the supervisor wants it to end
    why: Mapped[str | None] = mapped_column(Text)  # it failed, or wasn't possible
    lines: Mapped[list[Any]] = mapped_column(json_type, default=list, server_default="[]")
