"""Who answers at which hour, learnt from one's own calls: read from the attempts of all campaigns, kept in
`hour_rate`.

Only outcomes count that the hour may have a part in: a number that doesn't exist says nothing about hours. An hour
is the callee's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ivr.model import Attempt, Campaign, CampaignState, Contact, HourRate, Task
from ivr.policy.calendar import is_working_day, timezone_of
from ivr.policy.loader import default_policy
from ivr.strategy.hours import NO_HOURS, PREFIX, REGION, HourKey, Hours, Rate, segment_of
from ivr.strategy.loader import load_document
from ivr.strategy.strategy import Strategy
from trunk.ports import DialOutcome

MOST_CALLS = 2_000_000  # the newest
MOST_SEGMENTS = 2_000  # the biggest: an attribute with a value for everybody teaches nothing
ROWS = 500  # in one statement
TOLD_BY_HOUR = (
    DialOutcome.ANSWERED,
    DialOutcome.NO_ANSWER,
    DialOutcome.BUSY,
    DialOutcome.REJECTED,
    DialOutcome.VOICEMAIL,
    DialOutcome.POWERED_OFF,
    DialOutcome.UNREACHABLE,
)


def learn(session: Session, now: datetime, more: Sequence[Strategy] = ()) -> int:
    """Work the table out anew, for the segments of every campaign that isn't finished and uses it, and of `more`.

    Returns how many rows it has now."""
    found: dict[HourKey, Rate] = {}
    for strategy in _schemes([*_in_use(session), *more]):
        found |= _biggest(_rates(session, strategy, now))
    rows = [
        {
            "segment": segment,
            "working_day": working_day,
            "hour": hour,
            "tried": rate.tried,
            "answered": rate.answered,
            "computed_at": now,
        }
        for (segment, working_day, hour), rate in found.items()
    ]
    session.execute(delete(HourRate))
    for start in range(0, len(rows), ROWS):
        session.execute(insert(HourRate), rows[start : start + ROWS])
    return len(rows)


def hours_for(session: Session, strategy: Strategy) -> Hours:
    """What the strategy may go by; nothing when it doesn't use best hours."""
    return known_hours(session) if strategy.spec.best_hour.use else NO_HOURS


def known_hours(session: Session) -> Hours:
    """Everything that was learnt."""
    rows = session.execute(select(HourRate)).scalars()
    return Hours.of({(row.segment, row.working_day, row.hour): Rate(row.tried, row.answered) for row in rows})


def _in_use(session: Session) -> list[Strategy]:
    documents = session.execute(
        select(Campaign.strategy)
        .where(Campaign.state != CampaignState.FINISHED, Campaign.strategy.is_not(None))
        .distinct()
    ).scalars()
    strategies = [load_document(document) for document in documents if document]
    return [strategy for strategy in strategies if strategy.spec.best_hour.use]


def _schemes(strategies: Iterable[Strategy]) -> Iterable[Strategy]:
    """One strategy for each way to cut numbers into segments: the one that looks back farthest."""
    longest: dict[tuple[str, ...], Strategy] = {}
    for strategy in strategies:
        spec = strategy.spec.best_hour
        known = longest.get(spec.segments)
        if known is None or spec.days > known.spec.best_hour.days:
            longest[spec.segments] = strategy
    return longest.values()


def _rates(session: Session, strategy: Strategy, now: datetime) -> Mapping[HourKey, Rate]:
    policy = default_policy().spec
    tried: defaultdict[HourKey, int] = defaultdict(int)
    answered: defaultdict[HourKey, int] = defaultdict(int)
    for row in _calls(session, strategy, now):
        local = row.started_at.astimezone(timezone_of(row.phone, policy.timezone))
        working = is_working_day(policy.holidays, local.date())
        key = segment_of(strategy, row.phone, getattr(row, "attributes", {})), working, local.hour
        tried[key] += 1
        answered[key] += row.outcome is DialOutcome.ANSWERED
    return {key: Rate(count, answered[key]) for key, count in tried.items()}


def _calls(session: Session, strategy: Strategy, now: datetime) -> Iterable[Any]:
    spec = strategy.spec.best_hour
    # Without an attribute among the segments there is no need for the contacts' rows.
    attributes = any(name not in (PREFIX, REGION) for name in spec.segments)
    query: Any = select(Attempt.phone, Attempt.started_at, Attempt.outcome)
    if attributes:
        query = (
            query.add_columns(Contact.attributes)
            .join(Task, Attempt.task_id == Task.id)
            .join(Contact, Task.contact_id == Contact.id)
        )
    return session.execute(
        query.where(Attempt.started_at > now - timedelta(days=spec.days), Attempt.outcome.in_(TOLD_BY_HOUR))
        .order_by(Attempt.started_at.desc())
        .limit(MOST_CALLS)
        .execution_options(yield_per=2000)
    )


def _biggest(rates: Mapping[HourKey, Rate]) -> Mapping[HourKey, Rate]:
    segments = Hours.of(rates).segments
    kept = set(sorted(segments, key=lambda name: (-segments[name].tried, name))[:MOST_SEGMENTS])
    return {key: rate for key, rate in rates.items() if key[0] in kept}
