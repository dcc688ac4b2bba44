"""The state of one conversation between two sprints: plain JSON, no clock, no phone number."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flows.events import Event
from flows.results import MethodOutcome
from flows.values import Frozen, Scalar
from flows.waits import Wait


class IdentityProgress(Frozen):
    """How far an identity check has come."""

    method: int = 0  # index of the one that is being asked for
    tries: int = 0  # entries of this method that were compared
    came_to: tuple[MethodOutcome, ...] = ()  # the methods before


class Session(Frozen):
    """Where a conversation stands. Opaque to everybody but the interpreter; keep it as JSON."""

    flow: str
    version: str  # content hash: a session goes on only with the flow it began with
    seed: str  # a hash of the number, for splits
    node: str
    wait: Wait | None  # None: the flow has ended
    stack: tuple[str, ...] = ()  # where each open subflow returns to
    variables: dict[str, Scalar] = Field(default_factory=dict)
    steps: int = 0
    visits: dict[str, int] = Field(default_factory=dict)  # question -> how often it was come to
    attempt: int = 1
    repeats: int = 0
    last_failure: Literal["no_input", "no_match"] | None = None
    identity: IdentityProgress | None = None  # while a check is on
    machine: bool = False
    disposition: str | None = None
    settled: Literal["complaint", "opted_out"] | None = None  # later nodes don't change the disposition
    failed: bool = False


class Sprint(Frozen):
    """What happened between two waits (goflow's term): the session after it, the events in order, and the one wait
    that needs the world now (None: ended)."""

    session: Session
    events: tuple[Event, ...]
    wait: Wait | None
