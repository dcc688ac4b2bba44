"""A process that is really killed in the middle of its calls, and started again on the same database."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flows import library
from ivr.errors import IvrError

pytestmark = pytest.mark.integration

RUNNER = Path(__file__).parent / "runner.py"
CONTACTS = 16
CALLS_AT_ONCE = 5


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    shutil.copy(library.path("low_balance_reminder", "zh-CN"), tmp_path / "flow.yaml")
    rows = "".join(f"138{number:08d},5.20,2026-01-25\n" for number in range(1, CONTACTS + 1))
    (tmp_path / "list.csv").write_text(f"phone,balance,pay_by\n{rows}")
    busy_first = '  "+8613800000001": {pickup: [busy, answer]}\n'
    (tmp_path / "callees.yaml").write_text(
        "defaults: {ring_s: [1, 9], does: [{on: consent, keys: '1'}, {on: rating, keys: '5'}]}\n"
        f"callees:\n{busy_first}"
    )
    return tmp_path


def start(folder: Path, var: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, str(RUNNER), str(folder), str(var), str(CALLS_AT_ONCE)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def attempts(folder: Path) -> list[tuple[str, int, str | None, str | None]]:
    with sqlite3.connect(folder / "run.db") as connection:
        return connection.execute("SELECT phone, number, outcome, ended_at FROM attempt").fetchall()


@pytest.mark.parametrize("calls_before", [1, 9])
def test_killed_and_started_again_it_calls_nobody_twice(campaign: Path, var: Path, calls_before: int) -> None:
    process = start(campaign, var)
    assert process.stdout is not None
    for _ in range(calls_before):
        assert process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    cut_off = {phone for phone, _, _, ended_at in attempts(campaign) if ended_at is None}
    assert cut_off, "nothing was going on when the process died: the test shows nothing"
    done_before = {phone for phone, _, outcome, _ in attempts(campaign) if outcome == "answered"}

    again = start(campaign, var)
    out, _ = again.communicate(timeout=100)
    assert again.returncode == 0
    called_again = set(out.split())

    calls = Counter((campaign / "calls.log").read_text().splitlines())
    assert max(calls.values()) == 1  # no attempt was placed twice
    assert not called_again & done_before  # who was talked to is left alone
    assert not called_again & cut_off  # and so is whoever may have been
    rows = attempts(campaign)
    assert {phone for phone, _, _, _ in rows} == {f"+86138{number:08d}" for number in range(1, CONTACTS + 1)}
    assert all(ended_at is not None for _, _, _, ended_at in rows)
    assert {phone for phone, _, outcome, _ in rows if outcome == "unknown"} == cut_off
    conversations = Counter(phone for phone, _, outcome, _ in rows if outcome == "answered")
    assert max(conversations.values()) == 1
    assert len(conversations) + len(cut_off) == CONTACTS
    with sqlite3.connect(campaign / "run.db") as connection:
        assert connection.execute("SELECT DISTINCT state FROM task").fetchall() == [("done",)]
        assert connection.execute("SELECT state FROM campaign").fetchall() == [("finished",)]


def test_two_processes_cannot_dial_from_one_database(bench: Any) -> None:
    options = bench.options([{}])
    refused: list[str] = []

    def meanwhile(_event: object) -> None:
        if not refused:
            with pytest.raises(IvrError, match="Another process is calling") as caught:
                bench.run(options)
            refused.append(str(caught.value))

    bench.run(options, meanwhile)
    assert refused


def test_a_finished_campaign_is_only_reported(bench: Any) -> None:
    options = bench.options([{}, {}])
    first = bench.run(options)
    second = bench.run(options)
    assert second.results == first.results
    assert second.events == []
