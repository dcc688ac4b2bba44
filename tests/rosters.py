"""Rosters for runs with a database of their own, written down in a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from ivr.desk.crew import Crew, whole_crew
from ivr.desk.schema import AgentSpec, QueueSpec, RosterSpec

DAY = date(2026, 1, 5)
LEVELS = range(9, 0, -1)


def crew_of(queues: Mapping[str, Mapping[str, str]], **keys: Any) -> Crew:
    """queue -> agent's number -> phone: the first of a queue is its best, and so on. Nobody wraps up; `keys` are
    those of every queue, but for one that stands under the queue's own name (there `trunk` too: its agents')."""
    agents: dict[str, AgentSpec] = {}
    for name, phones in queues.items():
        for level, (number, phone) in zip(LEVELS, phones.items(), strict=False):
            before = agents[number].skills if number in agents else {}
            agents[number] = AgentSpec(
                name=f"A{number}",
                phone=phone,
                skills={**before, name: level},
                hired_on=date(2024, 3, 1),
                trunk=keys.get(name, {}).get("trunk"),
            )
    usual = {"wrap_up_s": 0.0, **{key: value for key, value in keys.items() if key not in queues}}
    own = {name: {k: value for k, value in keys.get(name, {}).items() if k != "trunk"} for name in queues}
    specs = {name: QueueSpec.model_validate({**usual, **own[name]}) for name in queues}
    return whole_crew(RosterSpec(queues=specs, agents=agents), DAY)
