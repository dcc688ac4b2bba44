"""Who spoke when -> silences, talk-over, voice, for each part of a call. Pure.

`Listener` turns frames into stretches of speech, frame by frame; `measure` works on the stretches. A stretch takes
some bytes for each time that somebody spoke, so that an hour's call is small. Ticks are frames of 20 ms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from speech.audio import FRAME_MS, FRAME_S, SILENCE_FRAME
from speech.turn.echo import EchoGuard
from speech.vad import RELEASE_TICKS, Voice, voice_detector

Stretch = tuple[int, int]  # ticks, the end not included

SILENCE_TICKS = 3000 // FRAME_MS  # what is shorter is a pause between two sentences
OVERLAP_TICKS = 500 // FRAME_MS  # a word of assent (嗯, 好的) over the other's sentence is shorter
MUTED_TICKS = 500 // FRAME_MS
MOMENTS_MOST = 40  # of one part: an inspector needs places to jump to, not a list of everything


@dataclass(slots=True)
class Speech:
    """One side's speech, from a detector that says after each frame whether somebody is speaking."""

    stretches: list[Stretch] = field(default_factory=list)
    _since: int | None = None

    def note(self, tick: int, detector: Voice) -> None:
        """The detector has heard the frame of this tick."""
        if detector.speaking and self._since is None:
            earliest = self.stretches[-1][1] if self.stretches else 0
            self._since = max(earliest, tick - detector.onset_age)
        elif not detector.speaking and self._since is not None:
            self.end(tick - RELEASE_TICKS + 1)

    def end(self, tick: int) -> None:
        """Whoever spoke stopped before this tick."""
        if self._since is not None and tick > self._since:
            self.stretches.append((self._since, tick))
        self._since = None


class Listener:
    """Hears a recording's two sides, or the only one it has, frame by frame."""

    def __init__(self) -> None:
        self.ticks = 0
        self.callee, self.ours, self.muted = Speech(), Speech(), Speech()
        self._callee_ear, self._our_ear = voice_detector(), voice_detector()
        self._echo = EchoGuard()
        self._zeros = 0

    def hear(self, callee: bytes, ours: bytes | None) -> None:
        """One frame of each side; `ours` None: there is one side, whoever speaks on it."""
        tick = self.ticks
        self.ticks += 1
        if ours is None:
            self._callee_ear.hear(callee)
        else:
            self._our_ear.hear(ours)
            self.ours.note(tick, self._our_ear)
            self._echo.said(ours, self._our_ear.power)
            self._callee_ear.hear(callee, self._echo.least_power)
            self._echo.heard(self._callee_ear.power)
        self.callee.note(tick, self._callee_ear)
        self._note_muted(tick, callee == SILENCE_FRAME and ours in (None, SILENCE_FRAME))

    def end(self) -> None:
        """The recording is over."""
        for side in (self.callee, self.ours):
            side.end(self.ticks)
        self._note_muted(self.ticks, False)

    def _note_muted(self, tick: int, zero: bool) -> None:
        if zero:
            self._zeros += 1
        elif self._zeros:
            if self._zeros >= MUTED_TICKS:
                self.muted.stretches.append((tick - self._zeros, tick))
            self._zeros = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured in one part. `moments`: kind, at_s (in the recording), for_s."""

    seconds: float
    our_voice_s: float | None
    callee_voice_s: float | None
    longest_silence_s: float
    dead_air_s: float
    talk_overs: int | None
    talk_overs_ours: int | None
    talk_over_s: float | None
    moments: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Sides:
    """Who spoke when, in a whole recording. `ours` None: it has one side. `muted`: nobody was to be heard, which
    is no silence."""

    callee: Sequence[Stretch]
    ours: Sequence[Stretch] | None
    muted: Sequence[Stretch] = ()


def measure(sides: Sides, part: Stretch) -> Figures:
    """The figures of one part of the recording."""
    callee, muted = inside(sides.callee, part), inside(sides.muted, part)
    ours = None if sides.ours is None else inside(sides.ours, part)
    heard = sorted([*callee, *(ours or ()), *muted])
    silences = list(_gaps(heard, part))
    dead = [silence for silence in silences if _ticks(silence) >= SILENCE_TICKS]
    moments = [_moment("dead_air", silence) for silence in dead]
    overs: list[Stretch] = []
    if sides.ours is not None:
        overs = [over for over in _overlaps(callee, ours or ()) if _ticks(over) >= OVERLAP_TICKS]
        moments += [_moment("talk_over", over) for over in overs]
    longest = sorted(moments, key=lambda one: -one["for_s"])[:MOMENTS_MOST]
    return Figures(
        seconds=_s(_ticks(part)),
        our_voice_s=None if ours is None else _s(sum(map(_ticks, ours))),
        callee_voice_s=None if ours is None else _s(sum(map(_ticks, callee))),
        longest_silence_s=_s(max(map(_ticks, silences), default=0)),
        dead_air_s=_s(sum(map(_ticks, dead))),
        talk_overs=None if ours is None else len(overs),
        talk_overs_ours=None if ours is None else sum(_began_within(over, ours) for over in overs),
        talk_over_s=None if ours is None else _s(sum(map(_ticks, overs))),
        moments=sorted(longest, key=lambda one: one["at_s"]),
    )


def _began_within(over: Stretch, ours: Sequence[Stretch]) -> bool:
    """Whether the overlap begins where we begin: the callee was speaking already."""
    return any(begin == over[0] for begin, _ in ours)


def inside(stretches: Sequence[Stretch], part: Stretch) -> list[Stretch]:
    """What of the stretches lies in the part."""
    cut = ((max(begin, part[0]), min(end, part[1])) for begin, end in stretches)
    return [(begin, end) for begin, end in cut if begin < end]


def _gaps(heard: Sequence[Stretch], part: Stretch) -> Iterator[Stretch]:
    """What no stretch covers; they are sorted by their beginnings and may overlap."""
    at = part[0]
    for begin, end in heard:
        if begin > at:
            yield (at, begin)
        at = max(at, end)
    if at < part[1]:
        yield (at, part[1])


def _overlaps(one: Sequence[Stretch], other: Sequence[Stretch]) -> Iterator[Stretch]:
    """What both cover; each is sorted and without overlap in itself."""
    i = j = 0
    while i < len(one) and j < len(other):
        begin, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if begin < end:
            yield (begin, end)
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1


def _ticks(stretch: Stretch) -> int:
    return stretch[1] - stretch[0]


def _s(ticks: int) -> float:
    return round(ticks * FRAME_S, 2)


def _moment(kind: str, stretch: Stretch) -> dict[str, Any]:
    return {"kind": kind, "at_s": _s(stretch[0]), "for_s": _s(_ticks(stretch))}
