"""What must be there to prove a call: its recording, and answers to questions that were asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.metrics.book import metrics
from ivr.metrics.invariants.scope import Scope
from ivr.metrics.measure import Question, measure_all
from ivr.model import Answer, Attempt, Recording
from trunk.ports import DialOutcome

ROWS_AT_ONCE = 5000
IN_THE_WORKS = timedelta(hours=1)  # a recording is compressed after its call


def unrecorded(session: Session, scope: Scope) -> Iterable[str]:
    """Answered calls without a recording, in campaigns from their first recorded call on."""
    first = (
        select(Attempt.campaign_id, func.min(Attempt.started_at).label("at"))
        .join(Recording, Recording.attempt_id == Attempt.id)
        .group_by(Attempt.campaign_id)
        .subquery()
    )
    rows = session.execute(
        select(Attempt.id)
        .join(first, first.c.campaign_id == Attempt.campaign_id)
        .outerjoin(Recording, Recording.attempt_id == Attempt.id)
        .where(
            Attempt.started_at >= first.c.at,
            Attempt.started_at >= scope.since,
            Attempt.ended_at < scope.now - IN_THE_WORKS,
            Attempt.outcome == DialOutcome.ANSWERED,
            Attempt.talk_ms > 0,
            Recording.id.is_(None),
        )
    ).scalars()
    return (f"call {attempt_id}" for attempt_id in rows)


def lost_files(session: Session, scope: Scope) -> Iterable[str]:
    """Recordings whose file isn't there."""
    folder = scope.recordings
    if folder is None:
        return
    rows = session.execute(
        select(Recording.attempt_id, Recording.file)
        .join(Attempt, Recording.attempt_id == Attempt.id)
        .where(Attempt.started_at >= scope.since, Recording.removed_at.is_(None))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    yield from (f"call {attempt_id}" for attempt_id, file in rows if not (folder / file).is_file())


def unasked(session: Session, scope: Scope) -> Iterable[str]:
    """Answers to questions that their call never came to."""
    rows = session.execute(
        select(Answer.id, Answer.node, Attempt.path)
        .join(Attempt, Answer.attempt_id == Attempt.id)
        .where(Attempt.started_at >= scope.since, Attempt.ended_at.is_not(None))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    yield from (f"answer {answer_id}" for answer_id, node, path in rows if node not in path)


def sums(session: Session, scope: Scope) -> Iterable[str]:
    """Campaigns whose outcomes don't add up to their attempts, or that reached more contacts than they dialled."""
    question = Question(now=scope.now, by="campaign")
    names = ("attempts", "outcomes", "customers_dialled", "customers_reached")
    found = measure_all(session, metrics(*names), question)
    totals = {name: {figure.slice: 0.0 for figure in figures} for name, figures in found.items()}
    for name, figures in found.items():
        for figure in figures:
            totals[name][figure.slice] += figure.part
    for campaign, attempts in totals["attempts"].items():
        dialled = totals["customers_dialled"].get(campaign, 0)
        reached = totals["customers_reached"].get(campaign, 0)
        if attempts != totals["outcomes"].get(campaign) or reached > dialled:
            yield f"campaign {campaign}"
