"""Who must sign, and who may: the rules of approval, pure.

A campaign is approved in two stages: the request first, then the plan (seeds S2). How many different approvers
each stage needs, of which level and by which form, follows from how many contacts it has together with its
siblings: campaigns of the same owner with the same flow, submitted within some hours of it, so that nothing is
split up to stay below a threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ivr.campaigns.actors import Actor, Place
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.words import level_word, stage_word
from ivr.config import ApprovalSettings, ApprovalStep
from ivr.model import ApprovalStage, OrganisationLevel

CLI = "cli:"  # before the names of operators at the command line


@dataclass(frozen=True, slots=True)
class Size:
    """A campaign that counts together with others. `contacts` None: a feed without a maximum, unbounded."""

    owner: str
    flow: str
    submitted_at: datetime
    contacts: int | None


@dataclass(frozen=True, slots=True)
class Demand:
    """What a campaign of this size needs."""

    contacts: int | None  # with its siblings
    step: ApprovalStep

    @property
    def approvers(self) -> int:
        """Different people, of each stage."""
        return self.step.approvers

    def level(self, stage: ApprovalStage) -> OrganisationLevel | None:
        """The lowest level that may sign; None: the campaign's own."""
        level = self.step.request_level if stage is ApprovalStage.REQUEST else self.step.plan_level
        return None if level is None else OrganisationLevel(level)


@dataclass(frozen=True, slots=True)
class Signature:
    """An approval of what stands there now."""

    stage: ApprovalStage
    by: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Whose signature is asked for next. `stage` None: everybody has signed."""

    stage: ApprovalStage | None
    have: int = 0
    need: int = 0


@dataclass(frozen=True, slots=True)
class Paper:
    """What lies before the approvers."""

    name: str
    authors: frozenset[str]  # who made, edited or submitted it
    place: Place | None  # the campaign's organisation
    demand: Demand
    signatures: tuple[Signature, ...]


def together(one: Size, others: Iterable[Size], window: timedelta) -> int | None:
    """How many contacts count: the campaign's own and those of its siblings. None: without bound."""
    siblings = [
        other
        for other in others
        if other.owner == one.owner
        and other.flow == one.flow
        and abs(other.submitted_at - one.submitted_at) <= window
    ]
    counts = [size.contacts for size in (one, *siblings)]
    return None if None in counts else sum(count for count in counts if count is not None)


def demand_of(contacts: int | None, settings: ApprovalSettings) -> Demand:
    """What so many contacts need: the largest step that they reach; without bound, the last one."""
    reached = [step for step in settings.steps if contacts is None or contacts >= step.from_contacts]
    return Demand(contacts, reached[-1])


def signed(signatures: Sequence[Signature], approvers: int) -> Signed:
    """How far it is. The plan's signatures count once the request has all of its own."""
    for stage in ApprovalStage:
        have = len({one.by for one in signatures if one.stage is stage})
        if have < approvers:
            return Signed(stage, have, approvers)
    return Signed(None)


def next_stage(paper: Paper, actor: Actor, settings: ApprovalSettings) -> ApprovalStage:
    """Which stage the actor's signature is for. Raises CampaignError when they may not sign."""
    _check_person(paper, actor, settings)
    stage = signed(paper.signatures, paper.demand.approvers).stage
    if stage is None:
        raise CampaignError("Everybody has signed {name}.", name=paper.name)
    if Signature(stage, actor.name) in paper.signatures:
        raise CampaignError(
            "{who} has signed {stage} of {name} already; it needs somebody else.",
            who=actor.name,
            stage=stage_word(stage),
            name=paper.name,
        )
    _check_place(paper, actor, stage)
    return stage


def _check_person(paper: Paper, actor: Actor, settings: ApprovalSettings) -> None:
    if actor.role is None:
        raise CampaignError(
            "{who} is none of the users, and only they approve; say who signs: --as USER", who=actor.name
        )
    if actor.name in paper.authors or f"{CLI}{actor.name}" in paper.authors:
        raise CampaignError("Nobody approves their own campaign; ask somebody else than {who}.", who=actor.name)
    if actor.role.value not in settings.roles:
        raise CampaignError(
            "{who} is {role}; campaigns are approved by: {roles}.",
            who=actor.name,
            role=actor.role.value,
            roles=", ".join(settings.roles),
        )


def _check_place(paper: Paper, actor: Actor, stage: ApprovalStage) -> None:
    if paper.place is None:
        return  # an installation without organisations: the role is enough
    if actor.place is None or not actor.place.covers(paper.place):
        raise CampaignError(
            "{name} belongs to {organisation}: it is approved there or above, and {who} isn't.",
            name=paper.name,
            organisation=paper.place.name,
            who=actor.name,
        )
    level = paper.demand.level(stage)
    if level is not None and not actor.place.reaches(level):
        raise CampaignError(
            "Of {name}, {stage} is approved at the level {level} or above; {who} is in {organisation}.",
            stage=stage_word(stage),
            name=paper.name,
            level=level_word(level),
            who=actor.name,
            organisation=actor.place.name,
        )
