"""Strategy files -> strategies that can be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flows.conditions import ConditionError, compile_condition, unknown_variable
from flows.findings import Finding, FlowLoadError
from flows.source import Path_, Source, parse_any, read
from ivr.documents import DocumentKind, error, warning
from ivr.pacing.schema import AbandonedSpec, PaceSpec
from ivr.strategy.grades import ANSWER, TYPES
from ivr.strategy.schema import (
    SCHEMA_VERSION,
    AgainSpec,
    ArmSpec,
    BestHourSpec,
    CallbacksSpec,
    FollowUpSpec,
    GradeSpec,
    InvalidNumbersSpec,
    RetrySpec,
    ReturnCallsSpec,
    ReturnFlowSpec,
    SplitSpec,
    StrategySpec,
    UnfinishedSpec,
)
from ivr.strategy.strategy import Strategy, strategy_of

DEFAULT_PATH = Path(__file__).with_name("default.yaml")
FILLED_IN = ("day_parts", "grades", "classes")  # a file that leaves them out has the shipped ones


def _filled_in(tree: dict[str, Any]) -> dict[str, Any]:
    """With the shipped strategy's parts in place of those that the file leaves out."""
    missing = [key for key in FILLED_IN if key not in tree]
    if not missing:
        return tree
    shipped = json.loads(default_strategy().document)
    return {**tree, **{key: shipped[key] for key in missing}}


_KIND = DocumentKind(
    StrategySpec,
    SCHEMA_VERSION,
    {
        "": StrategySpec,
        "retry": RetrySpec,
        "outcomes": AgainSpec,
        "dispositions": AgainSpec,
        "unfinished": UnfinishedSpec,
        "grades": GradeSpec,
        "follow_ups": FollowUpSpec,
        "callbacks": CallbacksSpec,
        "return_calls": ReturnCallsSpec,
        "flow": ReturnFlowSpec,
        "best_hour": BestHourSpec,
        "invalid_numbers": InvalidNumbersSpec,
        "split": SplitSpec,
        "arms": ArmSpec,
        "pace": PaceSpec,
        "abandoned": AbandonedSpec,
    },
    template="a strategy is a mapping, this is {kind}",
    fix="copy the shipped one and change it",
    prepare=_filled_in,
)


def load(path: Path) -> Strategy:
    """Load a strategy file. Raises FlowLoadError."""
    return loads(read(path), str(path))


@cache
def default_strategy() -> Strategy:
    """The shipped one."""
    return load(DEFAULT_PATH)


def loads(data: bytes, file: str = "<strategy>") -> Strategy:
    """Load a strategy from bytes. Raises FlowLoadError."""
    strategy = _KIND.parse(data, file)
    found = _check(strategy.spec, strategy.source, strategy.tree)
    if found:
        raise FlowLoadError(found)
    return strategy_of(strategy.spec)


def load_document(text: str) -> Strategy:
    """The strategy of a stored `Strategy.document`."""
    return _of_document(text)


@cache
def _of_document(text: str) -> Strategy:
    return strategy_of(StrategySpec.model_validate_json(text))


def lint(strategy: Strategy, file: str) -> tuple[Finding, ...]:
    """What is allowed and yet unwise. The file has been loaded before."""
    source, tree = parse_any(read(Path(file)), file)
    spec = strategy.spec
    found: list[Finding] = []
    if not spec.retry.outcomes or spec.retry.attempts == 1:
        found.append(warning(source, ("retry",), "a number that isn't reached gets no second call",
                              "write `retry` with `attempts: 2` or more, and its `outcomes`"))  # fmt: skip
    if "grades" in tree and not any(rule.when.strip() == "true" for rule in spec.grades[-1:]):
        found.append(warning(source, ("grades",), "an attempt that no condition fits is graded F",
                              "end the list with `{{grade: D, when: \"true\"}}`"))  # fmt: skip
    for grade in spec.follow_ups:
        if spec.classes[grade] in ("success", "declined"):
            found.append(warning(source, ("follow_ups", grade), "who agreed or declined is called again",
                                  "take it out: {grade} is {intention}",
                                  grade=grade, intention=spec.classes[grade]))  # fmt: skip
    return tuple(found)


def _check(spec: StrategySpec, source: Source, tree: Mapping[str, Any]) -> list[Finding]:
    found: list[Finding] = []
    if "grades" in tree:
        for index, rule in enumerate(spec.grades):
            found += _check_condition(rule.when, source, ("grades", index, "when"))
    if spec.unfinished is not None:
        found += _check_condition(spec.unfinished.when, source, ("unfinished", "when"))
    return found


def _check_condition(text: str, source: Source, path: Path_) -> list[Finding]:
    try:
        condition = compile_condition(text)
        known = frozenset(TYPES) | {name for name in condition.variables if name.startswith(ANSWER)}
        unknown = unknown_variable(condition, known)
        if unknown is not None:
            name, near = unknown
            fix = "did you mean {near}?" if near else "there are {names}, and answer_… of each question"
            return [error(source, path, "unknown_variable", "nothing is called {name} here", fix,
                          name=name, near=near, names=", ".join(TYPES))]  # fmt: skip
        sample = condition.sample(TYPES)
    except ConditionError as problem:
        return [Finding("condition", "error", source.place(path), problem.template, problem.params)]
    if not isinstance(sample, bool):
        return [error(source, path, "condition", "{name} is neither true nor false",
                      "compare it with something, such as `talk_s > 30.0`", name=text)]  # fmt: skip
    return []
