"""Names under which nothing can be saved, since a brief puts something else there."""

from __future__ import annotations

from collections.abc import Iterator

from flows.checks.scope import Scope
from flows.findings import Finding
from flows.nodes import ApiNode, AskNode, CallbackNode, IdentityNode, Node, SetNode, SplitNode, TransferNode
from flows.source import Path_

TAKEN = frozenset(
    {"answers"}
)  # what the callee has answered, whatever was saved; `summary` it may set for other prompts


def saved_under_taken_names(scope: Scope) -> Iterator[Finding]:
    for node_name, node in scope.unit.spec.nodes.items():
        for path, name in _saved(node_name, node):
            if name in TAKEN:
                yield scope.error(
                    "reserved_name",
                    path,
                    "{name} has what the callee answered in a brief: nothing else can be saved under this name",
                    "rename the node" if len(path) == 2 else "choose another name",
                    name=name,
                )


def _saved(node_name: str, node: Node) -> Iterator[tuple[Path_, str | None]]:
    """Each variable that the node may set, where it is named."""
    here: Path_ = ("nodes", node_name)
    if isinstance(node, AskNode):
        yield (*here, "ask", "save_as") if node.ask.save_as else here, node.ask.save_as or node_name
    elif isinstance(node, SplitNode):
        yield here, node_name
    elif isinstance(node, SetNode):
        yield from (((*here, "set", name), name) for name in node.set)
    elif isinstance(node, ApiNode):
        yield from (((*here, "call_api", "save", name), name) for name in node.call_api.save)
    elif isinstance(node, TransferNode):
        yield (*here, "transfer", "save_as"), node.transfer.save_as
    elif isinstance(node, IdentityNode):
        yield (*here, "identity", "save_as"), node.identity.save_as
    elif isinstance(node, CallbackNode):
        yield (*here, "callback", "save_as"), node.callback.save_as


CHECKS = (saved_under_taken_names,)
