"""What happens in a run, for whoever watches: the live table, the database's live rows, the simulated callees.

Observers are plain functions, called on the loop in the order in which they were added; they don't wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ivr.errors import IvrError
from ivr.session.record import CallRecord
from ivr.session.states import CallState
from trunk.ports import TrunkError

WHISPER = "whisper"  # as nodes are named to whoever watches: what an agent is told
BRIDGED = "bridged"  # … and the talk of agent and callee


@dataclass(frozen=True, slots=True)
class RunBegan:
    """Everything is prepared: the first call is about to be placed."""

    campaign: str
    flow: str
    contacts: int  # of the list; 0 when the campaign goes on
    rejected_rows: int
    recognizer: str
    resumed: bool
    unknown_words: tuple[str, ...] = ()  # words of the flow's questions that the recogniser doesn't know
    warnings: tuple[TrunkError | IvrError, ...] = ()  # what network and settings can't do as they were told


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """The attempt is stored and the network is about to be asked."""

    attempt_id: str
    phone: str
    number: int  # 1 is the first try
    at: datetime


@dataclass(frozen=True, slots=True)
class StateChanged:
    attempt_id: str
    state: CallState
    at: datetime


@dataclass(frozen=True, slots=True)
class NodeReached:
    attempt_id: str
    node: str


@dataclass(frozen=True, slots=True)
class PromptBegan:
    attempt_id: str
    node: str
    text: str  # what is said


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The prompt is over, or was stopped for good; one that pauses for talk-over isn't over."""

    attempt_id: str
    node: str


@dataclass(frozen=True, slots=True)
class Understood:
    """What the callee said or keyed came to this; `meaning` is a value, a command, or why it came to nothing."""

    attempt_id: str
    node: str
    meaning: str
    modality: str | None
    transcript: str | None


@dataclass(frozen=True, slots=True)
class ScriptReached:
    """An agent who talks on a call by hand is to say this now; their script is at that node."""

    attempt_id: str
    node: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentCalled:
    """A leg to an agent is about to be placed, for the call of `attempt_id`. What is said on it, and that the two
    talk, is told by its own id: the nodes are then `whisper` and `bridged`."""

    attempt_id: str
    leg_id: str
    agent: str  # their number
    phone: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SupervisorCalled:
    """A leg to a supervisor is about to be placed, who wants to be with the call of `attempt_id`."""

    attempt_id: str
    leg_id: str
    who: str
    phone: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NoQueue:
    """The call of `attempt_id` was to be handed to a queue that there isn't; `known` are those that there are."""

    attempt_id: str
    queue: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentTried:
    """That leg is over; `status` is what it came to (`flows.results.TransferStatus`)."""

    attempt_id: str
    leg_id: str
    agent: str
    status: str
    at: datetime
    result: str = ""  # … exactly: `ivr.model.HandoffResult`


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The callee needed a person, and none was found in time."""

    attempt_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CallOver:
    """The outcome is stored. `again_at` is when the number is tried again, if it is."""

    attempt_id: str
    record: CallRecord
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class TasksSkipped:
    """Contacts that the policy doesn't let be called (any more)."""

    count: int


class Stance(StrEnum):
    """How many lines a campaign that ends at people may have, and why."""

    NOBODY = "nobody"  # no person is there: nothing is placed
    LEARNING = "learning"  # one line per free agent: too little was seen to predict from
    UNPROVEN = "unproven"  # … the share of abandoned callees is within the cap, as far as so few can tell
    OVER_CAP = "over_cap"  # … that share is above the cap, or may well be
    OPEN = "open"  # as many as the mode allows


@dataclass(frozen=True, slots=True)
class PaceChanged:
    """A campaign that ends at people is paced in another way from now on."""

    stance: Stance
    there: int  # people: free, talking or wrapping up
    needed: int  # callees who needed a person within the window of the cap
    abandoned: int  # … of these, for whom none was found in time
    upper: float  # per cent: upper confidence bound of the abandoned share
    at_most: float  # per cent: the cap


@dataclass(frozen=True, slots=True)
class TrunkChanged:
    """A trunk has left service or comes back."""

    trunk: str
    state: str  # trunk.routing.breaker.Service: in_service, trial (one call at a time), out_of_service
    reason: str  # trunk.routing.breaker.Reason
    rest_s: float | None  # an outage lasts so long at least
    at: datetime


ProgressEvent = (
    RunBegan
    | CallPlaced
    | StateChanged
    | NodeReached
    | PromptBegan
    | PromptEnded
    | Understood
    | ScriptReached
    | AgentCalled
    | SupervisorCalled
    | NoQueue
    | AgentTried
    | Abandoned
    | CallOver
    | TasksSkipped
    | PaceChanged
    | TrunkChanged
)
Observer = Callable[[ProgressEvent], None]


class Bus:
    """Hands every event to every observer."""

    def __init__(self) -> None:
        self._observers: list[Observer] = []

    def subscribe(self, observer: Observer) -> None:
        self._observers.append(observer)

    def publish(self, event: ProgressEvent) -> None:
        for observer in self._observers:
            observer(event)


def masked(phone: str) -> str:
    """The number as people and logs may see it: country code and last four digits."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) > 7 else "****"
