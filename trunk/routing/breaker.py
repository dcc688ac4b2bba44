"""When a trunk is out of service, and how it comes back.

In service: so many failures of its own in so many seconds take it out, where each good answer makes up for one:
a busy trunk isn't taken out by the few that every trunk has, one that fails most of the time is. Out: it rests,
longer with each relapse. Trial: one call at a time, until several in a row were answered by the network; one
failure and it rests again. A lost link (the PBX is away, OPTIONS fail) takes it out at once; the link's return
begins the trial without a rest: the return is itself the sign that was waited for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from trunk.routing.rules import BreakerRules

UNLIMITED = 1_000_000  # more calls than any trunk has channels


class Service(StrEnum):
    IN = "in_service"
    TRIAL = "trial"
    OUT = "out_of_service"


class Reason(StrEnum):
    """Why a trunk's service has changed."""

    UNLINKED = "unlinked"  # the PBX is away, or the operator doesn't answer OPTIONS
    LINKED = "linked"
    FAILURES = "failures"
    TRIAL_FAILED = "trial_failed"
    RESTED = "rested"
    PROVEN = "proven"  # enough good trial calls


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """What has become of a trunk, and why; `rest_s` is how long an outage lasts at least."""

    state: Service
    reason: Reason
    rest_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One call's right to say how the trunk does. Calls that began before the last change say nothing of now."""

    epoch: int


class Breaker:
    """One trunk's. `told(change)` is called at every change of the state, from inside the call that caused it."""

    def __init__(self, rules: BreakerRules, *, linked: bool, told: Callable[[ServiceChange], None]) -> None:
        self.state = Service.IN if linked else Service.OUT
        self._rules = rules
        self._told = told
        self._linked = linked
        self._epoch = 0
        self._failures: deque[float] = deque()
        self._rest_until_s = 0.0
        self._relapses = 0
        self._returned_s: float | None = None  # into full service
        self._unproven = 0  # trial calls without a verdict
        self._good = 0  # trial calls that went well, in a row

    @property
    def at_once(self) -> int:
        """How many more calls may begin before one of them has shown how the trunk does."""
        if self.state is Service.TRIAL:
            return max(0, 1 - self._unproven)
        return UNLIMITED if self.state is Service.IN else 0

    def may_begin(self, now_s: float) -> bool:
        """Whether one more call may begin."""
        self.tick(now_s)
        return self.at_once > 0

    def again_in_s(self, now_s: float) -> float | None:
        """Seconds until the rest is over; None: only a call's end or the link's return can change anything."""
        if self.state is Service.OUT and self._linked:
            return max(0.0, self._rest_until_s - now_s)
        return None

    def tick(self, now_s: float) -> None:
        """Time has gone on: a rest may be over."""
        if self.state is Service.OUT and self._linked and now_s >= self._rest_until_s:
            self._begin_trial(Reason.RESTED)

    def link(self, now_s: float, *, up: bool) -> None:
        """The connection to the trunk has come or gone."""
        if up == self._linked:
            return
        self._linked = up
        if not up:
            self._change(Service.OUT, Reason.UNLINKED)
        elif now_s >= self._rest_until_s:
            self._begin_trial(Reason.LINKED)

    # ---- calls ----------------------------------------------------------------------------------------------

    def began(self) -> Ticket:
        if self.state is Service.TRIAL:
            self._unproven += 1
        return Ticket(self._epoch)

    def good(self, ticket: Ticket, now_s: float) -> None:
        """The network answered for the number, whatever it said; once per call."""
        if ticket.epoch != self._epoch:
            return
        if self.state is not Service.TRIAL:
            if self._failures:
                self._failures.popleft()
            return
        self._unproven -= 1
        self._good += 1
        if self._good >= self._rules.good_answers:
            self._returned_s = now_s
            self._change(Service.IN, Reason.PROVEN)

    def bad(self, ticket: Ticket, now_s: float) -> None:
        """The trunk itself failed; once per call."""
        if ticket.epoch != self._epoch:
            return
        if self.state is Service.TRIAL:
            self._trip(now_s, Reason.TRIAL_FAILED, relapse=True)
        elif self.state is Service.IN:
            self._failures.append(now_s)
            while self._failures[0] <= now_s - self._rules.within_s:
                self._failures.popleft()
            if len(self._failures) >= self._rules.failures:
                self._trip(now_s, Reason.FAILURES, relapse=self._is_relapse(now_s))

    def no_verdict(self, ticket: Ticket) -> None:
        """The call ended without showing anything of the trunk; once per call."""
        if ticket.epoch == self._epoch and self.state is Service.TRIAL:
            self._unproven -= 1

    # ---- states ---------------------------------------------------------------------------------------------

    def _is_relapse(self, now_s: float) -> bool:
        returned_s = self._returned_s
        return returned_s is not None and now_s - returned_s < self._rules.calm * self._rules.rest_s

    def _trip(self, now_s: float, reason: Reason, *, relapse: bool) -> None:
        self._relapses = self._relapses + 1 if relapse else 0
        times = min(2.0 ** min(self._relapses, 64), self._rules.longest_rest)
        rest_s = self._rules.rest_s * max(1.0, times)
        self._rest_until_s = now_s + rest_s
        self._change(Service.OUT, reason, rest_s)

    def _begin_trial(self, reason: Reason) -> None:
        self._unproven = self._good = 0
        self._change(Service.TRIAL, reason)

    def _change(self, state: Service, reason: Reason, rest_s: float | None = None) -> None:
        self.state = state
        self._epoch += 1
        self._failures.clear()
        self._told(ServiceChange(state, reason, rest_s))
