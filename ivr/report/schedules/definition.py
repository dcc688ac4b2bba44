"""Schedule files -> what is to be made, when, for whom."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from flows.parts import Name, rule_error
from flows.source import read
from flows.values import Frozen
from ivr.crons import Cron, Zone, last_time, next_time
from ivr.documents import DocumentKind
from ivr.report.period import Every, period_of

SCHEMA_VERSION = 1
Format = Literal["xlsx", "html", "json"]
Named = Annotated[str, StringConstraints(min_length=1, max_length=128)]


def _address(text: str) -> str:
    if not re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", text):
        raise rule_error("{text} is no mail address; write one like lead@example.com", text=text)
    return text


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise rule_error("the subject must be one line of text")
    return text


Address = Annotated[str, StringConstraints(max_length=254), AfterValidator(_address)]
Subject = Annotated[str, StringConstraints(max_length=200), AfterValidator(_line)]


class MailSpec(Frozen):
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=100)]
    subject: Subject | None = None  # None: the report's title


class ScheduleSpec(Frozen):
    """`kind` people: teams and agents; campaigns: organisations and campaigns."""

    report: Name
    kind: Literal["people", "campaigns"] = "people"
    every: Cron
    timezone: Zone = "Asia/Shanghai"
    period: Every
    teams: tuple[Named, ...] = ()
    organisation: Named | None = None
    language: Literal["zh-CN", "en"] = "zh-CN"
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("xlsx", "html")
    directory: Named | None = None
    mail: MailSpec | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.directory is None and self.mail is None:
            raise rule_error("nobody gets the report; write a directory, or mail with its addresses")
        if self.directory is not None and not Path(self.directory).is_absolute():
            raise rule_error("the directory {path} isn't absolute; begin it with /", path=self.directory)
        if self.kind == "people" and self.organisation is not None:
            raise rule_error("a report on people is of teams; write teams instead of organisation")
        if self.kind == "campaigns" and self.teams:
            raise rule_error("a report on campaigns is of an organisation; write organisation instead of teams")
        return self


@dataclass(frozen=True, slots=True)
class Schedule:
    spec: ScheduleSpec
    document: str  # the whole file as JSON, which `load_document` reads back
    version: str  # the SHA-256 of `document`, in hex

    @property
    def name(self) -> str:
        return self.spec.report

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.spec.timezone)

    def next_time(self, after: datetime) -> datetime:
        return next_time(self.spec.every, self.zone, after)

    def last_time(self, now: datetime) -> datetime:
        """The last moment of the schedule: after a downtime it alone is made up for."""
        return last_time(self.spec.every, self.zone, now)

    def period_before(self, moment: datetime) -> tuple[date, date]:
        """The last whole day, week or month before a moment."""
        today = moment.astimezone(self.zone).date()
        first, _ = period_of(self.spec.period, today)
        return period_of(self.spec.period, first - timedelta(days=1))


_MODELS: Mapping[str, type[BaseModel]] = {"": ScheduleSpec, "mail": MailSpec}
_KIND = DocumentKind(
    ScheduleSpec,
    SCHEMA_VERSION,
    _MODELS,
    template="a report's schedule is a mapping, this is {kind}",
    fix="copy the example of docs/people-reports.md and change it",
    prepare=lambda tree: {key: value for key, value in tree.items() if key != "schema"},
)


def load(path: Path) -> Schedule:
    """Load a schedule's file. Raises FlowLoadError."""
    return schedule_of(_KIND.parse(read(path), str(path)).spec)


def load_document(text: str) -> Schedule:
    """The schedule of a stored `Schedule.document`."""
    return schedule_of(ScheduleSpec.model_validate_json(text))


def schedule_of(spec: ScheduleSpec) -> Schedule:
    document = spec.model_dump_json(exclude_unset=True)
    return Schedule(spec, document, hashlib.sha256(document.encode()).hexdigest())
