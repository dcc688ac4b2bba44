"""What stands in a roster file, as pydantic models. docs/desk.md explains each key with its default."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from flows.parts import Name, rule_error
from flows.values import Frozen

SCHEMA_VERSION = 1


def _number(text: str) -> str:
    if not re.fullmatch(r"\d{1,8}", text):
        raise rule_error("{text} is no agent's number: 1 to 8 digits", text=text)
    return text


def _phone(text: str) -> str:
    if not re.fullmatch(r"\+[1-9]\d{6,14}|\d{2,6}", text):
        raise rule_error("{text} is no phone: an extension like 601, or a number like +8613900000002", text=text)
    return text


def _language(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", text):
        raise rule_error("{text} is no language: write one like zh-CN or en", text=text)
    return text


AgentNumber = Annotated[str, AfterValidator(_number)]
Phone = Annotated[str, AfterValidator(_phone)]
Language = Annotated[str, AfterValidator(_language)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Level = Annotated[int, Field(ge=1, le=9)]


class TeamSpec(Frozen):
    leader: AgentNumber | None = None
    organisation: Named | None = None


class QueueSpec(Frozen):
    skill: Name | None = None  # None: the queue's own name
    priority: Annotated[int, Field(ge=1, le=9)] = 5
    ring_s: Annotated[float, Field(gt=0, le=120)] = 15.0
    promise_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    wrap_up_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    longest_talk_s: Annotated[float, Field(gt=0, le=14400)] = 3600.0
    monitoring_told: bool = True


class FormerTeamSpec(Frozen):
    team: Name | None = None
    until: date  # the last day in it


class AgentSpec(Frozen):
    name: Named
    phone: Phone
    team: Name | None = None
    former_teams: Annotated[tuple[FormerTeamSpec, ...], Field(max_length=100)] | None = None  # None: as on record
    skills: dict[Name, Level] = Field(default_factory=dict, max_length=50)
    hired_on: date
    left_on: date | None = None
    user: Named | None = None
    trunk: Named | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _leaves_after_coming(self) -> Self:
        if self.left_on is not None and self.left_on < self.hired_on:
            raise rule_error("left_on {left} is before hired_on {hired}", left=str(self.left_on),
                             hired=str(self.hired_on))  # fmt: skip
        return self

    @model_validator(mode="after")
    def _one_team_after_the_other(self) -> Self:
        days = [one.until for one in self.former_teams or ()]
        if days != sorted(set(days)):
            raise rule_error("former_teams stand in their order, each with a later `until`")
        return self


class RosterSpec(Frozen):
    """Who works here. Loading a roster adds and changes; it takes nobody away."""

    teams: dict[Name, TeamSpec] = Field(default_factory=dict, max_length=1000)
    queues: dict[Name, QueueSpec] = Field(default_factory=dict, max_length=1000)
    agents: dict[AgentNumber, AgentSpec] = Field(default_factory=dict, max_length=10_000)
