"""Reports by themselves: one for each period, whoever is at it, whatever was down meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.clock import RealClock
from ivr.config import MailSettings, Settings
from ivr.database import Database
from ivr.metrics.filters import MetricError
from ivr.model import Agent, ReportRun, ReportRunState, ReportSchedule
from ivr.report.build import ReportError
from ivr.report.schedules import store
from ivr.report.schedules.definition import Schedule, ScheduleSpec, schedule_of
from ivr.report.schedules.runner import ReportRunner
from ivr.worker.housekeeping import Housekeeping
from tests.database_rig.fixture import (
    database_url,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)

from .mailbox import mailbox

__all__ = ["database_url", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]
pytestmark = pytest.mark.integration

SENDER = "ivr@example.com"
# Thursday 19 November 2026, ten in the evening in Shanghai: the report of eight in the morning is long gone.
BEGIN = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)


class HandClock(RealClock):
    def __init__(self) -> None:
        self.moment = BEGIN

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, HandClock())
    await made.upgrade()

    def somebody(session: Session) -> None:
        session.add(Agent(number="1001", name="王芳", phone="601", hired_on=date(2026, 1, 1)))

    await made.run(somebody)
    yield made
    await made.close()


def schedule(**more: object) -> Schedule:
    values = {"report": "daily", "every": "0 8 * * *", "period": "day", "formats": ["json"]} | more
    return schedule_of(ScheduleSpec.model_validate(values))


async def add(database: Database, some: Schedule) -> bool:
    return await database.run(lambda session: store.add(session, some, "ann", database.clock.now()))


def runner(database: Database, owner: str = "one", **mail: object) -> ReportRunner:
    return ReportRunner(database, Settings(mail=MailSettings.model_validate(mail)), owner)


async def runs(database: Database) -> list[ReportRun]:
    return await database.read(lambda session: list(session.scalars(select(ReportRun).order_by(ReportRun.first))))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in {".json", ".part"})


def pass_(database: Database, **span: float) -> None:
    assert isinstance(database.clock, HandClock)
    database.clock.moment += timedelta(**span)


async def test_a_report_each_morning_and_one_after_a_downtime(database: Database, tmp_path: Path) -> None:
    await add(database, schedule(directory=str(tmp_path)))
    one = runner(database)
    assert await one.run_due() == 0
    pass_(database, hours=9, minutes=59)
    assert await one.run_due() == 0  # 07:59
    pass_(database, minutes=1)
    assert await one.run_due() == 1
    assert await one.run_due() == 0
    assert names_in(tmp_path) == ["daily_2026-11-19.json"]
    pass_(database, days=3, hours=5)  # nobody was there for three mornings
    assert await one.run_due() == 1
    assert [run.first for run in await runs(database)] == [date(2026, 11, 19), date(2026, 11, 22)]
    assert {run.state for run in await runs(database)} == {ReportRunState.DONE}
    pass_(database, hours=19)
    assert await one.run_due() == 1  # and the next morning as always


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"kind": "people", "teams": ["nowhere"]}, "there is no team nowhere"),
        ({"kind": "campaigns", "organisation": "nowhere"}, "there is no organisation nowhere"),
    ],
)
async def test_what_a_report_is_of_must_be_there(
    database: Database, tmp_path: Path, values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(MetricError, match=sentence):
        await add(database, schedule(directory=str(tmp_path), **values))


async def test_several_workers_make_one_report(database: Database, tmp_path: Path) -> None:
    await add(database, schedule(directory=str(tmp_path)))
    pass_(database, hours=10)
    made = await asyncio.gather(*(runner(database, f"worker {number}").run_due() for number in range(4)))
    assert sum(made) == 1
    (run,) = await runs(database)
    assert (run.tries, run.state) == (1, ReportRunState.DONE)
    # Even a schedule that fires every hour makes one report of a day.
    await add(database, schedule(report="hourly", every="0 * * * *", directory=str(tmp_path)))
    for _ in range(3):
        pass_(database, hours=1)
        await runner(database).run_due()
    assert len(await runs(database)) == 2


async def test_a_worker_that_dies_leaves_its_run_to_another(database: Database, tmp_path: Path) -> None:
    await add(database, schedule(directory=str(tmp_path)))
    pass_(database, hours=10)
    now = database.clock.now()
    await database.run(lambda session: store.queue_due(session, now))
    dead = await database.run(lambda session: store.claim(session, "dead", now))
    assert dead is not None
    assert await runner(database).run_due() == 0  # it may still be at it
    pass_(database, minutes=16)
    assert await runner(database).run_due() == 1
    with pytest.raises(store.ClaimLost):
        await database.run(lambda session: store.end(session, dead, now))


async def test_by_mail_once_though_the_server_was_down(database: Database, tmp_path: Path) -> None:
    async with mailbox() as box:
        mail: dict[str, Any] = {"host": "127.0.0.1", "port": box.port, "security": "none", "sender": SENDER}
        to = {"to": ["lead@example.com", "boss@example.com"]}
        formats = ["xlsx", "html"]
        await add(database, schedule(report="weekly", every="0 8 * * 1", period="week", mail=to, formats=formats,
                                     directory=str(tmp_path)))  # fmt: skip
        pass_(database, days=4)
        box.down = 1
        one = runner(database, **mail)
        assert await one.run_due() == 1
        (run,) = await runs(database)
        assert (run.state, run.problem and run.problem["params"]["reason"]) == ("queued", "SMTPSenderRefused")
        assert run.written_at is not None
        assert run.mailed_at is None
        written = run.written_at
        assert await one.run_due() == 0  # not at once
        pass_(database, minutes=2)
        assert await one.run_due() == 1
        (run,) = await runs(database)
        assert (run.state, run.tries, run.written_at) == (ReportRunState.DONE, 2, written)  # written once
    (message,) = box.messages
    assert box.to == [["lead@example.com", "boss@example.com"]]
    assert message["Subject"] == "坐席周报 2026-11-16 – 2026-11-22"
    assert message["Message-ID"] == f"<report.weekly.2026-11-16.{run.id}@example.com>"
    names = [part.get_filename() for part in message.iter_attachments()]
    assert names == ["weekly_2026-11-16_2026-11-22.xlsx", "weekly_2026-11-16_2026-11-22.html"]
    first = next(message.iter_attachments())
    content = first.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content[:2] == b"PK"


async def test_what_stays_undeliverable_is_given_up_and_said(database: Database) -> None:
    await add(database, schedule(mail={"to": ["lead@example.com"]}))
    pass_(database, hours=10)
    for _ in range(store.TRIES):
        assert await runner(database).run_due() == 1
        pass_(database, hours=1)
    assert await runner(database).run_due() == 0
    (run,) = await runs(database)
    assert (run.state, run.tries) == (ReportRunState.FAILED, store.TRIES)
    assert run.problem is not None
    assert "names no host" in run.problem["template"]


async def test_one_refused_address_is_a_failure_that_is_named(database: Database) -> None:
    async with mailbox() as box:
        mail: dict[str, Any] = {"host": "127.0.0.1", "port": box.port, "security": "none", "sender": SENDER}
        await add(database, schedule(mail={"to": ["nobody@example.com"]}))
        pass_(database, hours=10)
        await runner(database, **mail).run_due()
    (run,) = await runs(database)
    assert run.problem is not None
    assert run.problem["params"]["reason"] == "SMTPRecipientsRefused"


async def test_added_again_and_removed(database: Database, tmp_path: Path) -> None:
    assert await add(database, schedule(directory=str(tmp_path))) is False
    assert await add(database, schedule(directory=str(tmp_path), period="week", every="0 8 * * 1")) is True
    listed = await database.read(store.schedules)
    assert [(one.spec.period, last) for one, _, last in listed] == [("week", None)]
    now = database.clock.now()
    await database.run(lambda session: store.remove(session, "daily", "ann", now))
    pass_(database, days=8)
    assert await runner(database).run_due() == 0
    with pytest.raises(ReportError, match="There is no report daily"):
        await database.run(lambda session: store.remove(session, "daily", "ann", now))
    assert await database.read(lambda session: session.scalars(select(ReportSchedule.state)).all()) == ["removed"]
    assert await add(database, schedule(report="campaigns", kind="campaigns", directory=str(tmp_path))) is False
    pass_(database, days=1)
    assert await runner(database).run_due() == 1
    assert names_in(tmp_path) == ["campaigns_2026-11-27.json"]


async def test_a_schedule_whose_period_changes_loses_no_report(database: Database, tmp_path: Path) -> None:
    await add(database, schedule(directory=str(tmp_path)))
    pass_(database, days=4, hours=10)  # Tuesday morning: Monday's report is due
    now = database.clock.now()
    assert await database.run(lambda session: store.queue_due(session, now)) == 1
    await add(database, schedule(directory=str(tmp_path), period="week", every="0 8 * * 1"))
    assert await runner(database).run_due() == 1
    assert names_in(tmp_path) == ["daily_2026-11-23.json"]  # of the day for which it was queued
    day = json.loads((tmp_path / "daily_2026-11-23.json").read_text("utf-8"))
    assert (day["every"], day["first"], day["last"]) == ("day", "2026-11-23", "2026-11-23")
    pass_(database, days=6)
    assert await runner(database).run_due() == 1  # the week that begins with the same day
    assert names_in(tmp_path) == ["daily_2026-11-23.json", "daily_2026-11-23_2026-11-29.json"]
    ((_, _, last),) = await database.read(store.schedules)
    assert last is not None
    assert last.last == date(2026, 11, 29)


async def test_a_folder_that_cant_be_written(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    await add(database, schedule(directory=str(tmp_path / "file" / "reports")))
    pass_(database, hours=10)
    await runner(database).run_due()
    (run,) = await runs(database)
    assert run.problem is not None
    assert run.problem["template"] == "{path} can't be written ({reason})"
    assert run.written_at is None


async def test_workers_make_reports_beside_the_calls(database: Database, tmp_path: Path) -> None:
    await add(database, schedule(directory=str(tmp_path)))
    pass_(database, hours=10)
    beside = Housekeeping(database, Settings())
    beside.start()
    await asyncio.sleep(0)  # every chore has begun its first turn, and is let end it
    await beside.close()
    assert names_in(tmp_path) == ["daily_2026-11-19.json"]
