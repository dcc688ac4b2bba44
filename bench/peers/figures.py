"""The arithmetic of `bench peers`, pure: what each contestant cost, and how that compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

FRAMES_PER_S = 50.0
LATE_MS = 20.0  # p99: beyond, callees hear gaps
RATE_SHARE = 0.99  # of the frames due: fewer, and it has fallen behind

OURS = "ours"
STEP, STEPS = 1.25, 4  # of the search for a contestant's limit


@dataclass(frozen=True, slots=True)
class Measured:
    """One contestant at one load, over the measured window."""

    contestant: str  # "ours", "pipecat", "livekit"
    vad: bool
    calls: int
    cpu_ms_per_call_s: float
    p50_late_ms: float
    p99_late_ms: float
    frames_per_call_s: float
    memory_mb: float  # resident, of the whole process

    @property
    def holds(self) -> bool:
        """Whether callees would hear what they should, when they should."""
        return self.p99_late_ms < LATE_MS and self.frames_per_call_s >= RATE_SHARE * FRAMES_PER_S


def at_limit(measure: Callable[[int], Measured], begin: int) -> Measured:
    """Of loads a quarter apart around `begin`, the greatest that holds; the last one tried when none does."""
    best = measure(begin)
    for _ in range(STEPS):
        if best.holds:
            more = measure(max(best.calls + 1, round(best.calls * STEP)))
            if not more.holds:
                break
            best = more
        else:
            fewer = max(1, round(best.calls / STEP))
            best = measure(fewer)
            if best.holds or fewer == 1:
                break
    return best


def ratios(found: Sequence[Measured]) -> dict[str, float]:
    """How many times ours each peer costs: at equal load, and each at its largest one.

    Peers that weren't measured beside us leave no figure."""
    compared: dict[str, float] = {}
    for vad in (True, False):
        kind = "with_vad" if vad else "without_vad"
        ours = {one.calls: one for one in found if one.contestant == OURS and one.vad is vad}
        for name in sorted({one.contestant for one in found} - {OURS}):
            theirs = {one.calls: one for one in found if one.contestant == name and one.vad is vad}
            for calls in sorted(ours.keys() & theirs.keys()):
                ratio = theirs[calls].cpu_ms_per_call_s / ours[calls].cpu_ms_per_call_s
                compared[f"{name}.{kind}.calls_{calls}"] = ratio
            if ours and theirs and max(ours) != max(theirs):
                mine, its = ours[max(ours)], theirs[max(theirs)]
                key = f"{name}.{kind}.its_{its.calls}.our_{mine.calls}"
                compared[key] = its.cpu_ms_per_call_s / mine.cpu_ms_per_call_s
    return compared
