"""`ivr report`, `ivr metrics` and `ivr confirm` as people use them, on a small database in a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ivr.cli.main import main
from ivr.model import (
    Attempt,
    AttemptState,
    HungUpBy,
    Intention,
    Task,
    TaskState,
)
from tests.database_rig.campaigns import new_campaign
from tests.database_rig.filled import filled
from tests.database_rig.fixture import sqlite_template, sqlite_url
from trunk.ports import DialOutcome

__all__ = ["sqlite_template", "sqlite_url"]

pytestmark = pytest.mark.acceptance

BEGUN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
CALL = "00000000-0000-4000-8000-000000000001"


def fill(session: Session) -> None:
    """One contact who accepted something."""
    made = new_campaign(session, BEGUN, ["+8613800000001"], flow="offer", name="March", purpose="marketing")
    campaign, (contact,), (task,) = made.campaign, made.contacts, made.tasks
    task.state, task.result, task.attempts = TaskState.DONE, "accepted", 1
    session.add(
        Attempt(
            id=CALL, task_id=task.id, campaign_id=campaign.id, number=1, phone=contact.phone,
            state=AttemptState.ENDED, started_at=BEGUN, ringing_at=BEGUN, answered_at=BEGUN,
            ended_at=BEGUN + timedelta(seconds=40), talk_ms=40_000, outcome=DialOutcome.ANSWERED,
            hung_up_by=HungUpBy.US, disposition="accepted", intention=Intention.STRONGLY_INTERESTED, pending=True,
            path=["greet", "offer"],
        )
    )  # fmt: skip


@pytest.fixture
def database(sqlite_url: str) -> str:
    return filled(sqlite_url, fill)


def test_a_success_is_confirmed_and_the_report_says_by_whom(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def report() -> dict[str, Any]:
        out = tmp_path / "r.json"
        main(["report", "campaign", "March", "--db", database, "--json", str(out)])
        found: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return found

    before = report()["figures"]
    assert (before["successes"], before["confirmed_successes"], before["overdue_successes"]) == (1, 0, 1)
    main(["confirm", CALL, "--yes", "--by", "inspection", "--note", "heard it", "--db", database])
    after = report()
    assert (after["figures"]["confirmed_successes"], after["figures"]["overdue_successes"]) == (1, 0)
    assert after["words"][0]["note"] == "heard it"
    assert " ".join(capsys.readouterr().out.split()).count("heard")


def test_the_page_and_the_workbook_hold_the_tables(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IVR_LANG", "zh-CN")
    page, book = tmp_path / "r.html", tmp_path / "r.xlsx"
    main(["report", "campaign", "March", "--db", database, "--html", str(page), "--xlsx", str(book)])
    html = page.read_text("utf-8")
    assert 'data-language="zh-CN"' in html
    assert "<h2>结果与作答</h2>" in html
    assert book.stat().st_size > 4000
    assert "成功率(已确认)" in capsys.readouterr().out


def test_a_metric_with_its_formula_and_statement(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["metrics", "show", "success_rate", "--campaign", "March", "--db", database])
    assert "SQL" not in capsys.readouterr().out
    main(["metrics", "show", "success_rate", "--campaign", "March", "--sql", "--db", database])
    told = capsys.readouterr().out
    assert "Formula: Successes (gross) / connected calls." in told
    assert "SQL: SELECT" in told
    assert "100.0% (1 / 1)" in told
    main(["metrics", "show", "contact_rate", "--from", "2026-04-01", "--db", database])
    assert "no calls yet" in capsys.readouterr().out


def test_the_books_balance_and_dont(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["metrics", "check", "--days", "3660", "--db", database])
    assert "broken: 0" in capsys.readouterr().out

    def take_result(session: Session) -> None:
        session.get_one(Task, 1).result = None

    filled(f"sqlite:///{database}", take_result)
    with pytest.raises(SystemExit) as ended:
        main(["metrics", "check", "--days", "3660", "--db", database])
    assert ended.value.code == 1
    assert "1 contacts are done without a result: contact 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report", "campaign", "nowhere"], "there is no campaign nowhere"),
        (["report", "advice", "nowhere"], "there is no campaign nowhere"),
        (["report", "period", "day", "--organisation", "nowhere"], "there is no organisation nowhere"),
        (["metrics", "show", "popularity"], "there is no metric popularity"),
        (["metrics", "show", "valid_number_rate", "--by", "hour"], "customers can't be told by hour"),
        (["metrics", "show", "attempts", "--from", "2026-02-02", "--to", "2026-02-01"], "before it begins"),
        (["confirm", "x", "--yes"], "there is no call x"),
        (["confirm", CALL], "Say --yes or --no"),
        (["confirm"], "Give one of these"),
    ],
)
def test_what_cant_be_done_is_one_sentence(
    database: str, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--db", database])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
