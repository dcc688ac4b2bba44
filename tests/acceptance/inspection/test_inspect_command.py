"""`ivr inspect` from a call that was made to the month's playlist, as people type it."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flows import library
from ivr.cli.main import main
from ivr.database import Database
from ivr.model import CallScreen, Role, User
from tests.command_rig import forked
from tests.database_rig.fixture import sqlite_template, sqlite_url
from tests.shared_prompts import with_shared_prompts

__all__ = ["sqlite_template", "sqlite_url"]

pytestmark = pytest.mark.acceptance

DAY = "2026-11-20"
MARKS = ["understood=10", "asked_again=5", "answered=8", "clear=5", "timing=5", "person=-", "goodbye=5"]


@pytest.fixture
def house(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database, recordings of two calls of the robot, and three users."""
    var = with_shared_prompts(tmp_path / "var", tmp_path_factory)
    (tmp_path / "ivr.toml").write_text(f'[paths]\nvar = "{var}"\n', encoding="utf-8")
    (tmp_path / "list.csv").write_text("phone\n13800000001\n13800000002\n", encoding="utf-8")
    keys = [{"on": "identity", "keys": "1"}, {"on": "offer_ask", "keys": "1"}]
    callees = {"defaults": {"ring_s": 2, "noise_snr_db": 35, "does": keys}}
    (tmp_path / "callees.yaml").write_text(json.dumps(callees), encoding="utf-8")
    files = ("--flow", str(library.path("marketing_offer", "zh-CN")), "--contacts", "list.csv",
             "--callees", "callees.yaml", "--db", "ivr.db", "--record", "recordings")  # fmt: skip
    more = ("--recognizer", "none", "--no-retries", "--start", f"{DAY}T09:00+08:00")
    english = {"PATH": "/usr/bin:/bin", "IVR_LANG": "en"}
    done = forked.run("rehearse", *files, *more, cwd=tmp_path, environment=english, timeout_s=110)
    assert done.returncode == 0, done.stderr

    def users(session: Session) -> None:
        now = datetime(2026, 11, 1, tzinfo=UTC)
        for name, role in (("ann", Role.INSPECTOR), ("ben", Role.INSPECTOR), ("boss", Role.SUPERVISOR)):
            session.add(User(name=name, password_hash="-", role=role, created_at=now))

    async def write() -> None:
        database = Database(f"sqlite:///{tmp_path / 'ivr.db'}")
        await database.run(users)
        await database.close()

    asyncio.run(write())
    return tmp_path


def screened(house: Path) -> list[CallScreen]:
    """What was measured in the simulated calls' recordings."""

    async def read() -> list[CallScreen]:
        database = Database(f"sqlite:///{house / 'ivr.db'}")
        try:
            return await database.read(lambda session: list(session.scalars(select(CallScreen))))
        finally:
            await database.close()

    rows = asyncio.run(read())
    assert len(rows) == 2
    return rows


def test_from_a_call_to_the_months_playlist(
    house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(house)
    monkeypatch.setenv("IVR_LANG", "en")
    monkeypatch.setenv("COLUMNS", "160")

    def ivr(*arguments: str) -> str:
        main(["inspect", *arguments, "--db", "ivr.db"])
        return capsys.readouterr().out

    def refused(*arguments: str) -> str:
        with pytest.raises(SystemExit) as end:
            ivr(*arguments)
        assert end.value.code == 2
        return capsys.readouterr().err

    assert "Recordings measured: 2 (" in ivr("screen", "--recordings", "recordings", "--days", "3660")
    assert "Recordings measured: 0 (" in ivr("screen", "--recordings", "recordings", "--days", "3660")
    for part in screened(house):
        assert part.problem is None
        assert part.our_voice_s is not None
        assert 0.5 < part.our_voice_s / part.seconds < 0.95  # the robot speaks, keys answer
        assert (part.talk_overs, part.longest_silence_s < 8) == (0, True)
    picked = ivr("pick", "--day", DAY)
    assert "Picked: 2; successes newly held: " in picked
    assert "Picked: 0; successes newly held: 0" in ivr("pick", "--day", DAY)
    shown = ivr("next", "--as", "ann")
    (number,) = re.findall(r"Inspection (\d+): the robot", shown)
    assert "bot_call, version 1" in shown
    (told,) = re.findall(r"Speaking rate: (\d+) syllables a minute, in \d+ s of voice", shown)
    assert 150 < int(told) < 300  # espeak, at 170 of its words a minute
    assert "did you mean goodbye?" in refused("score", number, "--as", "ann", *MARKS[:-1], "goodby=5")
    scored = ivr("score", number, "--as", "ann", *MARKS)
    if "Somebody else" in scored:  # one in ten is scored by two: its call's name decides
        scored = ivr("score", number, "--as", "ben", *MARKS)
    assert "Settled: 96 points, excellent." in scored
    assert "is settled; agents may appeal" in refused("score", number, "--as", "boss", *MARKS)
    ivr("fault", number, "clear", "--as", "ann", "--at", "12")
    ivr("action", "add", "record it anew", "--owner", "boss", "--due", "2099-01-01", "--fault", "1", "--as", "ann")
    ivr("action", "done", "1", "--as", "boss")
    assert "Somebody else than boss" in refused("action", "verify", "1", "--as", "boss")
    assert "done and looked at" in ivr("action", "verify", "1", "--as", "ann")
    ivr("mark", number, "good", "--note", "clear", "--as", "ann")
    assert "1 (100.0%)" in ivr("report", "--month", "2026-11")
    assert "No call was scored by two yet" in ivr("agreement", "--month", "2026-10")
    ivr("playlist", "2026-11", "--out", "out", "--recordings", "recordings")
    with (house / "out" / "playlist.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert Path(row["file"]).is_file()
    assert (row["example"], row["score"]) == ("good example", "96.0")


def test_a_plan_with_a_fault_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("schema: 1\nplan: p\ncards: {agent: agent_call, bot: bot_call}\ndayly: 3\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["inspect", "check", str(plan)])
    assert end.value.code == 2
    assert f"{plan}:4:1: error: unknown key dayly (fix: did you mean daily?)" in capsys.readouterr().out


def test_run_measures_and_picks_once_without_every(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", "run", "--recordings", str(tmp_path), "--db", sqlite_url.removeprefix("sqlite:///")])
    told = capsys.readouterr().out
    assert "Recordings measured: 0" in told
    assert "Picked: 0" in told
