"""What importing costs beside writing alone: a million rows from a CSV file into a list (encoding, normalisation,
repeated numbers), and from the list into a campaign (tasks, do not disturb, the month's contacts), against a bare
COPY of the same rows into the same indexed table, in the same run, before and after.

The database knows some of the numbers: who doesn't want to be called, whose month is used up, whose call was a
success last month. A twentieth of the rows is written otherwise than plainly, some repeat, some are no numbers."""

from __future__ import annotations

import asyncio
import csv
import json
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from bench.result import BenchResult, Limit
from ivr.contacts_import import ImportOptions, ImportReport, import_contacts
from ivr.contacts_import.writing import roomy
from ivr.database import Database
from ivr.database.own_cluster import OwnCluster
from ivr.dialer.entry import TakenIn, take_in
from ivr.i18n import translate
from ivr.model import (
    Attempt,
    AttemptState,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    DoNotDisturb,
    Engagement,
    EngagementState,
    FlowVersion,
    Intention,
    Task,
    TaskState,
)
from ivr.policy.loader import default_policy
from ivr.policy.policy import CampaignRules
from trunk.ports import DialOutcome

LIMIT = 5.0  # times the bare statement
LIMIT_MB = 500.0
NEEDS = {"name": "text", "balance": "money", "pay_by": "date"}
PURPOSE = "care"
# Of each hundred numbers those at these places.
OPTED_OUT, REACHED, SUCCEEDED = (47, 48), (40, 41, 42), (45,)
SEED_ROWS = 1_000  # in one statement


@dataclass(frozen=True, slots=True)
class Measured:
    kind: str
    bare_s: float
    import_s: float
    entry_s: float
    report: ImportReport
    taken: TakenIn

    @property
    def ratio(self) -> float:
        return (self.import_s + self.entry_s) / self.bare_s


def phone(number: int) -> str:
    """Numbers in no order, as lists have them."""
    return f"+861{38_00000000 + number * 7_919 % 1_00000000:010d}"


def write_list(path: Path, rows: int) -> None:
    """The list as somebody hands it in."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["手机号", "姓名", "余额", "缴费日期"])
        for number in range(rows):
            plain = phone(number)
            shown = plain.removeprefix("+86")
            match number % 200:
                case 0 | 50 | 100:
                    shown = f"+86 {shown[:3]} {shown[3:7]} {shown[7:]}"
                case 10 | 60 | 110:
                    shown = f"{shown[:3]}-{shown[3:7]}-{shown[7:]}"
                case 20:
                    shown = phone(number - 1).removeprefix("+86")  # a repeated number
                case 30:
                    shown = shown[:9]  # none at all
            writer.writerow([shown, f"客户{number}", f"{number % 997}.5", f"2026-11-{10 + number % 20}"])


def bare_rows(rows: int, list_id: int) -> Iterator[tuple[object, ...]]:
    for number in range(rows):
        attributes = {
            "name": f"客户{number}",
            "balance": f"{number % 997}.50",
            "pay_by": f"2026-11-{10 + number % 20}",
        }
        yield list_id, number + 2, phone(number), json.dumps(attributes, ensure_ascii=False)


def write_bare(session: Session, file: Path) -> float:
    """The rows of the file by the driver alone, in a list of their own; seconds, the commit not included."""
    driver: Any = session.connection().connection.driver_connection
    columns = "contact (list_id, row_number, phone, attributes)"
    began = time.perf_counter()
    if session.get_bind().dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {columns} FROM STDIN") as copy, file.open() as lines:
            while block := lines.read(1 << 16):
                copy.write(block)
    else:
        with file.open() as lines:
            rows = (line.rstrip("\n").split("\t") for line in lines)
            with roomy(driver):  # as the import has it
                driver.executemany(f"INSERT INTO {columns} VALUES (?, ?, ?, ?)", rows)
    return time.perf_counter() - began


async def bare(db: Database, folder: Path, rows: int, name: str) -> float:
    def create(session: Session) -> int:
        people = ContactList(name=name, created_at=db.clock.now(), created_by="bench")
        session.add(people)
        session.flush()
        return people.id

    list_id = await db.run(create)
    file = folder / "bare.tsv"
    with file.open("w", encoding="utf-8") as lines:
        for row in bare_rows(rows, list_id):
            lines.write("\t".join(map(str, row)) + "\n")
    began = time.perf_counter()
    await db.run(lambda session: write_bare(session, file))
    return time.perf_counter() - began


async def seed(db: Database, rows: int) -> None:
    """An older campaign that has reached some of the numbers, and people who don't want to be called."""
    now = db.clock.now()

    def work(session: Session) -> None:
        version = FlowVersion(
            flow="older", version=1, content_hash="0" * 64, source="", language="zh-CN", purpose=PURPOSE,
            published_at=now, published_by="bench",
        )  # fmt: skip
        people = ContactList(name="older", created_at=now, created_by="bench")
        session.add_all([version, people])
        session.flush()
        campaign = Campaign(
            name="older", flow_version_id=version.id, purpose=PURPOSE, concurrency=10, created_at=now,
            created_by="bench", state=CampaignState.FINISHED,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        for places, made in ((REACHED, _engagement), (SUCCEEDED, _success)):
            _called(session, campaign.id, people.id, list(_phones(rows, places)), made, now)
        opted_out = (
            {"phone": one, "purpose": "*", "source": "bench", "created_at": now}
            for one in _phones(rows, OPTED_OUT)
        )
        while some := list(islice(opted_out, SEED_ROWS)):
            session.execute(insert(DoNotDisturb), some)

    await db.run(work)


def _phones(rows: int, places: tuple[int, ...]) -> Iterator[str]:
    return (phone(number) for number in range(rows) if number % 100 in places)


def _called(session: Session, campaign_id: int, list_id: int, phones: list[str], made: Any, now: datetime) -> None:
    for start in range(0, len(phones), SEED_ROWS):
        some = phones[start : start + SEED_ROWS]
        contacts = [{"list_id": list_id, "phone": one, "attributes": {}} for one in some]
        ids = session.execute(
            insert(Contact).returning(Contact.id, sort_by_parameter_order=True), contacts
        ).scalars()
        tasks = [
            {"campaign_id": campaign_id, "contact_id": one, "state": TaskState.DONE, "attempts": 1} for one in ids
        ]
        task_ids = session.execute(insert(Task).returning(Task.id, sort_by_parameter_order=True), tasks).scalars()
        made(session, campaign_id, list(zip(task_ids, some, strict=True)), now)


def _engagement(session: Session, campaign_id: int, tasks: list[tuple[int, str]], now: datetime) -> None:
    del campaign_id
    state = EngagementState.COMMITTED
    rows = [
        {
            "task_id": task,
            "phone": one,
            "purpose": PURPOSE,
            "month": f"{now:%Y-%m}",
            "state": state,
            "turn": 1,
            "changed_at": now,
        }
        for task, one in tasks
    ]
    session.execute(insert(Engagement), rows)


def _success(session: Session, campaign_id: int, tasks: list[tuple[int, str]], now: datetime) -> None:
    at = now.replace(day=1) - timedelta(days=10)
    rows = [
        {
            "id": f"bench-{task}", "task_id": task, "campaign_id": campaign_id, "number": 1, "phone": one,
            "state": AttemptState.ENDED, "started_at": at, "answered_at": at, "ended_at": at,
            "outcome": DialOutcome.ANSWERED, "intention": Intention.SUCCESS, "path": [],
        }
        for task, one in tasks
    ]  # fmt: skip
    session.execute(insert(Attempt), rows)


async def enter(db: Database, list_id: int) -> TakenIn:
    """The list into a campaign of its own."""
    now = db.clock.now()

    def work(session: Session) -> TakenIn:
        version = session.scalars(select(FlowVersion)).one()
        campaign = Campaign(
            name="new", flow_version_id=version.id, purpose=PURPOSE, concurrency=10, created_at=now,
            created_by="bench",
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        session.add(CampaignList(campaign_id=campaign.id, list_id=list_id))
        session.flush()
        return take_in(session, CampaignRules(default_policy(), campaign.id, PURPOSE, "new", NEEDS), now)

    return await db.run(work)


async def measure(url: str, folder: Path, rows: int) -> Measured:
    db = Database(url, durable=True)
    try:
        await db.upgrade()
        await seed(db, rows)
        # As the server does by itself, later.
        await db.run(lambda session: session.execute(text("ANALYZE")) and None)
        source = folder / "list.csv"
        write_list(source, rows)
        before_s = await bare(db, folder, rows, "bare before")
        began = time.perf_counter()
        report = await import_contacts(db, source, NEEDS, ImportOptions(name="imported"))
        imported = time.perf_counter()
        taken = await enter(db, report.list_id)
        entered = time.perf_counter()
        after_s = await bare(db, folder, rows, "bare after")
        found = await db.read(
            lambda session: session.scalar(select(func.count(Task.id)).where(Task.campaign_id == 2))
        )
        assert found == report.good == taken.new, f"every good row must have its task: {report}, {found}, {taken}"
        assert taken.never > rows * 0.029, "do not disturb and last month's successes must be found"
        return Measured(db.kind, (before_s + after_s) / 2, imported - began, entered - imported, report, taken)
    finally:
        await db.close()


@click.command(help=translate("What importing a list into a campaign costs, beside a bare COPY of its rows."))
@click.option(
    "--rows", type=click.IntRange(min=1_000), default=1_000_000, show_default=True, help=translate("How many.")
)
@click.option(
    "--on",
    "kinds",
    type=click.Choice(["postgresql", "sqlite"]),
    multiple=True,
    default=("postgresql", "sqlite"),
    show_default=True,
    help=translate("On which database; several times."),
)
def command(rows: int, kinds: tuple[str, ...]) -> BenchResult:
    figures: dict[str, float | int | str] = {"rows": rows}
    limits: dict[str, Limit] = {}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for kind in kinds:
            if kind == "postgresql":
                url = stack.enter_context(OwnCluster()).create("bench")
            else:
                url = f"sqlite:///{Path(folder) / 'bench.db'}"
            one = asyncio.run(measure(url, Path(folder), rows))
            figures |= {
                f"{kind}.ratio": one.ratio,
                f"{kind}.bare_s": one.bare_s,
                f"{kind}.import_s": one.import_s,
                f"{kind}.entry_s": one.entry_s,
                f"{kind}.left_out": one.report.rejected + one.report.duplicates,
                f"{kind}.never_called": one.taken.never,
            }
            limits[f"{kind}.ratio"] = Limit("at_most", LIMIT)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limits["peak_mb"] = Limit("at_most", LIMIT_MB)
    return BenchResult(name="imports", figures=figures, limits=limits)
