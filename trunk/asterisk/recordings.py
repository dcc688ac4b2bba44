"""What Asterisk recorded, as the files that the port promises: raw in the folder we share with it, WAV for us.

Two kinds, both by the manager's MixMonitor (measured on Asterisk 22, tests/integration/asterisk):

- a call: `File: <raw>`, `Options: D`: s16le stereo without a header, left from the callee, right to the callee.
  Its first sample is of the moment of the manager's answer (±1 ms), sides are aligned within one frame, and
  MixMonitorMute (Direction both) silences both and keeps the time line to the sample;
- early media: no `File`, `Options: r(<raw>)`: s16le mono, what comes from the network alone.

The file is written through a buffer of 32 KiB, so its last second comes when Asterisk closes it: before
MixMonitorStop where that comes (StopMixMonitor, also in an `h` extension), else within milliseconds of Hangup,
on a loaded machine later. `finish` knows by the size. All file work is in threads of its own."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from speech.audio import SAMPLE_RATE_HZ
from trunk.asterisk.config import PbxConfig
from trunk.early_media import EarlyMediaClassifier
from trunk.ports import EarlyMedia
from trunk.recorder import MAX_RECORDING_S

log = logging.getLogger(__name__)

PREFIX = "ivr-"  # of our files' names in the shared folder
STALE_S = 24 * 3600.0  # a raw file so old is of a process that died; no call lasts so long
MAX_EARLY_MEDIA_S = 120.0  # what comes later isn't kept: networks give up ringing after a minute
POLL_S = 0.02
BUFFER_BYTES = 32768  # Asterisk's: until it closes the file, the size is a multiple of it
SHORT_S = 1.1  # a file that lacks more of its call than a buffer holds isn't closed yet, or the call stalled
SETTLED_S = 2.0  # unchanged for so long: it is closed, whatever its size
CLOSE_S = 10.0  # wait no longer for the end of a file
SLACK_S = 0.06  # between our clock and the recording's, beyond the difference of their lengths: three frames
_CHUNK_S = 30.0
_SAMPLE_BYTES = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file that Asterisk is asked to write: `name` as the manager is told it, `here` as we see it."""

    name: str
    here: Path
    channels: int  # 1 or 2


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch that must be silent; seconds since the recording began, on our clock."""

    from_s: float
    until_s: float
    muted: bool  # Asterisk confirmed that it muted; else silencing is all ours


@dataclass(frozen=True, slots=True)
class Timeline:
    """A recording as our clock saw it."""

    seconds: float  # from the manager's answer to MixMonitor until the call's end; early media's: until its answer
    pauses: Sequence[Pause] = ()
    closed: bool = False  # MixMonitorStop was heard, or Asterisk is gone: the file won't grow any more


class Recordings:
    """The shared folder of one Asterisk. `new` before MixMonitor, then `finish` or `finish_early_media` once."""

    def __init__(self, config: PbxConfig, workers: int = 2) -> None:
        self._config = config
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="recordings")

    def new(self, channels: int) -> RawFile:
        """A name that nobody else has."""
        name = f"{PREFIX}{uuid.uuid4()}.{'raw' if channels == 2 else 'sln'}"
        return RawFile(str(self._config.media_dir / name), self._config.media_dir_here / name, channels)

    async def finish(self, raw: RawFile, path: Path, line: Timeline) -> bool:
        """Make the WAV at `path`, whole or not at all, and remove the raw file; False when there is nothing.

        Raises OSError; the raw file is kept then, for a day."""
        if not await self._closed(raw, line):
            return False
        return await self._run(lambda: _make_wav(raw, path, line, MAX_RECORDING_S) > 0)

    async def finish_early_media(
        self, raw: RawFile, path: Path, line: Timeline, classifier: EarlyMediaClassifier
    ) -> EarlyMedia | None:
        """Make the WAV at `path` and say what was said; None, and no file, when nothing was. Raises OSError."""
        if not await self._closed(raw, line):
            return None

        def make() -> EarlyMedia | None:
            if not _make_wav(raw, path, line, MAX_EARLY_MEDIA_S):
                return None
            with wave.open(str(path), "rb") as file:
                return classifier.classify(file.readframes(file.getnframes()))

        return await self._run(make)

    async def discard(self, raw: RawFile) -> None:
        """A recording that nobody wants any more."""
        await self._run(lambda: raw.here.unlink(missing_ok=True))

    async def sweep(self) -> int:
        """Remove what died processes left behind, and say how many files. A folder that isn't there has none."""
        return await self._run(lambda: _sweep(self._config.media_dir_here, time.time() - STALE_S))

    async def close(self) -> None:
        """Waits for what is being written."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _closed(self, raw: RawFile, line: Timeline) -> bool:
        """Wait until Asterisk has closed the file; False when there is none."""
        loop = asyncio.get_running_loop()
        begin_s = since_s = loop.time()
        size = await self._run(lambda: _size(raw.here))
        while not line.closed and loop.time() - begin_s < CLOSE_S:
            await asyncio.sleep(POLL_S)
            before, size = size, await self._run(lambda: _size(raw.here))
            if size != before:
                since_s = loop.time()
                continue
            whole = _seconds(raw, size) >= line.seconds - SHORT_S and size % BUFFER_BYTES != 0
            if whole or loop.time() - since_s >= SETTLED_S:
                break
        if size < 0:
            log.error("recording_missing", extra={"file": raw.name})
        return size >= 0

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _size(file: Path) -> int:
    """In bytes; -1 when there is none."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return -1


def _seconds(raw: RawFile, size: int) -> float:
    return size / (SAMPLE_RATE_HZ * _SAMPLE_BYTES * raw.channels)


def _make_wav(raw: RawFile, path: Path, line: Timeline, max_s: float) -> int:
    """Frames (samples of all channels) written; 0 and no file when there are none."""
    frame_bytes = _SAMPLE_BYTES * raw.channels
    size = raw.here.stat().st_size
    if raw.channels == 1:  # a StopMixMonitor that failed must not make it a second recording of the call
        max_s = min(max_s, line.seconds + SLACK_S)
    frames = min(size // frame_bytes, round(max_s * SAMPLE_RATE_HZ))
    if frames:
        silent = list(_silent_frames(line, _seconds(raw, size)))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            _write_wav(raw, part, frames, silent)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    raw.here.unlink(missing_ok=True)
    return frames


def _write_wav(raw: RawFile, part: Path, frames: int, silent: Sequence[tuple[int, int]]) -> None:
    frame_bytes = _SAMPLE_BYTES * raw.channels
    step = round(_CHUNK_S * SAMPLE_RATE_HZ)
    with raw.here.open("rb") as source, wave.open(str(part), "wb") as file:
        file.setnchannels(raw.channels)
        file.setsampwidth(_SAMPLE_BYTES)
        file.setframerate(SAMPLE_RATE_HZ)
        file.setnframes(frames)
        for start in range(0, frames, step):
            chunk = bytearray(source.read(min(step, frames - start) * frame_bytes))
            for first, last in silent:
                begin, end = max(first - start, 0), min(last - start, len(chunk) // frame_bytes)
                if begin < end:
                    chunk[begin * frame_bytes : end * frame_bytes] = bytes((end - begin) * frame_bytes)
            file.writeframesraw(chunk)


def _silent_frames(line: Timeline, seconds: float) -> Iterator[tuple[int, int]]:
    """Which frames of a recording of that length must be silent, as far as its time line can be known.

    The two clocks differ by what their lengths differ, at most. A pause that Asterisk muted is silenced again
    where it certainly was; one that it didn't mute wherever it can have been."""
    slack_s = SLACK_S + abs(seconds - line.seconds)
    for pause in line.pauses:
        margin_s = -slack_s if pause.muted else slack_s
        begin_s, end_s = max(0.0, pause.from_s - margin_s), pause.until_s + margin_s
        if begin_s < end_s:
            yield round(begin_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ)


def _sweep(folder: Path, before: float) -> int:
    removed = 0
    for file in folder.glob(f"{PREFIX}*"):
        try:
            if file.stat().st_mtime < before:
                file.unlink()
                removed += 1
        except OSError:
            continue  # another process of ours was quicker
    return removed
