"""How long an agent waits for their next task: `next` with the policy's question, the script's first page and the
agent's state, in a campaign of many contacts; after each the task is skipped."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import click
from sqlalchemy import insert
from sqlalchemy.orm import Session

from bench.result import BenchResult, Limit
from flows.loader import loads
from ivr.byhand.service import Tasks
from ivr.byhand.taking import Nothing
from ivr.config import PathSettings, Settings
from ivr.database import Database
from ivr.database.own_cluster import OwnCluster
from ivr.desk.presence import Change, choose, find
from ivr.flow_versions import version_row
from ivr.i18n import translate
from ivr.model import (
    Agent,
    AgentState,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    HandledBy,
    PeopleMode,
    Task,
)
from ivr.policy.loader import default_policy
from ivr.policy.policy import policy_of
from ivr.strategy import default_strategy

MOST_P50_MS, MOST_P99_MS = 10.0, 50.0  # on a machine that does nothing else
AGENT = "1001"
ROWS = 5000  # written at a time
FLOW = b"""
schema: 1
flow: bench
language: en
purpose: service
limits: {call_s: 60, steps: 20}
start: ask
nodes:
  ask:
    ask: {prompt: {say: "Is everything all right?"}, expect: yes_no, save_as: fine}
    yes: end
    no: end
    no_input: end
    no_match: end
  end: {hangup: , disposition: asked}
"""


@click.command(help=translate("An agent's next task, by hand."))
@click.option("--contacts", default=100_000, show_default=True, help=translate("Contacts, and tasks."))
@click.option(
    "--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True,
    help=translate("Which kind of database."),
)  # fmt: skip
@click.option("--times", default=300, show_default=True, help=translate("How often the agent asks."))
def command(contacts: int, database: str, times: int) -> BenchResult:
    with ExitStack() as stack:
        if database == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-"))
            url = f"sqlite:///{Path(folder) / 'tasks.db'}"
        else:
            url = stack.enter_context(OwnCluster()).create("tasks")
        waits_ms, cpu_ms = asyncio.run(_measure(url, contacts, times))
    ordered = sorted(waits_ms)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    figures: dict[str, float | int | str] = {
        "contacts": contacts,
        "database": database,
        "next_p50_ms": statistics.median(ordered),
        "next_p99_ms": p99,
        "next_and_skip_cpu_ms": cpu_ms,
    }
    limits = {"next_p50_ms": Limit("at_most", MOST_P50_MS), "next_p99_ms": Limit("at_most", MOST_P99_MS)}
    return BenchResult("tasks", figures, limits)


async def _measure(url: str, contacts: int, times: int) -> tuple[list[float], float]:
    """How long each `next` took, and this process's time on the processor for one with its skip."""
    database = Database(url)
    await database.upgrade()
    await database.run(lambda session: _fill(session, contacts))
    os.sync()
    tasks = Tasks(database, Settings(paths=PathSettings()))
    waits_ms: list[float] = []
    try:
        await tasks.next(AGENT)  # the campaign is parsed once in a process's life
        await tasks.skip(AGENT, "bench")
        cpu_s = time.process_time()
        for _ in range(times):
            began_s = time.perf_counter()
            found = await tasks.next(AGENT)
            waits_ms.append(1000 * (time.perf_counter() - began_s))
            assert not isinstance(found, Nothing)
            await tasks.skip(AGENT, "bench")
        return waits_ms, 1000 * (time.process_time() - cpu_s) / times
    finally:
        await tasks.close()
        await database.close()


def _fill(session: Session, contacts: int) -> None:
    now = datetime.now(UTC)
    session.add(Agent(number=AGENT, name="bench", phone="601", hired_on=date(2024, 3, 1)))
    people = ContactList(name="bench", created_at=now, created_by="bench")
    session.add(people)
    session.flush()
    flow = loads(FLOW)
    row = Campaign(
        name="bench",
        flow_version_id=version_row(session, flow, "bench", now).id,
        purpose=flow.purpose,
        state=CampaignState.RUNNING,
        concurrency=10,
        policy=policy_of(default_policy().spec.model_copy(update={"windows": ()})).document,
        strategy=default_strategy().document,
        handled_by=HandledBy.PEOPLE,
        people_mode=PeopleMode.PREVIEW,
        created_at=now,
        created_by="bench",
    )
    session.add(row)
    session.flush()
    session.add(CampaignList(campaign_id=row.id, list_id=people.id))
    for begin in range(1, contacts + 1, ROWS):
        ids = range(begin, min(begin + ROWS, contacts + 1))
        phones = [{"id": one, "list_id": people.id, "phone": f"+86138{one:08}", "attributes": {}} for one in ids]
        session.execute(insert(Contact), phones)
        session.execute(insert(Task), [{"id": one, "campaign_id": row.id, "contact_id": one} for one in ids])
    for state in (AgentState.SIGNED_IN, AgentState.READY):
        choose(session, find(session, AGENT), Change(state, AGENT), now)
