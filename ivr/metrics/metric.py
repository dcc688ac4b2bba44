"""What a metric is: its name, its words, and the SQL that counts it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    COUNT = "count"
    SHARE = "share"  # of 1; shown as a percentage
    SECONDS = "seconds"
    PER_HOUR = "per_hour"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for people, English; translated when it is shown."""

    template: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows that metrics count: a FROM clause, what is always left out, and by what it can be told apart.

    `joins` are added when a statement mentions their alias. `rows` are the queries that `tables` select from, each
    by its name. Periods filter by `moment`; rows that are cut at periods' borders have a `label` instead: the
    slice of their period."""

    name: str
    tables: str
    where: str
    moment: str = ""
    joins: tuple[tuple[str, str], ...] = ()  # alias -> JOIN
    slices: frozenset[str] = frozenset()
    label: str = ""
    rows: tuple[tuple[str, str], ...] = ()  # name -> query
    organisation: str = "c.organisation_id"  # whose figures they are


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of the book. `part` and `whole` are SQL aggregates over the relation's rows; the value is
    part / whole, or part where there is no whole. `keys` make it a distribution: one figure for each of them.

    The SQL means the same on SQLite and PostgreSQL, with three words that each spells in its own way:
    SECONDS(later, earlier), LOCAL_DAY(moment) and PERIOD_ROWS. Parameters: :now, :confirm_s, :payment_s, :periods,
    :since, :until."""

    name: str
    title: Said
    formula: Said
    excluded: Said
    unit: Unit
    source: str  # the row of the requirements
    relation: Relation
    part: str
    whole: str | None = None
    keys: tuple[tuple[str, str], ...] = ()  # name -> SQL

    @property
    def of_customers(self) -> bool:
        """Whether it counts each customer once, however many calls they had: its figures of several hours, days or
        attempts don't add up."""
        return "DISTINCT a.task_id" in f"{self.part} {self.whole}"
