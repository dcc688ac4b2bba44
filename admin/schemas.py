"""What the API takes and gives. Field names are the pages' contract: additions are free, changes are not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ivr.briefs import CameTo
from ivr.feeds.single import Stage
from ivr.model import AttemptState, CampaignState, Direction, HungUpBy, Intention, Role, SegmentKind
from ivr.policy.decide import Verdict
from trunk.ports import DialOutcome

ATTEMPTS_A_PAGE = 50
MOST_PAGES = 100_000
LIVE_ROWS = 200  # calls listed in a live view; the total says how many there are


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# ---- session ------------------------------------------------------------------------------------------------


class SignInBody(_Input):
    """Name and password."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Me(_Model):
    """Who is signed in."""

    name: str
    role: Role
    sees_numbers: bool = Field(
        description="False: phone numbers come masked, and can be searched by their end only."
    )


class SessionAnswer(_Model):
    """The session of this browser."""

    user: Me | None = Field(description="null: nobody is signed in.")


class Health(_Model):
    """For whoever watches the process."""

    status: str
    version: str


# ---- campaigns ----------------------------------------------------------------------------------------------


class CampaignPath(_Input):
    campaign_id: Annotated[int, Field(ge=1, lt=2**63, description="As in the list of campaigns.")]


class Counts(_Model):
    """A campaign's figures right now. Attempts, outcomes and what follows count ended attempts."""

    contacts: int = Field(description="Contacts of the list.")
    done: int = Field(description="Contacts that won't be called again.")
    live: int = Field(description="Attempts that are going on.")
    attempts: int
    dialled: int = Field(description="Contacts with at least one ended attempt.")
    connected: int = Field(description="Attempts with talk time above 0 s.")
    reached: int = Field(description="Contacts connected at least once.")
    talk_s: float = Field(description="From answer to hang-up, summed.")
    opted_out: int
    outcomes: dict[DialOutcome, int]
    intentions: dict[Intention, int]


class CampaignAnswer(_Model):
    """One campaign with its figures."""

    id: int
    name: str
    state: CampaignState
    flow: str
    flow_version: int
    content_hash: str = Field(description="Of the flow version; what an approval would be bound to.")
    language: str
    purpose: str
    recognizer: str
    concurrency: int = Field(description="Calls at once, at most.")
    timezone: str
    seed: int | None = Field(description="Of a rehearsal; null for real calls.")
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    counts: Counts


class CampaignList(_Model):
    """All campaigns, newest first."""

    campaigns: tuple[CampaignAnswer, ...]


# ---- single contacts, of programs ----------------------------------------------------------------------------


class ContactsPath(_Input):
    campaign: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(
        description="The campaign's name, or its id."
    )


class ContactPath(ContactsPath):
    source_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(
        description="As it was handed in."
    )


class ContactBody(_Input):
    """A contact to be called."""

    phone: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    source_id: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")] = Field(
        description="The program's own name of it: the same again is the same contact."
    )
    attributes: Annotated[dict[str, str | int | float | bool | None], Field(max_length=100)] = Field(
        default_factory=dict, description="What the campaign's flow needs, and what its policy asks for."
    )
    priority: int = Field(default=5, ge=1, le=9, description="1 is called first, 9 last.")
    since: AwareDatetime | None = Field(
        default=None, description="What it is about happened then; who pays from then on isn't called. null: now."
    )


class ContactAttempt(_Model):
    """One call of a contact."""

    attempt_id: str
    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    disposition: str | None
    intention: str | None
    grade: str | None


class ContactAnswer(_Model):
    """Where a contact stands."""

    campaign: str
    source_id: str
    phone: str
    stage: Stage = Field(
        description="`open`, `claimed` (being called), `called` (tried, and tried again), `closed`, or `replaced` "
        "by a newer contact of the same number."
    )
    verdict: Verdict | None = Field(description="What the policy says now: `call`, `later`, `never`.")
    rule: str | None = Field(description="Which of its rules says so.")
    words: str = Field(description="The same in words: will be called, not before …, never: why.")
    until: datetime | None = Field(description="Of `later`.")
    priority: int | None
    result: str | None = Field(description="What closed it.")
    attempts: tuple[ContactAttempt, ...]


# ---- attempts -----------------------------------------------------------------------------------------------


class AttemptPath(_Input):
    attempt_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.-]{1,36}$")] = Field(
        description="A UUID; of a call that came in the network's own id."
    )


class AttemptQuery(_Input):
    q: Annotated[str, StringConstraints(max_length=64, strip_whitespace=True)] = Field(
        default="", description="Part of a number, of a transcript, or a disposition."
    )
    outcome: DialOutcome | None = Field(default=None, description="Ended with this outcome.")
    intention: Intention | None = Field(default=None, description="Classed so.")
    page: Annotated[int, Field(ge=1, le=MOST_PAGES)] = Field(default=1, description="1 is the newest.")
    per_page: Annotated[int, Field(ge=1, le=200)] = Field(default=ATTEMPTS_A_PAGE, description="Rows a page.")


class AttemptRow(_Model):
    """One try over the network, as a list shows it."""

    id: str
    phone: str = Field(description="E.164; masked for roles that don't see numbers.")
    number: int = Field(description="1 is the contact's first try.")
    direction: Direction = Field(description="return: the customer called back.")
    state: AttemptState
    outcome: DialOutcome | None = Field(description="null while it goes on.")
    disposition: str | None
    intention: Intention | None
    opted_out: bool
    started_at: datetime
    talk_s: float
    answers: dict[str, str] = Field(description="Question -> the last answer.")
    has_recording: bool


class AttemptPage(_Model):
    attempts: tuple[AttemptRow, ...]
    total: int
    page: int
    per_page: int


class AnswerGiven(_Model):
    """One answer with what is needed when it is disputed."""

    number: int
    node: str
    name: str
    value: str
    modality: str = Field(description="speech, keys or agent.")
    transcript: str | None
    confidence: float | None = Field(description="0..1 on the recogniser's own scale; null for keys.")
    reaction_ms: int | None = Field(description="From the prompt's end; negative over the prompt.")
    rule: str | None = Field(description="What decided.")
    pending: bool
    prompt_sha256: str | None
    given_at: datetime


class SegmentShown(_Model):
    """Who talked with the callee."""

    number: int
    kind: SegmentKind
    agent: str | None
    started_at: datetime
    ended_at: datetime | None


class RecordingShown(_Model):
    """Stereo: callee left, we right. Fetch it by its id."""

    id: int
    seconds: float
    sha256: str


class CampaignRef(_Model):
    id: int
    name: str


class AttemptAnswer(_Model):
    """One try over the network with everything that is known of it."""

    id: str
    campaign: CampaignRef
    phone: str
    number: int
    direction: Direction
    state: AttemptState
    outcome: DialOutcome | None
    cause: str = Field(description="Raw, as the network said it.")
    hung_up_by: HungUpBy | None
    disposition: str | None
    intention: Intention | None
    pending: bool
    opted_out: bool
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    talk_s: float
    path: tuple[str, ...] = Field(description="Flow nodes in the order they were entered.")
    says: dict[str, str] = Field(description="Node of the path -> its prompt's template, as it is worded today.")
    answers: tuple[AnswerGiven, ...]
    segments: tuple[SegmentShown, ...]
    recording: RecordingShown | None


class RecordingPath(_Input):
    recording_id: Annotated[int, Field(ge=1, lt=2**63, description="As an attempt names it.")]


class RecordingQuery(_Input):
    download: bool = Field(default=False, description="True: the browser saves it instead of playing it.")


# ---- live ---------------------------------------------------------------------------------------------------


class LiveQuery(_Input):
    campaign_id: Annotated[int, Field(ge=1, lt=2**63)] | None = Field(
        default=None, description="Calls of this campaign; left out: of all."
    )


class BriefPoint(_Model):
    """One question, and what became of it. Secrets are masked."""

    node: str
    name: str = Field(description="The answer's, as the flow saves it.")
    asked: str = Field(description="The question as they heard it; empty when it can't be written.")
    came_to: CameTo
    answer: str = Field(description="Its meaning; the command; what the identity check came to.")
    how: str = Field(description="Speech or keys; of an identity check its method.")
    heard: str = Field(description="What was recognised, if they spoke.")


class LiveCall(_Model):
    attempt_id: str
    campaign_id: int
    campaign: str
    phone: str
    number: int
    state: AttemptState
    current_node: str | None
    last_heard: str | None
    started_at: datetime
    answered_at: datetime | None
    rehearsed: bool = Field(description="Its moments are of a rehearsal's own time, not of the world's.")
    brief: tuple[BriefPoint, ...] = Field(
        description="What they had been asked and answered when they wanted a person; empty for all others."
    )


class LiveAnswer(_Model):
    """What is going on at one moment."""

    at: datetime
    calls: tuple[LiveCall, ...] = Field(description=f"The oldest {LIVE_ROWS} at most.")
    total: int
    campaign: CampaignAnswer | None = Field(description="The campaign asked for, with its figures.")


class ReportQuery(_Input):
    language: Annotated[str, StringConstraints(pattern=r"^(zh-CN|en)$")] = Field(
        default="zh-CN", description="The language that the page starts in; both are in it."
    )
