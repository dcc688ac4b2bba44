"""The server in this process, over a real SQLite database with one campaign and one recorded call."""

from __future__ import annotations

import asyncio
import shutil
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy.orm import Session

from admin.app import SERVICES, build_app
from admin.call import Services
from admin.handlers.session import cookie_name
from admin.settings import AdminSettings
from flows.values import Modality
from ivr.database import Database
from ivr.model import (
    Answer,
    Attempt,
    AttemptState,
    HungUpBy,
    Intention,
    Recording,
    Role,
    TaskState,
)
from ivr.users import add_user
from tests.database_rig.campaigns import new_campaign
from trunk.ports import DialOutcome

PASSWORD = "correct horse 电池"
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
ATTEMPT = "11111111-2222-4333-8444-555555555555"
PHONE = "+8613800001234"
FRAMES = 8000


@dataclass
class Web:
    """One client with its own cookies, and what the server stands on."""

    client: TestClient[Any, Any]
    services: Services
    recordings: Path
    campaign: int
    recording: int
    password: str = PASSWORD

    @property
    def database(self) -> Database:
        return self.services.database

    def enter(self, name: str = "boss") -> None:
        """Be signed in; the passwords have tests of their own."""
        token = self.services.sessions.open(name)
        self.client.session.cookie_jar.update_cookies({cookie_name(self.services.settings): token})

    async def sign_in(self, name: str = "boss", password: str = PASSWORD, **options: Any) -> Any:
        return await self.client.post("/api/session", json={"name": name, "password": password}, **options)


Open = Callable[..., Awaitable[Web]]


@dataclass(frozen=True)
class Template:
    """A filled database, made once: passwords are slow to hash on purpose."""

    file: Path
    campaign: int
    recording: int


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    file = tmp_path_factory.mktemp("template") / "ivr.db"

    async def fill() -> tuple[int, int]:
        database = Database(f"sqlite:///{file}")
        await database.upgrade()
        for name, role in (("boss", Role.ADMIN), ("watcher", Role.VIEWER)):
            await add_user(database, name, PASSWORD, role, by="test")
        found = await database.run(_fill)
        await database.close()
        return found

    return Template(file, *asyncio.run(fill()))


@pytest.fixture
async def database(tmp_path: Path, template: Template) -> AsyncIterator[Database]:
    shutil.copy(template.file, tmp_path / "ivr.db")
    database = Database(f"sqlite:///{tmp_path / 'ivr.db'}")
    yield database
    await database.close()


@pytest.fixture
async def open_web(database: Database, template: Template, tmp_path: Path) -> AsyncIterator[Open]:
    """`await open_web(throttle=…, streams=…)`: the server with these settings, nobody signed in."""
    clients: list[TestClient[Any, Any]] = []
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    with wave.open(str(recordings / "call.wav"), "wb") as file:
        file.setparams((2, 2, 8000, FRAMES, "NONE", ""))
        file.writeframes(bytes(range(256)) * (FRAMES * 4 // 256))

    async def open_(**settings: Any) -> Web:
        app = await build_app(database, AdminSettings(recordings=recordings, **settings))
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return Web(client, app[SERVICES], recordings, template.campaign, template.recording)

    yield open_
    for client in clients:
        await client.close()


@pytest.fixture
async def web(open_web: Open) -> Web:
    """The server with its defaults; nobody signed in."""
    return await open_web()


@pytest.fixture
async def signed_in(web: Web) -> Web:
    web.enter()
    return web


def _fill(session: Session) -> tuple[int, int]:
    made = new_campaign(session, NOW, [PHONE], by="boss", name="十一月", concurrency=2)
    campaign, (task,) = made.campaign, made.tasks
    task.state, task.attempts = TaskState.DONE, 1
    session.add(
        Attempt(
            id=ATTEMPT, task_id=task.id, campaign_id=campaign.id, number=1, phone=PHONE, state=AttemptState.ENDED,
            started_at=NOW, answered_at=NOW + timedelta(seconds=3), ended_at=NOW + timedelta(seconds=33),
            talk_ms=30_000, outcome=DialOutcome.ANSWERED, cause="sip 200", hung_up_by=HungUpBy.US,
            disposition="consented", intention=Intention.SUCCESS, path=["greet", "consent"],
        )
    )  # fmt: skip
    session.flush()
    for number, (name, value, said) in enumerate(
        (("consent", "no", "不"), ("consent", "yes", "需要"), ("number", "13912345678", "我的号码13912345678")), 1
    ):
        session.add(
            Answer(
                attempt_id=ATTEMPT, number=number, node=name, name=name, value=value, modality=Modality.SPEECH,
                transcript=said, confidence=0.9, reaction_ms=700, rule="grammar", given_at=NOW,
            )
        )  # fmt: skip
    recording = Recording(attempt_id=ATTEMPT, file="call.wav", sha256="0" * 64, seconds=1.0, created_at=NOW)
    session.add(recording)
    session.flush()
    return campaign.id, recording.id
