"""Picking calls: by the plan, day by day, and by hand.

By the plan nothing is picked twice, whoever runs it how often: calls are read first, and the same calls give the
same picks, so that two runs at once write the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.database.locks import lock_name
from ivr.desk.former_teams import team_on
from ivr.inspection import successes
from ivr.inspection.candidates import candidates, earlier
from ivr.inspection.errors import InspectionError
from ivr.inspection.papers import PlanInUse, card_in_use, plan_in_use
from ivr.inspection.people import Person, must_inspect, must_not_be_own, talked
from ivr.inspection.sampling import Draw, Key, Pick, scored_by_two
from ivr.model import Agent, Attempt, AuditEntry, Inspection, InspectionState, PickReason, Segment

DAYS = 2  # that are over, each time: a day on which nothing ran is made good on the next


@dataclass(frozen=True, slots=True)
class DayPicked:
    """What a run picked of one day, by reason; `held`: successes that wait from now on."""

    day: date
    picked: Counter[PickReason]
    held: int


async def pick(database: Database, by: str, days: int = DAYS, only: date | None = None) -> list[DayPicked]:
    """Pick of the last `days` that are over, and today's successes; or of one day `only`."""
    now = database.clock.now()
    plan = await database.run(lambda session: plan_in_use(session, now))
    today = now.astimezone(plan.spec.zone).date()
    wanted = [only] if only else [today - timedelta(days=back) for back in range(days, -1, -1)]
    found = []
    for day in wanted:
        if day > today:
            raise InspectionError("{day} hasn't begun yet.", day=day.isoformat())
        picks = await database.read(partial(draw, plan=plan, day=day, whole_day=day < today))
        found.append(await database.run(partial(write, plan=plan, day=day, picks=picks, by=by, now=now)))
    return found


def draw(session: Session, plan: PlanInUse, day: date, *, whole_day: bool) -> list[Pick]:
    """What the plan picks of that day now; nothing is written."""
    lots = Draw(plan.spec, earlier(session, day), whole_day=whole_day)
    for call in candidates(session, plan.spec, day, successes_alone=not whole_day):
        lots.hear(call)
    return lots.picks()


def write(
    session: Session, plan: PlanInUse, day: date, picks: Iterable[Pick], by: str, now: datetime
) -> DayPicked:
    """Write picks; what is there already is only added to."""
    lock_name(session, "inspection.pick")
    counted: Counter[PickReason] = Counter()
    held = 0
    for one in picks:
        row = _row_of(session, one.key, 1)
        if row is None:
            row = _new(session, _Fresh(one.key, day, one.reason, by, one.why), plan, now)
            counted[one.reason] += 1
        row.drawn = row.drawn or one.drawn
        if one.gates and not row.gates and successes.hold(session, row.attempt_id, by, now):
            row.gates = True
            held += 1
            session.flush()
            successes.tell(session, row, by, now)  # where somebody had inspected it before it was a success
    if counted:
        details = {"day": day.isoformat(), "picked": {reason.value: count for reason, count in counted.items()}}
        session.add(AuditEntry(at=now, who=by, action="inspection.pick", subject=day.isoformat(), details=details))
    return DayPicked(day, counted, held)


@dataclass(frozen=True, slots=True)
class Taking:
    """A call that somebody chooses. `agent` None: whoever talked in it last; "": the robot's part. `live`: they
    heard it while it went on."""

    attempt_id: str
    agent: str | None = None
    live: bool = False
    level: int = 1


def take(session: Session, who: Person, taking: Taking, now: datetime) -> Inspection:
    """Pick a call by hand, for whoever chose it. What was picked already, of that level, is theirs to score if
    nobody is at it.

    Raises InspectionError: no such call, nobody was talked to, that agent has no part in it, or one's own call."""
    must_inspect(who)
    attempt = session.get(Attempt, taking.attempt_id)
    if attempt is None or attempt.answered_at is None:
        raise InspectionError("There is no call {attempt} in which somebody was talked to; check its id.",
                              attempt=taking.attempt_id)  # fmt: skip
    must_not_be_own(session, who, attempt.id)
    agent = _last_agent(session, attempt.id) if taking.agent is None else taking.agent
    if agent and not (taking.live or talked(session, agent, attempt.id)):
        raise InspectionError("Agent {agent} has no part in this call.", agent=agent)
    plan = plan_in_use(session, now)
    day = attempt.started_at.astimezone(plan.spec.zone).date()
    row = _row_of(session, (attempt.id, agent), taking.level)
    if row is None:
        reason = PickReason.LIVE if taking.live else PickReason.BY_HAND
        fresh = _Fresh((attempt.id, agent), day, reason, who.name, {}, taking.level)
        row = _new(session, fresh, plan, now)
        details = {"attempt": attempt.id, "reason": reason.value, "level": taking.level, **who.details}
        session.add(
            AuditEntry(at=now, who=who.name, action="inspection.take", subject=str(row.id), details=details)
        )
    return row


def _row_of(session: Session, key: Key, level: int) -> Inspection | None:
    attempt_id, agent = key
    rows = select(Inspection).where(
        Inspection.attempt_id == attempt_id, Inspection.agent == agent, Inspection.level == level
    )
    return session.scalars(rows).one_or_none()


@dataclass(frozen=True, slots=True)
class _Fresh:
    key: Key
    day: date
    reason: PickReason
    by: str
    why: dict[str, object]
    level: int = 1


def _new(session: Session, fresh: _Fresh, plan: PlanInUse, now: datetime) -> Inspection:
    attempt_id, agent = fresh.key
    spec = plan.spec
    row = Inspection(
        attempt_id=attempt_id,
        agent=agent,
        level=fresh.level,
        team_id=_team(session, agent, fresh.day),
        day=fresh.day,
        reason=fresh.reason,
        why=fresh.why,
        plan_id=plan.id,
        card_id=card_in_use(session, spec.cards.agent if agent else spec.cards.bot, now).id,
        picked_at=now,
        picked_by=fresh.by,
        scorers=2 if scored_by_two(spec, fresh.key) else 1,
        within=spec.double.within,
        state=InspectionState.OPEN,
    )
    session.add(row)
    session.flush()
    return row


def _team(session: Session, number: str, day: date) -> int | None:
    agent = session.scalars(select(Agent).where(Agent.number == number)).one_or_none()
    return None if agent is None else team_on(session, agent, day)


def _last_agent(session: Session, attempt_id: str) -> str:
    segments = select(Segment.agent).where(Segment.attempt_id == attempt_id, Segment.agent.is_not(None))
    return session.scalar(segments.order_by(Segment.number.desc()).limit(1)) or ""
