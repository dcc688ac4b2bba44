"""Grades: which condition wins, the five classes, and what counts as unfinished."""

from __future__ import annotations

import pytest

from flows.findings import FlowLoadError
from ivr.strategy import default_strategy, loads
from ivr.strategy.grades import Facts, class_of, grade_of, is_unfinished
from ivr.strategy.schema import Grade
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

ANSWERED = DialOutcome.ANSWERED


def talked(**more: object) -> Facts:
    return Facts(**{"outcome": ANSWERED, "talked": True, "talk_s": 30.0, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", [outcome for outcome in DialOutcome if outcome is not ANSWERED])
def test_who_was_not_reached_is_unreachable_whatever_the_flow_says(outcome: DialOutcome) -> None:
    grade = grade_of(default_strategy(), Facts(outcome, intention="success"))
    assert (grade, class_of(default_strategy(), grade)) == ("F", "unreachable")


@pytest.mark.parametrize(
    ("facts", "grade", "intention"),
    [
        (talked(intention="success", opted_out=True), "E", "declined"),  # opting out wins over the flow
        (talked(intention="success", key_answers=("no",)), "A", "success"),  # the flow over the answers
        (talked(intention="strongly_interested"), "B", "strongly_interested"),
        (talked(intention="interested"), "C", "interested"),
        (talked(intention="declined"), "E", "declined"),
        (talked(key_answers=("yes", "no")), "C", "interested"),
        (talked(key_answers=("no",)), "E", "declined"),
        (talked(answers={"identity": "yes"}, hung_up_by="callee"), "D", "unreachable"),
        (talked(hung_up_by="callee", talk_s=9.0), "E", "declined"),
        (talked(hung_up_by="callee", talk_s=11.0), "D", "unreachable"),
        (talked(hung_up_by="us", talk_s=3.0), "D", "unreachable"),
    ],
)
def test_grades_of_the_shipped_strategy(facts: Facts, grade: Grade, intention: str) -> None:
    found = grade_of(default_strategy(), facts)
    assert (found, class_of(default_strategy(), found)) == (grade, intention)


def test_conditions_know_answers_path_and_attempts() -> None:
    strategy = loads(b"""
schema: 1
strategy: mine
grades:
  - {grade: A, when: 'answer_rating == "5" && attempts > 1'}
  - {grade: B, when: 'path.contains("offer_ask")'}
  - {grade: C, when: 'answer_rating == 5'}
  - {grade: D, when: 'true'}
""")
    assert grade_of(strategy, talked(answers={"rating": "5"}, attempts=2)) == "A"
    assert grade_of(strategy, talked(path=("greet", "offer_ask"))) == "B"
    assert grade_of(strategy, talked(answers={"rating": "4"})) == "D"


def test_an_attempt_that_no_condition_fits_gets_the_last_letter() -> None:
    strategy = loads(b"schema: 1\nstrategy: mine\ngrades: [{grade: A, when: pending}]")
    assert grade_of(strategy, talked()) == "F"


@pytest.mark.parametrize(
    ("facts", "purpose", "expected"),
    [
        (talked(hung_up_by="callee"), "marketing", True),
        (talked(hung_up_by="network"), "marketing", True),
        (talked(hung_up_by="us"), "marketing", False),
        (talked(hung_up_by="callee"), "service", False),  # who heard the reminder was reminded
        (talked(hung_up_by="callee", key_answers=("no",)), "marketing", False),
        (talked(hung_up_by="callee", intention="declined"), "marketing", False),
        (talked(hung_up_by="callee", opted_out=True), "marketing", False),
        (talked(hung_up_by="callee", transferred=True), "marketing", False),
        (talked(hung_up_by="callee", talk_s=5.0), "marketing", False),  # declined by hanging up
        (Facts(DialOutcome.VOICEMAIL, talk_s=30.0, hung_up_by="callee"), "marketing", False),
    ],
)
def test_unfinished_is_who_left_before_the_question_was_answered(
    facts: Facts, purpose: str, expected: bool
) -> None:
    assert is_unfinished(default_strategy(), facts, purpose) is expected


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("talks > 3.0", "nothing is called talks here (fix: did you mean"),
        ("talk_s", "talk_s is neither true nor false (fix: compare it with something, such as `talk_s > 30.0`)"),
        ("talk_s == 'x' and yes", "the word and; write &&"),
        ("talk_s > 'a'", ""),
    ],
)
def test_conditions_that_cannot_hold_are_refused_where_they_stand(condition: str, sentence: str) -> None:
    text = f'schema: 1\nstrategy: mine\ngrades:\n  - {{grade: A, when: "{condition}"}}\n'
    with pytest.raises(FlowLoadError) as refused:
        loads(text.encode(), "mine.yaml")
    (finding,) = refused.value.findings
    rendered = finding.render(lambda template, **params: template.format(**params))
    assert rendered.startswith("mine.yaml:4:")
    assert sentence in rendered
