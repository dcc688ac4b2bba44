"""What a flow does with the digits of its secret questions: who forgets them at once can't decide or compute by
them. The robot has them until the call ends; a person's script, which any process goes on with, hasn't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flows.conditions import ConditionError, compile_condition
from flows.flow import Flow
from flows.nodes import AskNode, Computed, Node, SetNode, SwitchNode
from flows.source import Path_

JOINING = frozenset({"_+_", "string"})  # of texts: what is made with a secret is one, and is known by its digits


@dataclass(frozen=True, slots=True)
class Computing:
    """An expression that needs a secret's digits."""

    unit: str
    node: str
    path: Path_
    secret: str  # the variable


def expressions(node: Node) -> Iterator[tuple[Path_, str, str | None]]:
    """Every expression of a node: its path in it, itself, and the variable that it sets (None: it decides)."""
    if isinstance(node, SwitchNode):
        for index, case in enumerate(node.switch):
            yield ("switch", index, "when"), case.when, None
    elif isinstance(node, SetNode):
        for name, value in node.set.items():
            if isinstance(value, Computed):
                yield ("set", name, "cel"), value.cel, name


def computing_with_secrets(flow: Flow) -> tuple[Computing, ...]:
    """Where the flow decides or computes by a secret, or by a text made with one."""
    made = made_with_secrets(flow)
    found = []
    for unit, _, name, node in flow.walk():
        for path, source, target in expressions(node):
            used = sorted(_variables(source) & made.keys())
            if used and (target is None or not _joins(source)):
                found.append(Computing(unit, name, ("nodes", name, *path), made[used[0]]))
    return tuple(found)


def made_with_secrets(flow: Flow) -> Mapping[str, str]:
    """Variable -> the secret that is in it: itself, or of what it is made."""
    nodes = [(name, node) for *_, name, node in flow.walk()]
    made = {
        (variable := node.ask.save_as or name): variable
        for name, node in nodes
        if isinstance(node, AskNode) and node.ask.digits is not None and node.ask.digits.secret
    }
    joined = [
        (target, _variables(source))
        for _, node in nodes
        for _, source, target in expressions(node)
        if target is not None and _joins(source)
    ]
    for _ in joined:  # one may be made of another
        for target, variables in joined:
            for used in sorted(variables & made.keys()):
                made.setdefault(target, made[used])
    return made


def _variables(source: str) -> frozenset[str]:
    try:
        return compile_condition(source).variables
    except ConditionError:
        return frozenset()  # a finding of its own


def _joins(source: str) -> bool:
    try:
        return set(compile_condition(source).program.functions()) <= JOINING
    except ConditionError:
        return False
