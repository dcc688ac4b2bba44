"""The shape of the graph: nodes nobody comes to, arms that are missing, loops that may never end."""

from __future__ import annotations

from collections.abc import Iterator

from flows.checks.scope import Scope
from flows.conditions import compile_condition
from flows.edges import Edge, circles, one_round, reachable, roots, successors
from flows.findings import Finding, listed
from flows.nodes import AskNode, SetNode, SwitchNode


def unreachable(scope: Scope) -> Iterator[Finding]:
    reached = reachable(successors(scope.unit), roots(scope.unit).values())
    for name in scope.unit.spec.nodes:
        if name not in reached:
            yield scope.warning(
                "unreachable",
                ("nodes", name),
                "no way leads to the node {node}",
                "remove it, or point an arm at it",
                node=name,
            )


def missing_arms(scope: Scope) -> Iterator[Finding]:
    for name, node in scope.unit.spec.nodes.items():
        missing = node.missing_arms()
        if missing:
            template = "{node} has no arm {arms}" if len(missing) == 1 else "{node} has no arms {arms}"
            yield scope.error(
                "missing_arm",
                ("nodes", name),
                template,
                "add `{first}: some_node`",
                node=name,
                arms=listed(missing),
                first=missing[0],
            )


def unbounded_loops(scope: Scope) -> Iterator[Finding]:
    """A question gives up after its `visits`: then only its no_match arm is left. What can still be gone round in,
    without a counter that a switch looks at, can be gone round in for ever."""
    nodes = scope.unit.spec.nodes

    def stays(edge: Edge) -> bool:
        return not isinstance(nodes[edge.node], AskNode) or edge.arm == "no_match"

    graph = successors(scope.unit, stays)
    for part in circles(graph):
        if not _counted(scope, part):
            way = one_round(graph, part)
            yield scope.error(
                "unbounded_loop",
                ("nodes", way[0]),
                "a call can go round here for ever: {way}",
                "lead one of the arms out, for a question its no_match",
                way=" → ".join(way),
            )


def _counted(scope: Scope, part: tuple[str, ...]) -> bool:
    """Whether a switch in the circle looks at something that a `set` in the circle changes, and can leave."""
    nodes = scope.unit.spec.nodes
    changed = {key for name in part if isinstance(node := nodes[name], SetNode) for key in node.set}
    for name in part:
        node = nodes[name]
        if not isinstance(node, SwitchNode) or all(target in part for target in node.arms().values()):
            continue
        if any(compile_condition(case.when).variables & changed for case in node.switch):
            return True
    return False


def silence_goes_round(scope: Scope) -> Iterator[Finding]:
    """A caller who says nothing is asked `attempts` times, and not all over again."""
    nodes = scope.unit.spec.nodes

    def silent(edge: Edge) -> bool:
        return not isinstance(nodes[edge.node], AskNode) or edge.arm == "no_input"

    graph = successors(scope.unit, silent)
    for part in circles(graph):
        for name in part:
            if isinstance(nodes[name], AskNode):
                yield scope.warning(
                    "silence_goes_round",
                    ("nodes", name, "no_input"),
                    "a caller who stays silent comes back to {node}",
                    "lead no_input on; `attempts` asks again already",
                    node=name,
                )
                break


CHECKS = (unreachable, missing_arms, unbounded_loops, silence_goes_round)
