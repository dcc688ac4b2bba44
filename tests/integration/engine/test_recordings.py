"""Recordings after the call: compressed sample for sample, behind the calls, and never lost."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.dialer import recordings
from ivr.dialer.recordings import CompressionError, Compressor, compress
from ivr.model import (
    Attempt,
    AttemptState,
    Campaign,
    CampaignState,
    Contact,
    ContactList,
    FlowVersion,
    Recording,
    Task,
)
from ivr.rehearsal import RehearsalOptions
from speech.audio.files import write_wav

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
LIVE = "live"  # an attempt without an end


@dataclass
class Shelf:
    """A folder of recordings, and a database with attempts "0" to "5" that are over and one that isn't."""

    folder: Path
    db: Database

    def record(self, attempt_id: str, seconds: float = 1.0) -> bytes:
        pcm = (
            np.random.default_rng(len(attempt_id))
            .integers(-9000, 9000, round(seconds * 16000), np.int16)
            .tobytes()
        )
        write_wav(self.folder / f"{attempt_id}.wav", pcm, channels=2)
        return pcm

    async def run(self, *taken: str) -> None:
        """One run of the engine, in which these calls end."""
        compressor = Compressor(self.folder, self.db)
        await compressor.start()
        for attempt_id in taken:
            compressor.take(attempt_id)
        await compressor.close()

    async def rows(self) -> dict[str, Recording]:
        def read(session: Session) -> list[Recording]:
            return list(session.scalars(select(Recording)))

        rows = await self.db.read(read)
        assert len({row.attempt_id for row in rows}) == len(rows)
        return {row.attempt_id: row for row in rows}

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
async def shelf(tmp_path: Path, need_program: Callable[[str, str], str]) -> AsyncIterator[Shelf]:
    need_program("ffmpeg", "ffmpeg")
    folder = tmp_path / "recordings"
    await asyncio.to_thread(folder.mkdir)
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    await database.upgrade()
    await database.run(_fill)
    yield Shelf(folder, database)
    await database.close()


def _fill(session: Session) -> None:
    session.add(
        FlowVersion(
            flow="f", version=1, content_hash="0" * 64, source="", language="en", purpose="service",
            published_at=NOW, published_by="test",
        )
    )  # fmt: skip
    session.add(ContactList(name="list", created_at=NOW, created_by="test"))
    session.flush()
    session.add(
        Campaign(
            name="c", flow_version_id=1, purpose="service", concurrency=5, state=CampaignState.RUNNING,
            created_at=NOW, created_by="test",
        )
    )  # fmt: skip
    for number, attempt_id in enumerate([*"012345", LIVE], start=1):
        phone = f"+86138{number:08d}"
        session.add(Contact(list_id=1, phone=phone, attributes={}))
        session.flush()
        session.add(Task(campaign_id=1, contact_id=number))
        session.flush()
        over = attempt_id != LIVE
        session.add(
            Attempt(
                id=attempt_id, task_id=number, campaign_id=1, number=1, phone=phone, started_at=NOW,
                state=AttemptState.ENDED if over else AttemptState.TALKING,
                ended_at=NOW + timedelta(seconds=number) if over else None,
            )
        )  # fmt: skip


def decoded(path: Path) -> bytes:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "s16le", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


async def test_flac_holds_the_very_samples_and_is_the_same_each_time(shelf: Shelf) -> None:
    pcm = shelf.record("0", 3.3)
    facts = await compress(shelf.folder / "0.wav")
    flac = shelf.folder / "0.flac"
    assert decoded(flac) == pcm  # neither side moves by a sample
    content = flac.read_bytes()
    assert facts.file == "0.flac"
    assert facts.seconds == pytest.approx(3.3)
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert await compress(shelf.folder / "0.wav") == facts
    assert flac.read_bytes() == content


async def test_the_row_comes_with_the_file_and_the_wav_goes(shelf: Shelf) -> None:
    shelf.record("0")
    await shelf.run("0", "1")  # 1 wasn't answered: it has no file
    assert shelf.files == ["0.flac"]
    rows = await shelf.rows()
    assert set(rows) == {"0"}
    assert rows["0"].file == "0.flac"
    assert rows["0"].seconds == pytest.approx(1.0)
    assert rows["0"].sha256 == hashlib.sha256((shelf.folder / "0.flac").read_bytes()).hexdigest()
    assert rows["0"].created_at == NOW + timedelta(seconds=1)


async def test_early_media_is_compressed_with_the_call_and_has_no_row(shelf: Shelf) -> None:
    pcm = np.arange(8000, dtype=np.int16).tobytes()
    write_wav(recordings.early_media_path(shelf.folder, "0"), pcm)
    await shelf.run("0")
    assert shelf.files == ["0.early.flac"]
    assert decoded(shelf.folder / "0.early.flac") == pcm
    assert await shelf.rows() == {}


async def test_the_end_of_a_call_waits_for_nothing(shelf: Shelf, slow_ffmpeg: None) -> None:
    del slow_ffmpeg
    compressor = Compressor(shelf.folder, shelf.db)
    await compressor.start()
    for attempt_id in "012":
        shelf.record(attempt_id)
        compressor.take(attempt_id)  # isn't even awaited
    assert shelf.files == ["0.wav", "1.wav", "2.wav"]
    await compressor.close()


async def test_an_encoder_that_was_just_being_started_ends_too(
    shelf: Shelf, slow_ffmpeg: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the process couldn't end before it."""
    del slow_ffmpeg
    starting, given_up, started = threading.Event(), threading.Event(), threading.Event()
    made: list[Late] = []

    class Late(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            starting.set()
            given_up.wait()
            super().__init__(*args, **options)
            made.append(self)
            started.set()

    monkeypatch.setattr(subprocess, "Popen", Late)
    shelf.record("0")
    making = asyncio.create_task(compress(shelf.folder / "0.wav"))
    await asyncio.to_thread(starting.wait)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    given_up.set()
    await asyncio.to_thread(started.wait)
    try:
        assert await asyncio.to_thread(made[0].wait, 10) < 0  # killed
    finally:
        made[0].kill()


class TestAfterACrash:
    async def test_what_was_left_is_made_at_the_next_start(self, shelf: Shelf) -> None:
        for attempt_id in ("0", "3", LIVE, "a stranger"):
            shelf.record(attempt_id)
        (shelf.folder / "3.flac.part").write_bytes(b"half a file")
        await shelf.run()
        assert shelf.files == ["0.flac", "3.flac", "a stranger.wav", f"{LIVE}.wav"]
        assert set(await shelf.rows()) == {"0", "3"}

    async def test_between_the_row_and_the_end_of_the_wav(self, shelf: Shelf) -> None:
        shelf.record("0")
        before = (shelf.folder / "0.wav").read_bytes()
        await shelf.run("0")
        first = (await shelf.rows())["0"]
        (shelf.folder / "0.wav").write_bytes(before)
        await shelf.run()
        again = (await shelf.rows())["0"]
        assert (again.id, again.sha256) == (first.id, first.sha256)
        assert shelf.files == ["0.flac"]


def fake_ffmpeg(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.fixture
def slow_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never ends by itself; the run doesn't wait for it."""
    fake_ffmpeg(tmp_path, "exec sleep 600", monkeypatch)
    monkeypatch.setattr(recordings, "CLOSE_S", 0.3)


class TestNothingIsLost:
    async def test_without_ffmpeg_the_wav_is_kept_and_compressed_later(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        shelf.record("0")
        with monkeypatch.context() as without:
            without.setenv("PATH", "/nowhere")
            await shelf.run("0")
        wav = (await shelf.rows())["0"]
        assert (wav.file, shelf.files) == ("0.wav", ["0.wav"])
        assert "there is no ffmpeg" in caplog.text
        await shelf.run()
        flac = (await shelf.rows())["0"]
        assert (flac.id, flac.file, shelf.files) == (wav.id, "0.flac", ["0.flac"])
        assert flac.sha256 != wav.sha256

    @pytest.mark.parametrize("script", [
        "exit 3", 'for part; do :; done; echo nonsense > "$part"',
        'for part; do :; done; ffmpeg=$(which -a ffmpeg | tail -n 1); '
        '"$ffmpeg" -v error -f lavfi -i "anullsrc=r=8000:cl=stereo:d=1" -c:a flac -f flac -y "$part"',
    ], ids=["fails", "nonsense", "other samples"])  # fmt: skip
    async def test_a_file_that_is_not_the_wav_is_not_taken(
        self, shelf: Shelf, tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shelf.record("0")
        fake_ffmpeg(tmp_path, script, monkeypatch)
        with pytest.raises(CompressionError):
            await compress(shelf.folder / "0.wav")
        assert shelf.files == ["0.wav"]
        await shelf.run("0")
        assert (await shelf.rows())["0"].file == "0.wav"

    async def test_one_broken_file_does_not_keep_the_others(
        self, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        (shelf.folder / "0.wav").write_bytes(b"RIFF nonsense")
        shelf.record("1")
        await shelf.run("0", "1")
        assert shelf.files == ["0.wav", "1.flac"]
        assert set(await shelf.rows()) == {"1"}
        assert "recording_not_kept: attempt 0" in caplog.text


class TestBounds:
    async def test_more_than_may_wait_are_found_on_the_disk(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recordings, "MAX_WAITING", 2)
        (shelf.folder / "0.wav").write_bytes(b"nonsense")  # fails, and isn't looked for again and again
        for attempt_id in "12345":
            shelf.record(attempt_id)
        compressor = Compressor(shelf.folder, shelf.db)
        await compressor.start()
        for attempt_id in "012345":
            compressor.take(attempt_id)
            assert len(compressor._waiting) <= 2
        await compressor.close()
        assert set(await shelf.rows()) == set("12345")

    async def test_the_end_of_a_run_waits_no_longer_than_its_limit(
        self, shelf: Shelf, slow_ffmpeg: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        del slow_ffmpeg
        shelf.record("0")
        shelf.record("1")
        await shelf.run("0", "1")
        assert shelf.files == ["0.wav", "1.wav"]  # and no half file, no process
        assert await shelf.rows() == {}
        assert "recordings_left_to_compress" in caplog.text

    async def test_an_encoder_that_hangs_is_stopped(
        self, shelf: Shelf, slow_ffmpeg: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del slow_ffmpeg
        monkeypatch.setattr(recordings, "ENCODE_S", 0.2)
        shelf.record("0")
        with pytest.raises(TimeoutError):
            await compress(shelf.folder / "0.wav")
        assert shelf.files == ["0.wav"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressing(RehearsalOptions):
    """As a real run does it."""

    compresses: ClassVar[bool] = True


def test_a_run_has_its_recordings_when_it_ends(bench: Any, need_program: Callable[[str, str], str]) -> None:
    need_program("ffmpeg", "ffmpeg")
    options = bench.options([{"does": [{"on": "greet", "at_s": 0.5, "hang_up": True}]}], defaults={"ring_s": 0.1})
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    folder = bench.folder / "recordings"
    done = bench.run(Compressing(**given | {"realtime": True, "record": folder}))
    name = done.only().recording
    assert name is not None
    assert name.endswith(".flac")
    assert (folder / name).read_bytes().startswith(b"fLaC")
    ((seconds, sha256),) = done.rows("SELECT seconds, sha256 FROM recording")
    assert seconds > 0.3
    assert sha256 == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert [path.name for path in folder.iterdir()] == [name]
