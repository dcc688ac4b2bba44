"""People who take calls in a simulated day: they sign in and out, wrap up after each talk, and refuse no call.

`ivr.ports.AgentSupply` on the simulation's clock, without an event loop: callees are given to them by `take`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from flows.results import TransferStatus
from ivr.ports import Admission, Agent, Request, Staff, Standing


class Timers(Protocol):
    """What an event loop has of it."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> object: ...


class SimulatedAgents:
    """Serves every queue."""

    def __init__(self, timers: Timers) -> None:
        self.there_s = 0.0  # signed in, all agents together
        self.busy_s = 0.0  # held by a call or wrapping up
        self.talk_s = 0.0  # … with a callee
        self.talking_now = 0
        self._timers = timers
        self._free: dict[str, Agent] = {}  # longest free first
        self._engaged: dict[str, float] = {}
        self._staying: dict[str, float] = {}  # of these, those who haven't signed out meanwhile
        self._counted_s = timers.time()
        self._watchers: list[Callable[[], None]] = []

    # ---- shifts -------------------------------------------------------------------------------------------------

    def sign_in(self, agent: Agent) -> None:
        self.count()
        since_s = self._engaged.get(agent.number)
        if since_s is None:
            self._become_free(agent)
        else:
            self._staying[agent.number] = since_s
            self._tell()

    def sign_out(self, number: str) -> None:
        """At once; who has a call finishes it, and takes no other."""
        self.count()
        self._staying.pop(number, None)
        self._free.pop(number, None)
        self._tell()

    def count(self) -> None:
        """Bring `there_s`, `busy_s` and `talk_s` up to now."""
        now_s = self._timers.time()
        passed_s, self._counted_s = now_s - self._counted_s, now_s
        self.there_s += passed_s * (len(self._free) + len(self._engaged))
        self.busy_s += passed_s * len(self._engaged)
        self.talk_s += passed_s * self.talking_now

    # ---- calls --------------------------------------------------------------------------------------------------

    @property
    def free_now(self) -> int:
        return len(self._free)

    def take(self) -> Agent:
        """Who has been free for longest, engaged from now on. There must be one."""
        self.count()
        agent = self._free.pop(next(iter(self._free)))
        self._engaged[agent.number] = self._staying[agent.number] = self._timers.time()
        self.talking_now += 1
        self._tell()
        return agent

    def give_back(self, agent: Agent, wrap_up_s: float) -> None:
        """The talk is over; they are free again when it has been wrapped up."""
        self.count()
        self.talking_now -= 1
        self._timers.call_at(self._timers.time() + wrap_up_s, self._over, agent)

    # ---- AgentSupply --------------------------------------------------------------------------------------------

    @property
    def queues(self) -> Collection[str]:
        return ("default",)

    @property
    def longest_talk_s(self) -> float:
        return 0.0  # nobody asks: talks here have lengths of their own

    async def ask(self, request: Request) -> Admission:
        del request
        return Admission()

    async def standing(self, request: Request) -> Standing | None:
        """There is no line."""

    def leave(self, request: Request) -> None:
        """Nobody is kept."""

    async def claim(self, request: Request, tried: frozenset[str], wait_s: float = 0.0) -> Agent | None:
        del request, tried, wait_s
        return self.take() if self._free else None

    async def talking(self, agent: Agent) -> None:
        """Nothing changes: engaged is engaged."""

    async def release(self, agent: Agent, status: TransferStatus) -> None:
        del status
        self.give_back(agent, 0.0)

    def staff(self, queues: Collection[str]) -> Staff:
        """As it is from now on: `engaged` isn't a copy, which would cost more than the rest of the day."""
        del queues
        return Staff(len(self._free), self._staying)

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        self._watchers.remove(changed)

    def _over(self, agent: Agent) -> None:
        self.count()
        del self._engaged[agent.number]
        if self._staying.pop(agent.number, None) is None:
            self._tell()
        else:
            self._become_free(agent)

    def _become_free(self, agent: Agent) -> None:
        self._free[agent.number] = agent
        self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()
