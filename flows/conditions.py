"""Conditions and computed values: CEL, compiled once, over plain values, never `eval`.

The library (Rust, module `cel`) is sandboxed. What is left to us: only functions that we list, no loops over lists
(`map`, `all`… nest to exponential time), a bounded length, and values typed as the flow declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flows.findings import FlowError, nearest
from flows.values import Scalar

MAX_CHARS = 500
FUNCTIONS = frozenset({"contains", "startsWith", "endsWith", "matches", "int", "double", "string"})
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_LOOP = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(")
_SIGNS = {"and": "&&", "or": "||", "not": "!"}  # as other languages have them
_WORD = re.compile(r"(?i)\b(and|or|not)\b")
_SYNTAX = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")

# One value of each type, to try an expression at load time: a comparison of text with a number shows at once.
SAMPLES: Mapping[str, Any] = {
    "text": "text",
    "money": 1.0,
    "number": 1.0,
    "integer": 1,
    "boolean": True,
    "percent": 1.0,
    "duration": 60.0,
    "date": "2026-01-31",
    "time": "09:00",
    "slot": "2026-01-31T09:00/2026-01-31T10:00",
    "digits": "123",
    "phone": "13800000000",
}


class ConditionError(FlowError):
    """An expression doesn't compile, or can't be computed with the values there are."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled expression. Source: github.com/google/cel-spec, the subset above."""

    source: str
    program: Any  # cel.Program; the library has no types for mypy
    variables: frozenset[str]

    def value(self, variables: Mapping[str, Scalar], types: Mapping[str, str]) -> Scalar:
        """Compute it. Raises ConditionError; names that have no value yet are null."""
        known = {name: typed(variables.get(name), types.get(name, "text")) for name in self.variables}
        return self._run(known)

    def holds(self, variables: Mapping[str, Scalar], types: Mapping[str, str]) -> bool:
        """Whether it is true. A comparison with a value that isn't there yet is false, not an error."""
        try:
            result = self.value(variables, types)
        except ConditionError:
            if any(variables.get(name) is None for name in self.variables):
                return False
            raise
        if not isinstance(result, bool):
            raise ConditionError(
                "the condition {source} gives {result}, not true or false", source=self.source, result=repr(result)
            )
        return result

    def sample(self, types: Mapping[str, str]) -> Scalar:
        """Compute it with one value of each type, for type errors that no run may meet."""
        return self._run({name: SAMPLES.get(types.get(name, "text"), "text") for name in self.variables})

    def _run(self, known: dict[str, Any]) -> Scalar:
        try:
            result = self.program.execute(known)
        except TypeError as error:
            raise ConditionError("{source} mixes values of different types", source=self.source) from error
        except (RuntimeError, ValueError, ArithmeticError) as error:
            raise ConditionError(
                "{source} can't be computed: {reason}", source=self.source, reason=str(error)
            ) from error
        if result is not None and not isinstance(result, (str, int, float, bool)):
            raise ConditionError(
                "{source} gives a list or a map; only single values can be used", source=self.source
            )
        return result


@lru_cache(maxsize=1024)
def compile_condition(source: str) -> Condition:
    """Compile an expression. Raises ConditionError with one sentence."""
    if len(source) > MAX_CHARS:
        raise ConditionError(
            "the expression has {chars} characters; at most {limit} are allowed",
            chars=len(source),
            limit=MAX_CHARS,
        )
    loop = _LOOP.search(_STRING.sub("''", source))
    if loop:
        raise ConditionError(
            "{name}() is not available in flows: values are single, there is nothing to go through",
            name=loop.group(1),
        )
    import cel  # here: it brings a prompt's whole toolkit along, which flows without conditions needn't wait for

    try:
        program = cel.compile(source)
    except ValueError as error:
        raise _syntax_error(source, str(error)) from error
    for name in program.functions():
        if name.isidentifier() and name not in FUNCTIONS:  # operators are called _+_, @in…
            raise ConditionError(
                "unknown function {name}(); there are {names}", name=name, names=", ".join(sorted(FUNCTIONS))
            )
    return Condition(source, program, frozenset(program.variables()))


def _syntax_error(source: str, message: str) -> ConditionError:
    found = _SYNTAX.search(message)
    single = re.search(r"(?<![=!<>])=(?!=)", _STRING.sub("''", source))
    if single:
        return ConditionError("{source} has a single =; write == to compare", source=source)
    word = _WORD.search(_STRING.sub("''", source))
    if word:
        return ConditionError("{source} has the word {word}; write {sign}", source=source, word=word.group(),
                              sign=_SIGNS[word.group().lower()])  # fmt: skip
    if not found:
        return ConditionError("{source} is not a CEL expression", source=source)
    return ConditionError(
        "{source} is not a CEL expression: character {column}: {problem}",
        source=source,
        column=found.group(2),
        problem=found.group(3).split(" expecting ")[0],
    )


def typed(value: Scalar, variable_type: str) -> Scalar:
    """The value as conditions compare it: money, numbers and ratings as numbers, everything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        if variable_type in ("money", "number", "percent", "duration"):
            return float(value)
        if variable_type == "integer":
            return int(value)
    except ValueError:
        return None
    return value


def unknown_variable(condition: Condition, known: frozenset[str]) -> tuple[str, str | None] | None:
    """The first name that nobody knows, with the nearest that somebody does."""
    for name in sorted(condition.variables - known):
        return name, nearest(name, known)
    return None
