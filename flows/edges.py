"""The flow as a graph: edges, what can be reached, circles. The linter, the graph and the test runner share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from flows.flow import Unit


@dataclass(frozen=True, slots=True)
class Edge:
    """From a node by an arm to a node of the same document."""

    node: str
    arm: str
    target: str


def edges(unit: Unit) -> tuple[Edge, ...]:
    """Every arm of every node, in the order of the file."""
    return tuple(
        Edge(name, arm, target) for name, node in unit.spec.nodes.items() for arm, target in node.arms().items()
    )


def successors(unit: Unit, keep: Callable[[Edge], bool] = lambda edge: True) -> dict[str, tuple[str, ...]]:
    """node -> the nodes it can go to, without repetitions."""
    found: dict[str, dict[str, None]] = {name: {} for name in unit.spec.nodes}
    for edge in edges(unit):
        if keep(edge):
            found[edge.node][edge.target] = None
    return {name: tuple(targets) for name, targets in found.items()}


def roots(unit: Unit) -> dict[str, str]:
    """Where a call can come into the document: what for -> node."""
    spec = unit.spec
    found = {key: getattr(spec, key) for key in ("start", "on_machine", "on_agent", "on_complaint", "on_callback")}
    found |= {f"entry {entry}": entry for entry in spec.entries}
    return {what: node for what, node in found.items() if node is not None}


def reachable(graph: Mapping[str, Iterable[str]], starts: Iterable[str]) -> set[str]:
    """The nodes that can be come to from `starts`, themselves included."""
    seen: set[str] = set()
    open_nodes = list(starts)
    while open_nodes:
        node = open_nodes.pop()
        if node not in seen:
            seen.add(node)
            open_nodes.extend(graph[node])
    return seen


def components(graph: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Strongly connected components, the last ones of every path first (Tarjan's algorithm, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []
    for root in graph:
        if root in order:
            continue
        work: list[tuple[str, Iterator[str]]] = [(root, iter(graph[root]))]
        order[root] = low[root] = len(order)
        stack.append(root)
        while work:
            node, targets = work[-1]
            new = next((target for target in targets if target not in order), None)
            if new is not None:
                order[new] = low[new] = len(order)
                stack.append(new)
                work.append((new, iter(graph[new])))
                continue
            work.pop()
            low[node] = min([low[node], *(low[t] for t in graph[node] if t in stack)])
            if low[node] == order[node]:
                at = stack.index(node)
                found.append(tuple(stack[at:]))
                del stack[at:]
    return found


def circles(graph: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Components that can be gone round in."""
    return [part for part in components(graph) if len(part) > 1 or part[0] in graph[part[0]]]


def one_round(graph: Mapping[str, tuple[str, ...]], part: Iterable[str]) -> tuple[str, ...]:
    """One way round inside a circle, for a message: a → b → a."""
    inside = set(part)
    start = next(node for node in graph if node in inside)
    before: dict[str, str] = {}
    open_nodes = [start]
    while open_nodes:
        node = open_nodes.pop(0)
        for target in graph[node]:
            if target == start:
                way = [start, node]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return tuple(reversed(way)) if node != start else (start, start)
            if target in inside and target not in before:
                before[target] = node
                open_nodes.append(target)
    raise AssertionError("a component has a way round")
