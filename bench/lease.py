"""The next task leased with four workers competing, policy check included, beside the bare statement.

The bare statement is what every queue on PostgreSQL does: UPDATE … FROM (SELECT … FOR UPDATE SKIP LOCKED LIMIT n)
RETURNING, by the same driver from the same processes on the same table, each a transaction of its own. Rounds of
both alternate, so that a machine that is busy with other things is so for both; figures are medians over rounds.
On PostgreSQL four processes compete, each with the connections of a worker; on SQLite there is one. The server is
one of our own with its default settings: every commit waits for the disk."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import click
import psycopg
import uvloop
from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.result import BenchResult, Limit
from ivr.database import Database
from ivr.database.locks import is_postgresql
from ivr.database.own_cluster import OwnCluster
from ivr.dialer import store
from ivr.i18n import translate
from ivr.model import Base
from ivr.policy.loader import default_policy
from ivr.policy.policy import CampaignRules

WORKERS = 4
BATCHES = (1, 10)
MARKETING = (
    "marketing"  # with the shipped policy this purpose has the most rules: consent, the month's cap, limits
)
MOST_P99_MS = 15.0
LEAST_RATIO = 0.7
LEAST_SQLITE = 500.0
NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)  # Monday, 10:00 in China: everybody may be called
LEASE_S = 600.0
PATIENCE_S = 600.0

_BARE = (
    "UPDATE task SET state = 'leased', lease_owner = %(owner)s, lease_until = %(until)s FROM (SELECT id FROM task"
    " WHERE campaign_id = 1 AND state = 'ready' AND priority = 5 ORDER BY next_at, id LIMIT {count}"
    " FOR UPDATE SKIP LOCKED) AS chosen WHERE task.id = chosen.id RETURNING task.id, contact_id"
)

Way = Literal["ours", "bare"]


@dataclass(frozen=True, slots=True)
class Round:
    """What one worker is to do: lease by one of the ways for so long."""

    way: Way
    batch: int
    seconds: float


@dataclass(slots=True)
class Taken:
    """What came of one way at one batch size, over all rounds."""

    rates: list[float] = field(default_factory=list)  # leases a second, all workers together
    waits_ms: list[float] = field(default_factory=list)  # of each lease
    tasks: list[int] = field(default_factory=list)


@click.command(help=translate("Lease tasks on PostgreSQL and SQLite, beside the bare statement."))
@click.option("--contacts", default=1_000_000, show_default=True, help=translate("Contacts, and tasks."))
@click.option(
    "--database", type=click.Choice(["sqlite", "postgresql", "both"]), default="both", show_default=True,
    help=translate("Which kind of database."),
)  # fmt: skip
@click.option("--rounds", default=7, show_default=True, help=translate("Rounds of each way; medians are shown."))
@click.option("--seconds", default=1.5, show_default=True, help=translate("How long a round takes."))
def command(contacts: int, database: str, rounds: int, seconds: float) -> BenchResult:
    figures: dict[str, float | int | str] = {"contacts": contacts}
    limits: dict[str, Limit] = {}
    if database != "sqlite":
        measure_postgresql(contacts, rounds, seconds, figures, limits)
    if database != "postgresql":
        measure_sqlite(contacts, rounds, seconds, figures, limits)
    rule = "policy: the shipped one, for marketing (consent, the month's cap, limits, window)"
    return BenchResult("lease", figures, limits, (rule,))


# ---- PostgreSQL -------------------------------------------------------------------------------------------------


def measure_postgresql(
    contacts: int, rounds: int, seconds: float, figures: dict[str, float | int | str], limits: dict[str, Limit]
) -> None:
    """Four workers in processes of their own; bare and ours in turn."""
    with OwnCluster() as cluster, ExitStack() as stack:
        url = cluster.create("bench")
        asyncio.run(_prepare(url, contacts))
        pipes = [stack.enter_context(_worker(url, number)) for number in range(WORKERS)]
        for batch in BATCHES:
            taken = _compete(pipes, batch, rounds, seconds, lambda: _reset(url))
            ours, bare = taken["ours"], taken["bare"]
            name = f"postgresql.batch_{batch}"
            figures[f"{name}.leases_per_s"] = statistics.median(ours.rates)
            figures[f"{name}.bare_per_s"] = statistics.median(bare.rates)
            ratio = statistics.median(one / other for one, other in zip(ours.rates, bare.rates, strict=True))
            figures[f"{name}.rate_ratio"] = ratio
            figures[f"{name}.p50_ms"] = _percentile(ours.waits_ms, 50)
            figures[f"{name}.p99_ms"] = _percentile(ours.waits_ms, 99)
            figures[f"{name}.bare_p99_ms"] = _percentile(bare.waits_ms, 99)
            figures[f"{name}.leased_twice"] = _duplicates(ours) + _duplicates(bare)
            limits[f"{name}.p99_ms"] = Limit("at_most", MOST_P99_MS)
            limits[f"{name}.leased_twice"] = Limit("at_most", 0)
            if batch == 10:
                limits[f"{name}.rate_ratio"] = Limit("at_least", LEAST_RATIO)


def _compete(
    pipes: list[Connection], batch: int, rounds: int, seconds: float, reset: Callable[[], None]
) -> dict[Way, Taken]:
    """Rounds of both ways in turn; the first of each warms up and doesn't count."""
    taken: dict[Way, Taken] = {"ours": Taken(), "bare": Taken()}
    for number in range(rounds + 1):
        ways: tuple[Way, Way] = ("ours", "bare") if number % 2 else ("bare", "ours")
        for way in ways:
            reset()
            for pipe in pipes:
                pipe.send(Round(way, batch, seconds))
            answers = [_answer(pipe) for pipe in pipes]
            if number == 0:
                continue
            found = taken[way]
            tasks = [task for some, _ in answers for task in some]
            found.rates.append(len(tasks) / seconds)
            found.waits_ms.extend(wait for _, waits in answers for wait in waits)
            # Rounds begin with every task ready again: within a round nobody may be leased twice.
            found.tasks.append(len(tasks) - len(set(tasks)))
    return taken


def _duplicates(taken: Taken) -> int:
    return sum(taken.tasks)


def _answer(pipe: Connection) -> tuple[list[int], list[float]]:
    if not pipe.poll(PATIENCE_S):
        raise RuntimeError("a worker doesn't answer")
    answer = pipe.recv()
    if isinstance(answer, BaseException):
        raise answer
    tasks, waits = answer
    return tasks, waits


@contextmanager
def _worker(url: str, number: int) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(url, number, there))
    process.start()
    try:
        yield here
    finally:
        here.send(None)
        process.join(30)
        if process.is_alive():
            process.kill()


def _work(url: str, number: int, pipe: Connection) -> None:
    """A worker: takes rounds until it is told to go."""
    try:
        uvloop.run(_rounds(url, f"worker {number}", pipe))
    except Exception as error:  # noqa: BLE001 whatever it is, whoever waits is told
        pipe.send(error)


async def _rounds(url: str, owner: str, pipe: Connection) -> None:
    database = Database(url)
    with psycopg.connect(url, autocommit=True) as connection:
        while (asked := await asyncio.to_thread(pipe.recv)) is not None:
            if asked.way == "ours":
                answer = await _ours(database, owner, asked)
            else:
                answer = await asyncio.to_thread(_bare, connection, owner, asked)
            pipe.send(answer)
    await database.close()


async def _ours(database: Database, owner: str, asked: Round) -> tuple[list[int], list[float]]:
    request = store.LeaseRequest(rules=rules(), owner=owner, count=asked.batch, now=NOW, lease_s=LEASE_S)
    tasks: list[int] = []
    waits: list[float] = []
    end = time.perf_counter() + asked.seconds
    while (begun := time.perf_counter()) < end:
        leased = await store.lease(database, request)
        waits.append((time.perf_counter() - begun) * 1000)
        if len(leased.leases) != asked.batch:
            raise RuntimeError(f"leased {len(leased.leases)} of {asked.batch}: too few contacts for the time")
        tasks.extend(one.task_id for one in leased.leases)
    return tasks, waits


def _bare(connection: psycopg.Connection[Any], owner: str, asked: Round) -> tuple[list[int], list[float]]:
    statement, values = _BARE.format(count=asked.batch), {"owner": owner, "until": NOW}
    tasks: list[int] = []
    waits: list[float] = []
    end = time.perf_counter() + asked.seconds
    while (begun := time.perf_counter()) < end:
        rows = connection.execute(statement, values, prepare=True).fetchall()
        waits.append((time.perf_counter() - begun) * 1000)
        tasks.extend(row[0] for row in rows)
    return tasks, waits


# ---- SQLite -----------------------------------------------------------------------------------------------------


def measure_sqlite(
    contacts: int, rounds: int, seconds: float, figures: dict[str, float | int | str], limits: dict[str, Limit]
) -> None:
    """One process, as a worker on SQLite is, with every commit on the disk."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(_prepare(url, contacts))
        for batch in BATCHES:
            taken = uvloop.run(_alone(url, batch, rounds, seconds))
            name = f"sqlite.batch_{batch}"
            figures[f"{name}.leases_per_s"] = statistics.median(taken.rates)
            figures[f"{name}.p99_ms"] = _percentile(taken.waits_ms, 99)
            figures[f"{name}.leased_twice"] = _duplicates(taken)
            limits[f"{name}.leases_per_s"] = Limit("at_least", LEAST_SQLITE)
            limits[f"{name}.leased_twice"] = Limit("at_most", 0)


async def _alone(url: str, batch: int, rounds: int, seconds: float) -> Taken:
    database, taken = Database(url, durable=True), Taken()
    for number in range(rounds + 1):
        tasks, waits = await _ours(database, "worker", Round("ours", batch, seconds))
        if number:
            taken.rates.append(len(tasks) / seconds)
            taken.waits_ms.extend(waits)
            taken.tasks.append(len(tasks) - len(set(tasks)))
    await database.close()
    return taken


# ---- what both have in common ---------------------------------------------------------------------------------


def rules() -> CampaignRules:
    return CampaignRules(default_policy(), 1, MARKETING, "offer", {})


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


_SERIES = {
    "postgresql": "generate_series(1, :contacts) AS series(n)",
    "sqlite": "(WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :contacts)"
    " SELECT n FROM series)",
}
_PHONE = {"postgresql": "'+8613' || lpad(n::text, 9, '0')", "sqlite": "'+8613' || printf('%09d', n)"}
_FILL = (
    "INSERT INTO flow_version (id, flow, version, content_hash, source, language, purpose, published_at,"
    " published_by) VALUES (1, 'offer', 1, 'x', '', 'zh-CN', :purpose, :now, 'bench')",
    "INSERT INTO contact_list (id, name, created_at, created_by) VALUES (1, 'bench', :now, 'bench')",
    "INSERT INTO campaign (id, name, flow_version_id, purpose, state, concurrency, recognizer, timezone,"
    " created_at, created_by)"
    " VALUES (1, 'bench', 1, :purpose, 'running', 100, '', 'Asia/Shanghai', :now, 'bench')",
    "INSERT INTO campaign_list (campaign_id, list_id) VALUES (1, 1)",
    "INSERT INTO contact (id, list_id, phone, source_id, attributes)"
    " SELECT n, 1, {phone}, '', '{{\"balance\": \"12.30\"}}' FROM {series}",
    "INSERT INTO task (id, campaign_id, contact_id, state, attempts) SELECT n, 1, n, 'ready', 0 FROM {series}",
    "INSERT INTO consent (phone, purpose, source, given_at, created_at, created_by)"
    " SELECT {phone}, :purpose, 'bench', :now, :now, 'bench' FROM {series}",
)


async def _prepare(url: str, contacts: int) -> None:
    """A running campaign of so many contacts, each with a consent, and none of them ever called."""
    database = Database(url)
    await database.upgrade()
    await database.run(lambda session: _fill(session, contacts))
    await database.close()
    if database.kind == "postgresql":
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
    os.sync()  # else the disk is still busy with the preparation while leases wait for it


def _fill(session: Session, contacts: int) -> None:
    """Rows first, then their indexes, and no look at foreign keys: a third of the time."""
    postgresql = is_postgresql(session)
    kind = "postgresql" if postgresql else "sqlite"
    if postgresql:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
    else:
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
    tables = [Base.metadata.tables[name] for name in ("contact", "task", "consent")]
    indexes = [index for table in tables for index in sorted(table.indexes, key=lambda one: str(one.name))]
    for index in indexes:
        index.drop(session.connection())
    given = {"now": NOW, "contacts": contacts, "purpose": MARKETING}
    for statement in _FILL:
        session.execute(text(statement.format(phone=_PHONE[kind], series=_SERIES[kind])), given)
    for index in indexes:
        index.create(session.connection())


def _reset(url: str) -> None:
    """Every task ready again; as much cleared away as the server itself would in the long run."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE task SET state = 'ready', lease_owner = NULL, lease_until = NULL WHERE state = 'leased'"
        )
        connection.execute("VACUUM ANALYZE task")
        connection.execute("CHECKPOINT")
