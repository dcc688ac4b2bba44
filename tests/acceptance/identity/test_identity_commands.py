"""`ivr identity` as somebody at the command line uses it."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.orm import Session

from ivr.cli.main import main
from ivr.database import Database
from ivr.identity.hashes import fits
from ivr.model import Agent, Attempt, Supervision, SupervisionKind
from tests.database_rig.campaigns import new_campaign
from tests.database_rig.filled import filled
from tests.database_rig.fixture import sqlite_template, sqlite_url

__all__ = ["sqlite_template", "sqlite_url"]

pytestmark = pytest.mark.acceptance

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
LIVE, OVER, DIGITS = "0b2e6c1a-0000-4000-8000-000000000000", "0b2ffc1a-0000-4000-8000-000000000000", "493827"


def fill(session: Session) -> None:
    made = new_campaign(session, NOW, phones=["+8613800000001", "+8613800000002"])
    for task, (name, ended) in zip(made.tasks, ((LIVE, None), (OVER, NOW)), strict=True):
        session.add(Attempt(id=name, task_id=task.id, campaign_id=made.campaign.id, number=1, phone="+8613800000",
                            started_at=NOW, ended_at=ended, worker="w"))  # fmt: skip
    session.add(Agent(number="1001", name="王芳", phone="601", hired_on=date(2024, 3, 1)))


@pytest.fixture
def database(sqlite_url: str) -> str:
    return filled(sqlite_url, fill)


def test_an_agent_asks_and_records(database: str, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    main(["identity", "ask", "0b2e", "--agent", "1001", "--db", database])
    assert _hushed(sqlite_url) == [(LIVE, False)]
    main(["identity", "record", "0b2e", "--agent", "1001", "--method", "name_address", "--result", "verified",
          "--db", database])  # fmt: skip
    assert _hushed(sqlite_url) == [(LIVE, True)]  # the worker is told to record again
    assert capsys.readouterr().out.splitlines()[-1] == "Recorded: name and address, verified."
    main(["identity", "show", "0b2e", "--db", database])
    assert "name and address" in " ".join(capsys.readouterr().out.split())


def test_methods_in_chinese(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_LANG", "zh-CN")
    main(["identity", "record", OVER, "--agent", "1001", "--method", "id", "--result", "failed", "--db", database])
    assert capsys.readouterr().out == "已登记:证件,核验未通过。\n"
    main(["identity", "show", OVER, "--db", database])
    assert "证件" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "nowhere"], "There is no call nowhere."),
        (["show", "0b2"], "Several calls begin with 0b2; write more of it."),
        (["ask", OVER, "--agent", "1001"], f"The call {OVER} isn't on now."),
        (["ask", LIVE, "--agent", "1009"], "There is no agent 1009; see: ivr desk show"),
    ],
)
def test_what_cant_be_done_is_one_sentence(
    database: str, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["identity", *arguments, "--db", database])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {sentence}\n"


def test_hashes_of_what_can_be_keyed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{DIGITS}\n\n12ab\n"))
    with pytest.raises(SystemExit):
        main(["identity", "hash"])
    told = capsys.readouterr()
    first, empty = told.out.splitlines()
    assert fits(DIGITS, first)
    assert empty == ""
    assert told.err == "error: Line 3 isn't 1 to 32 digits, and nothing else can be keyed.\n"


def _hushed(url: str) -> list[tuple[str, bool]]:
    async def read() -> list[tuple[str, bool]]:
        opened = Database(url)
        rows = await opened.read(lambda session: session.query(Supervision).all())
        await opened.close()
        return [(row.attempt_id, row.stopping) for row in rows if row.kind is SupervisionKind.HUSH]

    return asyncio.run(read())
