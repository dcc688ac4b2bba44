"""Marks -> points and a grade, against sums by hand; and what several scores come to."""

from __future__ import annotations

import pytest

from flows.findings import FlowLoadError
from ivr.inspection.card import items, score, takes_success, title_of
from ivr.inspection.errors import InspectionError
from ivr.inspection.files import loads, shipped_cards
from ivr.inspection.schema import CardSpec
from ivr.inspection.settling import Given, agree, next_role, settle
from ivr.model import InspectionState, QualityGrade, ScoreRole

pytestmark = pytest.mark.unit

E, G, P, F = QualityGrade.EXCELLENT, QualityGrade.GOOD, QualityGrade.PASSED, QualityGrade.FAIL


def card() -> CardSpec:
    spec = loads(
        b"""
schema: 1
card: c
grades: {excellent: 95, good: 85, pass: 70}
sections:
  one: {title: One, weight: 30, items: {a: {title: A, points: 5}, b: {title: B, points: 10, optional: true}}}
  two: {title: Two, weight: 10, items: {c: {title: {zh-CN: X, en: Y}, points: 4, optional: true}}}
instant_fail: {bad: {title: Bad, takes_success: true}, rude: {title: Rude}}
""",
        "c.yaml",
    )
    assert isinstance(spec, CardSpec)
    return spec


@pytest.mark.parametrize(
    ("marks", "points", "grade"),
    [
        ({"a": 5, "b": 10, "c": 4}, 100.0, E),
        ({"a": 5, "b": 10, "c": 3}, 93.75, G),  # (30·15/15 + 10·3/4) / 40
        ({"a": 4, "b": None, "c": 4}, 85.0, G),  # (30·4/5 + 10) / 40: a grade's own figure is within it
        ({"a": 4, "b": 5, "c": None}, 60.0, F),  # 30·9/15 / 30: a section without items leaves its weight
        ({"a": 5, "b": None, "c": 0}, 75.0, P),
        ({"a": 0, "b": 0, "c": 0}, 0.0, F),
    ],
)
def test_points_by_weights(marks: dict[str, int | None], points: float, grade: QualityGrade) -> None:
    found = score(card(), marks, ())
    assert (found.score, found.grade) == (points, grade)


def test_one_instant_fail_point_is_enough() -> None:
    full = {"a": 5, "b": 10, "c": 4}
    assert score(card(), full, ["rude"]) == score(card(), full, ["rude", "bad"])
    assert (score(card(), full, ["rude"]).score, score(card(), full, ["rude"]).grade) == (0.0, F)
    assert not takes_success(card(), ["rude"])
    assert takes_success(card(), ["rude", "bad"])


@pytest.mark.parametrize(
    ("marks", "failed", "sentence"),
    [
        ({"a": 5, "b": 10}, [], "The card c also wants: c"),
        ({"a": 6, "b": 10, "c": 4}, [], "a gets 0 to 5 points, not 6."),
        ({"a": None, "b": 10, "c": 4}, [], "a always applies: give it 0 to 5 points."),
        ({"a": 1, "b": 1, "c": 1, "dd": 1}, [], "The card knows no dd; there are: a, b, c"),
        ({"a": 1, "b": 1, "c": 1}, ["bat"], "The card knows no bat; did you mean bad?"),
    ],
)
def test_what_doesnt_fit_is_refused(marks: dict[str, int | None], failed: list[str], sentence: str) -> None:
    with pytest.raises(InspectionError, match=r".*") as caught:
        score(card(), marks, failed)
    assert str(caught.value) == sentence


def test_titles_come_in_the_readers_language() -> None:
    assert (title_of(card(), "c", "zh-CN"), title_of(card(), "c", "en"), title_of(card(), "c", "ko")) == (
        "X",
        "Y",
        "X",
    )
    assert title_of(card(), "rude", "ko") == "Rude"
    assert all(title_of(one, name, "en") for one in shipped_cards().values() for name in items(one))


def test_an_item_stands_once() -> None:
    with pytest.raises(FlowLoadError):
        loads(
            b"schema: 1\ncard: c\ngrades: {excellent: 3, good: 2, pass: 1}\nsections:\n"
            b"  one: {title: x, weight: 1, items: {a: {title: x, points: 1}}}\n"
            b"  two: {title: x, weight: 1, items: {a: {title: x, points: 1}}}\n",
            "c.yaml",
        )


def given(role: ScoreRole, points: float, grade: QualityGrade, *failed: str) -> Given:
    return Given(role, points, grade, frozenset(failed))


FIRST, SECOND = given(ScoreRole.FIRST, 90, G), given(ScoreRole.SECOND, 86, G)
APART = given(ScoreRole.SECOND, 79, P)
THIRD, APPEAL = given(ScoreRole.THIRD, 80, P), given(ScoreRole.APPEAL, 97, E)


@pytest.mark.parametrize(
    ("scores", "scorers", "state", "points"),
    [
        ([], 1, InspectionState.OPEN, None),
        ([FIRST], 1, InspectionState.SETTLED, 90),
        ([FIRST], 2, InspectionState.OPEN, None),
        ([FIRST, SECOND], 2, InspectionState.SETTLED, 88),
        ([FIRST, APART], 2, InspectionState.DISPUTED, None),
        ([FIRST, APART, THIRD], 2, InspectionState.SETTLED, 80),
        ([FIRST, APPEAL], 1, InspectionState.SETTLED, 97),
        ([FIRST, APART, THIRD, APPEAL], 2, InspectionState.SETTLED, 97),
    ],
)
def test_what_scores_come_to(
    scores: list[Given], scorers: int, state: InspectionState, points: float | None
) -> None:
    found = settle(scores, scorers, 10)
    assert (found.state, found.score) == (state, points)


def test_two_agree_only_when_grade_points_and_failures_do() -> None:
    assert agree(FIRST, SECOND, 4)
    assert not agree(FIRST, SECOND, 3.9)
    assert not agree(given(ScoreRole.FIRST, 95, E), given(ScoreRole.SECOND, 94, G), 10)
    one, other = given(ScoreRole.FIRST, 0, F, "bad"), given(ScoreRole.SECOND, 0, F, "rude")
    assert not agree(one, other, 10)


def test_who_is_asked_next() -> None:
    assert next_role([], InspectionState.OPEN) is ScoreRole.FIRST
    assert next_role([FIRST], InspectionState.OPEN) is ScoreRole.SECOND
    assert next_role([FIRST, APART], InspectionState.DISPUTED) is ScoreRole.THIRD
    assert next_role([FIRST], InspectionState.SETTLED) is None
