"""Handlings as rows: who has which task, begun, given back, dialled and ended. Functions for `Database.run`.

A task that an agent has is leased by them (`key_of`), and by the worker while its call is on. That a task is had
once, and that an agent has one, two unique indexes promise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from ivr.byhand.errors import TaskError
from ivr.database import Database, Question
from ivr.desk.presence import Change, find, move, presence_of
from ivr.dialer import store
from ivr.dialer.store.leftovers import AGENTS
from ivr.model import (
    Agent,
    AgentPresence,
    AgentState,
    CallWhy,
    Contact,
    Handling,
    HandlingState,
    Task,
    TaskState,
    Team,
    UtcDateTime,
)

KEY = AGENTS  # begins the lease owners that are people
WORKER_S = 60.0  # a call whose worker says nothing for so long is nobody's any more
ON_CALL = (HandlingState.DIALING, HandlingState.TALKING)
TAKEN = "taken"  # in what is kept of a call that is on: a supervisor talks in its agent's place


def key_of(number: str) -> str:
    """As whom the agent of that number leases tasks."""
    return f"{KEY}{number}"


def open_of(session: Session, agent_id: int, *, lock: bool = False) -> Handling | None:
    """What the agent has."""
    return session.scalars(_OPEN_LOCKED if lock else _OPEN, {"agent": agent_id}).one_or_none()


@dataclass(frozen=True, slots=True)
class Desk:
    """An agent at this moment: what they do, and the task that they have."""

    agent: Agent
    team: str | None
    state: AgentState
    handling: Handling | None


# What every agent asks for again and again is put together once.
_DESK = (
    select(Agent, Team.name, AgentPresence.state, Handling)
    .outerjoin(Team, Team.id == Agent.team_id)
    .outerjoin(AgentPresence, AgentPresence.agent_id == Agent.id)
    .outerjoin(Handling, and_(Handling.agent_id == Agent.id, Handling.ended_at.is_(None)))
    .where(Agent.number == bindparam("number"))
)
_OPEN = select(Handling).where(Handling.agent_id == bindparam("agent"), Handling.ended_at.is_(None))
_OPEN_LOCKED = _OPEN.with_for_update()


def desk_of(session: Session, number: str) -> Desk:
    """All of it by one query. Raises DeskError: there is no such agent."""
    found = session.execute(_DESK, {"number": number}).one_or_none()
    if found is None:
        find(session, number)  # says that there is none
        raise AssertionError(number)
    agent, team, state, handling = found
    return Desk(agent, team, state or AgentState.SIGNED_OUT, handling)


def held(session: Session, agent: Agent, *states: HandlingState) -> Handling:
    """What the agent has, locked; in one of these states, if any are named. Raises TaskError."""
    found = open_of(session, agent.id, lock=True)
    if found is None:
        raise TaskError("Agent {number} has no task; first: ivr task next --agent {number}", number=agent.number)
    if states and found.state not in states:
        raise TaskError(_REFUSALS[found.state], number=agent.number)
    return found


_REFUSALS: dict[HandlingState, str] = {
    HandlingState.PREVIEW: "Nobody has been called yet; first: ivr task dial --agent {number}",
    HandlingState.ASKED: "The call of agent {number} is being placed.",
    HandlingState.DIALING: "The call of agent {number} is being placed.",
    HandlingState.TALKING: "Agent {number} is talking: end the call first.",
    HandlingState.WRAP_UP: "The call of agent {number} is over; next: ivr task finish --agent {number}",
}


@dataclass(frozen=True, slots=True)
class Begun:
    """What a handling begins with."""

    agent: Agent
    lease: store.Lease
    campaign_id: int
    flow_version_id: int
    start: dict[str, Any]
    until: datetime | None


def begin(session: Session, begun: Begun, now: datetime) -> Handling | None:
    """The agent has the task from now on, and looks at it. None: a call has come for them meanwhile, or they have
    gone; the task isn't theirs then, and stays leased."""
    agent = begun.agent
    if open_of(session, agent.id) is not None:
        return None
    try:
        move(session, agent.id, Change(AgentState.PREVIEW, agent.number), now)
    except ValueError:  # it follows being ready alone, which who asks twice at once is only once
        return None
    handling = Handling(
        task_id=begun.lease.task_id,
        campaign_id=begun.campaign_id,
        agent_id=agent.id,
        flow_version_id=begun.flow_version_id,
        state=HandlingState.PREVIEW,
        began_at=now,
        until=begun.until,
        start=begun.start,
    )
    session.add(handling)
    session.flush()
    return handling


def end(session: Session, handling: Handling, state: HandlingState, now: datetime, why: str | None = None) -> None:
    """Nothing is left to do: the agent is free."""
    handling.state, handling.ended_at, handling.until = state, now, None
    handling.why = why if why is not None else handling.why
    session.flush()
    let_go(session, handling, now)


def note_taken(session: Session, attempt_id: str) -> None:
    """A supervisor has taken that call over: its agent may have another one before it ends."""
    found = select(Handling).where(
        Handling.attempt_id == attempt_id,
        Handling.state == HandlingState.TALKING,
        Handling.ended_at.is_(None),
    )
    handling = session.scalars(found.with_for_update()).one_or_none()
    if handling is not None:
        handling.call = {**handling.call, TAKEN: True}


def let_go_of_taken(session: Session, agent: Agent, now: datetime) -> bool:
    """A call that a supervisor has taken over goes on without the agent, who has another one now: it stays
    `TALKING`, and is finished with what was entered when it is over. False: their call before wasn't taken over,
    and its end isn't written yet."""
    before = open_of(session, agent.id, lock=True)
    if before is None or before.state is not HandlingState.TALKING:
        return True
    if not before.call.get(TAKEN):
        return False
    before.ended_at = now
    session.flush()
    return True


def let_go(session: Session, handling: Handling, now: datetime) -> None:
    """The agent is ready again, or gets their wish, where it is this task that they are busy with."""
    presence = session.get(AgentPresence, handling.agent_id, with_for_update=True, populate_existing=True)
    own = (AgentState.PREVIEW, AgentState.DIALING, AgentState.TALKING, AgentState.WRAP_UP)
    if presence is not None and presence.state in own and presence.attempt_id in (None, handling.attempt_id):
        number = session.get_one(Agent, handling.agent_id).number
        move(session, handling.agent_id, Change(AgentState.READY, number), now)


def give_back(session: Session, handling: Handling, now: datetime, again_at: datetime | None = None) -> None:
    """The task is anybody's again (from `again_at` on), as far as the agent still has it."""
    number = session.get_one(Agent, handling.agent_id).number
    store.release(session, handling.task_id, again_at, key_of(number))


def let_others_have(session: Session, lease: store.Lease) -> None:
    """It was leased for an agent who has something else now; unless that is what they have, asked for twice."""
    if session.scalars(select(Task.id).where(Task.id == lease.task_id, _nobody_has())).first() is not None:
        store.release(session, lease.task_id, None, lease.owner)


def back_to_preview(session: Session, handling: Handling, why: str, until: datetime, now: datetime) -> None:
    """The call couldn't be placed: the agent sees the task again, and may dial once more."""
    handling.state, handling.why, handling.until = HandlingState.PREVIEW, why, until
    handling.attempt_id = handling.worker = None
    presence = presence_of(session, handling.agent_id, now)
    if presence.state is AgentState.DIALING:
        number = session.get_one(Agent, handling.agent_id).number
        move(session, handling.agent_id, Change(AgentState.PREVIEW, number), now)
    session.flush()


# ---- tasks that are kept for somebody -------------------------------------------------------------------------


def _nobody_has() -> ColumnElement[bool]:
    return ~exists().where(Handling.task_id == Task.id, Handling.ended_at.is_(None))


_KEPT = (
    select(Task.campaign_id, Task.id, Contact.id, Contact.phone, Contact.attributes, Task.attempts)
    .join(Contact, Contact.id == Task.contact_id)
    .where(
        Task.campaign_id.in_(bindparam("campaigns", expanding=True)),
        Task.state == TaskState.LEASED,
        Task.lease_owner == bindparam("owner"),
        _nobody_has(),
    )
    .order_by(Task.next_at, Task.id)
    .limit(1)
)


def kept_for(session: Session, agent: Agent, campaigns: list[int]) -> tuple[int, store.Lease] | None:
    """A task that is the agent's and that they don't look at yet: a call back that they promised, or one that
    they got at the moment in which a process died. With its campaign."""
    given = {"campaigns": campaigns, "owner": key_of(agent.number)}
    found = session.execute(_KEPT, given).first()
    if found is None:
        return None
    campaign_id, task_id, contact_id, phone, attributes, attempts = found
    return campaign_id, store.Lease(task_id, contact_id, phone, attributes, attempts, key_of(agent.number))


def promised_by(session: Session, task_id: int, agent: Agent, not_before: datetime) -> str | None:
    """Whose promise the task's next call is, when that is another agent who is here and it has been due for so
    short that they may still keep it; their number."""
    rows = session.execute(
        select(Agent.id, Agent.number, AgentPresence.state)
        .select_from(Task)
        .join(Handling, Handling.task_id == Task.id)
        .join(Agent, Agent.id == Handling.agent_id)
        .join(AgentPresence, AgentPresence.agent_id == Agent.id)
        .where(
            Task.id == task_id,
            Task.next_why == CallWhy.CALLBACK,
            Task.next_at > not_before,
            Handling.state == HandlingState.DONE,
        )
        .order_by(Handling.id.desc())
        .limit(1)
    ).first()
    if rows is None or rows.id == agent.id or rows.state is AgentState.SIGNED_OUT:
        return None
    return str(rows.number)


def keep_for(session: Session, task_id: int, number: str, kept: timedelta) -> None:
    """Only that agent gets the task, for a while after its time."""
    task = session.get_one(Task, task_id)
    assert task.next_at is not None
    task.lease_owner, task.lease_until = key_of(number), task.next_at + kept


def free_kept(session: Session, now: datetime) -> int:
    """Tasks that were kept for somebody who didn't come are anybody's again, and so are those of agents whose
    process died before they saw them."""
    over = session.scalars(
        select(Task)
        .where(
            Task.state == TaskState.LEASED,
            Task.lease_owner.startswith(KEY),
            Task.lease_until <= now,
            _nobody_has(),
        )
        .with_for_update(skip_locked=True)
    ).all()
    for task in over:
        store.release(session, task.id, None, task.lease_owner)
    return len(over)


# ---- while a worker has it ------------------------------------------------------------------------------------


def claim_asked(session: Session, campaign_id: int, worker: str, count: int, now: datetime) -> list[int]:
    """Calls that agents ask for are this worker's to place."""
    wanted = (
        select(Handling.id)
        .where(
            Handling.campaign_id == campaign_id,
            Handling.state == HandlingState.ASKED,
            Handling.ended_at.is_(None),
        )
        .order_by(Handling.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(wanted))
    session.execute(
        update(Handling)
        .where(Handling.id.in_(ids))
        .values(state=HandlingState.DIALING, worker=worker, until=now + timedelta(seconds=WORKER_S))
    )
    return ids


def claim_own(session: Session, handling_id: int, worker: str, now: datetime) -> bool:
    """A task that was given to an agent to be dialled at once is this worker's to place. False: it isn't there any
    more."""
    handling = session.get_one(Handling, handling_id, with_for_update=True)
    if handling.state not in (HandlingState.PREVIEW, HandlingState.ASKED) or handling.ended_at is not None:
        return False
    handling.state, handling.worker = HandlingState.DIALING, worker
    handling.until = now + timedelta(seconds=WORKER_S)
    session.flush()
    return True


def renew(session: Session, ids: list[int], worker: str, now: datetime) -> None:
    """These calls are still on: neither they nor their agents are anybody else's."""
    until = now + timedelta(seconds=WORKER_S)
    on = (Handling.id.in_(ids), Handling.state.in_(ON_CALL))  # a wrap-up has an end of its own
    session.execute(update(Handling).where(*on, Handling.worker == worker).values(until=until))
    agents = select(Handling.agent_id).where(*on)
    session.execute(
        update(AgentPresence)
        .where(AgentPresence.agent_id.in_(agents), AgentPresence.lease_owner == worker)
        .values(lease_until=until)
    )


def overdue(session: Session, now: datetime, agent_id: int | None = None) -> list[tuple[int, HandlingState]]:
    """What has lasted too long, of that agent (None: of anybody), locked."""
    found = select(Handling).where(Handling.until <= now, Handling.ended_at.is_(None))
    if agent_id is not None:
        found = found.where(Handling.agent_id == agent_id)
    rows = session.scalars(found.order_by(Handling.id).with_for_update(skip_locked=True)).all()
    return [(row.id, row.state) for row in rows]


_now = bindparam("now", type_=UtcDateTime())
_ANY_OVERDUE = Question(
    select(
        or_(
            exists().where(Handling.until <= _now, Handling.ended_at.is_(None)),
            exists().where(
                Task.state == TaskState.LEASED, Task.lease_owner.startswith(KEY), Task.lease_until <= _now
            ),
        )
    )
)


async def any_overdue(database: Database, now: datetime) -> bool:
    """Whether there is anything to be tidied: asked often, and nearly always no."""
    ((any_,),) = await database.ask(_ANY_OVERDUE, {"now": now})
    return bool(any_)
