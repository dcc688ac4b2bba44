"""The words of live calls, kept in memory alone and for as long as the call lasts.

Only while somebody reads a call do its lines stand in a row as well, for pages in other processes. What is said to
a secret question comes masked already (`ivr.session.progress`)."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from ivr.clock import Clock
from ivr.session.progress import (
    AgentCalled,
    AgentTried,
    CallOver,
    CallPlaced,
    ProgressEvent,
    PromptBegan,
    ScriptReached,
    StateChanged,
    Understood,
)

KEPT = 100  # of one call, the newest
Speaker = Literal[
    "robot", "agent", "customer", "whisper", "call"
]  # call: what became of it; whisper: to the agent


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was said, understood or happened."""

    at: str  # ISO 8601
    who: Speaker
    text: str

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class Lines:
    """Subscribe `observe` to the bus."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, deque[Line]] = {}
        self._legs: dict[str, str] = {}  # of agents who are told who it is: leg -> call
        self.versions: dict[str, int] = {}  # grows with each line of a call

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case CallPlaced():
                self._lines[event.attempt_id] = deque(maxlen=KEPT)
                self.versions[event.attempt_id] = 0
            case AgentCalled() if event.attempt_id in self._lines:
                self._legs[event.leg_id] = event.attempt_id
            case AgentTried():
                self._legs.pop(event.leg_id, None)
            case CallOver():
                self._legs = {leg: call for leg, call in self._legs.items() if call != event.attempt_id}
                self._lines.pop(event.attempt_id, None)
                self.versions.pop(event.attempt_id, None)
            case PromptBegan() if event.text and event.attempt_id in self._legs:
                self._add(self._legs[event.attempt_id], "whisper", event.text)
            case PromptBegan() if event.text:
                self._add(event.attempt_id, "robot", event.text)
            case ScriptReached() if event.text:
                self._add(event.attempt_id, "agent", event.text)
            case Understood():
                heard = f"{event.transcript} → {event.meaning}" if event.transcript else event.meaning
                self._add(event.attempt_id, "customer", heard)
            case StateChanged():
                self._add(event.attempt_id, "call", event.state.value)

    def of(self, attempt_id: str) -> list[dict[str, str]]:
        return [line.as_json() for line in self._lines.get(attempt_id, ())]

    def _add(self, attempt_id: str, who: Speaker, text: str) -> None:
        lines = self._lines.get(attempt_id)
        if lines is None:
            return  # of an agent's leg, or of a call that is over
        at: datetime = self._clock.now()
        lines.append(Line(at.isoformat(), who, text))
        self.versions[attempt_id] += 1
