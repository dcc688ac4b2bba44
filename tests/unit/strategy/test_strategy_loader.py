"""Strategy files: what is refused and where, what is unwise, and that documents give the same strategy back."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.findings import FlowLoadError
from ivr.strategy import default_strategy, lint, load, load_document, loads
from ivr.strategy.loader import DEFAULT_PATH

pytestmark = pytest.mark.unit

HEAD = "schema: 1\nstrategy: mine\n"


def told(text: str) -> list[str]:
    with pytest.raises(FlowLoadError) as refused:
        loads(text.encode(), "mine.yaml")
    return [one.render(lambda template, **params: template.format(**params)) for one in refused.value.findings]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- 1", "a strategy is a mapping, this is a list"),
        ("schema: 2\nstrategy: mine", "mine.yaml:1:9: error: schema 2 is not known here (fix: write `schema: 1`)"),
        (HEAD + "retries: {}", "retries"),
        (HEAD + "retry: {outcomes: {bussy: {at_most: 1}}}", "bussy"),
        (HEAD + "retry: {outcomes: {busy: {waits: [15 min], at_most: 2}}}", "15 min is no time to wait"),
        (HEAD + "retry: {outcomes: {busy: {waits: [400d], at_most: 2}}}", "400d is no time to wait"),
        (HEAD + "retry: {outcomes: {busy: {at_most: 2}}}", "at_most: 2 calls again without saying when"),
        (
            HEAD + "retry: {outcomes: {invalid_number: {at_most: 2, waits: [1d]}}}",
            "invalid_number is never called",
        ),
        (HEAD + "retry: {outcomes: {busy: {waits: [1h], at_most: 50}}}", "50"),
        (HEAD + "day_parts: {morning: 08:00-12:00, noon: 11:00-14:00}", "day_parts morning and noon overlap"),
        (HEAD + "day_parts: {night: 22:00-06:00}", "22:00-06:00 is no span of a day"),
        (
            HEAD + "day_parts: {}\nretry: {outcomes: {busy: {waits: [1h], at_most: 2, other_part_of_day: true}}}",
            "another part of the day needs day_parts",
        ),
        (HEAD + "classes: {A: success}", "classes names none for B, C, D, E, F; add them"),
        (HEAD + "follow_ups: {G: {wait: 1d}}", "G"),
        (HEAD + "split: {name: voice, arms: {a: {}}}", "arms"),
        (HEAD + "invalid_numbers: {closed_for: forever}", "forever is no time to wait"),
        (HEAD + "return_calls: {within: 72}", "within"),
        (HEAD + "return_calls: {flow: {name: other}}", "version"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_its_place(text: str, sentence: str) -> None:
    (finding,) = told(text)
    assert finding.startswith("mine.yaml:")
    assert sentence in finding


def test_the_shipped_strategy_is_sound_and_survives_its_document() -> None:
    strategy = load(DEFAULT_PATH)
    assert lint(strategy, str(DEFAULT_PATH)) == ()
    again = load_document(strategy.document)
    assert (again.version, again.document, again.spec) == (strategy.version, strategy.document, strategy.spec)


def test_comments_and_layout_do_not_count_and_values_do() -> None:
    one, same = loads(HEAD.encode()), loads(b"# mine\nstrategy:   mine\nschema: 1\n")
    other = loads((HEAD + "priority: 4").encode())
    assert one.version == same.version != other.version


def test_calls_back_are_off_unless_the_file_has_them_and_its_name_is_then_what_it_was() -> None:
    off, on = loads(HEAD.encode()), loads((HEAD + "return_calls: {}").encode())
    assert off.spec.return_calls is None
    assert "return_calls" not in off.document, "approvals of stored strategies hold"
    assert on.spec.return_calls is not None
    assert (on.spec.return_calls.within, on.spec.return_calls.flow) == ("3d", None)
    assert load_document(on.document).spec == on.spec


def test_a_file_that_leaves_them_out_has_the_shipped_grades_classes_and_day_parts() -> None:
    shipped, own = default_strategy().spec, loads(HEAD.encode()).spec
    assert (own.grades, own.classes, own.day_parts) == (shipped.grades, shipped.classes, shipped.day_parts)
    assert own.retry.outcomes == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a number that isn't reached gets no second call"),
        ("retry: {attempts: 1, outcomes: {busy: {waits: [1h], at_most: 2}}}", "gets no second call"),
        ("grades: [{grade: A, when: pending}]", "an attempt that no condition fits is graded F"),
        (
            "follow_ups: {E: {wait: 1d}}",
            "who agreed or declined is called again (fix: take it out: E is declined)",
        ),
    ],
)
def test_what_is_unwise_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    told = [
        one.render(lambda template, **params: template.format(**params)) for one in lint(load(path), str(path))
    ]
    assert any(sentence in one and "warning" in one for one in told), told
