"""Campaigns as rows, and workers in processes of their own that call them over the simulated network."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from flows.loader import loads
from ivr.config import Settings, parse_settings
from ivr.database import Database
from ivr.flow_versions import version_row
from ivr.model import (
    Attempt,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    EmergencyStop,
    Task,
)
from ivr.policy.loader import default_policy
from ivr.policy.policy import policy_of
from ivr.strategy import default_strategy
from ivr.strategy import loads as load_strategy
from tests.command_rig import forked
from tests.command_rig.forked import Command
from tests.shared_prompts import with_shared_prompts

T = TypeVar("T")
FLOW = """
schema: 1
flow: {name}
title: one sentence
language: en
purpose: {purpose}
constants:
  company: {{type: text, value: Clearbrook}}
limits: {{call_s: 60, steps: 20}}
start: hello
nodes:
  hello: {{play: {{say: "Hello, this is {{company}}'s automated assistant. It is recorded."}}, next: end}}
  end: {{hangup: , disposition: told, intention: interested}}
"""
BUSY = {"defaults": {"pickup": "busy", "ring_s": 0}}
ONCE = "schema: 1\nstrategy: once\nretry: {attempts: 1}\n"
HANG_GUARD_S = 110.0  # a machine that is busy with other things takes long to start processes


def phone(number: int) -> str:
    return f"+86138{number:08d}"


def anytime() -> str:
    """A policy that lets everybody be called at any hour."""
    spec = default_policy().spec.model_copy(update={"consent": (), "windows": ()})
    return policy_of(spec).document


@dataclass
class Scene:
    """One database, campaigns in it, and workers on it."""

    url: str
    folder: Path
    var: Path
    toml: str = ""
    processes: list[Command] = field(default_factory=list)

    def settings(self) -> Settings:
        return parse_settings(self._config().read_bytes(), self._config())

    def _config(self) -> Path:
        path = self.folder / "ivr.toml"
        path.write_text(f'[paths]\nvar = "{self.var}"\n[database]\nurl = "{self.url}"\n{self.toml}')
        return path

    def callees(self, book: Mapping[str, Any]) -> Path:
        path = self.folder / "callees.yaml"
        path.write_text(json.dumps(book))
        return path

    # ---- rows ---------------------------------------------------------------------------------------------------

    def campaign(self, name: str, phones: list[str], **more: Any) -> int:
        """A running campaign that anybody may be called by at any hour, once each."""
        purpose = more.pop("purpose", "service")
        strategy = more.pop("strategy", ONCE)
        source = more.pop("flow", FLOW.format(name=f"flow_{purpose}", purpose=purpose))

        def work(session: Session) -> int:
            flow = loads(source.encode())
            now = datetime.now(UTC)
            people = ContactList(name=name, created_at=now, created_by="test")
            session.add(people)
            session.flush()
            values: dict[str, Any] = {
                "name": name,
                "flow_version_id": version_row(session, flow, "test", now).id,
                "purpose": purpose,
                "state": CampaignState.RUNNING,
                "concurrency": 10,
                "policy": anytime(),
                "strategy": load_strategy(strategy.encode()).document if strategy else default_strategy().document,
                "recognizer": "none",
                "created_at": now,
                "created_by": "test",
            }
            campaign = Campaign(**(values | more))
            session.add(campaign)
            session.flush()
            session.add(CampaignList(campaign_id=campaign.id, list_id=people.id))
            contacts = [Contact(list_id=people.id, phone=one, attributes={}) for one in phones]
            session.add_all(contacts)
            session.flush()
            session.add_all(Task(campaign_id=campaign.id, contact_id=contact.id) for contact in contacts)
            return campaign.id

        return self.run(work)

    def with_open(self, story: Callable[[Database], Awaitable[T]]) -> T:
        """Run it with the database open."""

        async def do() -> T:
            database = Database(self.url)
            try:
                return await story(database)
            finally:
                await database.close()

        return asyncio.run(do())

    def run(self, work: Callable[[Session], T]) -> T:
        return self.with_open(lambda database: database.run(work))

    def stop_all(self, *, hang_up: bool = False) -> None:
        def work(session: Session) -> None:
            session.add(EmergencyStop(at=datetime.now(UTC), by="test", why="test", hang_up=hang_up))

        self.run(work)

    def attempts(self) -> list[Attempt]:
        return self.run(lambda session: list(session.scalars(select(Attempt).order_by(Attempt.started_at))))

    def outcomes(self) -> Counter[str]:
        return Counter(one.outcome.value if one.outcome else "open" for one in self.attempts())

    def tasks(self) -> Counter[str]:
        return self.run(
            lambda session: Counter(str(state) for (state,) in session.execute(text("SELECT state FROM task")))
        )

    # ---- processes ----------------------------------------------------------------------------------------------

    def worker(self, *options: str, simulate: bool = True, from_nothing: bool = False) -> Command:
        """`ivr worker`, over the simulated network or the settings' Asterisk, in a process of its own."""
        network = ("--simulate", str(self.folder / "callees.yaml")) if simulate else ()
        process = forked.start(
            *("worker", *network, *options),
            environment=os.environ | {"IVR_CONFIG": str(self._config()), "IVR_LANG": "en"},
            stderr=forked.STDERR_TO_STDOUT,
            from_nothing=from_nothing,
        )
        self.processes.append(process)
        return process

    def until(self, seen: Callable[[], bool], what: str) -> None:
        """Wait for something that workers write; the limit only guards against hanging."""
        end_s = time.monotonic() + HANG_GUARD_S
        while not seen():
            assert time.monotonic() < end_s, f"{what} never came"
            time.sleep(0.2)

    def close(self) -> None:
        for process in self.processes:
            if not process.stdout.closed:
                process.kill()
                process.communicate(HANG_GUARD_S)


def ended(process: Command) -> str:
    """What a worker said until its end, which was a good one."""
    said, _ = process.communicate(HANG_GUARD_S)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered prompts, kept over all tests of a session."""
    return with_shared_prompts(tmp_path_factory.mktemp("var"), tmp_path_factory)


@pytest.fixture
def scene_on(tmp_path: Path, var: Path) -> Iterator[Callable[..., Scene]]:
    made: list[Scene] = []

    def make(url: str, toml: str = "") -> Scene:
        scene = Scene(url, tmp_path, var, toml)
        made.append(scene)
        return scene

    yield make
    for scene in made:
        scene.close()
