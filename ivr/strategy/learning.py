"""Who answers at which hour, learnt from one's own calls: read from the attempts of all campaigns, kept in
`hour_rate`.

The database counts, by the beginning of the number and the hour; what is left to do here is small, so that a
worker can do it beside its calls. Only outcomes count that the hour may have a part in: a number that doesn't
exist says nothing about hours. An hour is the callee's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, String, cast, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.database.locks import is_postgresql, lock_name
from ivr.model import Attempt, Campaign, CampaignState, Contact, HourRate, Task, dialled
from ivr.model.types import json_type
from ivr.policy.calendar import is_working_day, timezone_of
from ivr.policy.loader import default_policy
from ivr.strategy.hours import NO_HOURS, PREFIX, REGION, HourKey, Hours, Rate, segment_of
from ivr.strategy.loader import load_document
from ivr.strategy.strategy import Strategy
from trunk.ports import DialOutcome

HEAD_CHARS = {PREFIX: 7, REGION: 10}  # of an E.164 number: "+" and what tells operator and region
MOST_SEGMENTS = 2_000  # the biggest: an attribute with a value for everybody teaches nothing
ROWS = 500  # in one statement
LEARN_EVERY_S = 3600.0  # a worker looks so often whether it is time
STALE = timedelta(hours=20)
TOLD_BY_HOUR = (
    DialOutcome.ANSWERED,
    DialOutcome.NO_ANSWER,
    DialOutcome.BUSY,
    DialOutcome.REJECTED,
    DialOutcome.VOICEMAIL,
    DialOutcome.POWERED_OFF,
    DialOutcome.UNREACHABLE,
)


async def learn(database: Database, more: Sequence[Strategy] = (), now: datetime | None = None) -> int:
    """Work the table out anew, for the segments of every campaign that isn't finished and uses it, and of `more`.

    `now`: the end of the days that are looked at. Returns how many rows the table has now."""
    now = now or database.clock.now()
    found = await database.read(lambda session: learnt(session, now, more))
    await database.run(lambda session: _keep(session, found, now))
    return len(found)


async def learn_nightly(database: Database) -> None:
    """`learn`, when some campaign uses it and nobody has done it for the better part of a day."""
    now = database.clock.now()

    def due(session: Session) -> bool:
        newest = session.execute(select(func.max(HourRate.computed_at))).scalar_one()
        stale = newest is None or not now - STALE <= newest <= now  # a clock that was ahead may have written it
        return stale and bool(_in_use(session))

    if await database.read(due):
        await learn(database)


def learnt(session: Session, now: datetime, more: Sequence[Strategy] = ()) -> dict[HourKey, Rate]:
    """What the calls say."""
    found: dict[HourKey, Rate] = {}
    for strategy in _schemes([*_in_use(session), *more]):
        found |= _biggest(_rates(session, strategy, now))
    return found


def hours_for(session: Session, strategy: Strategy) -> Hours:
    """What the strategy may go by; nothing when it doesn't use best hours."""
    return known_hours(session) if strategy.spec.best_hour.use else NO_HOURS


def known_hours(session: Session) -> Hours:
    """Everything that was learnt."""
    rows = session.execute(select(HourRate)).scalars()
    return Hours.of({(row.segment, row.working_day, row.hour): Rate(row.tried, row.answered) for row in rows})


def _keep(session: Session, found: Mapping[HourKey, Rate], now: datetime) -> None:
    lock_name(session, "learn hours")
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
    names = _attributes(strategy)
    found: defaultdict[HourKey, Rate] = defaultdict(Rate)
    for row in session.execute(_counts(session, strategy, now)):
        moment = datetime.strptime(row.hour, "%Y-%m-%d %H").replace(tzinfo=UTC)
        local = moment.astimezone(timezone_of(row.phone, policy.timezone))
        attributes = {name: getattr(row, f"trait_{index}") for index, name in enumerate(names)}
        segment = segment_of(strategy, row.phone, attributes)
        key = segment, is_working_day(policy.holidays, local.date()), local.hour
        found[key] += Rate(row.tried, int(row.answered))
    return found


def _attributes(strategy: Strategy) -> list[str]:
    return [name for name in strategy.spec.best_hour.segments if name not in HEAD_CHARS]


def _counts(session: Session, strategy: Strategy, now: datetime) -> Any:
    """Calls and answers by the number's beginning, the hour (UTC) and the attributes; with one number of each."""
    spec = strategy.spec.best_hour
    head_chars = max((HEAD_CHARS.get(name, 0) for name in spec.segments), default=0)
    # With attributes alone, the beginning still tells the time zone.
    head = func.substr(Attempt.phone, 1, head_chars or HEAD_CHARS[PREFIX])
    if is_postgresql(session):
        hour = func.to_char(func.timezone("UTC", Attempt.started_at), "YYYY-MM-DD HH24")
    else:
        hour = func.strftime("%Y-%m-%d %H", Attempt.started_at)
    names = _attributes(strategy)
    # Not the usual `attributes[name]`: on SQLite it makes 1 of true.
    value_of = Contact.attributes.op("->", return_type=json_type)
    traits = [value_of(literal(name, String)).label(f"trait_{index}") for index, name in enumerate(names)]
    calls: Any = select(
        Attempt.phone,
        head.label("head"),
        hour.label("hour"),
        (Attempt.outcome == DialOutcome.ANSWERED).label("answered"),
        *traits,
    ).where(Attempt.started_at > now - timedelta(days=spec.days), Attempt.outcome.in_(TOLD_BY_HOUR), dialled())
    if names:  # else there is no need for the contacts' rows
        calls = calls.join(Task, Attempt.task_id == Task.id).join(Contact, Task.contact_id == Contact.id)
    each = calls.subquery().c
    by = [each.hour, *(each[f"trait_{index}"] for index in range(len(names)))]
    answered = func.sum(cast(each.answered, Integer)).label("answered")
    return select(func.min(each.phone).label("phone"), *by, func.count().label("tried"), answered).group_by(
        each.head, *by
    )


def _biggest(rates: Mapping[HourKey, Rate]) -> Mapping[HourKey, Rate]:
    segments = Hours.of(rates).segments
    kept = set(sorted(segments, key=lambda name: (-segments[name].tried, name))[:MOST_SEGMENTS])
    return {key: rate for key, rate in rates.items() if key[0] in kept}
