"""From Asterisk's raw file to ours: waited for, whole or not at all, pauses silent, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from trunk.asterisk import recordings
from trunk.asterisk.config import PbxConfig
from trunk.asterisk.recordings import BUFFER_BYTES, Pause, RawFile, Recordings, Timeline
from trunk.early_media import ToneClassifier
from trunk.ports import EarlyMedia

pytestmark = pytest.mark.unit

STEREO_BYTES_PER_S = 32000
CLOSED = Timeline(seconds=0.0, closed=True)


@asynccontextmanager
async def folder_at(path: Path) -> AsyncIterator[Recordings]:
    await asyncio.to_thread(path.mkdir, exist_ok=True)
    config = PbxConfig(user="ivr", secret="x", media_dir=Path("/spool/ivr"), media_dir_here=path)
    shared = Recordings(config)
    try:
        yield shared
    finally:
        await shared.close()


def stereo(seconds: float) -> bytes:
    """Left counts up, right down; no sample is 0."""
    count = np.arange(round(seconds * 8000)) % 30000 + 1
    return np.stack([count, -count], axis=1).astype("<i2").tobytes()


def channels(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


def files_in(path: Path) -> list[str]:
    return sorted(file.name for file in path.rglob("*.*"))


async def test_a_call_becomes_a_stereo_wav_and_the_raw_file_goes(tmp_path: Path) -> None:
    async with folder_at(tmp_path / "shared") as shared:
        raw = shared.new(2)
        assert raw.name == f"/spool/ivr/{raw.here.name}"
        raw.here.write_bytes(stereo(65.0) + b"\x01\x02\x03")  # longer than a step; a part of a sample in the end
        path = tmp_path / "new folder" / "a.wav"
        assert await shared.finish(raw, path, CLOSED)
        assert channels(path).tobytes() == stereo(65.0)
        assert files_in(tmp_path) == ["a.wav"]


async def test_names_are_never_the_same(tmp_path: Path) -> None:
    async with folder_at(tmp_path) as shared:
        assert len({shared.new(2).name for _ in range(100)}) == 100


class TestWaitingForAsterisk:
    """Asterisk writes through a buffer: the last second comes when it closes the file."""

    async def test_the_end_is_waited_for(self, tmp_path: Path) -> None:
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            sound = stereo(3.3)
            raw.here.write_bytes(sound[: 3 * BUFFER_BYTES])
            line = Timeline(seconds=3.3)
            finishing = asyncio.create_task(shared.finish(raw, tmp_path / "a.wav", line))
            await asyncio.sleep(0.2)  # longer than an unloaded Asterisk takes
            assert not finishing.done()
            with raw.here.open("ab") as file:
                file.write(sound[3 * BUFFER_BYTES :])
            assert await finishing
            assert len(channels(tmp_path / "a.wav")) == round(3.3 * 8000)

    async def test_a_full_buffer_is_no_end(self, tmp_path: Path) -> None:
        """Long enough already, but Asterisk may hold up to 1 s more."""
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            raw.here.write_bytes(stereo(1.024))
            finishing = asyncio.create_task(shared.finish(raw, tmp_path / "a.wav", Timeline(seconds=1.2)))
            await asyncio.sleep(0.2)
            assert not finishing.done()
            with raw.here.open("ab") as file:
                file.write(bytes(640))
            assert await finishing

    async def test_a_short_file_is_taken_when_it_settles(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recordings, "SETTLED_S", 0.2)
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            raw.here.write_bytes(stereo(1.1))
            begun_s = time.monotonic()
            assert await shared.finish(raw, tmp_path / "a.wav", Timeline(seconds=60.0))
            assert time.monotonic() - begun_s >= 0.2
            assert len(channels(tmp_path / "a.wav")) == 8800

    async def test_one_that_grows_for_ever_is_waited_for_no_longer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recordings, "CLOSE_S", 0.3)

        async def grow(file: Path) -> None:
            while True:
                with file.open("ab") as end:
                    end.write(bytes(640))
                await asyncio.sleep(0)

        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            raw.here.write_bytes(stereo(1.0))
            growing = asyncio.create_task(grow(raw.here))
            try:
                assert await shared.finish(raw, tmp_path / "a.wav", Timeline(seconds=60.0))
            finally:
                growing.cancel()

    async def test_a_file_that_never_comes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(recordings, "SETTLED_S", 0.1)
        async with folder_at(tmp_path / "shared") as shared:
            assert not await shared.finish(shared.new(2), tmp_path / "a.wav", Timeline(seconds=3.0))
        assert [record.getMessage() for record in caplog.records] == ["recording_missing"]
        assert not (tmp_path / "a.wav").exists()

    async def test_an_empty_one_leaves_nothing(self, tmp_path: Path) -> None:
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            raw.here.touch()
            assert not await shared.finish(raw, tmp_path / "a.wav", CLOSED)
            assert files_in(tmp_path) == []


class TestPauses:
    async def make(self, tmp_path: Path, line: Timeline, seconds: float = 10.0) -> tuple[float, float]:
        """Begin and end of what is silent, on both sides alike; seconds."""
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            raw.here.write_bytes(stereo(seconds))
            assert await shared.finish(raw, tmp_path / "a.wav", line)
        sound = channels(tmp_path / "a.wav")
        assert len(sound) == round(seconds * 8000)  # the time line is kept
        quiet = np.flatnonzero(~sound.any(axis=1))
        assert np.array_equal(quiet, np.flatnonzero(~sound.all(axis=1)))
        return (quiet[0] / 8000, (quiet[-1] + 1) / 8000) if len(quiet) else (-1.0, -1.0)

    async def test_what_asterisk_muted_is_silenced_where_it_surely_was(self, tmp_path: Path) -> None:
        line = Timeline(10.0, (Pause(2.0, 5.0, muted=True),), closed=True)
        assert await self.make(tmp_path, line) == pytest.approx((2.06, 4.94))

    async def test_what_asterisk_did_not_mute_is_silenced_with_a_margin(self, tmp_path: Path) -> None:
        line = Timeline(10.0, (Pause(2.0, 5.0, muted=False),), closed=True)
        assert await self.make(tmp_path, line) == pytest.approx((1.94, 5.06))

    async def test_clocks_that_disagree_widen_what_must_be_silent(self, tmp_path: Path) -> None:
        line = Timeline(10.5, (Pause(2.0, 5.0, muted=False),), closed=True)
        assert await self.make(tmp_path, line) == pytest.approx((1.44, 5.56))

    async def test_clocks_that_disagree_narrow_what_was_muted(self, tmp_path: Path) -> None:
        line = Timeline(12.0, (Pause(2.0, 5.0, muted=True),), closed=True)
        assert await self.make(tmp_path, line) == (-1.0, -1.0)

    async def test_over_the_begin_the_end_and_a_step(self, tmp_path: Path) -> None:
        line = Timeline(65.0, (Pause(0.0, 64.99, muted=False),), closed=True)
        assert await self.make(tmp_path, line, 65.0) == pytest.approx((0.0, 65.0))


class TestBounds:
    async def test_no_more_than_an_hour_is_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recordings, "MAX_RECORDING_S", 2.0)
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            raw.here.write_bytes(stereo(3.0))
            await shared.finish(raw, tmp_path / "a.wav", CLOSED)
            assert channels(tmp_path / "a.wav").tobytes() == stereo(2.0)

    async def test_a_disk_that_fails_leaves_no_half_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(2)
            raw.here.write_bytes(stereo(1.0))
            with pytest.raises(OSError, match="file"):
                await shared.finish(raw, tmp_path / "file" / "a.wav", CLOSED)
            assert raw.here.exists()  # somebody may still mend the disk

    async def test_what_died_processes_left_is_swept(self, tmp_path: Path) -> None:
        async with folder_at(tmp_path) as shared:
            old, fresh, other = shared.new(2), shared.new(1), RawFile("", tmp_path / "theirs.raw", 2)
            day_ago_s = time.time() - recordings.STALE_S - 1
            for raw in (old, fresh, other):
                raw.here.touch()
            for raw in (old, other):
                os.utime(raw.here, (day_ago_s, day_ago_s))
            assert await shared.sweep() == 1
            assert files_in(tmp_path) == sorted([fresh.here.name, "theirs.raw"])
            await shared.discard(fresh)
            await shared.discard(fresh)
            assert files_in(tmp_path) == ["theirs.raw"]


class TestEarlyMediaFiles:
    async def test_kept_and_told(self, tmp_path: Path) -> None:
        at = np.arange(8000) / 8000
        ring = np.concatenate([8000 * np.sin(2 * np.pi * 450 * at), np.zeros(32000)]).astype("<i2").tobytes()
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(1)
            raw.here.write_bytes(ring)
            line = Timeline(seconds=5.0, closed=True)
            told = await shared.finish_early_media(raw, tmp_path / "e.wav", line, ToneClassifier())
            assert told is EarlyMedia.RINGBACK
            assert channels(tmp_path / "e.wav").tobytes() == ring
            assert not raw.here.exists()

    async def test_what_comes_after_the_answer_is_not_kept(self, tmp_path: Path) -> None:
        """The call's own recording pauses for secrets; this copy of its sound wouldn't."""
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(1)
            raw.here.write_bytes(b"\x01\x02" * 8000 * 9)
            assert await shared.finish(raw, tmp_path / "e.wav", Timeline(seconds=2.0, closed=True))
            assert len(channels(tmp_path / "e.wav")) / 8000 == pytest.approx(2.06)

    async def test_nothing_was_said(self, tmp_path: Path) -> None:
        async with folder_at(tmp_path / "shared") as shared:
            raw = shared.new(1)
            raw.here.touch()
            assert await shared.finish_early_media(raw, tmp_path / "e.wav", CLOSED, ToneClassifier()) is None
            assert files_in(tmp_path) == []
