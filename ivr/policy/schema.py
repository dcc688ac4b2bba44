"""What stands in a policy file, as pydantic models. docs/policy.md explains each key with its default."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from flows.parts import Expression, Name, Purpose, VariableType, rule_error
from flows.values import Frozen

SCHEMA_VERSION = 1
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
COUNTED: tuple[Purpose, ...] = ("marketing", "survey", "care")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise rule_error("{name} is no time zone; write one like Asia/Shanghai", name=name) from error
    return name


def _span(text: str) -> str:
    if not _SPAN.fullmatch(text) or text[:5] >= text[6:]:
        raise rule_error("{text} is no span of a day; write one like 09:00-12:00, from early to late", text=text)
    return text


Span = Annotated[str, AfterValidator(_span)]


def span_of(text: str) -> tuple[time, time]:
    """A span of the schema as its beginning and its end; midnight at the end is `time.max`."""
    begin, _, end = text.partition("-")
    return time.fromisoformat(begin), time.max if end == "24:00" else time.fromisoformat(end)


class Window(Frozen):
    """When calls for these purposes may begin, in the callee's own time."""

    purposes: tuple[Purpose, ...] = Field(default=PURPOSES, min_length=1)
    days: Literal["every", "working"] = "every"
    times: tuple[Span, ...] = Field(min_length=1, max_length=12)


class Engagements(Frozen):
    """How many campaigns may reach one number in a calendar month, counted over these purposes together."""

    per_month: int = Field(ge=1, le=31)
    purposes: tuple[Purpose, ...] = Field(default=COUNTED, min_length=1)
    remove_last_months_successes: bool = True


class Limits(Frozen):
    """Most calls to one number, over all campaigns and purposes."""

    per_5_minutes: int | None = Field(default=None, ge=1, le=100)
    per_day: int | None = Field(default=None, ge=1, le=100)
    per_30_days: int | None = Field(default=None, ge=1, le=1000)


class Results(Frozen):
    """Who was talked to in another campaign with the same flow isn't called with it again for so many days."""

    days: int = Field(ge=1, le=366)
    purposes: tuple[Purpose, ...] = Field(default=COUNTED, min_length=1)


class Exclusion(Frozen):
    """Contacts of whom the condition is true aren't called."""

    when: Expression
    purposes: tuple[Purpose, ...] = Field(default=PURPOSES, min_length=1)


class HoldOut(Frozen):
    """A part of those who could be called, drawn by their numbers, who never are: to see what calling does."""

    draw: Name
    percent: float = Field(gt=0, lt=100)


class PolicySpec(Frozen):
    """The whole file."""

    schema_: Literal[1] = Field(alias="schema")
    policy: Name
    timezone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Shanghai"
    holidays: Annotated[str, Field(min_length=2, max_length=2)] = "CN"
    attributes: dict[Name, VariableType] = Field(default_factory=dict, max_length=100)
    consent: tuple[Purpose, ...] = ()
    paid: tuple[Purpose, ...] = ("service",)  # whoever has paid isn't called for these
    exclude: dict[Name, Exclusion] = Field(default_factory=dict, max_length=100)
    attempts: int | None = Field(default=None, ge=1, le=100)
    results: Results | None = None
    engagements: Engagements | None = None
    limits: Limits = Limits()
    windows: tuple[Window, ...] = Field(default=(), max_length=20)
    hold_out: HoldOut | None = None

    @model_validator(mode="after")
    def _every_purpose_has_a_window(self) -> Self:
        named = {purpose for window in self.windows for purpose in window.purposes}
        missing = [purpose for purpose in PURPOSES if purpose not in named]
        if self.windows and missing:
            raise rule_error("windows names no times for {purposes}; add them", purposes=", ".join(missing))
        return self
