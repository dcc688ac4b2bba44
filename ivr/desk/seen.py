"""What is seen of the desk at one moment: its queues, and whoever is there. A look is two questions to the
database; what is read off it is pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import bindparam, exists, select

from ivr.database import Database, Question
from ivr.desk.states import CALL
from ivr.model import (
    Agent,
    AgentPresence,
    AgentSkill,
    AgentState,
    Handoff,
    HandoffState,
    Queue,
    UtcDateTime,
)
from ivr.ports import Staff

ENGAGED: frozenset[AgentState] = CALL | {AgentState.WRAP_UP}


class AgentSeen(NamedTuple):
    """Somebody who is signed in."""

    number: str
    state: AgentState
    since: datetime
    skills: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """The desk at one moment."""

    queues: Mapping[str, str]  # name -> skill
    longest_talk_s: float
    agents: tuple[AgentSeen, ...]
    over: bool  # a wrap-up, an absence or a lease has run out
    ends_at: datetime | None = field(default=None, compare=False)  # when the next of an agent's will

    def able(self, queue: str, tried: frozenset[str]) -> Iterator[AgentSeen]:
        """Who could take a call of that queue when they are free, and hasn't been tried."""
        skill = self.queues.get(queue)
        return (one for one in self.agents if skill in one.skills and one.number not in tried)

    def staff(self, queues: Collection[str], now: datetime, loop_s: float) -> Staff:
        """Of these queues together; `loop_s` is the loop's time now."""
        skills = {self.queues[name] for name in queues if name in self.queues}
        there = [one for one in self.agents if skills & one.skills]
        free = sum(one.state is AgentState.READY for one in there)
        engaged = {
            one.number: loop_s - max(0.0, (now - one.since).total_seconds())
            for one in there
            if one.state in ENGAGED
        }
        return Staff(free, engaged)

    def after(self, number: str, state: AgentState, now: datetime) -> Seen:
        """The same, but that this agent does something else from now on."""
        changed = (one._replace(state=state, since=now) if one.number == number else one for one in self.agents)
        return replace(self, agents=tuple(one for one in changed if one.state is not AgentState.SIGNED_OUT))


NOTHING = Seen({}, 0.0, (), over=False)

# The queues, and whether a customer's worker is gone.
_QUEUES = Question(
    select(
        Queue.name,
        Queue.skill,
        Queue.longest_talk_s,
        exists().where(
            Handoff.state != HandoffState.OVER, Handoff.lease_until <= bindparam("now", type_=UtcDateTime())
        ),
    )
)
# Whoever is there, once for each of their skills.
_PEOPLE = Question(
    select(
        Agent.number,
        AgentPresence.state,
        AgentPresence.since,
        AgentPresence.until,
        AgentPresence.lease_until,
        AgentSkill.skill,
    )
    .join(AgentPresence, AgentPresence.agent_id == Agent.id)
    .outerjoin(AgentSkill, AgentSkill.agent_id == Agent.id)
    .where(AgentPresence.state != AgentState.SIGNED_OUT)
    .order_by(Agent.number)
)


async def see(database: Database, now: datetime) -> Seen:
    """Look. Raises DatabaseError."""
    queues = await database.ask(_QUEUES, {"now": now})
    if not queues:  # nobody has a roster here
        return NOTHING
    agents: list[AgentSeen] = []
    ends: list[datetime] = []
    by_person = groupby(await database.ask(_PEOPLE), key=itemgetter(0, 1, 2, 3, 4))
    for (number, state, since, until, lease_until), rows in by_person:
        skills = frozenset(row[5] for row in rows if row[5] is not None)
        agents.append(AgentSeen(number, state, since, skills))
        ends += [moment for moment in (until, lease_until) if moment is not None]
    ends_at = min(ends, default=None)
    return Seen(
        {name: skill for name, skill, *_ in queues},
        max(longest_s for _, _, longest_s, _ in queues),
        tuple(agents),
        over=(ends_at is not None and ends_at <= now) or any(gone for *_, gone in queues),
        ends_at=ends_at,
    )
