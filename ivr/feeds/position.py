"""How far a source has been read, as the database keeps it and as the query is asked. Pure.

A source's own form of a moment is kept: text stays text of the same shape, a moment without a zone stays without
one, so that the source compares like with like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ivr.contacts_import.report import shown
from ivr.feeds.definition import FeedError
from ivr.feeds.schema import PositionSpec

FIRST_MOMENT = "1970-01-01 00:00:00"
OVERLAP_S = 60.0  # rows of one moment may be committed one after the other


@dataclass(frozen=True, slots=True)
class Mark:
    """One row's position: what orders it among the others, and what the database keeps of it."""

    order: float
    stored: Mapping[str, Any]


def after(spec: PositionSpec, stored: Mapping[str, Any]) -> object:
    """What the query's `:after` stands for. `stored`: a Mark's; empty: nothing has been read."""
    if spec.kind == "number":
        if not stored:
            return spec.from_ or 0
        return int(stored["value"]) - (spec.overlap or 0)
    if not stored:
        return str(spec.from_ or FIRST_MOMENT)
    back = timedelta(seconds=OVERLAP_S if spec.overlap_s is None else spec.overlap_s)
    text = str(stored["value"])
    moment = datetime.fromisoformat(text) - back
    return _as_text(moment, text) if stored["form"] == "text" else moment


def mark_of(spec: PositionSpec, value: object) -> Mark:
    """The position of a row. Raises FeedError for what can't be one: the run ends, and nothing is lost."""
    mark = _number(value) if spec.kind == "number" else _moment(value)
    if mark is None:
        raise FeedError(
            "the column {column} holds “{value}”, which is no {kind} to go on from; mend the query or `position`",
            column=spec.column,
            value=shown(value),
            kind=spec.kind,
        )
    return mark


def _number(value: object) -> Mark | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        value = int(value)
    if isinstance(value, (float, Decimal)) and value == value.__floor__():
        value = int(value)
    return Mark(value, {"value": value}) if isinstance(value, int) else None


def _moment(value: object) -> Mark | None:
    form, moment = "moment", value
    if isinstance(value, str):
        form = "text"
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(moment, datetime):
        return None
    kept = value if form == "text" else moment.isoformat()
    return Mark(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp(), {"value": kept, "form": form})


def _as_text(moment: datetime, like: str) -> str:
    """The moment in the shape of another one's text."""
    separator = like[10] if len(like) > 10 else " "
    text = moment.isoformat(separator, "microseconds" if "." in like else "seconds")
    return text.replace("+00:00", "Z") if like.endswith("Z") else text
