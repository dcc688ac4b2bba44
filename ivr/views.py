"""The values that `ivr.queries` gives: plain, frozen, whole (nothing is loaded later), no ORM rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flows.values import Modality
from ivr.briefs import Brief
from ivr.model import AttemptState, CampaignState, Direction, HungUpBy, Intention, SegmentKind
from trunk.ports import DialOutcome


@dataclass(frozen=True, slots=True)
class CampaignCounts:
    """A campaign's figures. `attempts` and all below it count attempts that have ended."""

    contacts: int = 0
    done: int = 0  # contacts that won't be called again
    live: int = 0  # attempts going on
    attempts: int = 0
    dialled: int = 0  # contacts with an ended attempt
    connected: int = 0  # attempts with talk time above 0
    reached: int = 0  # contacts connected at least once
    talk_s: float = 0.0
    opted_out: int = 0
    outcomes: Mapping[DialOutcome, int] = field(default_factory=dict)
    intentions: Mapping[Intention, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign, its flow version, and its figures."""

    id: int
    name: str
    state: CampaignState
    flow: str
    flow_version: int
    content_hash: str
    language: str
    purpose: str
    recognizer: str
    concurrency: int
    timezone: str
    seed: int | None
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    counts: CampaignCounts


@dataclass(frozen=True, slots=True)
class LiveCall:
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
    rehearsed: bool  # its moments are of a rehearsal's own time, not of the world's
    brief: Brief = ()  # what they had been asked and answered when they wanted a person


@dataclass(frozen=True, slots=True)
class LiveView:
    calls: tuple[LiveCall, ...]  # oldest first
    total: int
    campaign: CampaignView | None  # the one asked for


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    text: str = ""  # part of a number, of a transcript, or of a disposition
    outcome: DialOutcome | None = None
    intention: Intention | None = None
    whole_numbers: bool = True  # False: `text` finds numbers by their last four digits alone


@dataclass(frozen=True, slots=True)
class AttemptRow:
    id: str
    phone: str
    number: int
    direction: Direction
    state: AttemptState
    outcome: DialOutcome | None
    disposition: str | None
    intention: Intention | None
    opted_out: bool
    started_at: datetime
    talk_s: float
    answers: Mapping[str, str]  # question -> the value that counts
    has_recording: bool


@dataclass(frozen=True, slots=True)
class AnswerView:
    number: int
    node: str
    name: str
    value: str
    modality: Modality
    transcript: str | None
    confidence: float | None
    reaction_ms: int | None
    rule: str | None
    pending: bool
    prompt_sha256: str | None
    given_at: datetime


@dataclass(frozen=True, slots=True)
class SegmentView:
    number: int
    kind: SegmentKind
    agent: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordingView:
    id: int
    file: str  # relative to the recording directory
    seconds: float
    sha256: str


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt with everything that hangs on it."""

    id: str
    campaign_id: int
    campaign: str
    phone: str
    number: int
    direction: Direction
    state: AttemptState
    outcome: DialOutcome | None
    cause: str
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
    path: tuple[str, ...]
    answers: tuple[AnswerView, ...]
    segments: tuple[SegmentView, ...]
    recording: RecordingView | None
