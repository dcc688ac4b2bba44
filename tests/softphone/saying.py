"""What a phone says next: sounds and keys in the order in which they were asked for, one step every 20 ms.

Pure: the time comes in with each step, an octet frame or a key's packets go out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from speech.audio import FRAME_MS, SAMPLES_PER_FRAME
from tests.softphone.rtp import KEYS, Event

KEY_MS = 100
KEY_GAP_MS = 100


@dataclass(slots=True)
class Playing:
    """One sound asked for; times are the loop's."""

    octets: bytes
    began_s: float | None = None
    ended_s: float | None = None
    cut: bool = False  # stopped, or the call was over first


@dataclass(slots=True)
class Pressing:
    """One key asked for; `ended_s` is when it was let go."""

    key: str
    duration_ms: int = KEY_MS
    gap_ms: int = KEY_GAP_MS
    began_s: float | None = None
    ended_s: float | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class KeyStep:
    event: Event
    first: bool


Step = bytes | KeyStep | None  # audio, a key's packet, or nothing of our own


class Saying:
    """`step` once a tick. `on_quiet` is told when the last thing asked for is over."""

    def __init__(self, on_quiet: Callable[[], None]) -> None:
        self.played: list[Playing] = []
        self.pressed: list[Pressing] = []
        self._on_quiet = on_quiet
        self._queue: deque[Playing | Pressing] = deque()
        self._steps: Iterator[Step] | None = None

    @property
    def quiet(self) -> bool:
        return not self._queue

    def play(self, octets: bytes) -> Playing:
        playing = Playing(octets)
        self.played.append(playing)
        self._queue.append(playing)
        return playing

    def press(self, keys: str, duration_ms: int, gap_ms: int) -> None:
        """Raises ValueError for what no telephone has a key for, and for keys shorter than a packet."""
        if not keys or not set(keys) <= set(KEYS) or duration_ms < FRAME_MS:
            raise ValueError(f"keys are of {KEYS}, each at least {FRAME_MS} ms long")
        for key in keys:
            pressing = Pressing(key, duration_ms, gap_ms)
            self.pressed.append(pressing)
            self._queue.append(pressing)

    def stop(self, now_s: float) -> None:
        """Say no more of what was asked for."""
        for item in self._queue:
            if item.ended_s is None:  # else it is a key that was let go, in the gap after it
                item.cut, item.ended_s = True, now_s
        self._queue.clear()
        self._steps = None
        self._on_quiet()

    def step(self, now_s: float) -> Step:
        """The next 20 ms. Times are those at which packets leave."""
        while self._queue:
            item = self._queue[0]
            if self._steps is None:
                self._steps = _octets_of(item) if isinstance(item, Playing) else _events_of(item)
                item.began_s = now_s
            step = next(self._steps, _OVER)
            if not isinstance(step, _Over):
                if isinstance(step, KeyStep) and step.event.end:
                    item.ended_s = now_s
                return step
            if item.ended_s is None:
                item.ended_s = now_s
            self._queue.popleft()
            self._steps = None
            if not self._queue:
                self._on_quiet()
        return None


class _Over:
    pass


_OVER = _Over()


def _octets_of(playing: Playing) -> Iterator[Step]:
    """Whole frames; a last one that isn't full is left to silence."""
    for start in range(0, len(playing.octets), SAMPLES_PER_FRAME):
        yield playing.octets[start : start + SAMPLES_PER_FRAME]


def _events_of(pressing: Pressing) -> Iterator[Step]:
    ticks = pressing.duration_ms // FRAME_MS
    for tick in range(1, ticks + 1):
        yield KeyStep(Event(pressing.key, tick * SAMPLES_PER_FRAME, end=tick == ticks), first=tick == 1)
    for _ in range(pressing.gap_ms // FRAME_MS):
        yield None
