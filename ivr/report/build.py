"""From rows to results: what `ivr.results` promises, with the formulas of docs/results.md.

Sums come from the metrics book, counted in SQL over all attempts; of the attempts themselves a bounded number is
listed. All is read in one transaction, so that no figure disagrees with the rows beside it. The order is the order
of the calls, and the same rows give the same results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.desk.telling import requests_of, waited_s
from ivr.errors import IvrError
from ivr.identity.rows import CheckView, checks_of
from ivr.metrics.book import metrics
from ivr.metrics.filters import Filter
from ivr.metrics.measure import Figure, Question, measure_all
from ivr.model import (
    Answer,
    Attempt,
    Campaign,
    CampaignList,
    CampaignState,
    FlowVersion,
    Handoff,
    HandoffResult,
    ImportBatch,
    Recording,
    Segment,
    Task,
)
from ivr.report.charts import charts_of
from ivr.results import (
    AnswerResult,
    AttemptResult,
    IdentityResultRow,
    Results,
    SegmentResult,
    Summary,
    TransferResult,
    TransferTry,
)
from trunk.ports import DialOutcome

ROUNDED_TO = 3  # decimals of seconds and rates
MOST_LISTED = 10_000  # attempts in one document; the sums count all
AT_ONCE = 500  # attempts in one statement


class ReportError(IvrError):
    """There is nothing to report on."""


@dataclass(frozen=True, slots=True)
class _Details:
    """What other tables hold about one attempt."""

    answers: Mapping[str, AnswerResult]
    segments: Sequence[Segment]
    transfers: Sequence[Handoff]
    recording: str | None
    identity: Sequence[CheckView] = ()


async def build_results(db: Database, campaign_id: int, most: int = MOST_LISTED) -> Results:
    """A campaign's results so far: its sums, and its ended attempts, the first `most` of them.

    Raises ReportError when there is no such campaign."""
    now = db.clock.now()
    return await db.read(lambda session: _results(session, campaign_id, most, now))


def _results(session: Session, campaign_id: int, most: int, now: datetime) -> Results:
    found = session.execute(
        select(Campaign, FlowVersion)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(Campaign.id == campaign_id)
    ).one_or_none()
    if found is None:
        raise ReportError("there is no campaign {number}", number=campaign_id)
    campaign, version = found
    start = campaign.started_at or _first_call(session, campaign_id) or campaign.created_at
    contacts = session.scalar(select(func.count()).where(Task.campaign_id == campaign_id)) or 0
    figures = _figures(session, campaign, now)
    listed = _listed(session, campaign_id, start, most)
    summary = Summary(
        campaign=campaign.name,
        flow=version.flow,
        flow_version=version.content_hash,
        language=version.language,
        purpose=campaign.purpose,
        recognizer=campaign.recognizer,
        seed=campaign.seed,
        contacts=contacts,
        rejected_rows=_left_out(session, campaign_id),
        finished=campaign.state is CampaignState.FINISHED,
        **figures,
    )
    return Results(
        schema=1,
        summary=summary,
        charts=charts_of(session, campaign_id, contacts, start),
        attempts=listed,
        attempts_left_out=summary.attempts - len(listed),
    )


def _first_call(session: Session, campaign_id: int) -> datetime | None:
    first: datetime | None = session.scalar(
        select(func.min(Attempt.started_at)).where(
            Attempt.campaign_id == campaign_id, Attempt.ended_at.is_not(None)
        )
    )
    return first


def _left_out(session: Session, campaign_id: int) -> int:
    """Rows of its lists' files that brought no contact: bad ones, repeated numbers, numbers of other lists."""
    left_out = (
        select(func.sum(ImportBatch.rejected + ImportBatch.duplicates + ImportBatch.elsewhere))
        .join(CampaignList, ImportBatch.list_id == CampaignList.list_id)
        .where(CampaignList.campaign_id == campaign_id, ImportBatch.undone_at.is_(None))
    )
    return session.scalar(left_out) or 0


# ---- attempts -----------------------------------------------------------------------------------------------


def _listed(session: Session, campaign_id: int, start: datetime, most: int) -> tuple[AttemptResult, ...]:
    rows = session.scalars(
        select(Attempt)
        .where(Attempt.campaign_id == campaign_id, Attempt.ended_at.is_not(None))
        .order_by(Attempt.started_at, Attempt.task_id, Attempt.number)
        .limit(most)
    ).all()
    listed: list[AttemptResult] = []
    for at in range(0, len(rows), AT_ONCE):
        some = rows[at : at + AT_ONCE]
        details = _details(session, [row.id for row in some])
        listed += [_attempt(row, start, details(row.id)) for row in some]
    return tuple(listed)


def _details(session: Session, ids: Sequence[str]) -> Callable[[str], _Details]:
    """What other tables hold about these attempts, by attempt."""
    answers: dict[str, dict[str, AnswerResult]] = defaultdict(dict)
    given = select(Answer).where(Answer.attempt_id.in_(ids)).order_by(Answer.attempt_id, Answer.number)
    for answer in session.scalars(given):
        # The last answer to a question counts, and stands where that answer was given.
        answers[answer.attempt_id].pop(answer.name, None)
        answers[answer.attempt_id][answer.name] = _answer(answer)
    kept = Recording.attempt_id.in_(ids), Recording.removed_at.is_(None)
    recorded = select(Recording.attempt_id, Recording.file).where(*kept)
    recordings = {row.attempt_id: row.file for row in session.execute(recorded.order_by(Recording.id))}
    segments: dict[str, list[Segment]] = defaultdict(list)
    for segment in session.scalars(
        select(Segment).where(Segment.attempt_id.in_(ids)).order_by(Segment.attempt_id, Segment.number)
    ):
        segments[segment.attempt_id].append(segment)
    checks = checks_of(session, ids)
    requests = requests_of(session, ids)
    return lambda one: _Details(
        answers[one], segments[one], requests.get(one, ()), recordings.get(one), checks.get(one, ())
    )


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


def _transfer(row: Handoff) -> TransferResult:
    return TransferResult(
        queue=row.queue,
        result=(row.result or HandoffResult.FAULT).value,
        agent=row.agent,
        tried=tuple(TransferTry(agent=one["agent"], result=one.get("result", "")) for one in row.tried),
        disposition=row.disposition,
        waited_s=_rounded(waited_s(row)),
        talk_s=_rounded(row.talk_ms / 1000),
    )


def _identity(view: CheckView) -> IdentityResultRow:
    return IdentityResultRow(method=view.method, result=view.result.value, tries=view.tries, agent=view.agent)


def _attempt(row: Attempt, start: datetime, details: _Details) -> AttemptResult:
    outcome = row.outcome or DialOutcome.UNKNOWN
    rang_until = row.answered_at or row.ended_at
    ring = rang_until - row.ringing_at if row.ringing_at and rang_until else timedelta()
    return AttemptResult(
        attempt_id=row.id,
        phone=row.phone,
        number=row.number,
        direction=row.direction.value,
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
        transfers=tuple(map(_transfer, details.transfers)),
        trunk=row.trunk,
        caller_id=row.caller_id,
        failed_over=row.failed_over,
        identity=tuple(map(_identity, details.identity)),
        early_media=None if row.early_media is None else row.early_media.value,
    )


def _seconds(duration: timedelta) -> float:
    return _rounded(duration.total_seconds())


def _rounded(value: float) -> float:
    return round(value, ROUNDED_TO)


# ---- sums ---------------------------------------------------------------------------------------------------

_COUNTED = {
    "attempts": "attempts",
    "connected": "connected_calls",
    "opted_out": "opt_outs",
    "successes": "successes",
    "confirmed_successes": "confirmed_successes",
    "returned": "returned_calls",
    "returned_successes": "returned_successes",
}
_RATES = {"contact_rate": "contact_rate", "mean_talk_s": "mean_talk_time", "talk_s": "talk_time"}
_WAITING = ("pending_successes", "overdue_successes")
_DISTRIBUTIONS = ("outcomes", "dispositions", "intentions", "modalities", "answers")


def _figures(session: Session, campaign: Campaign, now: datetime) -> dict[str, Any]:
    """The counted fields of Summary, by name."""
    question = Question(now=now, wanted=Filter((campaign.name,)))
    names = (*_COUNTED.values(), *_RATES.values(), *_WAITING, *_DISTRIBUTIONS)
    found = measure_all(session, metrics(*names), question)

    def value(name: str) -> float:
        return found[name][0].value or 0.0

    distributions = {
        name: _counts({figure.keys[0]: int(figure.part) for figure in found[name] if figure.keys[0]})
        for name in _DISTRIBUTIONS
        if name != "answers"
    }
    return {
        **{field: int(value(name)) for field, name in _COUNTED.items()},
        **{field: _rounded(value(name)) for field, name in _RATES.items()},
        "unconfirmed_successes": int(sum(map(value, _WAITING))),
        **distributions,
        "answers": _answers(session, campaign.id, found["answers"]),
    }


def _answers(session: Session, campaign_id: int, figures: Sequence[Figure]) -> dict[str, dict[str, int]]:
    """Counts by question and value, questions in the order in which calls come to them."""
    places = session.execute(
        select(Answer.name, func.min(Answer.number))
        .join(Attempt, Answer.attempt_id == Attempt.id)
        .where(Attempt.campaign_id == campaign_id)
        .group_by(Answer.name)
    )
    place = {row[0]: row[1] for row in places}
    values: dict[str, dict[str, int]] = defaultdict(dict)
    for figure in figures:
        question, value = figure.keys
        values[question][value] = int(figure.part)
    return {
        question: _counts(values[question])
        for question in sorted(values, key=lambda question: (place.get(question, 0), question))
    }


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Most frequent first, then by name: an order that doesn't depend on who was called first."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
