"""The phone network, as the rest of the house sees it. Two implementations, one contract suite.

A trunk places calls and hands each one's events and audio to a `CallHandler`: two synchronous methods, called
on the loop, no await, task, queue or timer per frame. Every event's `at_s` is the loop's time. No event comes
before `originate` has returned, and none is delivered from inside `hangup`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol


class DialOutcome(StrEnum):
    """How one try over the network ended. One enum everywhere; each trunk maps its causes to it once."""

    ANSWERED = "answered"
    VOICEMAIL = "voicemail"  # answered by a machine; the call session decides this, never the network
    BUSY = "busy"
    REJECTED = "rejected"
    NO_ANSWER = "no_answer"
    POWERED_OFF = "powered_off"
    SUSPENDED = "suspended"
    INVALID_NUMBER = "invalid_number"
    UNREACHABLE = "unreachable"
    CONGESTION = "congestion"
    CANCELLED = "cancelled"  # we gave up before the answer
    FAILED = "failed"  # our own side: no codec, trunk down, bad configuration
    UNKNOWN = "unknown"  # after a crash: nobody can say any more


class EarlyMedia(StrEnum):
    """What the network said while the phone wasn't answered yet, told by its tones."""

    RINGBACK = "ringback"
    BUSY_TONE = "busy_tone"
    CONGESTION_TONE = "congestion_tone"
    SIT = "sit"  # special information tones: three rising ones before an announcement
    VOICE_OR_MUSIC = "voice_or_music"  # an announcement or ring-back music; words are another classifier's
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class OriginateRequest:
    attempt_id: str  # uuid4; the call's id in the network too, wherever it can carry one
    phone: str  # E.164
    caller_id: str | None = None
    early_media: Path | None = None  # keep here what the network says before the answer (WAV); none said: no file
    ring_timeout_s: float = 45.0
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call that somebody makes to us: they hear ringing until it is answered, or the network gives up."""

    call_id: str  # the network's own; whoever answers has an attempt of this id
    caller: str  # their number as the network shows it; what isn't one: it is withheld
    trunk: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a call ended: mapped, and raw as the network said it."""

    outcome: DialOutcome
    raw: str  # "sip 486, q850 17 User busy"
    by: Literal["callee", "us", "network"]
    early_media: EarlyMedia | None = None  # of a call that wasn't answered, when there was any
    refused: bool = False  # the trunk itself said no and nothing can have rung: another trunk may be asked


@dataclass(frozen=True, slots=True)
class Progress:
    """Early media has begun: announcements, ring-back music. Not an answer."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Ringing:
    at_s: float


@dataclass(frozen=True, slots=True)
class Answered:
    at_s: float


@dataclass(frozen=True, slots=True)
class KeyPressed:
    at_s: float
    key: str  # 0-9 * # A-D
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HungUp:
    """The last event of every call, exactly once, even of one that never rang."""

    at_s: float
    cause: Cause


CallEvent = Progress | Ringing | Answered | KeyPressed | HungUp


class CallHandler(Protocol):
    """Whoever talks on a call. The call lets go of them after HungUp."""

    def on_event(self, event: CallEvent) -> None: ...

    def on_tick(self, frame: bytes) -> bytes | None:
        """Every 20 ms from answer to hang-up: 320 bytes s16le heard in, 320 bytes to say out, or None."""


class Nobody:
    """Who has a call that is over: it would else keep whoever had it, who as a rule keeps the call."""

    def on_event(self, event: CallEvent) -> None:
        del event

    def on_tick(self, frame: bytes) -> bytes | None:
        del frame
        return None


NOBODY = Nobody()


class TapMode(StrEnum):
    """Who hears what is said into a tap."""

    LISTEN = "listen"  # nobody
    WHISPER = "whisper"  # this call's own party alone
    JOIN = "join"  # this call's party, and whoever it is bridged with


class Tapping(Protocol):
    """Whoever listens to a call from outside. Both are called on the loop and must not wait."""

    def on_tap(self, frame: bytes) -> bytes | None:
        """Every 20 ms: 320 bytes s16le of what the call's party says and hears, mixed; 320 bytes to say into the
        call, or None."""

    def on_tap_end(self) -> None:
        """Once: the tap was closed, the call is over, or the network couldn't do it."""


class Tap(Protocol):
    def close(self) -> None:
        """Stop; `on_tap_end` follows. Harmless when it is over."""


class Call(Protocol):
    attempt_id: str

    def hangup(self) -> None:
        """Ask for the end; HungUp follows. Harmless when the call is over or being hung up."""

    def record(self, path: Path) -> None:
        """Record from now (from the answer, if that is later) to the hang-up: stereo WAV, callee left, we right.

        The file is whole when HungUp comes; a call that isn't answered leaves none. Raises ValueError when the
        call is already being recorded."""

    def pause_recording(self) -> None:
        """Both sides silent in the recording, time line kept, until `resume_recording`."""

    def resume_recording(self) -> None: ...

    async def bridge(self, other: Call) -> None:
        """Let the two parties hear each other; our handlers hear and say nothing until one side ends. Then the
        other one comes back to its handler: its ticks go on. Recordings go on too, with the other party in the
        right channel.

        Raises ValueError unless both calls are this trunk's, answered and free; TrunkError, both calls as they
        were, when the network can't do it (one party has just left)."""

    def tap(self, mode: TapMode, tapping: Tapping) -> Tap:
        """Let somebody listen from outside, across bridges, and speak as the mode says; recordings don't hear it.

        Raises ValueError unless the call is answered and not over."""


class Trunk(Protocol):
    name: str
    channels: int  # how many calls at once

    @property
    def in_service(self) -> bool:
        """Whether calls can be placed now. An originate while it is False ends at once as FAILED."""

    def watch(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()`, on the loop, whenever `in_service` has changed."""

    async def start(self) -> None: ...

    async def originate(self, request: OriginateRequest, handler: CallHandler) -> Call:
        """Place the call and return at once, before the answer; the outcome comes as events."""

    def receive(self, came: Callable[[Incoming], None]) -> None:
        """From now on call `came()`, on the loop, for each call that comes in by this trunk, where the network
        gives it such calls. Other processes may hear of the same one: one of them answers."""

    async def answer(self, incoming: Incoming, handler: CallHandler) -> Call:
        """Take a call that came in and return at once; Answered follows, or HungUp when the caller has left."""

    async def reconcile(self) -> frozenset[str]:
        """attempt_ids of the calls that the network still holds, those of dead processes included.

        Raises TrunkError while the network can't be asked."""

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        """Hang up calls that the network still holds and that nobody of us talks on: a dead process left them, or
        they came in and aren't to be answered."""

    async def close(self) -> None:
        """Hang up what is left; every handler gets its HungUp before this returns."""


class TrunkError(Exception):
    """The trunk can't be used as configured. The message is one sentence and names the mend."""

    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template.format(**params))
        self.template = template
        self.params = params
