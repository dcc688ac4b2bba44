"""Schedule files: what they may say, what is said of those that can't be used, and which period a moment means."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.findings import FlowLoadError
from ivr.crons import last_time
from ivr.report.schedules.definition import load, load_document

pytestmark = pytest.mark.unit

GOOD = """schema: 1
report: north_weekly
every: "0 8 * * 1"
period: week
teams: [north]
mail: {to: [lead@example.com]}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "report.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_and_the_periods_that_it_means(tmp_path: Path) -> None:
    found = load(written(tmp_path, GOOD))
    assert load_document(found.document) == found
    monday = found.next_time(datetime(2026, 11, 19, tzinfo=UTC))
    assert monday == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # eight in the morning in Shanghai
    assert found.period_before(monday) == (date(2026, 11, 16), date(2026, 11, 22))
    assert found.last_time(monday) == monday
    month = load(written(tmp_path, GOOD.replace("week", "month")))
    assert month.period_before(datetime(2026, 3, 1, tzinfo=UTC)) == (date(2026, 2, 1), date(2026, 2, 28))
    day = load(written(tmp_path, GOOD.replace("week", "day")))
    # One in the morning in Shanghai is still yesterday in UTC.
    assert day.period_before(datetime(2026, 11, 19, 17, 0, tzinfo=UTC)) == (date(2026, 11, 19), date(2026, 11, 19))


def test_the_last_moment_of_a_schedule() -> None:
    zone = load_document('{"report": "a", "every": "0 8 * * *", "period": "day", "directory": "/r"}').zone
    eight = datetime(2026, 11, 19, 0, 0, tzinfo=UTC)
    assert last_time("0 8 * * *", zone, eight) == eight
    assert last_time("0 8 * * *", zone, eight.replace(second=59, microsecond=5)) == eight
    assert last_time("0 8 * * *", zone, eight.replace(day=18, hour=23, minute=59)) == eight.replace(day=18)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('"0 8 * * 1"', "weekly", "weekly is no schedule"),
        ("period: week", "period: year", "period"),
        ("mail: {to: [lead@example.com]}", "", "nobody gets the report"),
        ("mail: {to: [lead@example.com]}", "directory: reports", "isn't absolute"),
        ("lead@example.com", "lead", "lead is no mail address"),
        ("[lead@example.com]", "[lead@example.com], subject: ''", "one line of text"),
        ("teams: [north]", "organisation: East", "is of teams"),
        ("teams: [north]", "kind: campaigns\nteams: [north]", "is of an organisation"),
        ("schema: 1", "schema: 2", "schema"),
        ("report: north_weekly", "reprot: north_weekly", "reprot"),
    ],
)
def test_what_cant_be_used_is_said_with_its_place(tmp_path: Path, before: str, after: str, why: str) -> None:
    with pytest.raises(FlowLoadError) as caught:
        load(written(tmp_path, GOOD.replace(before, after)))
    said = " ".join(
        finding.render(lambda template, **params: template.format(**params)) for finding in caught.value.findings
    )
    assert why in said
    assert "report.yaml:" in said
