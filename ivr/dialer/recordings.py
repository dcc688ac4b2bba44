"""What becomes of a call's recording when the call is over: what the database keeps of it, and its final form.

A rehearsal keeps the WAV, and its facts are written with the outcome. A real run keeps FLAC: `Compressor` makes
it afterwards, one file at a time, behind the calls; the row comes when the file is there. Until then the WAV is
there: what a crash leaves is found by its name and made at the next start (decision 0096)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import subprocess
import threading
import wave
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.archive.places import FOLDER
from ivr.database import Database
from ivr.dialer.store import RecordingFacts, attempt_table
from ivr.dialer.store.tables import IDS_AT_ONCE
from ivr.model import Attempt, Recording

log = logging.getLogger(__name__)

MAX_WAITING = 1000  # names; who finds no place is found on the disk when there is none waiting
ENCODE_S = 120.0  # an hour of stereo takes about 3 s
CLOSE_S = 60.0  # the end of a run waits so long for what is still to be made; the next start makes the rest
NICENESS = 10  # calls go first
_NOT_KEPT = "recording_not_kept: attempt %s: %s"
_STREAMINFO_BYTES = 42  # "fLaC", a block's header, STREAMINFO (RFC 9639, 8.2)


class CompressionError(Exception):
    """The compressed file isn't the WAV. The WAV stays."""


def early_media_path(folder: Path, attempt_id: str) -> Path:
    """Where a call's early media is kept; it becomes FLAC with the recording, and has no row."""
    return folder / f"{attempt_id}.early.wav"


def recording_facts(path: Path) -> RecordingFacts | None:
    """Facts of a finished WAV; None when the call left none (it wasn't answered)."""
    if not path.exists():
        return None
    with wave.open(str(path), "rb") as audio:
        seconds = audio.getnframes() / audio.getframerate()
    return RecordingFacts(path.name, _sha256(path), seconds)


class Compressor:
    """Makes FLAC out of the WAVs of one folder, and their rows. `start` once, `take` per call, `close` at the end.

    What can't be compressed stays WAV, with its row, and is tried again at the next start."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._waiting: deque[str] = deque()  # attempt ids; bounded in `take`
        self._overflowed = False  # the disk holds more
        self._failed: set[str] = set()  # not again in this run
        self._closing = False
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Also takes what earlier runs left."""
        await self._take_left_over()
        self._worker = asyncio.create_task(self._work(), name="recordings")

    def take(self, attempt_id: str) -> None:
        """The call's outcome is written: its recording, if it has one, may be made. Returns at once."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(attempt_id)
        else:
            self._overflowed = True
        self._news.set()

    async def close(self) -> None:
        """Finish what is there, at most CLOSE_S long."""
        if self._worker is None:
            return
        self._closing = True
        self._news.set()
        try:
            await asyncio.wait_for(self._worker, CLOSE_S)
        except TimeoutError:
            log.warning("recordings_left_to_compress", extra={"count": len(self._waiting)})
        self._worker = None

    async def _work(self) -> None:
        while True:
            while self._waiting:
                await self._make(self._waiting.popleft())
            if self._overflowed:
                self._overflowed = False
                await self._take_left_over()
            elif self._closing:
                return
            else:
                self._news.clear()
                await self._news.wait()

    async def _take_left_over(self) -> None:
        """WAVs of calls that are over, whoever made them."""
        found = await asyncio.to_thread(lambda: {path.name.split(".")[0] for path in self._folder.glob("*.wav")})
        names = sorted(found - self._failed)
        for start in range(0, len(names), IDS_AT_ONCE):
            batch = names[start : start + IDS_AT_ONCE]
            for attempt_id in await self._database.read(partial(_ended, attempt_ids=batch)):
                self.take(attempt_id)

    async def _make(self, attempt_id: str) -> None:
        try:
            early, wav = early_media_path(self._folder, attempt_id), self._folder / f"{attempt_id}.wav"
            if await asyncio.to_thread(early.exists) and (await self._compressed(early)).file != early.name:
                await asyncio.to_thread(early.unlink)
            if await asyncio.to_thread(wav.exists):
                facts = await self._compressed(wav)
                if facts.file == wav.name:
                    self._failed.add(attempt_id)
                now = self._database.clock.now()
                await self._database.run(partial(_write_row, attempt_id=attempt_id, facts=facts, now=now))
                if facts.file != wav.name:
                    await asyncio.to_thread(wav.unlink)
        except Exception as error:  # noqa: BLE001 one file's fault must not keep the others from being made
            self._failed.add(attempt_id)
            log.error(_NOT_KEPT, attempt_id, error)  # noqa: TRY400 the reason is enough

    async def _compressed(self, wav: Path) -> RecordingFacts:
        """Of the FLAC; of the WAV itself when there is none to be had."""
        try:
            return await compress(wav)
        except (CompressionError, OSError, TimeoutError) as error:
            log.warning("recording_not_compressed: %s", error, extra={"file": wav.name})
            facts = await asyncio.to_thread(recording_facts, wav)
            if facts is None:
                raise
            return facts


@asynccontextmanager
async def compressing(folder: Path | None, database: Database) -> AsyncIterator[Compressor | None]:
    """While the block runs, recordings of the folder are compressed; those of earlier runs too. After it all of
    them are. `folder` None: nothing is recorded."""
    if folder is None:
        yield None
        return
    compressor = Compressor(folder, database)
    await compressor.start()
    try:
        yield compressor
    finally:
        await compressor.close()


async def compress(wav: Path) -> RecordingFacts:
    """Make the FLAC beside the WAV, sample for sample the same, whole or not at all; facts of the FLAC.

    Raises CompressionError, OSError, TimeoutError, wave.Error. The same WAV gives the same file."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise CompressionError("there is no ffmpeg (fix: install ffmpeg)")
    part, flac = wav.with_suffix(".flac.part"), wav.with_suffix(".flac")
    try:
        await _run_ffmpeg(ffmpeg, wav, part)
        return await asyncio.to_thread(_check_in, wav, part, flac)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)


async def _run_ffmpeg(ffmpeg: str, wav: Path, part: Path) -> None:
    """In a thread: `subprocess` starts programs by vfork. A loop's own way may be to copy its page tables
    first (libuv's fork), and all calls would wait the tenth of a second that takes (decision 0210)."""
    arguments = ("-nostdin", "-v", "error", "-y", "-threads", "1", "-i", str(wav), "-map_metadata", "-1")
    flac = ("-fflags", "+bitexact", "-flags:a", "+bitexact", "-c:a", "flac", "-f", "flac", str(part))
    running: list[subprocess.Popen[bytes]] = []
    unwanted = threading.Event()
    try:
        await asyncio.to_thread(_encode, (ffmpeg, *arguments, *flac), running, unwanted)
    finally:  # the thread can't be cancelled, its program can, also one that is just being started
        unwanted.set()
        for process in running:
            process.kill()


def _encode(command: Sequence[str], running: list[subprocess.Popen[bytes]], unwanted: threading.Event) -> None:
    """Blocks. Raises CompressionError, OSError, TimeoutError."""
    with subprocess.Popen(  # noqa: S603 a program of the system, with a path of ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        running.append(process)
        if unwanted.is_set():
            process.kill()
        with suppress(OSError, AttributeError):  # not every system lets us
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        try:
            _, said = process.communicate(timeout=ENCODE_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise TimeoutError(f"ffmpeg took longer than {ENCODE_S:g} s") from error
    if process.returncode != 0:
        raise CompressionError(said.decode("utf-8", "replace").strip()[-200:] or f"code {process.returncode}")


def _check_in(wav: Path, part: Path, flac: Path) -> RecordingFacts:
    """Let the file take its place once it is proved to hold the WAV's samples."""
    digest = hashlib.md5(usedforsecurity=False)
    with wave.open(str(wav), "rb") as audio:
        frames, rate_hz = audio.getnframes(), audio.getframerate()
        while chunk := audio.readframes(1 << 16):
            digest.update(chunk)
    with part.open("rb") as file:
        header = file.read(_STREAMINFO_BYTES)
    # Total samples are the last 36 bits before the MD5 of the samples, which ends the block.
    samples = int.from_bytes(header[18:26], "big") & (1 << 36) - 1
    if header[:4] != b"fLaC" or samples != frames or header[26:42] != digest.digest():
        raise CompressionError("it isn't the WAV's sound")
    facts = RecordingFacts(flac.name, _sha256(part), frames / rate_hz)
    part.replace(flac)
    return facts


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ended(session: Session, attempt_ids: Sequence[str]) -> list[str]:
    """Those of them whose outcome is written, the oldest first."""
    ended_at = attempt_table.c.ended_at
    known = select(attempt_table.c.id).where(attempt_table.c.id.in_(attempt_ids), ended_at.is_not(None))
    return list(session.scalars(known.order_by(ended_at)))


def _write_row(session: Session, attempt_id: str, facts: RecordingFacts, now: datetime) -> None:
    """One per call: what was made again after a crash, or compressed at last, takes its place; not that of one
    that the archive has filed meanwhile. A call that a person made is over before its attempt has ended."""
    row = session.scalars(select(Recording).where(Recording.attempt_id == attempt_id)).first()
    if row is not None and row.file.startswith(f"{FOLDER}/"):
        return
    if row is None:
        row = Recording(attempt_id=attempt_id, created_at=session.get_one(Attempt, attempt_id).ended_at or now)
        session.add(row)
    row.file, row.sha256, row.seconds = facts.file, facts.sha256, facts.seconds
