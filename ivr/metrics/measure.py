"""Counting: a metric's statement for a filter and a slice, and what it gives.

Metrics of the same relation are counted by one statement, in one pass over the rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import TextClause, bindparam, func, select, text
from sqlalchemy.orm import Session

from ivr.metrics import filters
from ivr.metrics.filters import Filter
from ivr.metrics.metric import Metric, Relation
from ivr.metrics.periods import SLICES_OF_TIME, as_json, periods
from ivr.metrics.slices import Dialect, SliceSql, slice_sql
from ivr.model import AgentStateChange, Shift, UtcDateTime

DAY_S = 86400
# Organisations with each one above them, themselves included: campaigns count for all of these.
_ABOVE = (
    "above(id, ancestor) AS (SELECT id, id FROM organisation UNION ALL"
    " SELECT above.id, parent.parent_id FROM above JOIN organisation parent ON parent.id = above.ancestor"
    " WHERE parent.parent_id IS NOT NULL)"
)
_SECONDS = re.compile(r"SECONDS\(([^,()]+), ([^,()]+)\)")
_SECONDS_AS: Mapping[Dialect, str] = {
    "sqlite": r"((julianday(\1) - julianday(\2)) * 86400.0)",
    "postgresql": r"EXTRACT(EPOCH FROM (\1 - \2))",
}
_LOCAL = re.compile(r"LOCAL_(DAY|HOUR|WEEKDAY)\(([^()]+)\)")
_PERIOD_ROWS: Mapping[Dialect, str] = {
    "sqlite": "SELECT value ->> 'label' AS label, value ->> 'day' AS day, value ->> 'begins' AS begins,"
    " value ->> 'ends' AS ends FROM json_each(:periods)",
    "postgresql": "SELECT * FROM json_to_recordset(CAST(:periods AS JSON))"
    " AS p(label TEXT, day TEXT, begins TIMESTAMPTZ, ends TIMESTAMPTZ)",
}
_PARAMETER = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Spans:
    """The waits that definitions speak of, in days."""

    confirm: float = 7
    payment: float = 7


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the book: which rows, told apart by what, as of when."""

    now: datetime
    wanted: Filter = field(default_factory=Filter)
    by: str | None = None  # one of ivr.metrics.slices.SLICES
    segment: str = "prefix"  # by segment: the attribute that tells them apart; "prefix": the number's beginning
    zone: ZoneInfo | None = None  # of hours and days; None: the campaigns'
    spans: Spans = field(default_factory=Spans)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `slice` is "" where nothing was told apart; `keys` are a distribution's."""

    slice: str
    keys: tuple[str, ...]
    part: float
    whole: float | None  # None: the metric has none
    ratio: bool

    @property
    def value(self) -> float | None:
        """None: there is nothing to divide by yet."""
        if not self.ratio:
            return self.part
        return self.part / self.whole if self.whole else None


def measure(session: Session, metric: Metric, question: Question) -> tuple[Figure, ...]:
    """The metric's figures, by slice and key. Raises MetricError when it can't be told apart so."""
    return measure_all(session, (metric,), question)[metric.name]


def measure_all(session: Session, metrics: Iterable[Metric], question: Question) -> dict[str, tuple[Figure, ...]]:
    """Figures by metric: one statement for all metrics of a relation; distributions have one each."""
    filters.check(session, question.wanted)
    together: defaultdict[tuple[str, tuple[tuple[str, str], ...]], list[Metric]] = defaultdict(list)
    for metric in metrics:
        together[metric.relation.name, metric.keys].append(metric)
    found: dict[str, tuple[Figure, ...]] = {}
    for some in together.values():
        statement = _statement(session, some, question)
        rows = session.execute(statement.clause, statement.params).all()
        for at, metric in enumerate(some):
            figures = (_figure(metric, row._mapping, at) for row in rows)
            # A distribution says nothing of what there was none of; a ratio may be 0 of many.
            shares_out = metric.keys and metric.whole is None
            found[metric.name] = tuple(one for one in figures if one.part or not shares_out)
    return found


def statement_text(session: Session, metric: Metric, question: Question) -> str:
    """The statement that counts the metric on this database, with its parameters' names."""
    return _statement(session, [metric], question).sql


def portable(session: Session, sql: str) -> str:
    """The book's SQL as this database spells it."""
    dialect = _dialect(session)
    return _SECONDS.sub(_SECONDS_AS[dialect], sql).replace("PERIOD_ROWS", _PERIOD_ROWS[dialect])


def _dialect(session: Session) -> Dialect:
    return "sqlite" if session.get_bind().dialect.name == "sqlite" else "postgresql"


def _figure(metric: Metric, row: Mapping[Any, Any], at: int) -> Figure:
    whole = None if metric.whole is None else float(row[f"whole_{at}"] or 0)
    return Figure(
        slice=str(row["slice"]),
        keys=tuple(str(row[f"key_{number}"]) for number in range(len(metric.keys))),
        part=float(row[f"part_{at}"] or 0),
        whole=whole,
        ratio=metric.whole is not None,
    )


@dataclass(frozen=True, slots=True)
class _Statement:
    sql: str
    params: Mapping[str, Any]

    @property
    def clause(self) -> TextClause:
        return text(self.sql).bindparams(
            *(
                bindparam(name, expanding=True)
                if isinstance(value, list)
                else bindparam(name, type_=UtcDateTime() if isinstance(value, datetime) else None)
                for name, value in self.params.items()
            )
        )


def _statement(session: Session, metrics: Sequence[Metric], question: Question) -> _Statement:
    relation = metrics[0].relation
    zone = question.zone or filters.zone_of(session, question.wanted)
    condition, params = filters.where_sql(question.wanted, relation)
    sliced = _sliced(session, relation, question, zone)
    columns = [f"{sliced.sql} AS slice"]
    columns += [f"{sql} AS key_{number}" for number, (_, sql) in enumerate(metrics[0].keys)]
    for at, metric in enumerate(metrics):
        columns.append(f"{metric.part} AS part_{at}")
        if metric.whole is not None:
            columns.append(f"{metric.whole} AS whole_{at}")
    said = ", ".join(columns) + " " + condition
    joins = _joins(relation, said)
    grouped = [*(["slice"] if question.by else []), *(f"key_{at}" for at in range(len(metrics[0].keys)))]
    # Every part comes from the book, from `slices` or from `filters`; what users give is a parameter.
    sql = f"SELECT {', '.join(columns)} FROM {relation.tables}{joins} WHERE {condition}"  # noqa: S608 see above
    if grouped:
        sql += f" GROUP BY {', '.join(grouped)} ORDER BY {', '.join(grouped)}"
    rows = [*([_ABOVE] if "above" in sql else []), *(f"{name} AS ({query})" for name, query in relation.rows)]
    if rows:
        sql = f"WITH RECURSIVE {', '.join(rows)} {sql}"
    sql, days = _local_times(portable(session, sql), zone, _dialect(session), question.now)
    spans = question.spans
    known = _periods(session, question, zone) if relation.label else {}
    known |= params | days | sliced.params | {
        "now": question.now,
        "confirm_s": spans.confirm * DAY_S,
        "payment_s": spans.payment * DAY_S,
        "segment": question.segment,
    }  # fmt: skip
    named = set(_PARAMETER.findall(sql))
    return _Statement(sql, {name: value for name, value in known.items() if name in named})


def _joins(relation: Relation, said: str) -> str:
    """The joins whose alias is mentioned, and those that they mention themselves."""
    joins = ""
    for alias, join in reversed(relation.joins):
        if re.search(rf"\b{alias}\.", said + joins):
            joins = f" {join}{joins}"
    return joins


def _local_times(sql: str, zone: ZoneInfo, dialect: Dialect, now: datetime) -> tuple[str, dict[str, Any]]:
    """LOCAL_DAY(moment) and its like as this database spells them, with their parameters."""
    params: dict[str, Any] = {}

    def spelled(found: re.Match[str]) -> str:
        time = slice_sql(found[1].lower(), found[2], zone, dialect, now)
        params.update(time.params)
        return time.sql

    return _LOCAL.sub(spelled, sql), params


def _periods(session: Session, question: Question, zone: ZoneInfo) -> dict[str, Any]:
    """The periods that agents' time is cut to: from what is wanted, else from the first row, until now."""
    wanted, now = question.wanted, question.now
    until = min(wanted.until or now, now)
    since = wanted.since or _first(session) or until
    some = periods(since, until, zone, question.by)
    return {"periods": as_json(some, _dialect(session)), "since": since, "until": until}


def _first(session: Session) -> datetime | None:
    """The first moment that anything is known of about people's time."""
    known = (session.scalar(select(func.min(column))) for column in (AgentStateChange.at, Shift.starts_at))
    return min((moment for moment in known if moment is not None), default=None)


def _sliced(session: Session, relation: Relation, question: Question, zone: ZoneInfo) -> SliceSql:
    by = question.by
    if by is None:
        return SliceSql("''")
    if by not in relation.slices:
        raise filters.untold(relation, by)
    if relation.label and by in SLICES_OF_TIME:
        return SliceSql(relation.label)
    return slice_sql(by, relation.moment, zone, _dialect(session), question.now)
