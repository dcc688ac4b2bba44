"""By what figures can be told apart: the SQL of each slice, on each database.

Hours and days are those of one time zone. PostgreSQL knows it; SQLite is told the zone's offset, with the moments
at which it changes, so that the days on which clocks are changed come out right on both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

Dialect = Literal["sqlite", "postgresql"]

SINCE = datetime(2020, 1, 1, tzinfo=UTC)  # no call is older

# Slice -> what strftime (SQLite) and to_char (PostgreSQL) are asked for.
_LOCAL = {
    "hour": ("'%H', {moment}, {offset}", "to_char({local}, 'HH24')"),
    "day": ("'%Y-%m-%d', {moment}, {offset}", "to_char({local}, 'YYYY-MM-DD')"),
    "weekday": ("'%w', {moment}, {offset}", "to_char(to_number(to_char({local}, 'D'), '9') - 1, 'FM9')"),
    # The week's Monday: to the Sunday that ends it, and six days back.
    "week": (
        "'%Y-%m-%d', {moment}, {offset}, 'weekday 0', '-6 days'",
        "to_char(date_trunc('week', {local}), 'YYYY-MM-DD')",
    ),
    "month": ("'%Y-%m', {moment}, {offset}", "to_char({local}, 'YYYY-MM')"),
}
# An attribute of the list, or the beginning of the number: country code and three digits, in China.
SEGMENT = (
    "CASE WHEN CAST(:segment AS VARCHAR) = 'prefix' THEN substr(p.phone, 1, 6)"
    " ELSE COALESCE(CAST(p.attributes ->> CAST(:segment AS VARCHAR) AS VARCHAR), '') END"
)
_COLUMNS = {
    "attempt": "CAST(a.number AS VARCHAR)",
    "arm": "COALESCE(a.arm, '')",
    "grade": "COALESCE(a.grade, '')",
    "trunk": "COALESCE(a.trunk, '')",
    "campaign": "c.name",
    "organisation": "o.name",
    "segment": SEGMENT,
    "agent": "COALESCE(g.number, '')",
    "team": "COALESCE(tm.name, '')",
}
SLICES = (*_LOCAL, *_COLUMNS)


@dataclass(frozen=True, slots=True)
class SliceSql:
    """An expression with its parameters."""

    sql: str
    params: dict[str, Any] = field(default_factory=dict)


def slice_sql(name: str, moment: str, zone: ZoneInfo, dialect: Dialect, now: datetime) -> SliceSql:
    """The expression that names a row's slice. `moment` is the relation's own; `segment`'s attribute is a
    parameter of the statement."""
    if name in _COLUMNS:
        return SliceSql(_COLUMNS[name])
    sqlite, postgresql = _LOCAL[name]
    if dialect == "postgresql":
        local = f"({moment} AT TIME ZONE CAST(:zone AS VARCHAR))"
        return SliceSql(postgresql.format(local=local), {"zone": zone.key})
    first, changes = offsets(zone.key, now.date().year)
    offset = f"'{first}'"
    params: dict[str, Any] = {}
    if changes:
        cases = [f"WHEN {moment} < :change_{at} THEN '{before}'" for at, (_, before, _) in enumerate(changes)]
        offset = f"CASE {' '.join(cases)} ELSE '{changes[-1][2]}' END"
        params = {f"change_{at}": moment for at, (moment, _, _) in enumerate(changes)}
    return SliceSql(f"strftime({sqlite.format(moment=moment, offset=offset)})", params)


@lru_cache(maxsize=64)
def offsets(zone_name: str, year: int) -> tuple[str, tuple[tuple[datetime, str, str], ...]]:
    """The zone's offset from UTC as SQLite wants it, and its changes, to the end of next year: when, from, to."""
    zone = ZoneInfo(zone_name)
    until = datetime(year + 2, 1, 1, tzinfo=UTC)
    moment, before = SINCE, _offset(SINCE, zone)
    first = before
    changes = []
    while moment < until:
        after = _offset(moment + timedelta(days=1), zone)
        if after != before:
            changes.append((_change(moment, moment + timedelta(days=1), zone), before, after))
            before = after
        moment += timedelta(days=1)
    return first, tuple(changes)


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment, to the minute, at which the offset becomes that of `high`."""
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=(high - low) // timedelta(minutes=1) // 2)
        if _offset(middle, zone) == _offset(low, zone):
            low = middle
        else:
            high = middle
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> str:
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    return f"{offset // timedelta(minutes=1):+d} minutes"
