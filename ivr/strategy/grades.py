"""The grade of an ended attempt: the first of the strategy's conditions that holds. Pure.

A grade says what to do next; its class, of the five that reports count, is what the strategy maps it to. Whoever
was connected but let us learn nothing is usually classed with the unreached: the next step is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flows.conditions import Condition, ConditionError
from flows.values import Scalar
from ivr.model import Intention
from ivr.strategy.schema import GRADES, Grade
from ivr.strategy.strategy import Strategy
from trunk.ports import DialOutcome

YES, NO = "yes", "no"
ANSWER = "answer_"  # answer_consent is the last answer to what the flow saves as `consent`
LAST_GRADE = GRADES[-1]
# What conditions know of an attempt, beside `answer_…`.
TYPES: Mapping[str, str] = {
    "outcome": "text",
    "talked": "boolean",
    "talk_s": "number",
    "hung_up_by": "text",
    "disposition": "text",
    "intention": "text",
    "answers": "integer",
    "yes": "boolean",
    "no": "boolean",
    "opted_out": "boolean",
    "pending": "boolean",
    "transferred": "boolean",
    "abandoned": "boolean",
    "path": "text",
    "attempts": "integer",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What an ended attempt shows."""

    outcome: DialOutcome
    talked: bool = False  # a person was on the line
    talk_s: float = 0.0
    hung_up_by: Literal["callee", "us", "network"] = "us"
    disposition: str = ""  # the flow's; empty: it set none
    intention: str = ""  # the flow's; empty: it set none
    answers: Mapping[str, str] = field(default_factory=dict)  # question -> its last answer
    key_answers: tuple[str, ...] = ()  # those to the questions that the flow is about
    opted_out: bool = False
    pending: bool = False
    transferred: bool = False  # a person of ours talked with them
    abandoned: bool = False
    path: tuple[str, ...] = ()  # the flow's nodes as they were entered
    attempts: int = 1  # of the task, this one included

    def variables(self) -> dict[str, Scalar]:
        """As conditions see them."""
        found: dict[str, Scalar] = {
            "outcome": self.outcome.value,
            "talked": self.talked,
            "talk_s": self.talk_s,
            "hung_up_by": self.hung_up_by,
            "disposition": self.disposition,
            "intention": self.intention,
            "answers": len(self.key_answers),
            "yes": YES in self.key_answers,
            "no": NO in self.key_answers,
            "opted_out": self.opted_out,
            "pending": self.pending,
            "transferred": self.transferred,
            "abandoned": self.abandoned,
            "path": " ".join(self.path),
            "attempts": self.attempts,
        }
        return found | {f"{ANSWER}{name}": value for name, value in self.answers.items()}


def grade_of(strategy: Strategy, facts: Facts) -> Grade:
    """The attempt's grade; the last letter when no condition holds."""
    variables = facts.variables()
    return next((grade for grade, when in strategy.grading if _holds(when, variables)), LAST_GRADE)


def class_of(strategy: Strategy, grade: Grade) -> Intention:
    """One of the five classes."""
    return Intention(strategy.spec.classes[grade])


def is_unfinished(strategy: Strategy, facts: Facts, purpose: str) -> bool:
    """Whether the conversation broke off before what the flow is about."""
    rule = strategy.spec.unfinished
    if rule is None or strategy.unfinished is None or purpose not in rule.purposes:
        return False
    return facts.talked and not facts.opted_out and _holds(strategy.unfinished, facts.variables())


def _holds(condition: Condition, variables: Mapping[str, Scalar]) -> bool:
    try:
        return condition.holds(variables, TYPES)
    except ConditionError:
        return False  # an answer of a kind that the condition didn't think of
