"""Words of inspection for people; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Mapping

from flows.findings import Term
from ivr.model import (
    ActionState,
    AppealState,
    Example,
    FaultOf,
    InspectionState,
    PickReason,
    QualityGrade,
    ScoreRole,
)

REASONS: Mapping[PickReason, str] = {
    PickReason.DAILY: "the day's draw",
    PickReason.SUCCESS: "a success",
    PickReason.RISK: "by risk",
    PickReason.LIVE: "heard live",
    PickReason.BY_HAND: "chosen by hand",
}
STATES: Mapping[InspectionState, str] = {
    InspectionState.OPEN: "to be scored",
    InspectionState.DISPUTED: "two don't agree",
    InspectionState.SETTLED: "settled",
}
GRADES: Mapping[QualityGrade, str] = {
    QualityGrade.EXCELLENT: "excellent",
    QualityGrade.GOOD: "good",
    QualityGrade.PASSED: "passed",
    QualityGrade.FAIL: "not passed",
}
EXAMPLES: Mapping[Example, str] = {Example.GOOD: "good example", Example.BAD: "bad example"}
ROLES: Mapping[ScoreRole, str] = {
    ScoreRole.FIRST: "first",
    ScoreRole.SECOND: "second",
    ScoreRole.THIRD: "third",
    ScoreRole.APPEAL: "on appeal",
}
FAULTS_OF: Mapping[FaultOf, str] = {
    FaultOf.PERSON: "the person's",
    FaultOf.TEAM: "the team's",
    FaultOf.FLOW: "the flow's",
}
ACTIONS: Mapping[ActionState, str] = {
    ActionState.OPEN: "open",
    ActionState.DONE: "done, to be looked at",
    ActionState.VERIFIED: "done and looked at",
    ActionState.DROPPED: "dropped",
}
APPEALS: Mapping[AppealState, str] = {
    AppealState.OPEN: "open",
    AppealState.UPHELD: "upheld",
    AppealState.REJECTED: "not upheld",
}
SIGNALS: Mapping[str, str] = {
    "complaint": "a complaint",
    "short_call": "a short call",
    "dead_air": "silence",
    "talk_over": "talk-over",
    "fast_speech": "fast speech",
    "slow_speech": "slow speech",
    "missing_step": "a missing step",
}


def reason_word(reason: PickReason) -> Term:
    """Why it was picked."""
    return Term(REASONS[reason])


def state_word(state: InspectionState) -> Term:
    """How far it is."""
    return Term(STATES[state])


def grade_word(grade: QualityGrade) -> Term:
    """What it came to."""
    return Term(GRADES[grade])


def example_word(example: Example) -> Term:
    """What it shows."""
    return Term(EXAMPLES[example])


def role_word(role: ScoreRole) -> Term:
    """As what somebody scored."""
    return Term(ROLES[role])


def fault_word(of: FaultOf) -> Term:
    """Whose it is."""
    return Term(FAULTS_OF[of])


def action_word(state: ActionState) -> Term:
    """How far it is."""
    return Term(ACTIONS[state])


def appeal_word(state: AppealState) -> Term:
    """What became of it."""
    return Term(APPEALS[state])


def signal_word(signal: str) -> Term:
    """What was noticed."""
    return Term(SIGNALS[signal])
