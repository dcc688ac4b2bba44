"""From rows to results: what `ivr.results` promises, with the formulas of docs/results.md.

Everything is counted from the attempts that are shown, read in one transaction, so that no figure can disagree
with the rows beside it. The order is the order of the calls, and the same rows give the same results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.errors import IvrError
from ivr.model import (
    Answer,
    Attempt,
    Campaign,
    CampaignList,
    CampaignState,
    FlowVersion,
    ImportBatch,
    Recording,
    Segment,
    Task,
)
from ivr.results import AnswerResult, AttemptResult, Results, SegmentResult, Summary
from trunk.ports import DialOutcome

ROUNDED_TO = 3  # decimals of seconds and rates


class ReportError(IvrError):
    """There is nothing to report on."""


@dataclass(frozen=True, slots=True)
class _Called:
    """One attempt's result, and whose it is."""

    task_id: int
    result: AttemptResult


@dataclass(frozen=True, slots=True)
class _Details:
    """What other tables hold about one attempt."""

    answers: Mapping[str, AnswerResult]
    segments: Sequence[Segment]
    recording: str | None


async def build_results(db: Database, campaign_id: int) -> Results:
    """A campaign's results so far: its ended attempts and their sums. Raises ReportError when there is none."""
    return await db.read(lambda session: _results(session, campaign_id))


def _results(session: Session, campaign_id: int) -> Results:
    found = session.execute(
        select(Campaign, FlowVersion)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(Campaign.id == campaign_id)
    ).one_or_none()
    if found is None:
        raise ReportError("there is no campaign {number}", number=campaign_id)
    campaign, version = found
    called = _called(session, campaign)
    summary = Summary(
        campaign=campaign.name,
        flow=version.flow,
        flow_version=version.content_hash,
        language=version.language,
        purpose=campaign.purpose,
        recognizer=campaign.recognizer,
        seed=campaign.seed,
        contacts=session.scalar(select(func.count()).where(Task.campaign_id == campaign_id)) or 0,
        rejected_rows=_left_out(session, campaign_id),
        finished=campaign.state is CampaignState.FINISHED,
        **_figures(called),
    )
    return Results(schema=1, summary=summary, attempts=tuple(one.result for one in called))


def _left_out(session: Session, campaign_id: int) -> int:
    """Rows of its lists' files that brought no contact: the bad ones and the repeated numbers."""
    left_out = (
        select(func.sum(ImportBatch.rejected + ImportBatch.duplicates))
        .join(CampaignList, ImportBatch.list_id == CampaignList.list_id)
        .where(CampaignList.campaign_id == campaign_id)
    )
    return session.scalar(left_out) or 0


# ---- attempts -----------------------------------------------------------------------------------------------


def _called(session: Session, campaign: Campaign) -> list[_Called]:
    of_campaign = (Attempt.campaign_id == campaign.id, Attempt.ended_at.is_not(None))
    answers: dict[str, dict[str, AnswerResult]] = defaultdict(dict)
    given = select(Answer).join(Attempt).where(*of_campaign).order_by(Answer.attempt_id, Answer.number)
    for answer in session.scalars(given):
        # The last answer to a question counts, and stands where that answer was given.
        answers[answer.attempt_id].pop(answer.name, None)
        answers[answer.attempt_id][answer.name] = _answer(answer)
    recorded = select(Recording.attempt_id, Recording.file).join(Attempt).where(*of_campaign)
    recordings = {row.attempt_id: row.file for row in session.execute(recorded.order_by(Recording.id))}
    segments: dict[str, list[Segment]] = defaultdict(list)
    for segment in session.scalars(
        select(Segment).join(Attempt).where(*of_campaign).order_by(Segment.attempt_id, Segment.number)
    ):
        segments[segment.attempt_id].append(segment)
    rows = session.scalars(
        select(Attempt).where(*of_campaign).order_by(Attempt.started_at, Attempt.task_id, Attempt.number)
    ).all()
    start = campaign.started_at or (rows[0].started_at if rows else campaign.created_at)
    return [
        _Called(
            row.task_id, _attempt(row, start, _Details(answers[row.id], segments[row.id], recordings.get(row.id)))
        )
        for row in rows
    ]


def _answer(row: Answer) -> AnswerResult:
    return AnswerResult(
        value=row.value,
        modality=row.modality.value,
        confidence=row.confidence,
        transcript=row.transcript,
        reaction_ms=row.reaction_ms,
        pending=row.pending,
    )


def _segment(row: Segment, answered_at: datetime) -> SegmentResult:
    return SegmentResult(
        kind=row.kind.value,
        agent=row.agent,
        start_s=_seconds(row.started_at - answered_at),
        end_s=_seconds((row.ended_at or row.started_at) - answered_at),
    )


def _attempt(row: Attempt, start: datetime, details: _Details) -> AttemptResult:
    outcome = row.outcome or DialOutcome.UNKNOWN
    rang_until = row.answered_at or row.ended_at
    ring = rang_until - row.ringing_at if row.ringing_at and rang_until else timedelta()
    return AttemptResult(
        attempt_id=row.id,
        phone=row.phone,
        number=row.number,
        outcome=outcome.value,
        cause=row.cause,
        disposition=row.disposition or outcome.value,
        intention=None if row.intention is None else row.intention.value,
        answers=dict(details.answers),
        path=tuple(row.path),
        started_s=_seconds(row.started_at - start),
        ring_s=_seconds(ring),
        talk_s=_rounded(row.talk_ms / 1000),
        hung_up_by="network" if row.hung_up_by is None else row.hung_up_by.value,
        opted_out=row.opted_out,
        recording=details.recording,
        segments=tuple(_segment(segment, row.answered_at or row.started_at) for segment in details.segments),
        trunk=row.trunk,
        caller_id=row.caller_id,
        failed_over=row.failed_over,
        early_media=None if row.early_media is None else row.early_media.value,
    )


def _seconds(duration: timedelta) -> float:
    return _rounded(duration.total_seconds())


def _rounded(value: float) -> float:
    return round(value, ROUNDED_TO)


# ---- sums ---------------------------------------------------------------------------------------------------


def _figures(called: list[_Called]) -> dict[str, Any]:
    """The counted fields of Summary, by name."""
    attempts = [one.result for one in called]
    last = {one.task_id: one.result for one in called}  # in order of calls: the last one stays
    connected = [one for one in called if one.result.talk_s > 0]
    talk_s = sum(one.result.talk_s for one in connected)
    given = [(question, answer) for one in attempts for question, answer in one.answers.items()]
    return {
        "attempts": len(attempts),
        "connected": len(connected),
        "contact_rate": _ratio(len({one.task_id for one in connected}), len(last)),
        "outcomes": _counts(one.outcome for one in attempts),
        "dispositions": _counts(one.disposition for one in last.values()),
        "intentions": _counts(one.intention for one in last.values() if one.intention is not None),
        "answers": {
            question: _counts(answer.value for asked, answer in given if asked == question)
            for question in dict.fromkeys(question for question, _ in given)
        },
        "modalities": _counts(answer.modality for _, answer in given),
        "opted_out": sum(one.opted_out for one in attempts),
        "mean_talk_s": _ratio(talk_s, len(connected)),
        "talk_s": _rounded(talk_s),
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    """Most frequent first, then by name: an order that doesn't depend on who was called first."""
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _ratio(part: float, whole: int) -> float:
    return _rounded(part / whole) if whole else 0.0
