"""The stable result of a campaign run: what `ivr rehearse --json` and `report.json` hold (see docs/results.md).

Additions are allowed in a minor version; a field never changes its meaning or goes away within one `schema`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

RESULTS_SCHEMA = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerResult(_Model):
    """One answer as it counted: the last one given to its question."""

    value: str
    modality: Literal["speech", "keys", "agent"]
    confidence: float | None = None  # 0..1 on the recogniser's own scale; None for keys
    transcript: str | None = None  # None for keys
    reaction_ms: int | None = None  # from the prompt's end; negative when the caller talked over it
    pending: bool = False  # accepted by voice, still to be confirmed


class SegmentResult(_Model):
    """Who talked with the callee from when to when, in seconds from the answer."""

    kind: Literal["bot", "agent"]
    agent: str | None = None  # the agent's number
    start_s: float
    end_s: float


class IdentityResultRow(_Model):
    """What one way of checking who the customer is came to; never what they gave."""

    method: str  # password, id, name_address …
    result: Literal["verified", "failed", "refused", "no_input", "unknown", "locked", "unavailable"]
    tries: int  # entries that were compared
    agent: str | None = None  # the agent who asked; None: the robot


class TransferTry(_Model):
    """One agent who was tried."""

    agent: str  # their number
    result: str  # ivr.model.HandoffResult


class TransferResult(_Model):
    """One request of the callee for a person, and its one result."""

    queue: str
    result: str  # ivr.model.HandoffResult; docs/transfers.md says when each is
    agent: str | None = None  # who talked with them, or was tried last
    tried: tuple[TransferTry, ...] = ()  # in order
    disposition: str | None = None  # what the agent said at the wrap-up that it came to
    waited_s: float  # from the asking to the talk, or to the end without one
    talk_s: float = 0.0


class AttemptResult(_Model):
    """One try over the network and the conversation on it."""

    attempt_id: str
    phone: str  # E.164
    number: int  # 1 is the first try of this contact
    direction: Literal["out", "return"] = "out"  # return: the customer called back
    outcome: str  # trunk.ports.DialOutcome
    cause: str  # raw, as the network said it
    disposition: str  # business result: the flow's, or the network outcome's name when nobody answered
    intention: Literal["unreachable", "success", "strongly_interested", "interested", "declined"] | None
    answers: dict[str, AnswerResult] = Field(default_factory=dict)
    path: tuple[str, ...] = ()  # flow nodes in the order they were entered
    started_s: float  # from the campaign's start
    ring_s: float
    talk_s: float
    hung_up_by: Literal["callee", "us", "network"]
    opted_out: bool = False
    recording: str | None = None  # file name below the recording directory
    segments: tuple[SegmentResult, ...] = ()  # of an answered call, in order: to a person and back
    transfers: tuple[TransferResult, ...] = ()  # requests for a person, in order
    trunk: str | None = None  # which way the call went; None: it never left
    caller_id: str | None = None  # the number that the callee was shown; None: the operator's choice
    failed_over: bool = False  # the trunk refused it before it rang; the next attempt took another one at once
    identity: tuple[IdentityResultRow, ...] = ()  # the checks of who the customer is, in order
    early_media: str | None = None  # trunk.ports.EarlyMedia: what the network said when the call wasn't answered


class Summary(_Model):
    """Counts over the attempts; rates are numerator / denominator as in docs/results.md."""

    campaign: str
    flow: str
    flow_version: str  # content hash
    language: str
    purpose: str
    recognizer: str
    seed: int | None
    contacts: int
    rejected_rows: int
    attempts: int
    connected: int  # attempts with talk time > 0 s
    contact_rate: float  # contacts connected / contacts dialled
    outcomes: dict[str, int]
    dispositions: dict[str, int]  # of each contact's last attempt
    intentions: dict[str, int]  # of each contact's last attempt
    answers: dict[str, dict[str, int]]  # question -> value -> count
    modalities: dict[str, int]  # answers by keys and by speech
    opted_out: int
    mean_talk_s: float  # over connected attempts
    talk_s: float
    finished: bool
    successes: int = 0  # attempts; gross: acceptances that are still to be confirmed count
    confirmed_successes: int = 0
    returned: int = 0  # attempts: customers who called back
    returned_successes: int = 0  # … of these, gross
    unconfirmed_successes: int = 0  # accepted by voice, nobody has confirmed or rejected it yet


class Charts(_Model):
    """What charts are drawn from, counted over all attempts."""

    funnel: dict[str, int] = Field(default_factory=dict)  # contacts -> dialled -> connected -> answered -> success
    talk_step_s: int = 0  # width of a bin of `talk`
    talk: tuple[int, ...] = ()  # connected calls by talk time
    time_step_s: int = 0  # width of a bin of `connected` and `others`
    connected: tuple[int, ...] = ()  # calls by when they began, from the campaign's start
    others: tuple[int, ...] = ()
    hang_ups: dict[str, int] = Field(default_factory=dict)  # node in which callees hung up -> connected calls


class Results(_Model):
    schema_version: int = Field(default=RESULTS_SCHEMA, alias="schema")
    summary: Summary
    charts: Charts = Charts()
    attempts: tuple[AttemptResult, ...]
    attempts_left_out: int = 0  # of `summary.attempts`: a long campaign's list ends somewhere
