"""Every value has its label, every document its model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

import ivr
from flows.values import Modality
from ivr.model import Base, HungUpBy, Intention
from ivr.report.html import report_dictionary
from ivr.report.labels import Kind, answer_label, label
from ivr.report.schema import results_schema
from ivr.results import AnswerResult, AttemptResult, Summary
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

DOCS = Path(ivr.__file__).parents[1] / "docs"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("outcome", DialOutcome),
        ("disposition", DialOutcome),
        ("intention", Intention),
        ("modality", Modality),
        ("hung_up_by", HungUpBy),
    ],
)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_value_has_its_label(kind: Kind, values: type[StrEnum], language: str) -> None:
    words = report_dictionary(language)
    kinds = (kind, "outcome") if kind == "disposition" else (kind,)
    missing = [value for value in values if not any(f"{name}.{value.value}" in words for name in kinds)]
    assert missing == []
    labels = [label(kind, value.value, language) for value in values]
    assert len(set(labels)) == len(labels)


def test_labels_of_answers_and_of_what_a_flow_made_up() -> None:
    assert answer_label("consent", "yes", "zh-CN") == "同意"
    assert answer_label("anything", "yes", "zh") == "是"
    assert answer_label("rating", "5", "en") == "5"
    assert label("disposition", "special_case", "zh-CN") == "special_case"


def test_the_documented_schema_is_current() -> None:
    current = (DOCS / "results.schema.json").read_text("utf-8")
    assert current == results_schema(), "run: python -m ivr.report.schema > docs/results.schema.json"


def test_every_field_and_table_is_documented() -> None:
    results, model = (DOCS / "results.md").read_text("utf-8"), (DOCS / "data-model.md").read_text("utf-8")
    fields = {*Summary.model_fields, *AttemptResult.model_fields, *AnswerResult.model_fields}
    plain = {"campaign", "flow", "language", "purpose"}  # as they say
    assert sorted(field for field in fields - plain if f"`{field}`" not in results) == []
    assert sorted(table for table in Base.metadata.tables if f"`{table}`" not in model) == []
