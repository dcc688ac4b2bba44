"""People who take calls in simulations: they sign in and out, wrap up after each talk, and never refuse a call.

`ivr.ports.AgentSupply` on any clock that has `time` and `call_at`: an event loop's, or a simulation's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Protocol

from flows.sprint import TransferStatus
from ivr.ports import Admission, Agent, Request, Staff, Standing


class Timers(Protocol):
    """What an event loop has of it."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> object: ...


class SimulatedAgents:
    """Serves every queue. `wrap_up_s()` draws how long the next wrap-up lasts."""

    def __init__(self, timers: Timers, wrap_up_s: Callable[[], float]) -> None:
        self.there_s = 0.0  # signed in, all agents together
        self.busy_s = 0.0  # held by a call or wrapping up
        self._timers = timers
        self._wrap_up_s = wrap_up_s
        self._free: dict[str, Agent] = {}  # longest free first
        self._engaged: dict[str, float] = {}
        self._leaving: set[str] = set()  # signed out, and still with a call
        self._counted_s = timers.time()
        self._waiting: list[asyncio.Future[Agent]] = []
        self._watchers: list[Callable[[], None]] = []

    # ---- shifts -------------------------------------------------------------------------------------------------

    def sign_in(self, agent: Agent) -> None:
        self.count()
        self._leaving.discard(agent.number)
        if agent.number not in self._engaged:
            self._become_free(agent)

    def sign_out(self, number: str) -> None:
        """At once; who has a call finishes it, and takes no other."""
        self.count()
        if number in self._engaged:
            self._leaving.add(number)
        self._free.pop(number, None)
        self._tell()

    def count(self) -> None:
        """Bring `there_s` and `busy_s` up to now."""
        now_s = self._timers.time()
        passed_s, self._counted_s = now_s - self._counted_s, now_s
        self.there_s += passed_s * (len(self._free) + len(self._engaged))
        self.busy_s += passed_s * len(self._engaged)

    # ---- for simulations without an event loop ------------------------------------------------------------------

    def take(self) -> Agent | None:
        """Who has been free for longest, engaged from now on."""
        self.count()
        if not self._free:
            return None
        agent = self._free.pop(next(iter(self._free)))
        self._engaged[agent.number] = self._timers.time()
        self._tell()
        return agent

    def give_back(self, agent: Agent, *, talked: bool) -> None:
        rest_s = self._wrap_up_s() if talked else 0.0
        self._timers.call_at(self._timers.time() + rest_s, self._over, agent)

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
        del request, tried
        agent = self.take()
        if agent is not None or wait_s <= 0 or not self._engaged:
            return agent
        waiting: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await asyncio.wait({waiting}, timeout=wait_s)
        self._waiting.remove(waiting)
        return waiting.result() if waiting.done() else None

    async def talking(self, agent: Agent) -> None:
        """Nothing changes: engaged is engaged."""

    async def release(self, agent: Agent, status: TransferStatus) -> None:
        self.give_back(agent, talked=status == "answered")

    def staff(self, queues: Collection[str]) -> Staff:
        del queues
        engaged = {number: since for number, since in self._engaged.items() if number not in self._leaving}
        return Staff(len(self._free), engaged)

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        self._watchers.remove(changed)

    def _over(self, agent: Agent) -> None:
        self.count()
        del self._engaged[agent.number]
        if agent.number in self._leaving:
            self._leaving.discard(agent.number)
            self._tell()
        else:
            self._become_free(agent)

    def _become_free(self, agent: Agent) -> None:
        self._free[agent.number] = agent
        for waiting in self._waiting:
            if not waiting.done():
                taken = self.take()
                assert taken is not None
                waiting.set_result(taken)
                return
        self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()
