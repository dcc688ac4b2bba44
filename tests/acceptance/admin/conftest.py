"""A real server (`ivr serve`, its own process) over a real database, and a Chromium that may reach only it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from uuid import UUID

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from sqlalchemy.orm import Session

import flows
from flows.loader import load
from flows.values import Modality
from ivr.database import Database
from ivr.model import (
    Answer,
    Attempt,
    AttemptState,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    FlowVersion,
    HungUpBy,
    Intention,
    Recording,
    Role,
    Task,
    TaskState,
)
from ivr.users import add_user
from trunk.ports import DialOutcome

T = TypeVar("T")
RATE_HZ = 8000
FLOW = Path(flows.__file__).parent / "library" / "zh-CN" / "low_balance_reminder.yaml"
PASSWORD = "correct horse 电池"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000  # for a machine that is busy with other tests
expect.set_options(timeout=PATIENCE_MS)
UNREACHED = (DialOutcome.NO_ANSWER, DialOutcome.BUSY, DialOutcome.POWERED_OFF, DialOutcome.INVALID_NUMBER)


@dataclass
class World:
    """A database that a test fills and changes while the server reads it."""

    url: str
    recordings: Path
    random: random.Random = field(default_factory=lambda: random.Random(20))
    began: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=30))

    def run(self, work: Callable[[Session], T]) -> T:
        """One write transaction, in a thread of its own: Playwright holds this thread's loop."""

        async def change() -> T:
            database = Database(self.url)
            try:
                return await database.run(work)
            finally:
                await database.close()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(change())).result()

    def add_users(self) -> None:
        async def add() -> None:
            database = Database(self.url)
            await database.upgrade()
            for name, role in (("boss", Role.ADMIN), ("watcher", Role.VIEWER)):
                await add_user(database, name, PASSWORD, role, by="test")
            await database.close()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(add())).result()

    def uuid(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def campaign(self, session: Session, name: str, state: CampaignState, contacts: int) -> Campaign:
        """A campaign with its flow version, list and ready tasks."""
        version = FlowVersion(
            flow="low_balance_reminder",
            version=1 + session.query(FlowVersion).count(),
            content_hash=f"{self.random.getrandbits(256):064x}",
            source=load(FLOW).document,
            language="zh-CN",
            purpose="service",
            published_at=self.began,
            published_by="boss",
        )
        people = ContactList(name=name, created_at=self.began, created_by="boss")
        session.add_all([version, people])
        session.flush()
        campaign = Campaign(
            name=name,
            flow_version_id=version.id,
            purpose="service",
            state=state,
            concurrency=10,
            recognizer="whisper",
            created_at=self.began,
            created_by="boss",
            started_at=self.began,
        )
        session.add(campaign)
        session.flush()
        session.add(CampaignList(campaign_id=campaign.id, list_id=people.id))
        for index in range(contacts):
            contact = Contact(list_id=people.id, phone=f"+86138{campaign.id:02d}{index:06d}")
            session.add(contact)
            session.flush()
            session.add(Task(campaign_id=campaign.id, contact_id=contact.id, state=TaskState.READY))
        session.flush()
        return campaign

    def ended(self, session: Session, task: Task, index: int) -> Attempt:
        """A call of `task` that has ended, in one of several ways; deterministic."""
        contact = session.get_one(Contact, task.contact_id)
        talks = self.random.random() < 0.7
        started = self.began + timedelta(seconds=7 * index)
        talk_s = max(8.0, self.random.gauss(38, 9)) if talks else 0.0
        agrees = self.random.random() < 0.7
        attempt = Attempt(
            id=self.uuid(),
            task_id=task.id,
            campaign_id=task.campaign_id,
            number=1,
            phone=contact.phone,
            state=AttemptState.ENDED,
            started_at=started,
            ringing_at=started + timedelta(seconds=1),
            answered_at=started + timedelta(seconds=4) if talks else None,
            ended_at=started + timedelta(seconds=4 + talk_s),
            talk_ms=int(talk_s * 1000),
            outcome=DialOutcome.ANSWERED if talks else self.random.choice(UNREACHED),
            cause="sip 200, q850 16 Normal call clearing" if talks else "sip 486, q850 17 User busy",
            hung_up_by=HungUpBy.US if talks else HungUpBy.NETWORK,
            disposition=("consented" if agrees else "declined") if talks else None,
            intention=(Intention.SUCCESS if agrees else Intention.DECLINED) if talks else Intention.UNREACHABLE,
            path=["greet", "reminder", "consent", "sms_sent" if agrees else "declined", "rating", "close"]
            if talks
            else [],
        )
        attempt.disposition = attempt.disposition or str(attempt.outcome)
        task.state, task.attempts, task.result = TaskState.DONE, 1, attempt.disposition
        session.add(attempt)
        session.flush()
        if talks:
            self._answers(session, attempt, agrees)
        return attempt

    def _answers(self, session: Session, attempt: Attempt, agrees: bool) -> None:
        assert attempt.answered_at is not None
        by_speech = self.random.random() < 0.6
        rating = str(self.random.choice("34555"))
        given = (
            ("consent", "yes" if agrees else "no", "需要" if agrees else "不用了", 16.0),
            ("rating", rating, f"{rating}分", 27.0),
        )
        for number, (name, value, said, at_s) in enumerate(given, start=1):
            session.add(
                Answer(
                    attempt_id=attempt.id,
                    number=number,
                    node=name,
                    name=name,
                    value=value,
                    modality=Modality.SPEECH if by_speech else Modality.KEYS,
                    transcript=said if by_speech else None,
                    confidence=0.93 if by_speech else None,
                    reaction_ms=850,
                    rule="two-pass" if by_speech else "key",
                    given_at=attempt.answered_at + timedelta(seconds=at_s),
                )
            )

    def record(self, session: Session, attempt: Attempt) -> Recording:
        """A stereo recording as long as the call: we talk for most of it, the callee twice."""
        seconds = attempt.talk_ms / 1000
        name = f"{attempt.id}.flac"
        write_recording(self.recordings / name, seconds)
        row = Recording(
            attempt_id=attempt.id, file=name, sha256="0" * 64, seconds=seconds, created_at=attempt.ended_at
        )
        session.add(row)
        session.flush()
        return row

    def live(self, session: Session, task: Task, node: str | None, heard: str | None) -> Attempt:
        """A call of `task` that is going on."""
        contact = session.get_one(Contact, task.contact_id)
        now = datetime.now(UTC)
        attempt = Attempt(
            id=self.uuid(),
            task_id=task.id,
            campaign_id=task.campaign_id,
            number=1,
            phone=contact.phone,
            state=AttemptState.TALKING if node else AttemptState.RINGING,
            current_node=node,
            last_heard=heard,
            started_at=now,
            answered_at=now if node else None,
            path=[node] if node else [],
        )
        task.state = TaskState.LEASED
        session.add(attempt)
        session.flush()
        return attempt


def write_recording(path: Path, seconds: float) -> None:
    """Speech-like noise bursts as FLAC, so that the lanes have a shape: left the callee, right we."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(3).standard_normal((2, time_s.size))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4.2 * time_s)
    callee = sum(((time_s > at) & (time_s < at + 1.2)).astype(float) for at in (0.4, 15.2, 26.1))
    us = ((time_s % 12.0 > 1.8) & (time_s % 12.0 < 9.5)).astype(float) * (np.sin(2 * np.pi * 0.33 * time_s) > -0.6)
    samples = np.stack([noise[0] * (0.004 + 0.16 * syllables * callee), noise[1] * 0.14 * syllables * us], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    raw = ("-f", "s16le", "-ar", str(RATE_HZ), "-ac", "2", "-i", "-")
    subprocess.run(["ffmpeg", "-v", "error", *raw, "-c:a", "flac", str(path)], input=pcm, check=True)


@dataclass
class Site:
    """The server and what is in its database."""

    address: str
    world: World
    running: int  # id of a running campaign: 120 contacts, 90 called
    finished: int
    recorded: str  # an attempt with a recording
    cookies: dict[str, Any] = field(default_factory=dict)

    def cookie(self, name: str) -> Any:
        """The session cookie of a user, from one sign-in."""
        if name not in self.cookies:
            asked = Request(
                f"{self.address}/api/session",
                json.dumps({"name": name, "password": PASSWORD}).encode(),
                {"Content-Type": "application/json"},
            )
            with urlopen(asked) as answer:
                found = SimpleCookie(answer.headers["Set-Cookie"])
            key, morsel = next(iter(found.items()))
            self.cookies[name] = {"name": key, "value": morsel.value, "url": self.address}
        return self.cookies[name]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, need_program: Callable[[str, str], str]) -> Iterator[Site]:
    need_program("ffmpeg", "ffmpeg")
    directory = tmp_path_factory.mktemp("site")
    world = World(f"sqlite:///{directory / 'ivr.db'}", directory / "recordings")
    world.add_users()

    def fill(session: Session) -> tuple[int, int, str]:
        finished = world.campaign(session, "宽带满意度回访", CampaignState.FINISHED, 12)
        for index, task in enumerate(session.query(Task).filter_by(campaign_id=finished.id)):
            world.ended(session, task, index)
        running = world.campaign(session, "十一月余额提醒(城区)", CampaignState.RUNNING, 120)
        tasks = session.query(Task).filter_by(campaign_id=running.id).order_by(Task.id).limit(90).all()
        attempts = [world.ended(session, task, index) for index, task in enumerate(tasks)]
        spoken = next(one for one in attempts if one.talk_ms > 30_000 and one.outcome is DialOutcome.ANSWERED)
        world.record(session, spoken)
        return running.id, finished.id, spoken.id

    running, finished, recorded = world.run(fill)
    with _serving(directory) as address:
        yield Site(address, world, running, finished, recorded)


@contextmanager
def _serving(directory: Path) -> Iterator[str]:
    code = "from ivr.cli.main import main; main()"
    options = ["--db", str(directory / "ivr.db"), "--recordings", str(directory / "recordings"), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"IVR_LANG": "en"},
    )
    with process, process.stdout or nullcontext() as output:
        assert output is not None
        line = output.readline()
        found = re.search(r"http://\S+/", line)
        assert found, line + output.read()
        try:
            yield found.group().rstrip("/")
        finally:
            process.terminate()
            assert process.wait(timeout=15) == 0, output.read()


# Not for the session: until it is closed, playwright keeps a loop running in this thread, and every other test
# that calls `asyncio.run` would fail.
@pytest.fixture(scope="module")
def browser(need_program: Callable[[str, str], str]) -> Iterator[Browser]:
    executable = need_program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One browser window; what it said and whom it asked is checked when the test ends."""

    page: Page
    site: Site
    password: str = PASSWORD
    problems: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    expected: re.Pattern[str] | None = None  # console errors that the test provokes

    def go(self, path: str) -> None:
        self.page.goto(self.site.address + path)

    def enter(self, path: str = "/", name: str = "boss") -> None:
        """Go there as somebody who has signed in before (the form has tests of its own)."""
        self.page.context.add_cookies([self.site.cookie(name)])
        self.go(path)

    def sign_in(self, name: str = "boss", password: str = PASSWORD, path: str = "/") -> None:
        """Go there and fill in the form."""
        self.go(path)
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", password)
        self.page.click("form button")

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (self.expected and self.expected.search(message.text)):
            self.problems.append(f"{message.text} ({message.location})")


@pytest.fixture
def visit(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A window of 1280 × 900; parametrize indirectly with Playwright's context options to change it."""
    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**(options | getattr(request, "param", {})))
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context.new_page(), site)
    visit.page.on("console", visit.hear)
    visit.page.on("pageerror", lambda error: visit.problems.append(str(error)))
    visit.page.on("request", lambda asked: _stranger(asked.url, visit))
    yield visit
    context.close()
    assert visit.problems == []
    assert visit.strangers == []


def _stranger(url: str, visit: Visit) -> None:
    if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(visit.site.address + "/"):
        visit.strangers.append(url)
