"""The agents of `[queues.NAME]`: a list per queue, who is free by what this process has given them.

Another process may ring the same phone: then it is busy, and the next agent is tried."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flows.flow import COMMON, Flow
from flows.nodes import TransferNode
from ivr.config import ConfigError, QueueSettings
from ivr.ports import Agent

log = logging.getLogger(__name__)


class ConfiguredAgents:
    """`ivr.ports.AgentSupply` over the settings."""

    def __init__(self, queues: Mapping[str, QueueSettings]) -> None:
        self._queues = dict(queues)
        self._lists = {
            name: [_agent(queue, *item) for item in queue.agents.items()] for name, queue in queues.items()
        }
        self._taken: set[str] = set()  # phones: one agent may serve several queues

    async def claim(self, queue: str, tried: frozenset[str]) -> Agent | None:
        agents = self._lists.get(queue)
        if agents is None:
            log.warning("no_such_queue", extra={"queue": queue})
            return None
        free = (agent for agent in agents if agent.number not in tried and agent.phone not in self._taken)
        agent = next(free, None)
        if agent is None:
            return None
        self._taken.add(agent.phone)
        if self._queues[queue].order == "rotating":
            agents.remove(agent)
            agents.append(agent)
        return agent

    async def release(self, agent: Agent) -> None:
        self._taken.discard(agent.phone)


def _agent(queue: QueueSettings, number: str, phone: str) -> Agent:
    return Agent(number, phone, queue.trunk, queue.language, queue.ring_s, queue.longest_talk_s)


def missing_queues(flow: Flow, queues: Mapping[str, QueueSettings]) -> tuple[ConfigError, ...]:
    """A warning for each queue that the flow hands calls to and the settings don't have, where they have any."""
    named = {
        node.transfer.queue: None
        for unit, _, _, node in flow.walk()
        if isinstance(node, TransferNode) and not (unit == COMMON and flow.spec.on_agent)
    }
    return tuple(
        ConfigError(
            "The flow hands calls to the queue {queue}, which the settings don't have: nobody will take them "
            "(add [queues.{queue}]).",
            queue=queue,
        )
        for queue in named
        if queues and queue not in queues
    )
