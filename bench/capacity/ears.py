"""What each callee heard, and whether it was heard: a call that is up may be dumb or deaf. Pure but for reading
recordings.

The callee's side is what came to the load generator; the platform's side is what `bench.capacity.listening` saw in
the worker; a recorded call's is its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.capacity.people import FRAMES_PER_S, phone_of
from ivr.inspection.errors import InspectionError
from ivr.inspection.sound import frames

SILENCE_S = 8.0  # without a sound of the robot: longer than any question waits for its answer
BEGIN_S = 1.0  # from the answer to the first frame
END_S = 0.5  # a call's last frames before its end
HEARD_SHARE = 0.5  # of the looks at a call, in which its line was heard
AUDIBLE = 16  # of ±32768: a quiet line has more, A-law's nothing has less
LEAST_SHARES = (0.5, 0.1)  # of a recording in which the callee's line and we are heard
RECORDED_LESS_S = 2.0  # than the call lasted

Frames = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ear:
    """What one callee heard, from its answer to the end."""

    longest_gap_s: float  # without a frame
    longest_silence_s: float  # without a sound of the robot
    first_at: float  # of its frames: they begin a quarter of a second after the answer
    last_at: float  # that counts: a little before the end

    def due(self, begin_at: float, end_at: float) -> float:
        """Frames that should have come in that stretch."""
        return FRAMES_PER_S * max(0.0, min(end_at, self.last_at) - max(begin_at, self.first_at))


@dataclass(frozen=True, slots=True)
class Ears:
    """Of all calls that were answered."""

    each: Sequence[Ear] = ()
    at: Frames = field(
        default_factory=lambda: np.empty(0)
    )  # of every frame between its call's first_at and last_at
    whose: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # its call, in `each`

    def missing(self, begin_at: float, end_at: float) -> tuple[float, float]:
        """The share of the frames of that stretch that didn't come, over all calls and of the worst one."""
        inside = (self.at >= begin_at) & (self.at < end_at)
        came = np.bincount(self.whose[inside], minlength=len(self.each))
        due = np.array([one.due(begin_at, end_at) for one in self.each])
        long = due > FRAMES_PER_S  # of a shorter stretch one frame is several per cent
        shares = np.maximum(0.0, 1 - came[long] / due[long])
        return max(0.0, 1 - came.sum() / max(due.sum(), 1.0)) if due.sum() else 0.0, float(shares.max(initial=0.0))


def ears(came: Frames, whose: NDArray[np.uint64], silent: NDArray[np.bool_], stories: Sequence[Any]) -> Ears:
    """Of each call that was answered, in the stories' order, which is that of the calls' indexes in `whose`."""
    order = np.argsort(whose >> np.uint64(16), kind="stable")
    call, at, quiet = (whose[order] >> np.uint64(16)).astype(np.int64), came[order], silent[order]
    begins = np.searchsorted(call, np.arange(len(stories) + 1))
    found, kept = [], []
    for index, story in enumerate(stories):
        if not story["answered_at"]:
            continue
        mine = slice(begins[index], begins[index + 1])
        begin_at, end_at = story["answered_at"], max(story["ended_at"], story["answered_at"])
        first_at = min(at[mine].min(initial=np.inf), begin_at + BEGIN_S)
        last_at = max(first_at, end_at - END_S)
        gap_s = _longest(at[mine], first_at, last_at)
        found.append(Ear(gap_s, _longest(at[mine][~quiet[mine]], begin_at, end_at), first_at, last_at))
        kept.append(at[mine][at[mine] < last_at])
    whom = np.repeat(np.arange(len(kept)), [len(one) for one in kept])
    return Ears(found, np.concatenate(kept) if kept else np.empty(0), whom)


def _longest(at: Frames, begin_at: float, end_at: float) -> float:
    """The longest stretch without any of these moments."""
    inside = np.sort(at[(at > begin_at) & (at < end_at)])
    moments = np.concatenate(([begin_at], inside, [max(begin_at, end_at)]))
    return float(np.diff(moments).max())


def not_heard(looks: Mapping[str, Sequence[int]], stories: Sequence[Any]) -> int:
    """Calls whose line the platform didn't hear. `looks` by phone: how often the worker looked, and heard it."""
    deaf = 0
    for story in stories:
        looked, heard = looks.get(phone_of(story["number"]), (0, 0))
        long = story["ended_at"] - story["answered_at"] > BEGIN_S + 2  # looked at more than once
        deaf += bool(story["answered_at"]) and long and heard <= HEARD_SHARE * looked
    return deaf


def recording_fault(path: Path, seconds: float, talked_s: float) -> str:
    """Why the recording of a call that lasted so long isn't one: "missing", "short", "callee silent", "robot
    silent"; "" when it is."""
    if not seconds:
        return "missing"
    if seconds < talked_s - RECORDED_LESS_S:
        return "short"
    try:
        shares = _audible_shares(path)
    except InspectionError:
        return "missing"
    for name, share, least in zip(("callee", "robot"), shares, LEAST_SHARES, strict=True):
        if share < least:
            return f"{name} silent"
    return ""


def _audible_shares(path: Path) -> tuple[float, float]:
    """Of a recording's frames: in how many the callee is heard, and the robot."""
    both = list(frames(path))
    sides = [np.frombuffer(b"".join(side or b"" for side in one), np.int16) for one in zip(*both, strict=True)]
    if len(sides) < 2:
        return 0.0, 0.0
    callee, robot = (
        float((np.abs(one.astype(np.int32)).reshape(len(both), -1).max(axis=1) > AUDIBLE).mean()) for one in sides
    )
    return callee, robot
