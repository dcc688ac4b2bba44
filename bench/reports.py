"""What reports and exports of a large campaign cost: time, and by how much the process grows meanwhile, for a
tenth of the calls and for all.

A campaign is made row by row (two calls to most contacts, answers, arms, payments), on SQLite. How far the process
grows is looked at step by step: the kernel is told to forget the peak before each."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from sqlalchemy import insert
from sqlalchemy.orm import Session

from bench.result import BenchResult, Limit
from ivr.database import Database
from ivr.exports.campaign import Kind, export_campaign
from ivr.i18n import translate
from ivr.metrics.invariants import Scope, check
from ivr.model import (
    Answer,
    Attempt,
    AttemptState,
    Campaign,
    CampaignState,
    Contact,
    ContactList,
    FlowVersion,
    HungUpBy,
    Intention,
    PaymentEvent,
    Task,
    TaskState,
)
from ivr.report.build import build_results
from ivr.report.campaign import Wanted, campaign_report
from ivr.report.xlsx import write_xlsx
from trunk.ports import DialOutcome

BEGUN = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
ROWS = 5000
GROWTH_MB = 100.0  # of each, whatever the number of calls


def _attempts(calls: int) -> Iterator[dict[str, Any]]:
    """Every contact is called, two of three twice: 40 % of calls are answered."""
    for call in range(calls):
        contact, number = call % (calls * 3 // 5), 1 + call // (calls * 3 // 5)
        begun = BEGUN + timedelta(seconds=call * 7 % 1_000_000)
        talked = call % 5 < 2
        yield {
            "id": f"{call:036d}",
            "task_id": contact + 1,
            "campaign_id": 1,
            "number": number,
            "phone": f"+86138{contact:08d}",
            "state": AttemptState.ENDED,
            "started_at": begun,
            "ringing_at": begun,
            "answered_at": begun if talked else None,
            "ended_at": begun + timedelta(seconds=60),
            "talk_ms": 20_000 + call % 90_000 if talked else 0,
            "outcome": DialOutcome.ANSWERED if talked else DialOutcome.NO_ANSWER,
            "hung_up_by": HungUpBy.CALLEE if call % 3 else HungUpBy.US,
            "disposition": "consented" if talked else "no_answer",
            "intention": Intention.SUCCESS if call % 20 == 0 else Intention.UNREACHABLE,
            "pending": call % 40 == 0,
            "path": ["greet", "consent", "rating"] if talked else [],
            "arm": "ab"[contact % 2],
            "trunk": "north",
        }


def _fill(session: Session, calls: int) -> None:
    contacts = calls * 3 // 5
    session.add_all(
        [
            FlowVersion(flow="f", version=1, content_hash="0" * 64, source="", language="zh-CN", purpose="service",
                        published_at=BEGUN, published_by="bench"),
            ContactList(name="bench", created_at=BEGUN, created_by="bench"),
        ]
    )  # fmt: skip
    session.flush()
    session.add(
        Campaign(name="bench", flow_version_id=1, purpose="service", concurrency=1, state=CampaignState.RUNNING,
                 created_at=BEGUN, created_by="bench", started_at=BEGUN)
    )  # fmt: skip
    session.flush()
    people = range(contacts)
    _insert(session, Contact, ({"id": one + 1, "list_id": 1, "phone": f"+86138{one:08d}"} for one in people))
    tasks = (
        {"id": one + 1, "campaign_id": 1, "contact_id": one + 1, "state": TaskState.DONE, "result": "consented",
         "attempts": 1 + (one < calls - contacts)}
        for one in people
    )  # fmt: skip
    _insert(session, Task, tasks)
    _insert(session, Attempt, _attempts(calls))
    answers = (
        {"attempt_id": f"{call:036d}", "number": number, "node": name, "name": name, "value": value,
         "modality": "keys", "given_at": BEGUN}
        for call in range(calls) if call % 5 < 2
        for number, (name, value) in enumerate((("consent", "yes"), ("rating", str(1 + call % 5))), start=1)
    )  # fmt: skip
    _insert(session, Answer, answers)
    payments = (
        {"phone": f"+86138{one:08d}", "paid_at": BEGUN + timedelta(days=3), "source": "bench",
         "source_id": str(one), "taken_at": BEGUN}
        for one in people if one % 3 == 0
    )  # fmt: skip
    _insert(session, PaymentEvent, payments)


def _insert(session: Session, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, ROWS)):
        session.execute(insert(table), some)


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _memory_mb(field: str) -> float:
    """VmRSS: now; VmHWM: the most since `_forget_peak`."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


async def _cost(name: str, step: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Seconds, and the growth above what the process had when the step began."""
    _forget_peak()
    before_mb, begun_s = _memory_mb("VmRSS"), time.perf_counter()
    await step()
    return {f"{name}_s": time.perf_counter() - begun_s, f"{name}_mb": _memory_mb("VmHWM") - before_mb}


async def _measure(calls: int, folder: Path) -> dict[str, float]:
    database = Database(f"sqlite:///{folder / f'{calls}.db'}")
    now = BEGUN + timedelta(days=30)

    async def results() -> None:
        made = await build_results(database, 1)
        assert made.summary.attempts == calls
        write_xlsx(made, folder / "results.xlsx")

    def export(kind: Kind, name: str, password: str | None = None) -> Callable[[], Awaitable[object]]:
        return lambda: export_campaign(database, 1, kind, folder / name, password)

    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "campaign": lambda: database.read(lambda session: campaign_report(session, Wanted("bench", now))),
        "results": results,
        "check": lambda: check(database, Scope(now, BEGUN - timedelta(days=1), 7200)),
        "tasks_csv": export("tasks", "tasks.csv"),
        "attempts_xlsx": export("attempts", "attempts.xlsx"),
        "locked_xlsx": export("attempts", "locked.xlsx", "bench password"),
    }
    try:
        await database.upgrade()
        await database.run(lambda session: _fill(session, calls))
        figures: dict[str, float] = {}
        for name, step in steps.items():
            figures |= await _cost(name, step)
        return figures
    finally:
        await database.close()


@click.command(help=translate("What reports and exports of a large campaign cost."))
@click.option(
    "--calls",
    type=click.IntRange(1000, 2_000_000),
    default=200_000,
    show_default=True,
    help=translate("How many."),
)
def command(calls: int) -> BenchResult:
    figures: dict[str, float | int | str] = {}
    with TemporaryDirectory() as folder:
        for count in (calls // 10, calls):
            for name, value in asyncio.run(_measure(count, Path(folder))).items():
                figures[f"at_{count}.{name}"] = value
    grown = [name for name in figures if name.startswith(f"at_{calls}.") and name.endswith("_mb")]
    return BenchResult(name="reports", figures=figures, limits={one: Limit("at_most", GROWTH_MB) for one in grown})
