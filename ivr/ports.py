"""What the business needs from people and from second legs, behind ports: who can take a call now, and how
a leg to them is placed beside a call that is already on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flows.results import TransferStatus
from ivr.briefs import Brief
from ivr.model import HandoffResult
from trunk.ports import Call, CallHandler, Cause, OriginateRequest


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who can take a call now, and how to reach them."""

    number: str  # by which people know them: digits, said to callees, shown in results and logs
    phone: str  # extension, or E.164
    trunk: str | None = None  # None: the trunk of the callee's call
    language: str | None = None  # of what is whispered; None: the flow's
    ring_s: float = 15.0  # so long their phone rings
    longest_talk_s: float = 3600.0  # then the callee goes back to the flow


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is there to take calls, at one moment."""

    free: int = 0
    engaged: Mapping[str, float] = field(default_factory=dict)  # by agent: held since when (loop's time)

    @property
    def there(self) -> int:
        """Free, talking or wrapping up."""
        return self.free + len(self.engaged)


@dataclass(frozen=True, slots=True)
class Request:
    """A customer's request for a person: their call's first, second …"""

    queue: str
    attempt_id: str
    number: int
    brief: Brief = field(default=(), compare=False, repr=False)  # what they were asked and answered


@dataclass(frozen=True, slots=True)
class Admission:
    """What the supply says to a request."""

    refused: HandoffResult | None = None  # nobody is offered: why
    promise_s: float = 0.0  # who waits for longer is told so
    told_every_s: float = 30.0  # so often they are told where they stand


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in the line."""

    position: int  # 1: the next one
    likely_s: float | None  # until an agent is likely to be free; None: nobody can say


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A request that is over, for the record: exactly one result."""

    request: Request
    result: HandoffResult
    asked_at: datetime
    ended_at: datetime
    agent: str | None = None  # who was tried last, or talked
    tried: tuple[tuple[str, HandoffResult], ...] = ()  # agents in order, and what each came to
    found_at: datetime | None = None
    rang_at: datetime | None = None
    accepted_at: datetime | None = None
    talked_from: datetime | None = None
    talk_s: float = 0.0


class AgentSupply(Protocol):
    """Who can take a call. Implemented by `ivr.desk.supply.DeskAgents`."""

    @property
    def queues(self) -> Collection[str]:
        """Those that it knows, by the names that flows say."""

    @property
    def longest_talk_s(self) -> float:
        """So long people may talk in one call, of all queues the longest; 0: there are none."""

    async def ask(self, request: Request) -> Admission:
        """A customer needs a person. Until `leave` their place in the line is kept, where there is one."""

    async def claim(self, request: Request, tried: frozenset[str], wait_s: float = 0.0) -> Agent | None:
        """Somebody of the queue who is free and not among `tried` (numbers), held for this call until `release`.
        When all who are there are engaged it waits for so long, in the line's order. None: nobody."""

    async def standing(self, request: Request) -> Standing | None:
        """Where they stand now. None: they don't wait, or there is no line."""

    def leave(self, request: Request) -> None:
        """The request is over."""

    async def talking(self, agent: Agent) -> None:
        """They took the call: they and the callee hear each other from now on."""

    async def release(self, agent: Agent, status: TransferStatus) -> None:
        """They aren't held by that call any more, which came to this. The supply decides when they are free: after
        a talk has been wrapped up, say, or when they are believed to be back."""

    def staff(self, queues: Collection[str]) -> Staff:
        """Of these queues together, each person once."""

    def watch(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()`, on the loop, whenever `staff` says something else."""

    def forget(self, changed: Callable[[], None]) -> None:
        """No more of that."""


class SecondLegs(Protocol):
    """Places legs beside one call, where the two can be bridged, each on a channel of its own."""

    async def originate(self, trunk: str | None, request: OriginateRequest, handler: CallHandler) -> Call:
        """Place the leg by that trunk (None: the call's own). Raises TrunkError when it has no channel free or
        isn't there."""

    def ended(self, attempt_id: str, cause: Cause | None) -> None:
        """The leg is over (None: the network lost it), its channel free; once per leg that was placed."""
