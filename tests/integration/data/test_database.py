"""Transactions, migrations, and the constraints that make "at most once" true."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session

from ivr import migrations
from ivr.clock import RealClock
from ivr.database import READERS, Database, Question
from ivr.database.urls import FORMS
from ivr.errors import IvrError
from ivr.migrations import Upgrade, newest_revision
from ivr.migrations.running import alembic_config
from ivr.model import Attempt, AuditEntry, Base, Campaign, ContactList, Task

pytestmark = pytest.mark.integration

T = TypeVar("T")
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PHONE = "+8613800000001"


def _entry(session: Session, who: str = "ann", at: datetime = NOW) -> None:
    session.execute(insert(AuditEntry).values(at=at, who=who, action="test", subject="s", details={}))


def _count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


async def test_models_and_migrations_agree(db: Database, tmp_path: Path) -> None:
    def differences(session: Session) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(session.connection()), Base.metadata))

    def tables(session: Session) -> dict[str, list[str]]:
        rows = session.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        # Constraints may stand in another order: what counts is that both say the same clauses.
        clauses = {name: sql[sql.index("(") + 1 :].replace(")", "").split(",") for name, sql in rows}
        clauses.pop("alembic_version", None)
        return {name: sorted("".join(clause.split()) for clause in found) for name, found in clauses.items()}

    assert await db.run(differences) == []
    engine = create_engine(f"sqlite:///{tmp_path / 'models.db'}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        from_models = tables(session)
    engine.dispose()
    # Clause by clause: the partial index and every name included, which compare_metadata doesn't look at.
    assert await db.run(tables) == from_models


def test_a_database_of_this_version_needs_no_alembic(tmp_path: Path) -> None:
    heads = ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads()
    assert heads == [newest_revision()]
    code = (
        "import asyncio, sys; from ivr.database import Database\n"
        "async def upgrade():\n"
        "    database = Database(sys.argv[1]); print(await database.upgrade()); await database.close()\n"
        "asyncio.run(upgrade()); print('alembic' in sys.modules)"
    )
    said = []
    for _ in range(2):
        command_line = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'ivr.db'}"]
        done = subprocess.run(command_line, capture_output=True, text=True, check=True, timeout=60)
        said.append(done.stdout.splitlines())
    assert said == [[str(Upgrade(None, heads[0])), "True"], [str(Upgrade(heads[0], heads[0])), "False"]]


async def test_migrations_can_be_undone(db: Database) -> None:
    def down(session: Session) -> list[str]:
        command.downgrade(alembic_config(session.connection()), "base")
        return list(session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))

    assert await db.run(down) == ["alembic_version"]


async def test_upgrade_twice_is_harmless_and_survives_reopening(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'ivr.db'}"
    for expected in (1, 2):
        database = Database(url)
        await database.upgrade()
        await database.upgrade()
        await database.run(_entry)
        assert await database.read(_count) == expected
        await database.close()


@pytest.mark.parametrize(("durable", "written"), [(False, 1), (True, 2)])  # SQLite's NORMAL and FULL
async def test_real_calls_wait_for_the_disk_and_rehearsals_dont(
    tmp_path: Path, durable: bool, written: int
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ivr.db'}", durable=durable)
    assert await database.run(lambda session: session.scalar(text("PRAGMA synchronous"))) == written
    assert await database.run(lambda session: session.scalar(text("PRAGMA journal_mode"))) == "wal"
    await database.close()


async def test_a_failed_transaction_leaves_nothing(db: Database) -> None:
    def work(session: Session) -> None:
        _entry(session)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await db.run(work)
    assert await db.read(_count) == 0


async def test_reading_cannot_write(db: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        await db.read(_entry)


async def test_a_cancelled_caller_never_leaves_half_a_transaction(db: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        _entry(session, "first")
        begun.set()
        go_on.wait(5)
        _entry(session, "second")

    task = asyncio.create_task(db.run(slow))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    await asyncio.wait([task])
    assert await db.read(_count) == 0  # not committed yet, so not seen
    go_on.set()
    await db.run(lambda session: None)
    assert await db.read(_count) == 2


async def test_reads_go_on_while_a_write_is_open(db: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        _entry(session)
        begun.set()
        go_on.wait(5)

    write = asyncio.create_task(db.run(slow))
    await asyncio.to_thread(begun.wait, 5)
    assert await asyncio.gather(*(db.read(_count) for _ in range(READERS * 2))) == [0] * READERS * 2
    go_on.set()
    await write


async def test_writes_run_in_the_order_they_were_asked_for(db: Database) -> None:
    await asyncio.gather(*(db.run(lambda session, i=i: _entry(session, str(i))) for i in range(50)))  # type: ignore[misc]  # mypy can't infer a lambda with a default
    order = await db.read(lambda session: list(session.scalars(select(AuditEntry.who).order_by(AuditEntry.id))))
    assert order == [str(i) for i in range(50)]


class CountingClock(RealClock):
    def __init__(self) -> None:
        self.outside_waits = 0

    async def outside(self, awaitable: Awaitable[T]) -> T:
        self.outside_waits += 1
        return await awaitable


async def test_every_wait_on_the_database_is_outside_virtual_time(tmp_path: Path) -> None:
    clock = CountingClock()
    database = Database(f"sqlite:///{tmp_path / 'ivr.db'}", clock)
    await database.upgrade()
    await database.run(_entry)
    await database.read(_count)
    await database.ask(Question(select(AuditEntry.who)))
    await database.close()
    assert clock.outside_waits == 7  # three of them close it


async def test_moments_need_a_time_zone_and_come_back_in_utc(db: Database) -> None:
    china = timezone(timedelta(hours=8))
    await db.run(lambda session: _entry(session, at=datetime(2026, 11, 21, 16, 0, tzinfo=china)))
    assert await db.read(lambda session: session.scalar(select(AuditEntry.at))) == NOW
    stored = await db.read(lambda session: session.scalar(text("SELECT at FROM audit_entry")))
    assert str(stored).startswith("2026-11-21 08:00")
    with pytest.raises(StatementError, match="time zone"):
        await db.run(lambda session: _entry(session, at=NOW.replace(tzinfo=None)))


def _attempt(task: int, campaign: int, number: int = 1, phone: str = PHONE, **more: object) -> dict[str, object]:
    return {
        "id": f"{task}-{number}-{phone}", "task_id": task, "campaign_id": campaign, "number": number,
        "phone": phone, "started_at": NOW, **more,
    }  # fmt: skip


async def test_one_live_attempt_per_phone_in_all_campaigns(
    db: Database, make_campaign: Callable[..., Awaitable[int]]
) -> None:
    one = await make_campaign([PHONE])
    other = await make_campaign([PHONE], "December", "another_flow")
    await db.run(lambda session: session.execute(insert(Attempt).values(_attempt(1, one))) and None)
    with pytest.raises(IntegrityError, match=r"attempt\.phone"):
        await db.run(lambda session: session.execute(insert(Attempt).values(_attempt(2, other))) and None)
    await db.run(lambda session: session.execute(update(Attempt).values(ended_at=NOW)) and None)
    await db.run(lambda session: session.execute(insert(Attempt).values(_attempt(2, other))) and None)


async def test_one_attempt_of_each_number_per_task(
    db: Database, make_campaign: Callable[..., Awaitable[int]]
) -> None:
    one = await make_campaign([PHONE])
    await db.run(lambda session: session.execute(insert(Attempt).values(_attempt(1, one, ended_at=NOW))) and None)
    again = _attempt(1, one, phone="+8613800000002")
    with pytest.raises(IntegrityError, match=r"attempt\.task_id, attempt\.number"):
        await db.run(lambda session: session.execute(insert(Attempt).values(again)) and None)


async def test_foreign_keys_hold(db: Database) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        await db.run(lambda session: session.execute(insert(Attempt).values(_attempt(99, 99))) and None)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", f"nonsense is no database URL; write {FORMS}"),
        ("mysql://h/d", f"databases of the kind mysql can't be used; write {FORMS}"),
        ("sqlite://", "sqlite:// names no file; write sqlite:///FILE"),
    ],
)
def test_unusable_urls_are_told(url: str, sentence: str) -> None:
    with pytest.raises(IvrError) as error:
        Database(url)
    assert str(error.value) == sentence


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("phone\n13800000001\n" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(IvrError, match="can't be used as the database"):
        await database.upgrade()
    await database.close()


async def test_a_database_of_a_newer_version_is_told(db: Database) -> None:
    await db.run(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    with pytest.raises(IvrError, match="newer version of ivr"):
        await db.upgrade()


async def test_rows_come_back_whole(db: Database, make_campaign: Callable[..., Awaitable[int]]) -> None:
    await make_campaign([PHONE])
    campaign, people, task = await db.read(
        lambda session: (session.get_one(Campaign, 1), session.get_one(ContactList, 1), session.get_one(Task, 1))
    )
    assert (campaign.name, people.name, task.attempts) == ("November", "November", 0)
    assert campaign.started_at == NOW
