"""A strategy that can be asked: its file's values with conditions compiled and times laid out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from flows.conditions import Condition, compile_condition
from ivr.errors import IvrError
from ivr.policy.schema import span_of
from ivr.strategy.schema import Grade, StrategySpec


class StrategyError(IvrError):
    """A strategy can't be used as asked. One sentence: which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """Immutable; named by its content."""

    spec: StrategySpec
    grading: tuple[tuple[Grade, Condition], ...]  # in the file's order
    unfinished: Condition | None
    day_parts: Mapping[str, tuple[time, time]]  # from, to (open), in the order of the day
    document: str  # the whole strategy as JSON, which `ivr.strategy.load_document` reads back
    version: str  # the SHA-256 of `document`, in hex: comments and layout of the file don't count

    @property
    def name(self) -> str:
        return self.spec.strategy


# Keys of `pace` that a file may not have with mode: fixed.
_FOR_PEOPLE = {"queues", "lines_per_agent", "abandoned"}


def strategy_of(spec: StrategySpec) -> Strategy:
    """Compile what the file says. Raises flows.conditions.ConditionError for a condition that isn't CEL."""
    silent = set() if spec.pace.by_people else _FOR_PEOPLE
    left_out: dict[str, Any] = {"pace": silent}
    if spec.return_calls is None:  # a strategy keeps the name that it had before there were any
        left_out["return_calls"] = True
    document = spec.model_dump_json(by_alias=True, exclude=left_out)
    spans = sorted((span_of(text), name) for name, text in spec.day_parts.items())
    return Strategy(
        spec=spec,
        grading=tuple((rule.grade, compile_condition(rule.when)) for rule in spec.grades),
        unfinished=compile_condition(spec.unfinished.when) if spec.unfinished is not None else None,
        day_parts={name: span for span, name in spans},
        document=document,
        version=hashlib.sha256(document.encode()).hexdigest(),
    )


def once(strategy: Strategy) -> Strategy:
    """The same, calling nobody a second time."""
    spec = strategy.spec
    retry = spec.retry.model_copy(update={"outcomes": {}, "dispositions": {}})
    callbacks = spec.callbacks.model_copy(update={"keep": False})
    never: dict[str, object] = {"retry": retry, "unfinished": None, "follow_ups": {}, "callbacks": callbacks}
    return strategy_of(spec.model_copy(update=never))
