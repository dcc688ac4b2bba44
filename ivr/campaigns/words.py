"""Words of campaigns, as people read them: states, stages, levels, kinds of projects, what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flows.findings import Term
from ivr.model import ApprovalStage, CampaignState, OrganisationLevel, PeopleMode, ProjectType

Translate = Callable[..., str]

STATES: Mapping[CampaignState, str] = {
    CampaignState.DRAFT: "a draft",
    CampaignState.SUBMITTED: "submitted",
    CampaignState.APPROVED: "approved",
    CampaignState.RUNNING: "running",
    CampaignState.PAUSED: "paused",
    CampaignState.FINISHED: "finished",
}
STAGES: Mapping[ApprovalStage, str] = {ApprovalStage.REQUEST: "the request", ApprovalStage.PLAN: "the plan"}
LEVELS: Mapping[OrganisationLevel, str] = {
    OrganisationLevel.PROVINCE: "province",
    OrganisationLevel.CITY: "city",
    OrganisationLevel.COUNTY: "county",
    OrganisationLevel.HALL: "hall",
}
PROJECT_TYPES: Mapping[ProjectType, str] = {
    ProjectType.TELEMARKETING: "telemarketing",
    ProjectType.SATISFACTION_SURVEY: "satisfaction survey",
    ProjectType.FOLLOW_UP_CALL: "follow-up call",
    ProjectType.DATA_CHECK: "data check",
    ProjectType.QUESTIONNAIRE: "questionnaire",
    ProjectType.INVITATION: "invitation",
}
MODES: Mapping[PeopleMode | None, str] = {
    None: "the robot",
    PeopleMode.PREVIEW: "people, who look at each task before they dial it",
    PeopleMode.PROGRESSIVE: "people, for whom the next task is dialled when they are ready",
    PeopleMode.PREDICTIVE: "people, for whom customers are called ahead",
}
# What can change: the parts of what is approved (ivr.campaigns.hashing), and what an edit names more exactly.
PARTS: Mapping[str, str] = {
    "flow": "flow",
    "prompts": "prompts",
    "lists": "lists",
    "feeds": "feeds",
    "schedule": "schedule",
    "policy": "policy",
    "strategy": "strategy",
    "trunks": "trunks",
    "plan": "organisation, project type, statistics form, concurrency or who handles it",
    "feed": "feeds",
    "organisation": "organisation",
    "project_type": "project type",
    "statistics": "statistics form",
    "concurrency": "calls at once",
    "handled_by": "who handles it",
    "maxima": "most contacts of feeds",
}


# What stands in the audit trail after "campaign.".
EVENTS: Mapping[str, str] = {
    "create": "created",
    "submit": "submitted for approval",
    "sign": "signed",
    "approve": "signed, and with that approved",
    "reject": "rejected",
    "edit": "edited",
    "start": "started",
    "pause": "stopped for now",
    "resume": "resumed",
    "stop": "stopped for good",
    "finish": "came to its end",
    "policy": "goes on by another policy",
}


class Terms(tuple[Term, ...]):
    """Several of them, as a list in a sentence."""

    __slots__ = ()

    def __str__(self) -> str:
        return ", ".join(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def render(self, translate: Translate) -> str:
        return ", ".join(term.render(translate) for term in self)


def state_word(state: CampaignState) -> Term:
    return Term(STATES[state])


def stage_word(stage: ApprovalStage) -> Term:
    return Term(STAGES[stage])


def level_word(level: OrganisationLevel) -> Term:
    return Term(LEVELS[level])


def event_word(event: str) -> Term:
    return Term(EVENTS[event])


def project_type_word(kind: ProjectType) -> Term:
    return Term(PROJECT_TYPES[kind])


def part_words(parts: Sequence[str]) -> Terms:
    return Terms(Term(PARTS[part]) for part in parts)


def mode_word(mode: PeopleMode | None) -> Term:
    return Term(MODES[mode])
