"""An agent's state: changed here and nowhere else, each change a row that stays.

All functions work inside the caller's transaction. The presence row is locked first, so two writers of one agent
come one after the other; `agent_state_change.number` is unique, so a writer that didn't lock would fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ivr.desk.errors import DeskError
from ivr.desk.states import Asked, asked, may_follow
from ivr.model import Agent, AgentPresence, AgentState, AgentStateChange

LONGEST_LEASE = timedelta(minutes=10)  # no lease of an agent is that long
FURTHEST_WEST = timedelta(hours=12)  # where a day ends last
WENT_SILENT = "lease_over"  # reason of a change that was made because the worker with the call is gone


@dataclass(frozen=True, slots=True)
class Change:
    """What an agent does from now on."""

    state: AgentState
    by: str  # the agent's number, a user's name, or a worker's id
    reason: str | None = None
    attempt_id: str | None = None
    for_s: float | None = None  # then it ends by itself (wrap-up, away)


def find(session: Session, number: str) -> Agent:
    """The agent of that number, whether or not they have left. Raises DeskError."""
    agent = session.scalars(select(Agent).where(Agent.number == number)).one_or_none()
    if agent is None:
        raise DeskError("There is no agent {number}; see: ivr desk show", number=number)
    return agent


def last_day_not_over(now: datetime) -> date:
    """Who has this last day, or a later one, is still here: until it is over everywhere."""
    return (now - FURTHEST_WEST).date()


def presence_of(session: Session, agent_id: int, now: datetime) -> AgentPresence:
    """The agent's presence, locked until the transaction ends; signed out where there was none."""
    found = session.get(AgentPresence, agent_id, with_for_update=True, populate_existing=True)
    if found is None:
        found = AgentPresence(agent_id=agent_id, state=AgentState.SIGNED_OUT, since=now, changes=0)
        session.add(found)
        session.flush()
    return found


def choose(session: Session, agent: Agent, wanted: Change, now: datetime) -> Asked:
    """What an agent (or a supervisor for them) asks for: at once, or once their call lets them go.

    Raises DeskError: they aren't signed in, are already, or have left the house."""
    presence = presence_of(session, agent.id, now)
    gone = agent.left_on is not None and agent.left_on < last_day_not_over(now)
    if wanted.state is AgentState.SIGNED_IN and gone:
        raise DeskError("Agent {number} has left on {day}.", number=agent.number, day=str(agent.left_on))
    became = asked(presence.state, wanted.state)
    if became is Asked.NEVER:
        if wanted.state is AgentState.SIGNED_IN:
            raise DeskError("Agent {number} is signed in already.", number=agent.number)
        raise DeskError("Agent {number} isn't signed in; first: ivr agent sign-in {number}", number=agent.number)
    if became is Asked.LATER:
        presence.wish, presence.wish_reason = wanted.state, wanted.reason  # the last one counts
    else:
        presence.wish = presence.wish_reason = None
        _write(session, presence, wanted, now)
    return became


def move(session: Session, agent_id: int, change: Change, now: datetime) -> AgentState:
    """What a call does with its agent: reserves them, has them talk, lets them go. When it lets them go, what they
    wished meanwhile comes true instead of being ready, and after a wrap-up.

    Returns the state that they have now. Raises ValueError where the change can't follow (a fault of ours)."""
    presence = presence_of(session, agent_id, now)
    if not may_follow(presence.state, change.state):
        raise ValueError(f"{change.state} can't follow {presence.state}")
    if change.state in {AgentState.READY, AgentState.AWAY} and presence.wish is not None:
        change = Change(presence.wish, change.by, presence.wish_reason)
    _write(session, presence, change, now)
    return change.state


def set_by_run(session: Session, agent_id: int, change: Change, now: datetime) -> None:
    """For a run with a database of its own, before its first call: what they do, whatever was before."""
    presence = presence_of(session, agent_id, now)
    if presence.state is not change.state:
        presence.wish = presence.wish_reason = None
        _write(session, presence, change, now)


def end_by_itself(session: Session, by: str, now: datetime) -> int:
    """Wrap-ups and absences that are over, and calls whose worker has been silent for too long: those agents are
    ready again, or get their wish. Returns how many."""
    over = session.scalars(
        select(AgentPresence)
        .where((AgentPresence.until <= now) | _silent(now))
        .order_by(AgentPresence.agent_id)
        .with_for_update(skip_locked=True)
    ).all()
    for presence in over:
        state, reason = presence.wish or AgentState.READY, presence.wish_reason
        if presence.lease_until is not None and not now < presence.lease_until <= now + LONGEST_LEASE:
            reason = reason or WENT_SILENT
        _write(session, presence, Change(state, by, reason), now)
    return len(over)


def _silent(now: datetime) -> ColumnElement[bool]:
    """Leases that have run out, or lie further ahead than any is long: a wrong clock wrote them."""
    return (AgentPresence.lease_until <= now) | (AgentPresence.lease_until > now + LONGEST_LEASE)


def _write(session: Session, presence: AgentPresence, change: Change, now: datetime) -> None:
    """The row, and the presence after it. A wish is kept until a state is reached in which no call has them."""
    at = max(now, presence.since)  # another machine's clock may be ahead: the history never goes back
    presence.changes += 1
    presence.state, presence.since = change.state, at
    presence.until = None if change.for_s is None else now + timedelta(seconds=change.for_s)
    presence.attempt_id = change.attempt_id
    if change.attempt_id is None or change.state is AgentState.WRAP_UP:
        presence.lease_owner = presence.lease_until = None
    if change.state is presence.wish or change.state is AgentState.SIGNED_OUT:
        presence.wish = presence.wish_reason = None
    session.add(
        AgentStateChange(
            agent_id=presence.agent_id,
            number=presence.changes,
            at=at,
            state=change.state,
            reason=change.reason,
            attempt_id=change.attempt_id,
            by=change.by,
        )
    )
    session.flush()
