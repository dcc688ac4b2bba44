"""What several scores of one call come to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.model import InspectionState, QualityGrade, ScoreRole


@dataclass(frozen=True, slots=True)
class Given:
    """One score, as one person gave it."""

    role: ScoreRole
    score: float
    grade: QualityGrade
    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Settled:
    """What counts. Nothing does while `state` isn't settled."""

    state: InspectionState
    score: float | None = None
    grade: QualityGrade | None = None
    failed: frozenset[str] = frozenset()


def settle(given: Sequence[Given], scorers: int, within: float) -> Settled:
    """The newest appeal's score counts, else the third's, else the mean of two who agree, else the only one's."""
    for role in (ScoreRole.APPEAL, ScoreRole.THIRD):
        last = next((one for one in reversed(given) if one.role is role), None)
        if last is not None:
            return _counts(last)
    plain = [one for one in given if one.role in (ScoreRole.FIRST, ScoreRole.SECOND)]
    if len(plain) < scorers:
        return Settled(InspectionState.OPEN)
    if scorers == 1:
        return _counts(plain[0])
    first, second = plain[:2]
    if not agree(first, second, within):
        return Settled(InspectionState.DISPUTED)
    mean = round((first.score + second.score) / 2, 2)
    return Settled(InspectionState.SETTLED, mean, first.grade, first.failed)


def agree(first: Given, second: Given, within: float) -> bool:
    """Whether two scores say the same: the grade, the instant-fail points, and points not further apart."""
    same = first.grade is second.grade and first.failed == second.failed
    return same and abs(first.score - second.score) <= within


def next_role(given: Sequence[Given], state: InspectionState) -> ScoreRole | None:
    """As what the next one scores; None: nobody is asked for."""
    if state is InspectionState.DISPUTED:
        return ScoreRole.THIRD
    if state is InspectionState.OPEN:
        return ScoreRole.SECOND if given else ScoreRole.FIRST
    return None


def _counts(one: Given) -> Settled:
    return Settled(InspectionState.SETTLED, one.score, one.grade, one.failed)
