"""What is read about campaigns and calls, for pages and the command line: the values of `ivr.views`.

Every function is one read transaction, so that its figures agree with each other. Lists are bounded by their
caller's `limit`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, case, distinct, exists, func, or_, select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.desk.telling import briefs_of
from ivr.model import (
    Answer,
    Attempt,
    Campaign,
    FlowVersion,
    Intention,
    Recording,
    Segment,
    Task,
    TaskState,
)
from ivr.views import (
    AnswerView,
    AttemptFilter,
    AttemptRow,
    AttemptView,
    CampaignCounts,
    CampaignView,
    LiveCall,
    LiveView,
    RecordingView,
    SegmentView,
)
from trunk.ports import DialOutcome

MS = 1000
NUMBER_END = 4  # digits of a number that those who don't see numbers may search by


async def list_campaigns(database: Database, limit: int) -> tuple[CampaignView, ...]:
    """Campaigns, newest first."""
    return await database.read(
        lambda session: _campaigns(session, select(Campaign).order_by(Campaign.id.desc()).limit(limit))
    )


async def campaign(database: Database, campaign_id: int) -> CampaignView | None:
    return await database.read(lambda session: _campaign(session, campaign_id))


async def live_calls(database: Database, campaign_id: int | None, limit: int) -> LiveView:
    """Calls that are going on, in one campaign or in all."""
    return await database.read(lambda session: _live_calls(session, campaign_id, limit))


async def attempts(
    database: Database, campaign_id: int, wanted: AttemptFilter, limit: int, offset: int
) -> tuple[tuple[AttemptRow, ...], int]:
    """A campaign's attempts, newest first, and how many the filter lets through."""
    return await database.read(lambda session: _attempts(session, campaign_id, wanted, limit, offset))


async def attempt(database: Database, attempt_id: str) -> AttemptView | None:
    return await database.read(lambda session: _attempt(session, attempt_id))


async def recording(database: Database, recording_id: int) -> RecordingView | None:
    def work(session: Session) -> RecordingView | None:
        row = session.get(Recording, recording_id)
        return _recording_view(row) if row is not None else None

    return await database.read(work)


def _campaign(session: Session, campaign_id: int) -> CampaignView | None:
    found = _campaigns(session, select(Campaign).where(Campaign.id == campaign_id))
    return found[0] if found else None


def _campaigns(session: Session, wanted: Select[Campaign]) -> tuple[CampaignView, ...]:
    rows = session.scalars(wanted).all()
    counts = _counts(session, [row.id for row in rows])
    version_ids = {row.flow_version_id for row in rows}
    versions = {v.id: v for v in session.scalars(select(FlowVersion).where(FlowVersion.id.in_(version_ids)))}
    return tuple(_campaign_view(row, versions[row.flow_version_id], counts[row.id]) for row in rows)


def _campaign_view(row: Campaign, version: FlowVersion, counts: CampaignCounts) -> CampaignView:
    return CampaignView(
        id=row.id,
        name=row.name,
        state=row.state,
        flow=version.flow,
        flow_version=version.version,
        content_hash=version.content_hash,
        language=version.language,
        purpose=row.purpose,
        recognizer=row.recognizer,
        concurrency=row.concurrency,
        timezone=row.timezone,
        seed=row.seed,
        created_at=row.created_at,
        created_by=row.created_by,
        started_at=row.started_at,
        finished_at=row.finished_at,
        counts=counts,
    )


def _counts(session: Session, ids: Sequence[int]) -> dict[int, CampaignCounts]:
    """Three grouped statements for all campaigns of a page, however many there are."""
    figures: dict[int, dict[str, int | float]] = {campaign_id: {} for campaign_id in ids}
    outcomes: dict[int, dict[DialOutcome, int]] = defaultdict(dict)
    intentions: dict[int, dict[Intention, int]] = defaultdict(dict)
    done = func.sum(case((Task.state == TaskState.DONE, 1), else_=0))
    tasks = (
        select(Task.campaign_id, func.count(), done).where(Task.campaign_id.in_(ids)).group_by(Task.campaign_id)
    )
    for campaign_id, contacts, finished in session.execute(tasks):
        figures[campaign_id] |= {"contacts": contacts, "done": finished}
    for row in session.execute(_attempt_figures(ids)):
        values = dict(row._mapping)
        campaign_id = values.pop("campaign_id")
        figures[campaign_id] |= values | {"talk_s": values.pop("talk_ms") / MS}
    kinds = (
        select(Attempt.campaign_id, Attempt.outcome, Attempt.intention, func.count())
        .where(Attempt.campaign_id.in_(ids), Attempt.ended_at.is_not(None))
        .group_by(Attempt.campaign_id, Attempt.outcome, Attempt.intention)
    )
    for campaign_id, outcome, intention, count in session.execute(kinds):
        if outcome is not None:
            outcomes[campaign_id][outcome] = outcomes[campaign_id].get(outcome, 0) + count
        if intention is not None:
            intentions[campaign_id][intention] = intentions[campaign_id].get(intention, 0) + count
    return {
        campaign_id: CampaignCounts(
            **values,  # type: ignore[arg-type]  # the column labels are the field names; counts are ints
            outcomes=outcomes[campaign_id],
            intentions=intentions[campaign_id],
        )
        for campaign_id, values in figures.items()
    }


def _attempt_figures(ids: Sequence[int]) -> Select[int, int, int, int, int, int, int, Any]:
    ended = Attempt.ended_at.is_not(None)
    talked = ended & (Attempt.talk_ms > 0)

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    return (
        select(
            Attempt.campaign_id,
            count(~ended).label("live"),
            count(ended).label("attempts"),
            count(talked).label("connected"),
            count(ended & Attempt.opted_out).label("opted_out"),
            func.count(distinct(case((ended, Attempt.task_id)))).label("dialled"),
            func.count(distinct(case((talked, Attempt.task_id)))).label("reached"),
            func.sum(case((ended, Attempt.talk_ms), else_=0)).label("talk_ms"),
        )
        .where(Attempt.campaign_id.in_(ids))
        .group_by(Attempt.campaign_id)
    )


def _live_calls(session: Session, campaign_id: int | None, limit: int) -> LiveView:
    live: ColumnElement[bool] = Attempt.ended_at.is_(None)
    if campaign_id is not None:
        live = live & (Attempt.campaign_id == campaign_id)
    rows = session.execute(
        select(Attempt, Campaign.name, Campaign.seed)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .where(live)
        .order_by(Attempt.started_at, Attempt.id)
        .limit(limit)
    ).all()
    briefs = briefs_of(session, [row.id for row, _, _ in rows])
    calls = tuple(
        LiveCall(
            attempt_id=row.id,
            campaign_id=row.campaign_id,
            campaign=name,
            phone=row.phone,
            number=row.number,
            state=row.state,
            current_node=row.current_node,
            last_heard=row.last_heard,
            started_at=row.started_at,
            answered_at=row.answered_at,
            rehearsed=seed is not None,
            brief=briefs.get(row.id, ()),
        )
        for row, name, seed in rows
    )
    total = session.scalar(select(func.count()).select_from(Attempt).where(live)) or 0
    return LiveView(calls, total, None if campaign_id is None else _campaign(session, campaign_id))


def _attempts(
    session: Session, campaign_id: int, wanted: AttemptFilter, limit: int, offset: int
) -> tuple[tuple[AttemptRow, ...], int]:
    passes = _passes(campaign_id, wanted)
    total = session.scalar(select(func.count()).select_from(Attempt).where(passes)) or 0
    page = (
        select(Attempt).where(passes).order_by(Attempt.started_at.desc(), Attempt.id).limit(limit).offset(offset)
    )
    rows = session.scalars(page).all()
    ids = [row.id for row in rows]
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    given = select(Answer).where(Answer.attempt_id.in_(ids)).order_by(Answer.attempt_id, Answer.number)
    for answer in session.scalars(given):
        answers[answer.attempt_id][answer.name] = answer.value  # in order: the last one counts
    kept = Recording.attempt_id.in_(ids), Recording.removed_at.is_(None)
    recorded = set(session.scalars(select(Recording.attempt_id).where(*kept)))
    return tuple(_attempt_row(row, answers[row.id], row.id in recorded) for row in rows), total


def _passes(campaign_id: int, wanted: AttemptFilter) -> ColumnElement[bool]:
    passes: ColumnElement[bool] = Attempt.campaign_id == campaign_id
    if wanted.outcome is not None:
        passes = passes & (Attempt.outcome == wanted.outcome)
    if wanted.intention is not None:
        passes = passes & (Attempt.intention == wanted.intention)
    if not wanted.text:
        return passes
    said = Answer.transcript.contains(wanted.text, autoescape=True)
    found: list[ColumnElement[bool]] = [
        Attempt.disposition.contains(wanted.text, autoescape=True),
        exists().where(Answer.attempt_id == Attempt.id, said),
    ]
    digits = "".join(character for character in wanted.text if character.isdigit() or character == "+")
    if wanted.whole_numbers and digits:
        found.append(Attempt.phone.contains(digits, autoescape=True))
    elif len(digits) == NUMBER_END and digits.isdigit():
        # Any longer part would let those who don't see numbers find them out, digit by digit.
        found.append(Attempt.phone.endswith(digits))
    return passes & or_(*found)


def _attempt_row(row: Attempt, answers: Mapping[str, str], has_recording: bool) -> AttemptRow:
    return AttemptRow(
        id=row.id,
        phone=row.phone,
        number=row.number,
        direction=row.direction,
        state=row.state,
        outcome=row.outcome,
        disposition=row.disposition,
        intention=row.intention,
        opted_out=row.opted_out,
        started_at=row.started_at,
        talk_s=row.talk_ms / MS,
        answers=answers,
        has_recording=has_recording,
    )


def _attempt(session: Session, attempt_id: str) -> AttemptView | None:
    found = session.execute(
        select(Attempt, Campaign.name)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .where(Attempt.id == attempt_id)
    ).first()
    if found is None:
        return None
    row, campaign_name = found
    answers = session.scalars(select(Answer).where(Answer.attempt_id == row.id).order_by(Answer.number))
    segments = session.scalars(select(Segment).where(Segment.attempt_id == row.id).order_by(Segment.number))
    recorded = session.scalars(
        select(Recording)
        .where(Recording.attempt_id == row.id, Recording.removed_at.is_(None))
        .order_by(Recording.id.desc())
        .limit(1)
    ).first()
    return AttemptView(
        id=row.id,
        campaign_id=row.campaign_id,
        campaign=campaign_name,
        phone=row.phone,
        number=row.number,
        direction=row.direction,
        state=row.state,
        outcome=row.outcome,
        cause=row.cause,
        hung_up_by=row.hung_up_by,
        disposition=row.disposition,
        intention=row.intention,
        pending=row.pending,
        opted_out=row.opted_out,
        started_at=row.started_at,
        ringing_at=row.ringing_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        talk_s=row.talk_ms / MS,
        path=tuple(row.path),
        answers=tuple(_answer_views(answers)),
        segments=tuple(SegmentView(s.number, s.kind, s.agent, s.started_at, s.ended_at) for s in segments),
        recording=None if recorded is None else _recording_view(recorded),
    )


def _answer_views(answers: Iterable[Answer]) -> Iterable[AnswerView]:
    for answer in answers:
        yield AnswerView(
            number=answer.number,
            node=answer.node,
            name=answer.name,
            value=answer.value,
            modality=answer.modality,
            transcript=answer.transcript,
            confidence=answer.confidence,
            reaction_ms=answer.reaction_ms,
            rule=answer.rule,
            pending=answer.pending,
            prompt_sha256=answer.prompt_sha256,
            given_at=answer.given_at,
        )


def _recording_view(row: Recording) -> RecordingView:
    return RecordingView(id=row.id, file=row.file, seconds=row.seconds, sha256=row.sha256)
