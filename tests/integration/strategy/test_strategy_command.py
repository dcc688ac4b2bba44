"""The commands as users meet them: strategies checked and explained, grades changed, hours learnt and shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.cli import grade, strategy
from ivr.errors import IvrError

pytestmark = pytest.mark.integration

AT = ("--at", "2026-01-05 10:00")  # a Monday


def run(*args: str) -> str:
    result = CliRunner().invoke(strategy.command, args, catch_exceptions=False, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_strategy_is_checked(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("schema: 1\nstrategy: good\nretry: {outcomes: {busy: {waits: [15m], at_most: 2}}}")
    bad.write_text("schema: 1\nstrategy: bad\nretry: {outcomes: {busy: {waits: [soon], at_most: 2}}}")
    assert "errors: 0, warnings: 0" in run("check", str(good))
    result = CliRunner().invoke(strategy.command, ["check", str(good), str(bad)])
    assert result.exit_code == 2
    assert "bad.yaml:3:35: error: soon is no time to wait" in result.output


def test_what_follows_is_told() -> None:
    told = run("next", "no_answer", "busy", "answered", "--grade", "B", *AT).splitlines()
    assert told == [
        "Call 1, No answer: the next one on 2026-01-05 14:00: nobody was reached (retry.outcomes.no_answer).",
        "Call 2, Busy: the next one on 2026-01-05 14:15: nobody was reached (retry.outcomes.busy).",
        "Call 3, Answered: the next one on 2026-01-07 14:15: follow-up (follow_ups.B).",
    ]
    assert run("next", "invalid_number", *AT).startswith(
        "Call 1, Invalid number: the last one: the strategy doesn't"
    )


def test_each_reaction_is_explained() -> None:
    rows = [line for line in run("explain", *AT).splitlines() if "│" in line]
    (no_answer,) = [row for row in rows if "No answer" in row]
    assert "01-05 10:00, 14:00, 18:00" in no_answer
    (rejected,) = [row for row in rows if "Rejected" in row]
    assert "01-05 10:00, 14:00, 01-08 14:00" in rejected


def test_hours_are_learnt_and_shown(sqlite_url: str) -> None:
    db = ("--db", sqlite_url)
    assert "Nothing has been learnt yet" in run("hours", *db)
    assert "Hours that something is known of: 0." in run("learn", *db)


def test_a_grade_of_a_call_that_is_not_there_is_refused(sqlite_url: str) -> None:
    with pytest.raises(IvrError, match="There is no ended call nobody"):
        CliRunner().invoke(grade.command, ["nobody", "A", "--db", sqlite_url], catch_exceptions=False)
