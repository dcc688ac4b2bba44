"""What happened in a flow between two waits, in order: what records are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flows.results import Input, MethodOutcome
from flows.values import CommandName, Frozen, Modality, Scalar


class NodeEntered(Frozen):
    """A node of the flow; `subflow.node` inside a subflow. `arm` of `previous` led here (None at the start)."""

    kind: Literal["node_entered"] = "node_entered"
    node: str
    previous: str | None = None
    arm: str | None = None


class AnswerTaken(Frozen):
    """One answer to one question; `name` is the ask's `save_as`."""

    kind: Literal["answer"] = "answer"
    node: str
    name: str
    input: Input


class IdentityNoted(Frozen):
    """What one method of an identity check came to: no digits, ever."""

    kind: Literal["identity"] = "identity"
    node: str
    method: str
    result: MethodOutcome
    tries: int  # entries that were compared


class QuestionFailed(Frozen):
    """One try of a question brought nothing; `reason` keeps silence and misunderstanding apart."""

    kind: Literal["question_failed"] = "question_failed"
    node: str
    reason: Literal["no_input", "no_match"]
    attempt: int


class CommandHeard(Frozen):
    kind: Literal["command"] = "command"
    node: str
    name: CommandName
    modality: Modality


class OptedOut(Frozen):
    """The callee wants no more calls of this type; honoured at once, whatever comes later in the call."""

    kind: Literal["opted_out"] = "opted_out"
    node: str
    purpose: str


class VariableSet(Frozen):
    kind: Literal["variable_set"] = "variable_set"
    name: str
    value: Scalar


class DispositionSet(Frozen):
    """The business result so far; the last one counts. `intention` is one of S4's five classes."""

    kind: Literal["disposition"] = "disposition"
    disposition: str | None = None
    intention: str | None = None
    pending: bool = False  # an acceptance by voice that something else must still confirm


class FlowFailed(Frozen):
    """A limit or an impossible condition ended the flow; a value, not an exception."""

    kind: Literal["flow_failed"] = "flow_failed"
    node: str
    reason: str


class FlowEnded(Frozen):
    kind: Literal["flow_ended"] = "flow_ended"
    reason: Literal["hangup", "call_ended", "failed"]


Event = Annotated[
    NodeEntered
    | AnswerTaken
    | IdentityNoted
    | QuestionFailed
    | CommandHeard
    | OptedOut
    | VariableSet
    | DispositionSet
    | FlowFailed
    | FlowEnded,
    Field(discriminator="kind"),
]
