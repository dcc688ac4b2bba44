"""What can happen to a call: what the trunk says of it, and what else does. Each is an event of the table in
`ivr.session.machine`."""

from __future__ import annotations

from dataclasses import dataclass

from flows.results import Result, TransferEnded
from flows.waits import Wait
from trunk.ports import Answered, HungUp, KeyPressed, Progress, Ringing


@dataclass(frozen=True, slots=True)
class WaitReached:
    """The flow needs the world: this is what it waits for."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class FlowOver:
    """The flow has nothing more to say."""


@dataclass(frozen=True, slots=True)
class TurnOver:
    """The speech turn brought its result."""

    result: Result


@dataclass(frozen=True, slots=True)
class WorkOver:
    """What was done outside brought its result."""

    result: Result


@dataclass(frozen=True, slots=True)
class Bridged:
    """A person has taken the call: the two can hear each other."""

    agent: str  # their number


@dataclass(frozen=True, slots=True)
class TransferOver:
    """Nobody could be had, or the person has hung up: the callee is ours again."""

    result: TransferEnded


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A supervisor, who is on the line, is to talk with the callee instead of the robot or the agent."""

    by: str  # who


@dataclass(frozen=True, slots=True)
class TakerLeft:
    """They have hung up, or couldn't be joined with the callee."""


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The call lasts longer than the flow allows."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Our own side failed in this call: it ends this call alone."""

    error: Exception


Event = (
    Progress
    | Ringing
    | Answered
    | KeyPressed
    | HungUp
    | WaitReached
    | FlowOver
    | TurnOver
    | WorkOver
    | Bridged
    | TransferOver
    | TakeOver
    | TakerLeft
    | TimeUp
    | Broke
)
