"""Requests for a person, as they are told: in results, in `ivr why`, and to who looks at the line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.brief_words import PointWords
from ivr.briefs import Brief, read
from ivr.desk.presence import find
from ivr.desk.words import result_word
from ivr.model import AgentPresence, Attempt, Campaign, Handoff, HandoffResult, HandoffState


@dataclass(frozen=True, slots=True)
class InLine:
    """One customer who waits for a person, or has one."""

    queue: str
    phone: str  # E.164
    priority: int
    since: datetime
    state: HandoffState
    agent: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom an agent gets, has, or has just had, as they are shown to that agent."""

    attempt_id: str
    phone: str  # E.164
    queue: str
    since: datetime  # when they asked for a person
    state: HandoffState
    brief: Brief  # what they were asked before that, and what they answered


@dataclass(frozen=True, slots=True)
class RequestTold:
    """Something that is told of a request; `params` may have words inside."""

    at: datetime
    template: str
    params: Mapping[str, object]


def requests_of(session: Session, attempts: Sequence[str]) -> Mapping[str, list[Handoff]]:
    """Of these calls, those that are over, in order."""
    found: dict[str, list[Handoff]] = defaultdict(list)
    rows = select(Handoff).where(Handoff.attempt_id.in_(attempts), Handoff.state == HandoffState.OVER)
    for row in session.scalars(rows.order_by(Handoff.attempt_id, Handoff.number)):
        found[row.attempt_id].append(row)
    return found


def briefs_of(session: Session, attempts: Sequence[str]) -> Mapping[str, Brief]:
    """Of these calls, those that wanted a person: what the customer had been asked and answered, the last time."""
    rows = select(Handoff.attempt_id, Handoff.brief).where(Handoff.attempt_id.in_(attempts))
    return {attempt: read(brief) for attempt, brief in session.execute(rows.order_by(Handoff.number))}


def waited_s(row: Handoff) -> float:
    """From the asking to the talk, or to the end without one."""
    until = row.talked_from or row.ended_at or row.asked_at
    return (until - row.asked_at).total_seconds()


def line(session: Session, now: datetime) -> tuple[InLine, ...]:
    """Everybody whose request isn't over, in the order in which they are served."""
    rows = session.execute(
        select(Handoff, Attempt.phone)
        .outerjoin(Attempt, Attempt.id == Handoff.attempt_id)
        .where(Handoff.state != HandoffState.OVER, Handoff.lease_until > now)
        .order_by(Handoff.priority, Handoff.asked_at, Handoff.id)
    )
    return tuple(
        InLine(row.queue, phone or "", row.priority, row.asked_at, row.state, row.agent) for row, phone in rows
    )


def customer_of(session: Session, number: str) -> Customer | None:
    """From the moment when their phone is about to ring until their wrap-up is over; None: nobody is handed to
    them. Raises DeskError: there is no such agent."""
    agent = find(session, number)
    found = session.execute(
        select(Handoff, Attempt.phone)
        .join(AgentPresence, AgentPresence.attempt_id == Handoff.attempt_id)
        .outerjoin(Attempt, Attempt.id == Handoff.attempt_id)
        .where(AgentPresence.agent_id == agent.id, Handoff.agent == agent.number)
        .order_by(Handoff.number.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    row, phone = found
    return Customer(row.attempt_id, phone or "", row.queue, row.asked_at, row.state, read(row.brief))


def story(session: Session, phone: str, most: int) -> Iterator[RequestTold]:
    """A number's requests, newest first."""
    rows = session.execute(
        select(Handoff, Attempt.number, Campaign.name)
        .join(Attempt, Attempt.id == Handoff.attempt_id)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .where(Attempt.phone == phone, Handoff.state == HandoffState.OVER)
        .order_by(Handoff.asked_at.desc())
        .limit(most)
    )
    for row, number, campaign in rows:
        result = HandoffResult.FAULT if row.result is None else row.result
        params: dict[str, object] = {"campaign": campaign, "number": number, "queue": row.queue}
        params |= {"result": result_word(result), "agent": row.agent or "–"}
        params |= {"waited_s": f"{waited_s(row):.0f}", "talk_s": f"{row.talk_ms / 1000:.0f}"}
        yield RequestTold(
            row.asked_at,
            "{campaign}: in call {number} somebody of {queue} was needed: {result}; agent {agent}, "
            "waited {waited_s} s, talked {talk_s} s",
            params,
        )
        if row.chance is not None:
            params = {"promise_s": f"{row.promise_s or 0:.0f}", "chance": f"{100 * row.chance:.0f}"}
            params |= {"ready": row.ready, "engaged": row.engaged, "ahead": row.ahead}
            yield RequestTold(
                row.asked_at,
                "  then the chance of somebody within {promise_s} s was {chance} % (ready {ready}, "
                "engaged {engaged}, before them {ahead})",
                params,
            )
        for point in read(row.brief):
            yield RequestTold(row.asked_at, "  asked before: {point}", {"point": PointWords(point)})
