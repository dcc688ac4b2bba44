"""What is asked of a plan, and what one second of it brings."""

from __future__ import annotations

from dataclasses import dataclass

ANSWERS_PER_MIN = 4.0  # of a callee who speaks: of a second and a half each, speech in a tenth of the call
SECONDS_PER_CALL = 60.0  # as the installation that this replaces: 240 channels, 14,400 calls an hour


@dataclass(frozen=True, slots=True)
class Demand:
    """Calls at once and their mix. `setups_per_s`: calls placed, answered or not; None: a call lasts a minute."""

    calls: int
    speech_share: float = 0.25  # of calls whose callee answers by speech
    answers_per_min: float = ANSWERS_PER_MIN  # that such a callee says
    record_share: float = 0.1
    setups_per_s: float | None = None
    cores_per_machine: int = 8
    hours_per_day: float = 10.0

    @property
    def placed_per_s(self) -> float:
        return self.calls / SECONDS_PER_CALL if self.setups_per_s is None else self.setups_per_s

    @property
    def spoken_per_s(self) -> float:
        return self.calls * self.speech_share * self.answers_per_min / 60

    @property
    def placed_per_day(self) -> float:
        return self.placed_per_s * 3600 * self.hours_per_day

    @property
    def recorded_s_per_day(self) -> float:
        return self.calls * self.record_share * 3600 * self.hours_per_day
