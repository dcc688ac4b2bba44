"""What is to be done when something has happened to a call: `ivr.session.machine` says which of these,
`ivr.session.session` performs them."""

from __future__ import annotations

from dataclasses import dataclass

from flows.results import Result
from flows.waits import AskWait, MessageWait, PlayWait, TransferWait, Wait
from trunk.ports import Cause


@dataclass(frozen=True, slots=True)
class StartFlow:
    pass


@dataclass(frozen=True, slots=True)
class Resume:
    result: Result


@dataclass(frozen=True, slots=True)
class Speak:
    """Begin a speech turn for the wait."""

    wait: PlayWait | AskWait | MessageWait


@dataclass(frozen=True, slots=True)
class Work:
    """Do what the wait asks for, outside the media path."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class HandOver:
    """Comfort the callee and look for a person."""

    wait: TransferWait


@dataclass(frozen=True, slots=True)
class BeginTalk:
    """A person talks with the callee from now on."""

    agent: str


@dataclass(frozen=True, slots=True)
class EndTalk:
    """They don't any more."""


@dataclass(frozen=True, slots=True)
class NoteTalk:
    """The callee has hung up on the person: for the flow they have talked."""


@dataclass(frozen=True, slots=True)
class LetAgentGo:
    """The callee is gone or about to be: tell whoever was about to take the call, and end their leg."""

    by_us: bool = False  # we end the call


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Leave the callee to whoever takes over."""

    to: str


@dataclass(frozen=True, slots=True)
class EndTaken:
    """They don't talk any more."""


@dataclass(frozen=True, slots=True)
class PressKey:
    key: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Stop saying and hearing; drop what is being done outside."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Remember that our own side failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


@dataclass(frozen=True, slots=True)
class CloseFlow:
    """Tell the flow that the call is over, so that its last words are recorded."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more will happen on this call: hand the record over."""

    cause: Cause


Action = (
    StartFlow
    | Resume
    | Speak
    | Work
    | HandOver
    | BeginTalk
    | EndTalk
    | NoteTalk
    | LetAgentGo
    | GiveUp
    | EndTaken
    | PressKey
    | Silence
    | Fail
    | HangUp
    | CloseFlow
    | Finish
)
