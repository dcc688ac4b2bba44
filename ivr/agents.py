"""The agents of `[queues.NAME]`: a list per queue, who is free by what this process has given them.

Everybody on the list is taken to be there, but who didn't pick up: they are believed to be away for a while.
Another process may ring the same phone: then it is busy, and the next agent is tried."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from flows.flow import COMMON, Flow
from flows.nodes import TransferNode
from flows.sprint import TransferStatus
from ivr.config import ConfigError, QueueSettings
from ivr.model import HandoffResult
from ivr.ports import Admission, Agent, Request, Staff, Standing

log = logging.getLogger(__name__)
AWAY: frozenset[TransferStatus] = frozenset(
    {"busy", "no_answer", "machine"}
)  # who let it come to this isn't there


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call that waits for somebody to be free."""

    queue: str
    tried: frozenset[str]
    found: asyncio.Future[Agent] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class ConfiguredAgents:
    """`ivr.ports.AgentSupply` over the settings."""

    def __init__(self, queues: Mapping[str, QueueSettings]) -> None:
        self._queues = dict(queues)
        self._lists = {
            name: [_agent(queue, *item) for item in queue.agents.items()] for name, queue in queues.items()
        }
        # By phone, since one agent may serve several queues:
        self._engaged: dict[str, float] = {}  # since when (loop's time)
        self._away: set[str] = set()
        self._waiting: list[_Waiting] = []
        self._watchers: list[Callable[[], None]] = []

    @property
    def queues(self) -> Collection[str]:
        return self._lists.keys()

    @property
    def longest_talk_s(self) -> float:
        return max((queue.longest_talk_s for queue in self._queues.values()), default=0.0)

    async def ask(self, request: Request) -> Admission:
        """There is no line: who comes waits a moment at most."""
        if request.queue not in self._lists:
            log.warning("no_such_queue", extra={"queue": request.queue})
            return Admission(HandoffResult.NO_QUEUE)
        return Admission()

    async def standing(self, request: Request) -> Standing | None:
        """There is no line."""

    def leave(self, request: Request) -> None:
        """Nobody is kept."""

    async def claim(self, request: Request, tried: frozenset[str], wait_s: float = 0.0) -> Agent | None:
        queue = request.queue
        agent = self._take(queue, tried)
        if agent is not None or wait_s <= 0 or not self._engaged.keys() & self._phones((queue,)):
            return agent
        waiting = _Waiting(queue, tried)
        self._waiting.append(waiting)
        await asyncio.wait({waiting.found}, timeout=wait_s)
        self._waiting.remove(waiting)
        return waiting.found.result() if waiting.found.done() else None

    async def talking(self, agent: Agent) -> None:
        """Nothing changes: engaged is engaged."""

    async def release(self, agent: Agent, status: TransferStatus) -> None:
        queue = self._queue_of(agent)
        rest_s = queue.wrap_up_s if status == "answered" else 0.0
        if status in AWAY:
            del self._engaged[agent.phone]
            self._away.add(agent.phone)
            rest_s = queue.away_s
        if rest_s > 0:
            asyncio.get_running_loop().call_later(rest_s, self._free, agent.phone)
            self._tell()
        else:
            self._free(agent.phone)

    def staff(self, queues: Collection[str]) -> Staff:
        phones = self._phones(queues)
        engaged = {phone: since for phone, since in self._engaged.items() if phone in phones}
        return Staff(len(phones - self._engaged.keys() - self._away), engaged)

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        self._watchers.remove(changed)

    def _take(self, queue: str, tried: frozenset[str]) -> Agent | None:
        """The first of the queue who is free: engaged from now on."""
        agents = self._lists[queue]
        taken = self._engaged.keys() | self._away
        agent = next((one for one in agents if one.number not in tried and one.phone not in taken), None)
        if agent is None:
            return None
        self._engaged[agent.phone] = asyncio.get_running_loop().time()
        if self._queues[queue].order == "rotating":
            agents.remove(agent)
            agents.append(agent)
        self._tell()
        return agent

    def _free(self, phone: str) -> None:
        """Free again; whoever waits longest and may have them takes them."""
        self._engaged.pop(phone, None)
        self._away.discard(phone)
        for waiting in self._waiting:
            if not waiting.found.done() and phone in self._phones((waiting.queue,)):
                agent = self._take(waiting.queue, waiting.tried)
                if agent is not None:
                    waiting.found.set_result(agent)
                    return
        self._tell()

    def _phones(self, queues: Collection[str]) -> set[str]:
        return {agent.phone for queue in queues for agent in self._lists.get(queue, ())}

    def _queue_of(self, agent: Agent) -> QueueSettings:
        return next(self._queues[name] for name, agents in self._lists.items() if agent in agents)

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()


def _agent(queue: QueueSettings, number: str, phone: str) -> Agent:
    return Agent(number, phone, queue.trunk, queue.language, queue.ring_s, queue.longest_talk_s)


def own_queues(flow: Flow) -> tuple[str, ...]:
    """The queues that the flow's own nodes hand calls to: those of its people, not of whom a callee may ask for
    anywhere. Without any: those."""
    own = {
        node.transfer.queue: None
        for unit, _, _, node in flow.walk()
        if isinstance(node, TransferNode) and unit != COMMON
    }
    return tuple(own) or queues_of(flow)


def queues_of(flow: Flow) -> tuple[str, ...]:
    """The queues that the flow hands calls to, in its order."""
    named = {
        node.transfer.queue: None
        for unit, _, _, node in flow.walk()
        if isinstance(node, TransferNode) and not (unit == COMMON and flow.spec.on_agent)
    }
    return tuple(named)


def missing_queues(flow: Flow, queues: Mapping[str, QueueSettings]) -> tuple[ConfigError, ...]:
    """A warning for each queue that the flow hands calls to and the settings don't have, where they have any."""
    return tuple(
        ConfigError(
            "The flow hands calls to the queue {queue}, which the settings don't have: nobody will take them "
            "(add [queues.{queue}]).",
            queue=queue,
        )
        for queue in queues_of(flow)
        if queues and queue not in queues
    )
