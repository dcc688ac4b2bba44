"""Policy files -> policies that can be asked."""

from __future__ import annotations

from pathlib import Path

from flows.conditions import ConditionError, compile_condition, unknown_variable
from flows.findings import Finding, FlowLoadError
from flows.source import Path_, Source, parse_any, read
from ivr.documents import DocumentKind, error, warning
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
_KIND = DocumentKind(
    PolicySpec,
    SCHEMA_VERSION,
    {
        "": PolicySpec,
        "windows": Window,
        "engagements": Engagements,
        "limits": Limits,
        "results": Results,
        "exclude": Exclusion,
        "hold_out": HoldOut,
    },
    template="a policy is a mapping, this is {kind}",
    fix="copy the shipped one and change it",
)


def load(path: Path) -> Policy:
    """Load a policy file. Raises FlowLoadError."""
    return loads(read(path), str(path))


def default_policy() -> Policy:
    """The shipped one."""
    return load(DEFAULT_PATH)


def loads(data: bytes, file: str = "<policy>") -> Policy:
    """Load a policy from bytes. Raises FlowLoadError."""
    policy = _KIND.parse(data, file)
    found = _check(policy.spec, policy.source)
    if found:
        raise FlowLoadError(found)
    return policy_of(policy.spec)


def load_document(text: str) -> Policy:
    """The policy of a stored `Policy.document`."""
    return policy_of(PolicySpec.model_validate_json(text))


def lint(policy: Policy, file: str) -> tuple[Finding, ...]:
    """What is allowed and yet unwise. The file has been loaded before."""
    source, _ = parse_any(read(Path(file)), file)
    spec = policy.spec
    found: list[Finding] = []
    if "marketing" not in spec.consent:
        found.append(warning(source, ("consent",), "marketing calls need no consent by this policy",
                              "write `consent: [marketing]`"))  # fmt: skip
    if spec.attempts == 1:
        found.append(warning(source, ("attempts",), "a number that isn't reached gets no second call",
                              "write `attempts: 2` or more"))  # fmt: skip
    if not spec.windows:
        found.append(warning(source, ("windows",), "calls may begin at any hour of any day",
                              "write `windows`, such as 08:00-21:00"))  # fmt: skip
    if spec.limits.per_day is None and spec.limits.per_30_days is None:
        found.append(warning(source, ("limits",), "nothing limits how often a number is called",
                              "write `limits: {{per_day: 3, per_30_days: 10}}`"))  # fmt: skip
    return tuple(found)


def _check(spec: PolicySpec, source: Source) -> list[Finding]:
    found = [finding for name in spec.exclude for finding in _check_exclusion(spec, name, source)]
    if not known_country(spec.holidays):
        found.append(
            error(
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
            return [error(source, path, "unknown_variable", "nothing is called {name} here", fix,
                          name=variable, near=near)]  # fmt: skip
        sample = condition.sample(types)
    except ConditionError as problem:
        return [Finding("condition", "error", source.place(path), problem.template, problem.params)]
    if not isinstance(sample, bool):
        fix = "compare it with something, such as `balance > 50.0`"
        template = "{name} is neither true nor false"
        return [error(source, path, "condition", template, fix, name=spec.exclude[name].when)]
    return []
