"""An agent's day as stretches of time: from the rows of states, cut at the borders of periods. Pure.

The book does the same in SQL over all agents (`ivr.metrics.people_rows`); this is for one agent's rows at hand, as
the strips of the daily report need them. Tests hold the two together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from ivr.metrics.periods import Period
from ivr.model import AgentState


@dataclass(frozen=True, slots=True)
class Row:
    """From `at` on the agent was in `state`, until the next row."""

    at: datetime
    state: AgentState
    attempt_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begins` until `ends` (excluded). `label`: of the period that it was cut to."""

    begins: datetime
    ends: datetime
    state: AgentState
    attempt_id: str | None = None
    label: str = ""

    @property
    def seconds(self) -> float:
        return (self.ends - self.begins).total_seconds()


def stretches(rows: Iterable[Row], until: datetime) -> Iterator[Stretch]:
    """Rows in their order -> stretches without gap or overlap; the last one lasts until `until`. States that
    lasted for no time at all are left out."""
    for row, after in pairwise((*rows, None)):
        assert row is not None
        ends = until if after is None else min(after.at, until)
        if row.at < ends:
            yield Stretch(row.at, ends, row.state, row.attempt_id)


def cut(some: Iterable[Stretch], periods: Sequence[Period]) -> Iterator[Stretch]:
    """Each stretch's parts in the periods that it touches; both in order of time."""
    first = 0
    for one in some:
        while first < len(periods) and periods[first].ends <= one.begins:
            first += 1
        for period in periods[first:]:
            if period.begins >= one.ends:
                break
            begins, ends = max(one.begins, period.begins), min(one.ends, period.ends)
            yield replace(one, begins=begins, ends=ends, label=period.label)
