"""Policy files -> policies that can be asked. Everything that is wrong comes as one FlowLoadError, with places and
mends, read as strictly as flows are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from flows.conditions import ConditionError, compile_condition, unknown_variable
from flows.explain import explain
from flows.findings import Finding, FlowLoadError
from flows.source import Path_, Source, check_schema, kind_word, parse_any, read
from ivr.policy.calendar import known_country
from ivr.policy.policy import TODAY, Policy, policy_of
from ivr.policy.schema import (
    SCHEMA_VERSION,
    Engagements,
    Exclusion,
    HoldOut,
    Limits,
    PolicySpec,
    Results,
    Window,
)

DEFAULT_PATH = Path(__file__).with_name("default.yaml")
TEST_CALLS_PATH = Path(__file__).with_name("test_calls.yaml")  # phones of one's own, made-up people
_MODELS: Mapping[str, type[BaseModel]] = {
    "": PolicySpec,
    "windows": Window,
    "engagements": Engagements,
    "limits": Limits,
    "results": Results,
    "exclude": Exclusion,
    "hold_out": HoldOut,
}


def load(path: Path) -> Policy:
    """Load a policy file. Raises FlowLoadError."""
    return loads(read(path), str(path))


def default_policy() -> Policy:
    """The shipped one."""
    return load(DEFAULT_PATH)


def loads(data: bytes, file: str = "<policy>") -> Policy:
    """Load a policy from bytes. Raises FlowLoadError."""
    source, tree = parse_any(data, file)
    if not isinstance(tree, dict):
        finding = _finding(
            source,
            (),
            "not_a_mapping",
            "a policy is a mapping, this is {kind}",
            "copy the shipped one and change it",
            kind=kind_word(tree),
        )
        raise FlowLoadError([finding])
    check_schema(tree, source, SCHEMA_VERSION)
    try:
        spec = PolicySpec.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as problem:
        raise FlowLoadError(explain(problem, tree, source, _MODELS)) from None
    found = _check(spec, source)
    if found:
        raise FlowLoadError(found)
    return policy_of(spec)


def load_document(text: str) -> Policy:
    """The policy of a stored `Policy.document`."""
    return policy_of(PolicySpec.model_validate_json(text))


def lint(policy: Policy, file: str) -> tuple[Finding, ...]:
    """What is allowed and yet unwise. The file has been loaded before."""
    source, _ = parse_any(read(Path(file)), file)
    spec = policy.spec
    found: list[Finding] = []
    if "marketing" not in spec.consent:
        found.append(_warning(source, ("consent",), "marketing calls need no consent by this policy",
                              "write `consent: [marketing]`"))  # fmt: skip
    if spec.attempts == 1:
        found.append(_warning(source, ("attempts",), "a number that isn't reached gets no second call",
                              "write `attempts: 2` or more"))  # fmt: skip
    if not spec.windows:
        found.append(_warning(source, ("windows",), "calls may begin at any hour of any day",
                              "write `windows`, such as 08:00-21:00"))  # fmt: skip
    if spec.limits.per_day is None and spec.limits.per_30_days is None:
        found.append(_warning(source, ("limits",), "nothing limits how often a number is called",
                              "write `limits: {{per_day: 3, per_30_days: 10}}`"))  # fmt: skip
    return tuple(found)


def _check(spec: PolicySpec, source: Source) -> list[Finding]:
    found = [finding for name in spec.exclude for finding in _check_exclusion(spec, name, source)]
    if not known_country(spec.holidays):
        found.append(
            _finding(
                source,
                ("holidays",),
                "unknown_country",
                "there is no calendar of holidays for {country}",
                "write the two letters of a country, such as CN",
                country=spec.holidays,
            )
        )
    return found


def _check_exclusion(spec: PolicySpec, name: str, source: Source) -> list[Finding]:
    path: Path_ = ("exclude", name, "when")
    types: dict[str, str] = {**spec.attributes, TODAY: "date"}
    try:
        condition = compile_condition(spec.exclude[name].when)
        unknown = unknown_variable(condition, frozenset(types))
        if unknown is not None:
            variable, near = unknown
            fix = "did you mean {near}?" if near else "add it to `attributes`, with its type"
            return [_finding(source, path, "unknown_variable", "nothing is called {name} here", fix,
                             name=variable, near=near)]  # fmt: skip
        sample = condition.sample(types)
    except ConditionError as problem:
        return [Finding("condition", "error", source.place(path), problem.template, problem.params)]
    if not isinstance(sample, bool):
        fix = "compare it with something, such as `balance > 50.0`"
        template = "{name} is neither true nor false"
        return [_finding(source, path, "condition", template, fix, name=spec.exclude[name].when)]
    return []


def _finding(source: Source, path: Path_, code: str, template: str, fix: str, **params: Any) -> Finding:
    return Finding(code, "error", source.place(path), template, params, fix, params)


def _warning(source: Source, path: Path_, template: str, fix: str) -> Finding:
    return Finding(path[0] if isinstance(path[0], str) else "", "warning", source.place(path), template, {}, fix)
