"""What stands in a strategy file, as pydantic models. docs/strategy.md explains each key with its default."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from flows.parts import Expression, Intention, Name, Purpose, rule_error
from flows.values import Frozen
from ivr.pacing.schema import USUAL_PRIORITY, USUAL_SHARE, PaceSpec, Priority, Share
from ivr.policy.schema import COUNTED, Span, span_of

SCHEMA_VERSION = 1
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=366)
MOST_CALLS = 20  # of one kind for one contact
_DURATION = re.compile(r"([1-9]\d{0,5})([smhd])")

Outcome = Literal[
    "answered",
    "voicemail",
    "busy",
    "rejected",
    "no_answer",
    "powered_off",
    "suspended",
    "invalid_number",
    "unreachable",
    "congestion",
    "cancelled",
    "failed",
    "unknown",
]
# Whoever was talked to is `unfinished`'s or a follow-up's business; what may have rung unseen isn't repeated.
_NOT_RETRIED = frozenset({"answered", "invalid_number", "unknown"})
Grade = Literal["A", "B", "C", "D", "E", "F"]
GRADES: tuple[Grade, ...] = ("A", "B", "C", "D", "E", "F")
Segment = Annotated[str, Field(min_length=1, max_length=64)]


def _duration(text: str) -> str:
    found = _DURATION.fullmatch(text)
    if not found or duration_of(text) > LONGEST:
        raise rule_error("{text} is no time to wait; write one like 90s, 15m, 4h or 2d, at most 366d", text=text)
    return text


def duration_of(text: str) -> timedelta:
    """A duration of the schema."""
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


Duration = Annotated[str, AfterValidator(_duration)]
AtMost = Annotated[int, Field(ge=1, le=MOST_CALLS)]


class AgainSpec(Frozen):
    """When a number is called again: after the first time, the second … ; the last wait holds from then on."""

    waits: tuple[Duration, ...] = Field(default=(), max_length=MOST_CALLS)
    at_most: AtMost = 1
    other_part_of_day: bool = False

    @model_validator(mode="after")
    def _waits_and_counts_agree(self) -> Self:
        if self.at_most > 1 and not self.waits:
            raise rule_error("at_most: {most} calls again without saying when; add waits, such as [4h]",
                             most=self.at_most)  # fmt: skip
        return self


class RetrySpec(Frozen):
    """Calls until somebody is reached."""

    attempts: AtMost = 3
    rejected_after_ring_s: float | None = Field(default=3.0, ge=0, le=60)
    outcomes: dict[Outcome, AgainSpec] = Field(default_factory=dict)
    dispositions: dict[Name, AgainSpec] = Field(default_factory=dict, max_length=100)

    @model_validator(mode="after")
    def _some_are_never_retried(self) -> Self:
        for outcome in self.outcomes:
            if outcome in _NOT_RETRIED:
                raise rule_error("{outcome} is never called again by this rule; take it out", outcome=outcome)
        return self


class UnfinishedSpec(Frozen):
    """One more call for those who were reached and left before the question that the flow is about."""

    when: Expression
    wait: Duration = "1d"
    at_most: AtMost = 1
    other_part_of_day: bool = True
    purposes: tuple[Purpose, ...] = Field(default=COUNTED, min_length=1)


class GradeSpec(Frozen):
    """A grade and when it is given."""

    grade: Grade
    when: Expression


class FollowUpSpec(Frozen):
    """Calls to those who may still come round."""

    wait: Duration
    at_most: AtMost = 1
    purposes: tuple[Purpose, ...] = Field(default=COUNTED, min_length=1)


class CallbacksSpec(Frozen):
    """Calls that the customer asked for, and the robot makes."""

    keep: bool = True
    at_most: AtMost = 3
    priority: Annotated[int, Field(ge=1, le=9)] = 1


class BestHourSpec(Frozen):
    """Whether calls wait for an hour at which such numbers answer more often."""

    use: bool = False
    segments: tuple[Segment, ...] = Field(default=("prefix",), max_length=4)
    days: int = Field(default=60, ge=1, le=366)
    at_least: int = Field(default=50, ge=1, le=1_000_000)
    wait_at_most: Duration = "1d"


class InvalidNumbersSpec(Frozen):
    """For how long a number that doesn't exist is closed, in every campaign."""

    closed_for: Duration = "180d"


class ReturnFlowSpec(Frozen):
    """A published flow."""

    name: Name
    version: int = Field(ge=1)


class ReturnCallsSpec(Frozen):
    """Customers who call back: how long after a call of ours they get its conversation, and by which flow (none
    named: the campaign's own)."""

    within: Duration = "3d"
    flow: ReturnFlowSpec | None = None


class ArmSpec(Frozen):
    """What the numbers of one arm hear in place of the campaign's own."""

    weight: float = Field(default=1.0, gt=0, le=1000)
    flow_version: int | None = Field(default=None, ge=1)
    prompts: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class SplitSpec(Frozen):
    """An A/B test. The same number is always in the same arm of a split of that name."""

    name: Name
    arms: dict[Name, ArmSpec] = Field(min_length=2, max_length=10)


class StrategySpec(Frozen):
    """The whole file."""

    schema_: Literal[1] = Field(alias="schema")
    strategy: Name
    day_parts: dict[Name, Span] = Field(default_factory=dict, max_length=12)
    retry: RetrySpec = RetrySpec()
    unfinished: UnfinishedSpec | None = None
    grades: tuple[GradeSpec, ...] = Field(min_length=1, max_length=100)
    classes: dict[Grade, Intention]
    follow_ups: dict[Grade, FollowUpSpec] = Field(default_factory=dict)
    callbacks: CallbacksSpec = CallbacksSpec()
    return_calls: ReturnCallsSpec | None = None
    best_hour: BestHourSpec = BestHourSpec()
    invalid_numbers: InvalidNumbersSpec = InvalidNumbersSpec()
    split: SplitSpec | None = None
    pace: PaceSpec = PaceSpec()
    priority: Priority = USUAL_PRIORITY
    share: Share = USUAL_SHARE

    @property
    def return_flow(self) -> ReturnFlowSpec | None:
        """What customers hear who call back; None: the campaign's own flow, if anything."""
        return None if self.return_calls is None else self.return_calls.flow

    @model_validator(mode="after")
    def _every_grade_has_a_class(self) -> Self:
        missing = [grade for grade in GRADES if grade not in self.classes]
        if missing:
            raise rule_error("classes names none for {grades}; add them", grades=", ".join(missing))
        return self

    @model_validator(mode="after")
    def _parts_of_the_day_are_apart(self) -> Self:
        spans = sorted((span_of(text), name) for name, text in self.day_parts.items())
        for ((_, end), before), ((begin, _), name) in pairwise(spans):
            if begin < end:
                raise rule_error("day_parts {first} and {second} overlap", first=before, second=name)
        rules = [*self.retry.outcomes.values(), *self.retry.dispositions.values()]
        other = any(rule.other_part_of_day for rule in rules)
        other |= self.unfinished is not None and self.unfinished.other_part_of_day
        if other and len(spans) < 2:
            raise rule_error("another part of the day needs day_parts to choose from; write two or more")
        return self
