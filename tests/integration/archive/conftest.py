"""A directory of real FLAC files with the calls that they are of, on both kinds of database."""

from __future__ import annotations

import asyncio
import math
import shutil
import struct
import wave
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.archive.chain import By
from ivr.archive.filing import Filed, file_recordings, silent
from ivr.archive.places import Place, sha256_of
from ivr.archive.verifying import verify
from ivr.config import ArchiveSettings
from ivr.database import Database
from ivr.dialer.recordings import compress
from ivr.model import (
    ArchiveEntry,
    Attempt,
    AttemptState,
    CampaignList,
    Contact,
    Intention,
    Recording,
    Task,
    TaskState,
)
from tests.database_rig.campaigns import new_campaign
from tests.database_rig.fixture import (
    database_url,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)
from trunk.ports import DialOutcome

__all__ = ["database_url", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
ANN = "cli:ann"


@dataclass
class HandClock:
    """Stands still until it is set."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    async def outside(self, awaitable: Awaitable[Any]) -> Any:
        return await awaitable

    async def due(self, awaitable: Awaitable[Any], after_s: float) -> Any:
        del after_s
        return await awaitable


@dataclass
class Yard:
    """One campaign, its calls and their recordings."""

    database: Database
    clock: HandClock
    place: Place
    sounds: list[Path]
    settings: ArchiveSettings = field(default_factory=ArchiveSettings)
    calls: int = 0

    async def campaign(self, **values: Any) -> int:
        def work(session: Session) -> int:
            return new_campaign(
                session, NOW - timedelta(days=400), flow=str(values.get("name")), **values
            ).campaign.id

        return await self.database.run(work)

    async def call(self, campaign: int, ago: timedelta, *, file: bool = True, **values: Any) -> str:
        """An answered call, by default with a FLAC."""
        self.calls += 1
        name = f"{self.calls:08d}-0000-4000-8000-000000000000"
        began, phone = self.clock.moment - ago, f"+861380000{self.calls:04d}"
        sound = self.sounds[self.calls % len(self.sounds)]

        def work(session: Session) -> None:
            people = session.execute(select(Contact.list_id)).scalars().first() or _list_of(session, campaign)
            contact = Contact(list_id=people, phone=values.get("phone", phone), source_id=name, attributes={})
            session.add(contact)
            session.flush()
            task = Task(campaign_id=campaign, contact_id=contact.id, state=TaskState.DONE, result="x", attempts=1)
            session.add(task)
            session.flush()
            row: dict[str, Any] = {
                "state": AttemptState.ENDED, "started_at": began, "answered_at": began, "talk_ms": 1000,
                "ended_at": began + timedelta(seconds=60), "outcome": DialOutcome.ANSWERED, "phone": phone,
                "intention": Intention.DECLINED, "path": [],
            } | values  # fmt: skip
            session.add(Attempt(id=name, task_id=task.id, campaign_id=campaign, number=1, **row))
            session.flush()
            if file:
                recording = Recording(
                    attempt_id=name, file=f"{name}.flac", sha256=sha256_of(sound), seconds=1.0, created_at=began
                )
                session.add(recording)

        await self.database.run(work)
        if file:
            shutil.copy(sound, self.place.recordings / f"{name}.flac")
        return name

    async def file(self, told: Callable[[str], None] = silent) -> Filed:
        by = By(ANN, self.clock.moment)
        return await file_recordings(self.database, self.place, self.settings, by, told)

    async def findings(self, **options: Any) -> list[str]:
        return [str(one) for one in (await verify(self.database, self.place, **options)).findings]

    async def entries(self) -> list[ArchiveEntry]:
        entries = select(ArchiveEntry).order_by(ArchiveEntry.number)
        return await self.database.read(lambda session: list(session.execute(entries).scalars()))

    async def rows(self) -> dict[str, Recording]:
        """By call."""
        rows = select(Recording)
        found = await self.database.read(lambda session: list(session.execute(rows).scalars()))
        return {row.attempt_id: row for row in found}


def _list_of(session: Session, campaign: int) -> int:
    return session.execute(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign)).scalar_one()


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three FLACs as calls leave them: a second in stereo, each with a tone of its own."""
    folder = tmp_path_factory.mktemp("sounds")
    made = []
    for number, hertz in enumerate((300, 440, 600)):
        wav = folder / f"{number}.wav"
        with wave.open(str(wav), "wb") as audio:
            audio.setparams((2, 2, 8000, 0, "NONE", ""))
            samples = (round(9000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(8000))
            audio.writeframes(b"".join(struct.pack("<hh", sample, 0) for sample in samples))
        asyncio.run(compress(wav))
        made.append(wav.with_suffix(".flac"))
    return made


@pytest.fixture
async def yard(database_url: str, tmp_path: Path, sounds: list[Path]) -> Any:
    clock = HandClock()
    database = Database(database_url, clock)
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    yield Yard(database, clock, Place(recordings), sounds)
    await database.close()


async def in_campaign(yard: Yard, **values: Any) -> int:
    return await yard.campaign(**({"name": "November", "purpose": "marketing"} | values))
