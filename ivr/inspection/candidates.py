"""The calls of a day from which some are picked, read in a stream: a day of robots' calls has many thousands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, exists, or_, select
from sqlalchemy.orm import Session

from ivr.inspection.sampling import Candidate, Earlier, group_of
from ivr.inspection.schema import PlanSpec
from ivr.inspection.signals import Known, Measured, signals, together
from ivr.model import (
    Attempt,
    CallScreen,
    Campaign,
    Complaint,
    Confirmation,
    FlowVersion,
    Inspection,
    Intention,
    Recording,
    Segment,
)
from trunk.ports import DialOutcome

ROWS_AT_ONCE = 2000


def bounds(plan: PlanSpec, day: date) -> tuple[datetime, datetime]:
    """The day's beginning and end as moments."""
    begin = datetime.combine(day, time(), plan.zone)
    return begin, datetime.combine(day + timedelta(days=1), time(), plan.zone)


def earlier(session: Session, day: date) -> list[Earlier]:
    """What was picked of that day, of the first level."""
    rows = session.execute(
        select(Inspection, Attempt.campaign_id)
        .join(Attempt, Attempt.id == Inspection.attempt_id)
        .where(Inspection.day == day, Inspection.level == 1)
    )
    return [
        Earlier(
            key=(row.attempt_id, row.agent),
            group=group_of(row.agent, campaign_id),
            reason=row.reason,
            drawn=row.drawn,
            gates=row.gates,
            lottery=bool(row.why.get("lottery")),
        )
        for row, campaign_id in rows
    ]


def candidates(
    session: Session, plan: PlanSpec, day: date, *, successes_alone: bool = False
) -> Iterator[Candidate]:
    """Every part of every call that somebody answered on that day; or of those alone whose success waits."""
    begin, end = bounds(plan, day)
    running = select(Campaign).where(
        Campaign.created_at < end, or_(Campaign.finished_at.is_(None), Campaign.finished_at >= begin)
    )
    for campaign in session.scalars(running.order_by(Campaign.id)).all():
        waits = campaign.purpose in plan.successes.purposes
        if successes_alone and not waits:
            continue
        parts = _parts().where(
            Attempt.campaign_id == campaign.id, Attempt.started_at >= begin, Attempt.started_at < end
        )
        if successes_alone:
            parts = parts.where(or_(Attempt.pending, Attempt.intention == Intention.SUCCESS))
        language = session.get_one(FlowVersion, campaign.flow_version_id).language
        rows = session.execute(parts, execution_options={"yield_per": ROWS_AT_ONCE})
        for _, of_call in groupby(rows, key=lambda row: str(row.id)):
            yield from _of_call(list(of_call), _Of(campaign.id, language, waits), plan)


@dataclass(frozen=True, slots=True)
class _Of:
    """A campaign. `waits`: its successes count when they were inspected."""

    id: int
    language: str
    waits: bool


def _parts() -> Any:
    """Each call's parts beside each other; a call without segments once."""
    screened = (CallScreen.attempt_id == Attempt.id) & (CallScreen.segment == Segment.number)
    return (
        select(
            Attempt.id,
            Attempt.intention,
            Attempt.pending,
            Attempt.disposition,
            Attempt.talk_ms,
            exists().where(Recording.attempt_id == Attempt.id).label("recorded"),
            exists().where(Complaint.attempt_id == Attempt.id).label("complained"),
            exists().where(Confirmation.attempt_id == Attempt.id).label("judged"),
            Segment.agent,
            Segment.started_at.label("begins"),
            Segment.ended_at.label("ends"),
            CallScreen.seconds,
            CallScreen.longest_silence_s,
            CallScreen.talk_overs,
            CallScreen.our_voice_s,
            CallScreen.syllables,
            CallScreen.missing,
            CallScreen.problem,
        )
        .outerjoin(Segment, Segment.attempt_id == Attempt.id)
        .outerjoin(CallScreen, screened)
        .where(Attempt.ended_at.is_not(None), Attempt.talk_ms > 0, Attempt.outcome == DialOutcome.ANSWERED)
        .order_by(Attempt.started_at, Attempt.id, Segment.number)
    )


def _of_call(rows: Sequence[Row[Any]], campaign: _Of, plan: PlanSpec) -> Iterator[Candidate]:
    """The parts of one call: one for each agent, and one for the robot. A success is that of the agent who talked
    last, else the robot's."""
    call = rows[0]
    agents = list(dict.fromkeys(row.agent or "" for row in rows))
    whose = next((row.agent for row in reversed(rows) if row.agent), "")
    success = (
        campaign.waits
        and not call.judged
        and (call.pending or call.intention is Intention.SUCCESS)
        and ("agent" if whose else "bot") in plan.successes.who
    )
    for agent in agents:
        own = [row for row in rows if (row.agent or "") == agent]
        known = Known(
            talk_s=sum(map(_seconds, own)),
            complained=call.complained or call.disposition == "complaint",
            measured=together([_measured(row) for row in own if row.seconds is not None and row.problem is None]),
            language=campaign.language,
        )
        yield Candidate(
            attempt_id=call.id,
            agent=agent,
            campaign_id=campaign.id,
            signals=signals(known, plan.signals),
            recorded=call.recorded,
            success=success and agent == whose,
        )


def _seconds(row: Row[Any]) -> float:
    if row.begins is None or row.ends is None:
        return float(row.talk_ms) / 1000
    return float((row.ends - row.begins).total_seconds())


def _measured(row: Row[Any]) -> Measured:
    return Measured(
        seconds=row.seconds,
        longest_silence_s=row.longest_silence_s,
        talk_overs=row.talk_overs,
        our_voice_s=row.our_voice_s,
        syllables=row.syllables,
        missing=tuple(row.missing or ()),
    )
