"""Nodes that decide which way the flow goes, and what it remembers."""

from __future__ import annotations

from pydantic import ConfigDict, Field, field_validator

from flows.nodes.base import Node
from flows.parts import Expression, Name, rule_error
from flows.values import Frozen, Scalar


class Case(Frozen):
    when: Expression
    next: Name


class SwitchNode(Node):
    """Go where the first true condition says, else to `else`. Conditions are CEL over the flow's variables; one
    about a value that isn't there yet is false."""

    kind = "switch"
    arm_names = ("else",)
    example = (
        "route:\n  switch:\n    - {when: balance < 0.0, next: overdue}\n"
        "    - {when: 'consent == \"yes\"', next: sms}\n  else: close"
    )

    switch: tuple[Case, ...] = Field(min_length=1, max_length=50)
    else_: Name | None = Field(default=None, alias="else")

    def arms(self) -> dict[str, str]:
        return {case.when: case.next for case in self.switch} | super().arms()

    def possible_arms(self) -> tuple[str, ...]:
        return (*(case.when for case in self.switch), "else")


class Computed(Frozen):
    cel: Expression


class SetNode(Node):
    """Set variables, to values or to what a CEL expression gives: `{cel: tries + 1}`. Each expression sees the
    ones set before it."""

    kind = "set"
    example = "count:\n  set: {tries: {cel: tries + 1}, source: reminder}\n  next: consent"

    set: dict[Name, Scalar | Computed] = Field(min_length=1, max_length=50)
    next: Name | None = None


class SubflowSpec(Frozen):
    flow: Name
    entry: Name | None = Field(default=None, description="one of that flow's `entries`; default: its `start`")


class SubflowNode(Node):
    """Run another flow: the file of that name beside this one, else the shipped one of the same language.
    Variables are shared. `next` is taken when it reaches a `return`."""

    kind = "subflow"
    example = "book:\n  subflow: {flow: callback, entry: when}\n  next: close"

    subflow: SubflowSpec
    next: Name | None = None


class SplitNode(Node):
    """Share calls out by weight: the same number always takes the same arm. The arm is kept in a variable with the
    node's name."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Name]

    kind = "split"
    arm_names = ()
    example = "variant:\n  split: {short: 50, long: 50}\n  short: greet_short\n  long: greet_long"

    split: dict[Name, int] = Field(min_length=2, max_length=20)

    @field_validator("split")
    @classmethod
    def _weighted(cls, value: dict[str, int]) -> dict[str, int]:
        if any(weight < 0 for weight in value.values()) or sum(value.values()) == 0:
            raise rule_error("weights are whole numbers from 0 up, at least one of them above 0")
        return value

    def arms(self) -> dict[str, str]:
        return dict(self.__pydantic_extra__ or {})

    def missing_arms(self) -> tuple[str, ...]:
        return tuple(name for name in self.split if name not in self.arms())

    def possible_arms(self) -> tuple[str, ...]:
        return tuple(self.split)


class ReturnNode(Node):
    """Go back to the flow that called this one as a subflow; in the call's own flow it ends the call."""

    kind = "return"
    arm_names = ()
    example = "done:\n  return:"

    return_: None = Field(alias="return")
