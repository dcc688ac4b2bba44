"""The intention class of an attempt (S4's five classes), from one ordered table of pure rules.

The first rule that fits decides. A flow that knows better says so with `set: {intention: …}`; people may re-tag
later. Whoever was connected but let us learn nothing is classed with the unreached: the next step is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ivr.model import Intention
from trunk.ports import DialOutcome

EARLY_HANG_UP_S = 10.0  # a greeting's length: whoever hangs up within it has heard enough
YES = "yes"
NO = "no"


@dataclass(frozen=True, slots=True)
class Facts:
    """What an ended attempt shows. `answers` holds each question's last value."""

    outcome: DialOutcome
    flow_intention: Intention | None = None
    opted_out: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)
    hung_up_by: Literal["callee", "us", "network"] = "us"
    talk_s: float = 0.0


RULES: tuple[Callable[[Facts], Intention | None], ...] = (
    lambda facts: Intention.UNREACHABLE if facts.outcome is not DialOutcome.ANSWERED else None,
    lambda facts: Intention.DECLINED if facts.opted_out else None,
    lambda facts: facts.flow_intention,
    lambda facts: Intention.INTERESTED if YES in facts.answers.values() else None,
    lambda facts: Intention.DECLINED if NO in facts.answers.values() else None,
    lambda facts: Intention.DECLINED if facts.hung_up_by == "callee" and facts.talk_s < EARLY_HANG_UP_S else None,
)


def classify(facts: Facts) -> Intention:
    """The attempt's intention class; one of S4's five, for every ended attempt."""
    verdicts = (rule(facts) for rule in RULES)
    return next((verdict for verdict in verdicts if verdict is not None), Intention.UNREACHABLE)
