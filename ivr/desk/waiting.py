"""Customers who want a person, as rows that all workers see: who waits, in which order, and what each came to.

An agent is given to a customer only when nobody who comes before them could have that agent: the whole line is
dealt out anew for each claim, and the first worker to ask gets what is its own. Deciding is done one after the
other (`lock_name`), so that nobody overtakes between two looks. A row is leased by the worker that has the call;
who is gone is out of the line when the lease has run out, and closed by the next worker that looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr import briefs
from ivr.database.locks import lock_name
from ivr.desk import leasing
from ivr.desk.governor import reckon
from ivr.desk.leasing import Free, Holder, Leased, lease, ready
from ivr.desk.outlook import anybody, colleagues, in_line
from ivr.model import Handoff, HandoffResult, HandoffState, Queue
from ivr.ports import HandedOver, Request, Standing

LEASE_S = 20.0  # a customer whose worker is gone stands before others for so long
DESK = "desk"


@dataclass(frozen=True, slots=True)
class Claim:
    """A customer who needs an agent now; `tried` are the numbers of those who had their turn."""

    request: Request
    tried: frozenset[str]


def enter(
    session: Session, request: Request, worker: str, means: Mapping[str, float], now: datetime
) -> tuple[HandoffResult | None, float]:
    """Ask for a person: put the request in the line, or close it at once because nobody can be promised.

    Returns why nobody can be, and what the queue promises (s). Raises KeyError: the roster has no such queue."""
    lock_name(session, DESK)
    queue = session.scalars(select(Queue).where(Queue.name == request.queue)).one_or_none()
    if queue is None:
        raise KeyError(request.queue)
    there = colleagues(session, means, now)
    row = find(session, request) or Handoff(attempt_id=request.attempt_id, number=request.number, asked_at=now)
    line = [one for one in in_line(session, now) if one is not row and one.priority <= queue.priority]
    before = [one.skill or "" for one in line]
    found = reckon(there, before, queue.skill, queue.promise_s)
    refusal = None if found.offers else HandoffResult.UNLIKELY
    if not found.there and not anybody(session, queue.skill):
        refusal = HandoffResult.NOBODY_SIGNED_IN
    row.tried, row.brief = [], briefs.kept(request.brief)
    row.queue, row.skill, row.priority = queue.name, queue.skill, queue.priority
    row.state = HandoffState.WAITING if refusal is None else HandoffState.OVER
    row.result, row.ended_at = refusal, None if refusal is None else now
    if refusal is None:
        row.lease_owner, row.lease_until = worker, now + timedelta(seconds=LEASE_S)
    row.promise_s, row.ready, row.engaged = queue.promise_s, found.ready, found.engaged
    row.ahead, row.chance, row.likely_s = found.ahead, round(found.chance, 4), found.likely_s
    session.add(row)
    session.flush()
    return refusal, queue.promise_s


def take(session: Session, claims: Sequence[Claim], worker: str, now: datetime) -> list[Leased | None]:
    """Reserve an agent for each of these customers for whom there is one whom nobody before them gets.

    Who was taken for gone, because the database was out of reach, stands in the line again."""
    lock_name(session, DESK)
    rows = _rows(session, claims)
    for claim in claims:
        row = rows.get(claim.request)
        if row is not None:
            _stand(row, claim, worker, now)
    session.flush()
    dealt = deal(in_line(session, now), ready(session))
    found: list[Leased | None] = []
    for claim in claims:
        row = rows.get(claim.request)
        free = None if row is None else dealt.get(row.id)
        leased = None
        if row is not None and free is not None:
            leased = lease(session, free, row.queue, Holder(worker, row.attempt_id), now)
        if row is not None and leased is not None:
            row.state, row.agent, row.found_at = HandoffState.OFFERED, leased.number, now
        found.append(leased)
    return found


def _rows(session: Session, claims: Sequence[Claim]) -> dict[Request, Handoff]:
    """Those that aren't over."""
    attempts = {claim.request.attempt_id for claim in claims}
    rows = session.scalars(select(Handoff).where(Handoff.attempt_id.in_(attempts)))
    found = {(row.attempt_id, row.number): row for row in rows if row.result in {None, HandoffResult.WORKER_GONE}}
    asked = [claim.request for claim in claims]
    return {one: found[key] for one in asked if (key := (one.attempt_id, one.number)) in found}


def _stand(row: Handoff, claim: Claim, worker: str, now: datetime) -> None:
    """They wait; what is as it was isn't written again."""
    row.state, row.result, row.ended_at = HandoffState.WAITING, None, None
    row.lease_owner = worker
    if row.lease_until is None or row.lease_until < now + timedelta(seconds=LEASE_S / 2):
        row.lease_until = now + timedelta(seconds=LEASE_S)
    row.tried = [{"agent": number} for number in sorted(claim.tried)]


def deal(line: Sequence[Handoff], free: Sequence[Free]) -> Mapping[int, Free]:
    """Who gets whom: the line in its order, each the best agent who is left; by the row's id. Pure."""
    left, dealt = list(free), {}
    for row in line:
        had = {one["agent"] for one in row.tried}
        able = [one for one in left if row.skill in one.levels and one.number not in had]
        if able:
            best = min(able, key=lambda one: (-one.levels[row.skill or ""], one.since, one.agent_id))
            left.remove(best)
            dealt[row.id] = best
    return dealt


def back_in_line(session: Session, request: Request, now: datetime) -> None:
    """The agent who was tried didn't take them: they stand where they stood."""
    del now  # what they asked for is as old as it is
    row = find(session, request)
    if row is not None and row.state is HandoffState.OFFERED:
        row.state = HandoffState.WAITING


def talks(session: Session, request: Request, now: datetime) -> None:
    row = find(session, request)
    if row is not None and row.state is not HandoffState.OVER:
        row.state, row.talked_from = HandoffState.TALKING, now


def place_of(session: Session, request: Request, means: Mapping[str, float], now: datetime) -> Standing | None:
    """Where they stand now; None: they don't wait (any more)."""
    row = find(session, request)
    if row is None or row.state is not HandoffState.WAITING or row.skill is None:
        return None
    before = []
    for one in in_line(session, now):
        if one.id == row.id:
            break
        before.append(one.skill or "")
    found = reckon(colleagues(session, means, now), before, row.skill, row.promise_s or 0.0)
    return Standing(1 + found.ahead, found.likely_s)


def close(session: Session, over: HandedOver) -> None:
    """Put on record what it came to; the call knows it better than whoever took it for gone. A request to a queue
    that there isn't has its row from now on."""
    row = find(session, over.request)
    if row is None:
        row = Handoff(attempt_id=over.request.attempt_id, number=over.request.number, queue=over.request.queue)
        row.asked_at, row.brief = over.asked_at, briefs.kept(over.request.brief)
        session.add(row)
    row.state, row.result, row.ended_at = HandoffState.OVER, over.result, over.ended_at
    row.lease_owner = row.lease_until = None
    row.agent = over.agent
    row.tried = [{"agent": agent, "result": result.value} for agent, result in over.tried]
    row.found_at, row.rang_at, row.accepted_at = over.found_at, over.rang_at, over.accepted_at
    row.talked_from, row.talk_ms = over.talked_from, round(over.talk_s * 1000)


def renew(session: Session, worker: str, requests: Iterable[Request], now: datetime) -> None:
    """These customers' calls are still on."""
    ids = [request.attempt_id for request in requests]
    session.execute(
        update(Handoff)
        .where(Handoff.attempt_id.in_(ids), Handoff.lease_owner == worker, Handoff.state != HandoffState.OVER)
        .values(lease_until=now + timedelta(seconds=LEASE_S))
    )


def let_go_of(session: Session, worker: str, now: datetime) -> None:
    """This worker is gone for certain: its customers are out of the line now, and its agents free."""
    leasing.let_go_of(session, worker, now)
    session.execute(
        update(Handoff)
        .where(Handoff.lease_owner == worker, Handoff.state != HandoffState.OVER, Handoff.lease_until > now)
        .values(lease_until=now)
        .execution_options(synchronize_session=False)
    )


def end_of_gone(session: Session, now: datetime) -> int:
    """Close the requests whose worker has been silent for too long. Returns how many."""
    gone = session.scalars(
        select(Handoff)
        .where(Handoff.state != HandoffState.OVER, Handoff.lease_until <= now)
        .order_by(Handoff.id)
        .with_for_update(skip_locked=True)
    ).all()
    for row in gone:
        row.state, row.result, row.ended_at = HandoffState.OVER, HandoffResult.WORKER_GONE, now
        row.lease_owner = row.lease_until = None
    return len(gone)


def find(session: Session, request: Request) -> Handoff | None:
    return session.scalars(
        select(Handoff).where(Handoff.attempt_id == request.attempt_id, Handoff.number == request.number)
    ).one_or_none()
