"""How the calls of one campaign are made: what whoever opens the campaign tells its dialer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ivr.dialer.recordings import Compressor
from ivr.eligibility import Eligibility
from ivr.policy.policy import CampaignRules
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.record import CallRecord
from ivr.strategy.hours import NO_HOURS, Hours
from ivr.strategy.strategy import Strategy


@dataclass(frozen=True, slots=True)
class DialerOptions:
    """What is the same for all calls of a run."""

    rules: CampaignRules
    concurrency: int
    ring_timeout_s: float
    call_limit_s: float
    strategy: Strategy
    attempt_id: Callable[[str, int], str]  # of phone and attempt number: uuid4, or derived from a rehearsal's seed
    agents_talk_s: float = 0.0  # so long people may talk in one call; the flow's limit is the robot's time alone
    compressor: Compressor | None = None  # takes recordings after the call; None: the WAV is what is kept
    eligibility: Eligibility | None = None  # asked about each number just before it is dialled
    arms: Mapping[str, CallDeps] = field(default_factory=dict)  # of an A/B test, that hear something else
    hours: Hours = NO_HOURS  # at which who answers, where the strategy waits for better ones
    may_finish: Callable[[], Awaitable[bool]] | None = None  # asked when every task is done: False: more may come
    ends_at: datetime | None = None  # the campaign's: nobody is promised a call after it
    # Asked at a call's end; True: its result is written later, by whoever is asked.
    ending: Callable[[PlacedAttempt, CallRecord], Awaitable[bool]] | None = None
    look_again_s: float | None = None  # new tasks may come from outside: look so often; None: they don't

    @property
    def longest_call_s(self) -> float:
        call_limit_s = max(self.call_limit_s, *(deps.call_limit_s for deps in self.arms.values()), 0.0)
        return self.ring_timeout_s + call_limit_s + self.agents_talk_s
