"""Flow files -> flows that can be run. Everything that is wrong comes as one FlowLoadError with places and mends.

A subflow is the file of that name beside the flow, else the shipped one of the same language."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows import library
from flows.explain import explain
from flows.findings import Finding, FlowError, FlowLoadError, nearest
from flows.flow import COMMON, Flow, Unit
from flows.nodes import SubflowNode, SubflowSpec
from flows.nodes.people import STORED
from flows.schema import SCHEMA_VERSION, FlowSpec
from flows.source import Path_, Source, check_schema, parse, read
from flows.structure import check_flow, check_unit

MAX_UNITS = 20
COMMON_ENTRIES = ("agent", "complaint", "opt_out")

# (name, language) -> the bytes of that flow and what to call the file; None when there is none
Resolver = Callable[[str, str], "tuple[bytes, str] | None"]


def load(path: Path | str) -> Flow:
    """Load a flow file with its subflows. Raises FlowLoadError."""
    path = Path(path)
    return loads(read(path), str(path), beside(path.parent))


def loads(data: bytes, file: str = "<flow>", resolve: Resolver | None = None) -> Flow:
    """Load a flow from bytes; `resolve` finds subflows (default: the shipped ones). Raises FlowLoadError."""
    resolve = resolve or shipped
    root = _unit(data, file)
    units = {root.spec.flow: root}
    find = _Finder(resolve, root.spec.language, units)
    find.subflows(root, ())
    find.common()
    flow = Flow(root.spec.flow, units)
    found = check_flow(flow)
    if found:
        raise FlowLoadError(found)
    return flow


def load_document(text: str) -> Flow:
    """The flow of a stored `Flow.document`. Raises FlowError when the text isn't one."""
    try:
        plain: dict[str, Any] = json.loads(text)
        name, specs = plain["flow"], plain["units"]
        units = {
            unit: Unit(
                FlowSpec.model_validate_json(json.dumps(spec), strict=True, context={STORED: True}),
                Source(f"<{unit}>", {}),
            )
            for unit, spec in specs.items()
        }
    except (ValueError, KeyError, TypeError) as problem:
        raise FlowError("the stored flow can't be read: {problem}", problem=type(problem).__name__) from problem
    if name not in units or COMMON not in units:
        raise FlowError("the stored flow can't be read: {problem}", problem="incomplete")
    flow = Flow(name, units)
    found = [finding for unit in units.values() for finding in check_unit(unit)] or check_flow(flow)
    if found:
        raise FlowLoadError(found)
    return flow


def beside(directory: Path) -> Resolver:
    """Finds subflows in a directory first, then among the shipped ones."""

    def resolve(name: str, language: str) -> tuple[bytes, str] | None:
        path = directory / f"{name}.yaml"
        return (read(path), str(path)) if path.is_file() else shipped(name, language)

    return resolve


def shipped(name: str, language: str) -> tuple[bytes, str] | None:
    """Finds subflows in flows/library/."""
    if name == COMMON:
        return read(library.COMMON_PATH), library.COMMON_PATH.name
    if name not in library.names():
        return None
    # Flows name prompts by id, so the English file serves a language that has prompts but no flows of its own.
    language = language if language in library.languages() else "en"
    path = library.path(name, language)
    return read(path), f"{language}/{path.name}"


@lru_cache(maxsize=64)  # every flow has `common` and most have `callback`: read once
def _unit(data: bytes, file: str) -> Unit:
    tree, source = parse(data, file)
    check_schema(tree, source, SCHEMA_VERSION)
    try:
        spec = FlowSpec.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as problem:
        raise FlowLoadError(explain(problem, tree, source)) from None
    unit = Unit(spec, source)
    found = check_unit(unit)
    if found:
        raise FlowLoadError(found)
    return unit


@dataclass(frozen=True, slots=True)
class _Finder:
    """Brings the subflows of a flow, and theirs, into `units`."""

    resolve: Resolver
    language: str
    units: dict[str, Unit]

    def common(self) -> None:
        """The shipped flow behind the global commands; its name is taken."""
        if COMMON in self.units:
            unit = self.units[COMMON]
            if not set(COMMON_ENTRIES) <= set(unit.spec.entries):
                raise _subflow_error(
                    unit,
                    ("flow",),
                    "reserved_name",
                    "the flow name {name} is taken",
                    "choose another name",
                    name=COMMON,
                )
            return
        found = shipped(COMMON, self.language)
        assert found is not None, "part of the package"
        self.units[COMMON] = _unit(*found)
        self.subflows(self.units[COMMON], ())

    def subflows(self, unit: Unit, above: tuple[str, ...]) -> None:
        above = (*above, unit.spec.flow)
        for name, node in unit.spec.nodes.items():
            if isinstance(node, SubflowNode):
                self._subflow(unit, ("nodes", name, "subflow"), node.subflow, above)

    def _subflow(self, unit: Unit, path: Path_, wanted: SubflowSpec, above: tuple[str, ...]) -> None:
        if wanted.flow in above:
            circle = " → ".join((*above[above.index(wanted.flow) :], wanted.flow))
            raise _subflow_error(
                unit,
                (*path, "flow"),
                "subflow_circle",
                "subflows call each other in a circle: {circle}",
                "let one of them `return` instead",
                circle=circle,
            )
        if wanted.flow not in self.units:
            self._add(unit, (*path, "flow"), wanted.flow, above)
        entries = self.units[wanted.flow].spec.entries
        if wanted.entry is not None and wanted.entry not in entries:
            near = nearest(wanted.entry, entries)
            raise _subflow_error(
                unit,
                (*path, "entry"),
                "unknown_entry",
                "{entry} is not among the `entries` of {name}",
                "did you mean {near}?" if near else "add it there",
                entry=wanted.entry,
                name=wanted.flow,
                near=near,
            )

    def _add(self, unit: Unit, path: Path_, wanted: str, above: tuple[str, ...]) -> None:
        found = self.resolve(wanted, self.language)
        if found is None:
            near = nearest(wanted, library.names())
            raise _subflow_error(
                unit,
                path,
                "unknown_subflow",
                "there is no flow {name}",
                "did you mean {near}?" if near else "put {name}.yaml beside this file",
                name=wanted,
                near=near,
            )
        if len(self.units) >= MAX_UNITS:
            raise _subflow_error(unit, path, "too_many_subflows", "more than {limit} subflows", limit=MAX_UNITS)
        self.units[wanted] = _unit(*found)
        _check_name(self.units[wanted], wanted)
        self.subflows(self.units[wanted], above)


def _check_name(unit: Unit, wanted: str) -> None:
    if unit.spec.flow != wanted:
        raise _subflow_error(
            unit,
            ("flow",),
            "wrong_flow_name",
            "this file is used as {wanted}, but calls itself {name}",
            "give the file and the flow one name",
            wanted=wanted,
            name=unit.spec.flow,
        )


def _subflow_error(
    unit: Unit, path: Path_, code: str, template: str, fix: str = "", **params: object
) -> FlowLoadError:
    return FlowLoadError([Finding(code, "error", unit.source.place(path), template, params, fix, params)])
