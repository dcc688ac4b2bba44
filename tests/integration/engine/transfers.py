"""A flow in which each callee is handed over in a way of its own, by the last digits of their number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr.desk.crew import Crew
from tests.rosters import crew_of

STATUSES = (
    "declined", "busy", "no_answer", "machine", "no_agent", "unlikely", "timed_out", "callback", "caller_left",
    "trunk",
)  # fmt: skip


TAKES = {"on": "whisper", "keys": "1"}
RATES = {"on": "rate", "keys": "4"}


def taking(talk_s: float) -> dict[str, Any]:
    """An agent who takes the call and talks for so long."""
    return {"does": [TAKES, {"on": "bridged", "at_s": talk_s, "hang_up": True}]}


@dataclass(frozen=True)
class Case:
    """One callee (what they do), their queue's agents in order (what each does), and the transfer."""

    callee: Mapping[str, Any] = field(default_factory=dict)
    agents: Sequence[Mapping[str, Any]] = ()
    transfer: Mapping[str, Any] = field(default_factory=dict)
    queue: Mapping[str, Any] = field(default_factory=dict)
    asks: bool = False  # a question, and for a PIN, before the transfer


def agents_phone(number: int, agent: int) -> str:
    """Of the callee's first, second … agent: an extension, but the second one sits at home."""
    return f"+8613900000{number:03}" if agent == 2 else str(1000 + 10 * number + agent)


def crew(cases: Sequence[Case]) -> Crew:
    """Callee number 1 has the queue q1, and so on, its agents in their order; without agents there is none."""
    staffed = {f"q{number}": (number, case) for number, case in enumerate(cases, start=1) if case.agents}
    phones = {
        name: {f"{number}{agent}": agents_phone(number, agent) for agent in range(1, len(case.agents) + 1)}
        for name, (number, case) in staffed.items()
    }
    return crew_of(phones, **{name: case.queue for name, (_, case) in staffed.items()})


def people(cases: Sequence[Case]) -> dict[str, Mapping[str, Any]]:
    """All agents, for the callees file."""
    return {
        agents_phone(number, agent): does
        for number, case in enumerate(cases, start=1)
        for agent, does in enumerate(case.agents, start=1)
    }


OFFER = "Do you want the 20-yuan plan?"
GREETING = "This is the automated assistant of {company}. This call is recorded."


def write_flow(path: Path, cases: Sequence[Case]) -> Path:
    """Each status has a disposition of its own; after a talk the agent is rated."""
    nodes: dict[str, Any] = {
        "greet": {"play": {"say": GREETING}, "next": "route"},
        "route": {
            "switch": [
                {"when": f'tail == "{number:04}"', "next": f"a{number}" if case.asks else f"t{number}"}
                for number, case in enumerate(cases, start=1)
            ],
            "else": "nobody",
        },
        "rate": {
            "ask": {"prompt": "common.after_agent", "expect": "rating", "attempts": 1, "save_as": "agent_rating"},
            "disposition": "talked", "next": "end", "no_input": "end", "no_match": "end",
        },
        "nobody": {"hangup": None, "disposition": "nobody"},
        "end": {"hangup": None},
    }  # fmt: skip
    for status in STATUSES:
        nodes[status] = {"hangup": None, "disposition": status}
    for number, case in enumerate(cases, start=1):
        spec = {"queue": f"q{number}", "brief": "common.whisper", "summary": "wants the 20-yuan plan"}
        arms = {status: status for status in STATUSES}
        nodes[f"t{number}"] = {
            "transfer": {**spec, "save_as": "agent_no", **case.transfer},
            "answered": "rate", "unavailable": "nobody", **arms,
        }  # fmt: skip
        if case.asks:
            nodes |= _questions(number)
    flow = {
        "schema": 1, "flow": "transfers", "language": "en", "purpose": "service",
        "constants": {"company": {"type": "text", "value": "Clearbrook"}},
        "limits": {"call_s": 300}, "start": "greet", "nodes": nodes,
    }  # fmt: skip
    path.write_text(json.dumps(flow), encoding="utf-8")
    return path


def _questions(number: int) -> dict[str, Any]:
    """`a<number>` asks whether they want it, `p<number>` for a PIN; then they are handed over."""
    onward = {"no_input": f"t{number}", "no_match": f"t{number}"}
    wants = {"prompt": {"say": OFFER}, "expect": "yes_no", "attempts": 1, "save_as": "wants"}
    pin = {"prompt": {"say": "Your PIN, please."}, "expect": "digits", "attempts": 1, "save_as": "pin",
           "digits": {"min": 4, "max": 4, "secret": True}}  # fmt: skip
    return {
        f"a{number}": {"ask": wants, "yes": f"p{number}", "no": f"t{number}", **onward},
        f"p{number}": {"ask": pin, "next": f"t{number}", **onward},
    }
