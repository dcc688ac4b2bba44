"""A run's course in steps of ten seconds: from how many calls on the frames were late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.capacity.figures import costs
from bench.capacity.run import Outcome
from bench.lateness import lateness

STEP_S = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a run."""

    after_s: float  # since the first call, at its middle
    held: float
    busy_share: float
    late_p99_ms: float
    missing_share: float  # of the frames that these calls should have had
    cpu_cores: dict[str, float]  # of each part


def steps(outcome: Outcome, step_s: float = STEP_S) -> list[Step]:
    """From the first call to the last reading."""
    begun = [one.at for one in outcome.readings if one.begun]
    if not begun:
        return []
    late = lateness(outcome.came, outcome.whose)
    course = []
    at = begun[0]
    while at + step_s <= begun[-1] + 1:
        spent = costs(outcome.readings, at, at + step_s + 0.5)  # the next step's first reading ends this one
        frames = late.between(at, at + step_s)
        course.append(
            Step(
                after_s=at + step_s / 2 - begun[0],
                held=spent.held,
                busy_share=spent.busy_share,
                late_p99_ms=float(np.percentile(frames, 99)) if len(frames) else 0.0,
                missing_share=outcome.ears.missing(at, at + step_s)[0],
                cpu_cores={part: ms * spent.held / 1000 for part, ms in spent.cpu_ms_per_call_s.items()},
            )
        )
        at += step_s
    return course


def most_calls(course: Sequence[Step], late_ms: float, missing_share: float) -> int:
    """Calls of the last step before the first one in which the p99 was too late or too many frames were missing;
    0: there was none such."""
    held = 0.0
    for step in course:
        if step.late_p99_ms >= late_ms or step.missing_share > missing_share:
            break
        held = max(held, step.held)
    return int(held)
