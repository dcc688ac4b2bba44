"""A loaded flow: its own document, the documents of its subflows, and what follows from them.

Nodes of subflows are named `subflow.node` wherever names of one call meet (paths, events, reports); `common` is
the shipped subflow behind the global commands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flows.answers import ANSWER_TYPES
from flows.conditions import ConditionError, compile_condition
from flows.nodes import (
    ApiNode,
    AskNode,
    CallbackNode,
    Computed,
    IdentityNode,
    Node,
    SetNode,
    SplitNode,
    TransferNode,
)
from flows.schema import SYSTEM_VARIABLES, FlowSpec
from flows.source import Source
from flows.values import Scalar

COMMON = "common"


@dataclass(frozen=True, slots=True)
class Unit:
    """One document with the places of its elements."""

    spec: FlowSpec
    source: Source

    def effective(self, node: Node) -> Any:
        """The barge-in of a node: its own, or the flow's."""
        own = getattr(node, "barge_in", None)
        return self.spec.barge_in if own is None else own


@dataclass(frozen=True)
class Flow:
    """A flow that can be run: every document it needs is here and every target exists."""

    name: str
    units: Mapping[str, Unit]  # by flow name; the flow's own among them, and `common`

    @property
    def spec(self) -> FlowSpec:
        return self.units[self.name].spec

    @property
    def source(self) -> Source:
        return self.units[self.name].source

    @property
    def language(self) -> str:
        return self.spec.language

    @property
    def purpose(self) -> str:
        return self.spec.purpose

    @property
    def title(self) -> str:
        return self.spec.title or self.name

    @property
    def needs(self) -> Mapping[str, str]:
        """What every row of a list must bring, with its type."""
        return self.spec.needs

    def qualified(self, unit: str, node: str) -> str:
        return node if unit == self.name else f"{unit}.{node}"

    def locate(self, qualified: str) -> tuple[str, str]:
        """`subflow.node` or `node` -> (unit, node). Raises KeyError when there is none."""
        unit, _, node = qualified.rpartition(".")
        unit = unit or self.name
        if node not in self.units[unit].spec.nodes:
            raise KeyError(qualified)
        return unit, node

    def node(self, qualified: str) -> Node:
        """The node of that name. Raises KeyError when there is none."""
        unit, node = self.locate(qualified)
        return self.units[unit].spec.nodes[node]

    def walk(self) -> Iterator[tuple[str, Unit, str, Node]]:
        """Every node of every document: (unit name, unit, node name, node)."""
        for unit_name, unit in self.units.items():
            for node_name, node in unit.spec.nodes.items():
                yield unit_name, unit, node_name, node

    @cached_property
    def types(self) -> Mapping[str, str]:
        """Every variable that the flow knows, with its type; what is declared counts before what is computed."""
        units = [self.units[name] for name in sorted(self.units)]
        types: dict[str, str] = {}
        computed: dict[str, str] = {}
        for unit in units:
            for name, node in sorted(unit.spec.nodes.items()):
                types |= _saved(name, node)
                if isinstance(node, SetNode):
                    computed |= {key: value.cel for key, value in node.set.items() if isinstance(value, Computed)}
        for unit in units:
            types |= {name: constant.type for name, constant in unit.spec.constants.items()} | unit.spec.needs
        types |= SYSTEM_VARIABLES
        unknown = {key: source for key, source in computed.items() if key not in types}
        types |= dict.fromkeys(unknown, "text")
        for key, source in unknown.items():
            types[key] = _computed_type(key, source, types)
        return types

    @cached_property
    def key_questions(self) -> frozenset[str]:
        """The nodes of the questions that the flow is about: its own that ask for consent, or all of its own."""
        asks = {name: node.ask for name, node in self.spec.nodes.items() if isinstance(node, AskNode)}
        return frozenset(name for name, ask in asks.items() if ask.consent) or frozenset(asks)

    @cached_property
    def document(self) -> str:
        """The whole flow, subflows included, in canonical JSON: what is stored, approved and hashed."""
        units = {name: _canonical(unit.spec) for name, unit in sorted(self.units.items())}
        return json.dumps({"flow": self.name, "units": units}, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def version(self) -> str:
        """The SHA-256 of `document`, in hex: the name of this version. Comments and layout don't count."""
        return hashlib.sha256(self.document.encode()).hexdigest()


def _canonical(spec: FlowSpec) -> dict[str, Any]:
    """Without defaults; sorted where order means nothing, as written where it does (choices, conditions, set)."""
    plain: dict[str, Any] = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for key in ("nodes", "needs", "constants"):
        if key in plain:
            plain[key] = dict(sorted(plain[key].items()))
    return dict(sorted(plain.items()))


def _saved(name: str, node: Node) -> dict[str, str]:
    """Variables that a node may set, with their types; computed ones are typed later."""
    if isinstance(node, AskNode):
        return {node.ask.save_as or name: ANSWER_TYPES[node.ask.expect].variable_type}
    if isinstance(node, SplitNode):
        return {name: "text"}
    if isinstance(node, SetNode):
        return {key: literal_type(value) for key, value in node.set.items() if not isinstance(value, Computed)}
    if isinstance(node, TransferNode) and node.transfer.save_as:
        return {node.transfer.save_as: "digits"}
    if isinstance(node, IdentityNode) and node.identity.save_as:
        return {node.identity.save_as: "text"}
    if isinstance(node, CallbackNode) and node.callback.save_as:
        return {node.callback.save_as: "text"}
    if isinstance(node, ApiNode):
        return dict.fromkeys(node.call_api.save, "text")
    return {}


def literal_type(value: Scalar) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "text"


def _computed_type(key: str, source: str, types: Mapping[str, str]) -> str:
    """A bare name keeps its type (so that money stays money); else what the sample gives. A counter sees itself:
    the first type with which it can be computed is its own."""
    if source in types:
        return types[source]
    for guess in ("integer", "number", "text"):
        try:
            sample = compile_condition(source).sample({**types, key: guess})
        except ConditionError:
            continue  # with no type at all: the loader reports it
        return guess if sample is None else literal_type(sample)
    return "text"
