"""The workbench of one sprint: the session taken apart, changed by the visits, put together again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from flows.events import DispositionSet, Event, FlowFailed, VariableSet
from flows.flow import Flow, Unit
from flows.nodes import Node
from flows.parts import Prompt
from flows.session import IdentityProgress, Session, Sprint
from flows.values import Scalar
from flows.waits import HangupWait, IdentityWait, PromptRef, Wait


@dataclass(frozen=True, slots=True)
class Arm:
    """A visit or a result that goes on: by this arm of the node."""

    name: str


@dataclass(frozen=True, slots=True)
class Goto:
    """Go to this node, which is no arm of the present one (subflows, commands, machines)."""

    node: str
    by: str


Step = Wait | Arm | Goto


@dataclass
class Run:
    """Mutable state of one sprint. Visits change it; nothing of it outlives the sprint."""

    flow: Flow
    session: Session
    events: list[Event] = field(default_factory=list)
    node: str = ""
    stack: list[str] = field(default_factory=list)
    variables: dict[str, Scalar] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    attempt: int = 1
    repeats: int = 0
    last_failure: Literal["no_input", "no_match"] | None = None
    identity: IdentityProgress | None = None
    machine: bool = False
    disposition: str | None = None
    settled: Literal["complaint", "opted_out"] | None = None
    failed: bool = False

    @classmethod
    def of(cls, flow: Flow, session: Session) -> Run:
        return cls(
            flow, session, [], session.node, list(session.stack), dict(session.variables), dict(session.visits),
            session.steps, session.attempt, session.repeats, session.last_failure, session.identity,
            session.machine, session.disposition, session.settled, session.failed,
        )  # fmt: skip

    @property
    def here(self) -> tuple[Unit, Node]:
        unit, node = self.flow.locate(self.node)
        return self.flow.units[unit], self.flow.units[unit].spec.nodes[node]

    def qualified(self, target: str) -> str:
        """A target named in the present node's document, as the whole call names it."""
        return self.flow.qualified(self.flow.locate(self.node)[0], target)

    def set(self, name: str, value: Scalar) -> None:
        self.variables[name] = value
        self.events.append(VariableSet(name=name, value=value))

    def settle(self, why: Literal["complaint", "opted_out"], disposition: str, intention: str) -> None:
        """A disposition that nothing later in the call changes, but that opting out wins over a complaint."""
        if self.settled == "opted_out":
            return
        self.settled = None
        self.dispose(disposition, intention)
        self.settled = why

    def dispose(self, disposition: str | None, intention: str | None = None, pending: bool = False) -> None:
        if self.settled or not (disposition or intention or pending):
            return
        self.disposition = disposition or self.disposition
        self.events.append(DispositionSet(disposition=disposition, intention=intention, pending=pending))

    def fail(self, reason: str) -> HangupWait:
        """End the call: a limit, or something that the linter would have refused."""
        self.failed = True
        self.events.append(FlowFailed(node=self.node, reason=reason))
        self.dispose("failed")
        return HangupWait(node=self.node)

    def prompt(self, prompt: Prompt, **extra: Scalar) -> PromptRef:
        """A prompt with the variables as they are now."""
        variables = {name: value for name, value in (self.variables | extra).items() if value is not None}
        types = {name: self.flow.types[name] for name in variables if name in self.flow.types}
        return PromptRef(id=prompt.id, text=prompt.say, variables=variables, types=types)

    def prompts(self, prompts: tuple[Prompt, ...]) -> tuple[PromptRef, ...]:
        return tuple(self.prompt(prompt) for prompt in prompts)

    def sprint(self, wait: Wait | None) -> Sprint:
        kept = wait.model_copy(update={"digits": ""}) if isinstance(wait, IdentityWait) else wait
        session = Session(
            flow=self.session.flow, version=self.session.version, seed=self.session.seed, node=self.node,
            wait=kept, stack=tuple(self.stack), variables=self.variables, steps=self.steps, visits=self.visits,
            attempt=self.attempt, repeats=self.repeats, last_failure=self.last_failure, identity=self.identity,
            machine=self.machine, disposition=self.disposition, settled=self.settled, failed=self.failed,
        )  # fmt: skip
        return Sprint(session=session, events=tuple(self.events), wait=wait)
