"""Where the engine's time goes, by part: what `ivr bench engine --profile` prints and bench/profiles/ keeps.

cProfile on the loop's thread. It makes every Python call dearer by a third of a microsecond or more, so the parts
are shares, not costs: they are scaled to what the same load cost a moment before, without it."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.engine import Measured

LEAST_MS = 0.005  # per call-second: less isn't shown
PARTS = (  # of a function's file or name, the first that fits
    ("method 'recv", "system call: read"),
    ("method 'send", "system call: write"),
    ("UVStream", "system call: write"),
    ("webrtcvad", "webrtcvad"),
    ("numpy", "numpy"),
    ("trunk/ticker", "clock"),
    ("trunk/asterisk/audio", "audio server"),
    ("trunk/asterisk/call", "call"),
    ("trunk/", "trunk, besides"),
    ("ivr/session/", "session"),
    ("speech/vad", "voice activity: floor, onset"),
    ("speech/turn/ear", "ear"),
    ("speech/turn/echo", "echo gate"),
    ("speech/turn/player", "prompt"),
    ("speech/turn/", "turn"),
    ("speech/amd", "answering machine"),
    ("speech/audio/tones", "tones"),
    ("speech/recognizers", "recogniser, its loop side"),
    ("bench/", "the bench itself"),
)


class Profile:
    """Of one scene."""

    def __init__(self, scene: str) -> None:
        self._scene = scene
        self._parts: dict[str, float] = {}
        self._functions: list[tuple[float, int, str]] = []
        self._measured: Measured | None = None

    async def take(self, seconds: float, measured: Measured) -> None:
        """Profile the running loop for so long; `measured` is the same load without the profiler."""
        profiler = cProfile.Profile()
        profiler.enable()
        await asyncio.sleep(seconds)
        profiler.disable()
        self._measured = measured
        statistics: dict[tuple[str, int, str], Any] = vars(pstats.Stats(profiler))["stats"]
        for (file, _, name), (_, count, own_s, _, _) in statistics.items():
            part = part_of(f"{file}:{name}")
            self._parts[part] = self._parts.get(part, 0.0) + own_s
            self._functions.append((own_s, count, _short(file, name)))

    def lines(self) -> list[str]:
        """A table as text: CPU ms per call-second of each part, and the dearest functions."""
        measured = self._measured
        assert measured is not None
        scale = measured.engine_ms / sum(self._parts.values())
        rows = [f"{self._scene}, {measured.calls} calls: {measured.engine_ms:.2f} ms CPU per call-second"]
        rows.append(
            f"  of which in the kernel {measured.kernel_ms:.2f}; decoding apart {measured.decoding_ms:.2f}"
        )
        for part, own_s in sorted(self._parts.items(), key=lambda item: -item[1]):
            if own_s * scale >= LEAST_MS:
                rows.append(f"  {own_s * scale:6.3f}  {part}")
        rows.append("  dearest functions, themselves alone (calls):")
        for own_s, count, name in sorted(self._functions, reverse=True)[:22]:
            rows.append(f"  {own_s * scale:6.3f}  {name} ({count})")
        return rows


def part_of(name: str) -> str:
    """Of a function as "file:name"."""
    return next((part for sign, part in PARTS if sign in name), "everything else")


def _short(file: str, name: str) -> str:
    where = "" if file == "~" else "/".join(file.split("/")[-2:]) + ":"
    return f"{where}{name}"
