"""What a call needs from the rest of the house, gathered once per campaign run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flows.events import IdentityNoted
from flows.values import Scalar
from ivr.briefs import Brief
from ivr.clock import Clock
from ivr.ports import AgentSupply, HandedOver
from ivr.session.slots import SlotTimes

if TYPE_CHECKING:  # commands that only look at tasks need no voice, recogniser or HTTP
    from flows.flow import Flow
    from ivr.identity.checking import IdentityChecks
    from ivr.session.api import ApiClient
    from ivr.session.progress import Bus
    from ivr.session.speaker import Speaker
    from ivr.session.turns import TurnPlanner
    from speech.ports import Recognizer


@dataclass(frozen=True, slots=True)
class PlacedAttempt:
    """One try over the network, as its row says; `contact` holds the list's typed values."""

    attempt_id: str
    task_id: int
    phone: str  # E.164
    number: int  # 1 is the first try
    contact: Mapping[str, Scalar]  # with `phone`
    slot_times: SlotTimes = field(default_factory=SlotTimes)  # when they may be called back
    asked_for: bool = False  # the callee asked for this call: the flow begins at its `on_callback`
    called_us: bool = False  # it is they who called: no answering machine does that, however long they talk


class Ledger(Protocol):
    """What a call writes while it is going on; everything else is written once, at its end."""

    async def opt_out(self, attempt: PlacedAttempt, purpose: str) -> None:
        """The callee wants no more calls for `purpose`; counts from now on, everywhere."""

    async def note_identity(self, attempt: PlacedAttempt, noted: IdentityNoted) -> None:
        """What one way of checking who they are came to."""

    async def queue_sms(self, attempt: PlacedAttempt, to: str, text: str) -> None: ...

    async def handed_over(self, attempt: PlacedAttempt, over: HandedOver) -> None:
        """A request for a person is over: put it on record."""

    async def book_callback(
        self, attempt: PlacedAttempt, number: str | None, when: str | None, queue: str | None, brief: Brief = ()
    ) -> str | None:
        """The booked slot ("2026-01-06T09:00/2026-01-06T10:30"); None when the campaign is over by then."""


@dataclass(frozen=True, slots=True)
class CallDeps:
    clock: Clock
    flow: Flow
    speaker: Speaker
    planner: TurnPlanner
    recognizer: Recognizer
    ledger: Ledger
    api: ApiClient
    bus: Bus
    call_limit_s: float
    recordings: Path | None = None  # the folder for them; None: calls aren't recorded
    agents: AgentSupply | None = None  # None: nobody takes calls over
    identity: IdentityChecks | None = None  # None: nobody can say who a customer is
    agent_within_s: float = 2.0  # so long after they need one is an agent found, or the callee counts as abandoned
