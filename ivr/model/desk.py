"""People who take and make calls: teams, what they can do, when they are to work, and what they did when.

A state is never overwritten: each change is a row, and an agent's day is the rows in their order. `AgentPresence`
is the newest row once more, where a call can lease an agent by one statement."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import PHONE_CHARS, UUID_CHARS, Base, json_type, part_index, text_enum

AGENT_NUMBER_CHARS = 8
SKILL_CHARS = 64


class Team(Base):
    """Agents who are led, compared and reported on together."""

    __tablename__ = "team"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    leader: Mapped[str | None] = mapped_column(
        String(AGENT_NUMBER_CHARS)
    )  # an agent's number: common faults are theirs


class Agent(Base):
    """A person who takes or makes calls. Never deleted: who has left has `left_on`."""

    __tablename__ = "agent"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(AGENT_NUMBER_CHARS), unique=True)  # said to callees, in all reports
    name: Mapped[str]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"), index=True)  # now; see FormerTeam
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), unique=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))  # extension, or E.164
    trunk: Mapped[str | None]  # by which trunk; None: the one of the customer's call
    language: Mapped[str | None] = mapped_column(String(5))  # of what they are told; None: the flow's
    hired_on: Mapped[date]
    left_on: Mapped[date | None]  # their last day


class FormerTeam(Base):
    """In which team an agent was before: append-only. On a day they were in the team of the row with the first
    `until` that isn't before it, the newest of several; on days after all of them in `Agent.team_id`."""

    __tablename__ = "former_team"
    __table_args__ = (Index("ix_former_team_agent_id_until", "agent_id", "until"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))  # None: they were in none
    until: Mapped[date]  # their last day in it
    entered_at: Mapped[datetime]
    entered_by: Mapped[str]


class AgentSkill(Base):
    """What an agent can do: a queue takes those who have its skill, the better ones first."""

    __tablename__ = "agent_skill"

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    skill: Mapped[str] = mapped_column(String(SKILL_CHARS), primary_key=True)
    level: Mapped[int]  # 1 (learning) to 9 (best)


class Queue(Base):
    """Customers who wait for one skill, by the name that flows' `transfer` says."""

    __tablename__ = "queue"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(SKILL_CHARS), unique=True)
    skill: Mapped[str] = mapped_column(String(SKILL_CHARS))  # who can take its calls
    priority: Mapped[int] = mapped_column(
        default=5, server_default="5"
    )  # between queues: 1 is served first, 9 last
    ring_s: Mapped[float]  # so long one agent's phone rings
    promise_s: Mapped[float]  # a person is offered only when one is likely to be free within this
    wrap_up_s: Mapped[float]  # so long after a talk an agent is given nothing else, unless they are ready before
    longest_talk_s: Mapped[float]
    monitoring_told: Mapped[bool] = mapped_column(
        default=True, server_default=true()
    )  # whether agents see that somebody listens


class Shift(Base):
    """When an agent is to work."""

    __tablename__ = "shift"
    __table_args__ = (UniqueConstraint("agent_id", "starts_at"), Index("ix_shift_starts_at", "starts_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class AgentState(StrEnum):
    """What an agent is doing. Signed in is whoever isn't `signed_out`."""

    SIGNED_OUT = "signed_out"
    SIGNED_IN = "signed_in"  # there, but not ready yet
    READY = "ready"  # a call may come
    RESERVED = "reserved"  # one is on its way to them: it rings, or they are told who it is
    PREVIEW = "preview"  # they look at a task before they dial it
    DIALING = "dialing"  # their task's call is being placed
    TALKING = "talking"
    WRAP_UP = "wrap_up"
    BUSY = "busy"  # set by themselves, with a reason
    REST = "rest"
    TRAINING = "training"
    MEETING = "meeting"
    AWAY = "away"  # set for them: they didn't pick up


class AgentStateChange(Base):
    """From `at` on the agent was in `state`, until the next row. Append-only; `number` counts an agent's rows from
    1, so that of two writers one fails."""

    __tablename__ = "agent_state_change"
    __table_args__ = (
        UniqueConstraint("agent_id", "number"),
        Index("ix_agent_state_change_agent_id_at", "agent_id", "at"),
        Index("ix_agent_state_change_at", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    number: Mapped[int]
    at: Mapped[datetime]  # never before the row before
    state: Mapped[AgentState] = mapped_column(text_enum(AgentState))
    reason: Mapped[str | None] = mapped_column(Text)  # of busy; why they were signed out
    attempt_id: Mapped[str | None] = mapped_column(String(UUID_CHARS), index=True)  # the call that it is about
    by: Mapped[str]  # the agent, a supervisor, or the worker that saw it


class AgentPresence(Base):
    """An agent's newest state, and for which call they are held. A lease that has run out holds nobody."""

    __tablename__ = "agent_presence"

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    state: Mapped[AgentState] = mapped_column(text_enum(AgentState), index=True)
    since: Mapped[datetime]
    changes: Mapped[int]  # the newest row's `number`
    attempt_id: Mapped[str | None] = mapped_column(String(UUID_CHARS))  # the call that has them
    lease_owner: Mapped[str | None]  # the worker that handles it
    lease_until: Mapped[datetime | None]
    until: Mapped[datetime | None]  # wrap-up and away end by themselves then
    # What they asked for while a call had them: it comes true when the call lets them go.
    wish: Mapped[AgentState | None] = mapped_column(text_enum(AgentState))
    wish_reason: Mapped[str | None] = mapped_column(Text)


class HandoffState(StrEnum):
    """How far a request for a person has got."""

    WAITING = "waiting"  # nobody is found yet
    OFFERED = "offered"  # an agent's phone rings, or they are told who it is
    TALKING = "talking"
    OVER = "over"


class HandoffResult(StrEnum):
    """What a request for a person came to: exactly one of these. docs/transfers.md says when each is."""

    TALKED = "talked"
    TALK_CUT = "talk_cut"  # they talked until the queue's `longest_talk_s`
    TALK_LOST = "talk_lost"  # they talked until the network lost the agent's phone
    NO_QUEUE = "no_queue"
    NOBODY_SIGNED_IN = "nobody_signed_in"
    NOBODY_FREE = "nobody_free"  # of a list in the settings, when those had agents: no call comes to it any more
    UNLIKELY = "unlikely"  # the governor: nobody is likely to be free within what the queue promises
    TIMED_OUT = "timed_out"  # nobody was free, or had picked up, in time
    CALLBACK = "callback"  # the customer would rather be called back
    LEFT_WAITING = "left_waiting"
    LEFT_RINGING = "left_ringing"
    LEFT_WHISPER = "left_whisper"
    LEFT_BRIDGING = "left_bridging"
    CUT_OFF = "cut_off"  # we ended the call: its limit, a stop
    DECLINED = "declined"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NO_KEY = "no_key"  # the agent picked up, and pressed nothing
    MACHINE = "machine"
    UNREACHABLE = "unreachable"  # the agent's phone is off, or isn't there
    PHONE_LOST = "phone_lost"  # it was there, and is gone or deaf
    NOBODY_ACCEPTED = "nobody_accepted"  # several agents were tried
    NO_CHANNEL = "no_channel"
    NETWORK = "network"  # it refused the leg
    NO_BRIDGE = "no_bridge"
    FAULT = "fault"  # our own
    WORKER_GONE = "worker_gone"


class Handoff(Base):
    """One request of a customer for a person, from the asking to its one result. While it isn't over its worker
    renews the lease: one that has run out is closed by whoever sees it."""

    __tablename__ = "handoff"
    __table_args__ = (
        UniqueConstraint("attempt_id", "number"),
        part_index("ix_handoff_open", "priority", "asked_at", where="state <> 'over'"),
        Index("ix_handoff_asked_at", "asked_at"),
        Index("ix_handoff_agent_asked_at", "agent", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(String(UUID_CHARS))  # the customer's call
    number: Mapped[int]  # the call's first request, its second …
    queue: Mapped[str] = mapped_column(String(SKILL_CHARS))  # as the flow said it
    skill: Mapped[str | None] = mapped_column(String(SKILL_CHARS))  # None: there is no such queue
    priority: Mapped[int] = mapped_column(default=5, server_default="5")  # of the queue then
    asked_at: Mapped[datetime]
    state: Mapped[HandoffState] = mapped_column(text_enum(HandoffState))
    lease_owner: Mapped[str | None]  # the worker that has the call
    lease_until: Mapped[datetime | None]
    # What they had been asked by then and what they answered (`ivr.briefs.Point`): for the agent, and on record.
    brief: Mapped[list[dict[str, str]]] = mapped_column(json_type, default=list, server_default="[]")
    # What the governor went by when they asked:
    promise_s: Mapped[float | None]
    ready: Mapped[int | None]  # agents of the skill
    engaged: Mapped[int | None]
    ahead: Mapped[int | None]  # customers who waited for the same people
    chance: Mapped[float | None]  # that one is free within `promise_s`, 0 to 1
    likely_s: Mapped[float | None]  # until one is likely to be free; None: nobody can say
    # What came of it:
    agent: Mapped[str | None] = mapped_column(String(AGENT_NUMBER_CHARS))  # who is tried, or was last
    tried: Mapped[list[dict[str, str]]] = mapped_column(json_type, default=list)  # in order: agent, result
    found_at: Mapped[datetime | None]  # the last one who was tried
    rang_at: Mapped[datetime | None]  # the network said that their phone rings
    accepted_at: Mapped[datetime | None]
    talked_from: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    talk_ms: Mapped[int] = mapped_column(default=0, server_default="0")
    result: Mapped[HandoffResult | None] = mapped_column(text_enum(HandoffResult))
    disposition: Mapped[str | None] = mapped_column(String(SKILL_CHARS))  # the agent's word for it, at the wrap-up
