"""The strategy's words on pace, priority and share, as pydantic models. docs/pacing.md explains each key."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flows.parts import Name, rule_error
from flows.values import Frozen

Mode = Literal["fixed", "power", "predictive"]
Priority = Annotated[int, Field(ge=1, le=9)]  # 1 is served before 2, and so on
Share = Annotated[float, Field(gt=0, le=1000)]  # weight between campaigns of the same priority
USUAL_PRIORITY = 5
USUAL_SHARE = 1.0
USUAL_LINES = {"power": 1.0, "predictive": 5.0}  # lines per agent, by mode


class AbandonedSpec(Frozen):
    """Most callees, of those who needed a person, for whom none was found in time."""

    at_most: float = Field(default=3.0, ge=0.1, le=20)  # per cent
    window_h: int = Field(default=24, ge=1, le=720)  # … of the last so many hours
    confidence: float = Field(default=95.0, ge=50, le=99.9)  # per cent: of the upper bound that is compared
    within_s: float = Field(default=2.0, ge=0, le=10)  # from the moment they need somebody


class PaceSpec(Frozen):
    """`pace` in a strategy."""

    mode: Mode = "fixed"
    concurrency: int | None = Field(default=None, ge=1, le=10_000)  # most calls at once; None: the settings'
    calls_per_s: float | None = Field(default=None, gt=0, le=1000)  # most calls begun in a second
    queues: tuple[Name, ...] | None = Field(default=None, min_length=1, max_length=20)  # None: the flow's
    lines_per_agent: float | None = Field(default=None, ge=1, le=20)  # None: by mode
    abandoned: AbandonedSpec = AbandonedSpec()

    @property
    def by_people(self) -> bool:
        """Whether it looks at who is there to take calls over."""
        return self.mode != "fixed"

    @property
    def lines(self) -> float:
        """power: lines per free agent; predictive: most lines per agent who is there."""
        return self.lines_per_agent or USUAL_LINES.get(self.mode, 1.0)

    @model_validator(mode="after")
    def _people_only_where_they_count(self) -> Self:
        said = {"queues": self.queues, "lines_per_agent": self.lines_per_agent}
        for key, value in said.items():
            if not self.by_people and value is not None:
                raise rule_error("{key} says nothing with mode: fixed; write mode: power or predictive", key=key)
        return self
