"""What the report's charts are drawn from, counted in SQL over all attempts of a campaign."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from ivr.metrics.measure import portable
from ivr.metrics.success_book import GROSS
from ivr.model import UtcDateTime
from ivr.results import Charts

TALK_BINS, TIME_BINS = 12, 16
# Widths of bins that a person would choose, in seconds.
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400)
DAY_S = 86400

_FUNNEL = f"""
SELECT COUNT(DISTINCT a.task_id) AS dialled,
  COUNT(DISTINCT a.task_id) FILTER (WHERE a.talk_ms > 0) AS connected,
  COUNT(DISTINCT a.task_id) FILTER (WHERE EXISTS (SELECT 1 FROM answer n WHERE n.attempt_id = a.id)) AS answered,
  COUNT(DISTINCT a.task_id) FILTER (WHERE {GROSS}) AS success,
  MAX(a.talk_ms) AS longest_ms, MAX(a.started_at) AS latest
FROM attempt a LEFT JOIN (SELECT attempt_id, MAX(id) AS newest FROM confirmation GROUP BY attempt_id) kn
  ON kn.attempt_id = a.id LEFT JOIN confirmation k ON k.id = kn.newest
WHERE a.campaign_id = :campaign AND a.ended_at IS NOT NULL
"""  # noqa: S608 of the book
_TALK = """
SELECT a.talk_ms / :step_ms AS bin, COUNT(*) AS calls FROM attempt a
WHERE a.campaign_id = :campaign AND a.ended_at IS NOT NULL AND a.talk_ms > 0 GROUP BY 1
"""
# Half up, so that both databases take the same bin; the thousandth is for what SQLite's days can't hold.
_TIMES = """
SELECT CAST(ROUND((SECONDS(a.started_at, :start) + 0.001) / :step_s - 0.5) AS INTEGER) AS bin, COUNT(*) AS calls,
  COUNT(*) FILTER (WHERE a.talk_ms > 0) AS connected
FROM attempt a WHERE a.campaign_id = :campaign AND a.ended_at IS NOT NULL GROUP BY 1
"""
_HANG_UPS = """
SELECT CAST(a.path AS VARCHAR) AS path, COUNT(*) AS calls FROM attempt a
WHERE a.campaign_id = :campaign AND a.ended_at IS NOT NULL AND a.hung_up_by = 'callee' AND a.talk_ms > 0 GROUP BY 1
"""


def charts_of(session: Session, campaign_id: int, contacts: int, start: datetime) -> Charts:
    """The charts of a campaign that began at `start`; empty ones before its first call has ended."""
    of = {"campaign": campaign_id}
    funnel = session.execute(text(_FUNNEL), of).one()
    people = {name: getattr(funnel, name) for name in ("dialled", "connected", "answered", "success")}
    if not funnel.dialled:
        return Charts(funnel={"contacts": contacts, **people})
    talk_step_s = step_s(funnel.longest_ms / 1000, TALK_BINS)
    talk = session.execute(text(_TALK), of | {"step_ms": talk_step_s * 1000}).all()
    time_step_s, connected, others = _times(session, campaign_id, start, _moment(funnel.latest))
    hang_ups: Counter[str] = Counter()
    for row in session.execute(text(_HANG_UPS), of):
        path = json.loads(row.path)
        if path:
            hang_ups[path[-1]] += row.calls
    return Charts(
        funnel={"contacts": contacts, **people},
        talk_step_s=talk_step_s,
        talk=_bins({int(row.bin): row.calls for row in talk}),
        time_step_s=time_step_s,
        connected=connected,
        others=others,
        hang_ups=dict(sorted(hang_ups.items(), key=lambda item: (-item[1], item[0]))),
    )


def step_s(span_s: float, bins: int) -> int:
    """The smallest of STEPS_S that needs at most so many bins, else whole days."""
    for step in STEPS_S:
        if span_s < step * bins:
            return step
    return (int(span_s) // (bins * DAY_S) + 1) * DAY_S


def _times(
    session: Session, campaign_id: int, start: datetime, latest: datetime
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Calls by when they began: width of a bin in seconds, connected ones, others."""
    step = step_s((latest - start).total_seconds(), TIME_BINS)
    statement = text(portable(session, _TIMES)).bindparams(bindparam("start", type_=UtcDateTime()))
    calls: Counter[int] = Counter()
    connected: Counter[int] = Counter()
    for row in session.execute(statement, {"campaign": campaign_id, "start": start, "step_s": step}):
        at = max(0, row.bin)
        calls[at] += row.calls
        connected[at] += row.connected
    return step, _bins(connected, len(_bins(calls))), _bins(calls - connected, len(_bins(calls)))


def _moment(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _bins(counts: dict[int, int], length: int = 0) -> tuple[int, ...]:
    most = max([length - 1, *counts])
    return tuple(counts.get(index, 0) for index in range(most + 1))
