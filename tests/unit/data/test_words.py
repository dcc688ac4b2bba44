"""Every value has its label, every sentence its Chinese, every document its model."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import ivr
from flows.sprint import Modality
from ivr.model import Base, HungUpBy, Intention
from ivr.report.html import report_dictionary
from ivr.report.labels import Kind, answer_label, label
from ivr.report.schema import results_schema
from ivr.results import AnswerResult, AttemptResult, Summary
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

IVR = Path(ivr.__file__).parent
DOCS = IVR.parent / "docs"
MINE = [
    *(IVR / "contacts_import").glob("*.py"),
    *(IVR / name for name in ("database.py", "users.py", "flow_versions.py", "migrations/__init__.py")),
    *(IVR / "report" / name for name in ("build.py", "xlsx.py")),
    *(IVR / "cli" / name for name in ("user.py", "flow_versions.py", "options.py")),
]
# call -> which argument is the sentence
CALLS = {
    **dict.fromkeys(("translate", "_say", "say", "_Column", "table"), 0),
    **dict.fromkeys(("IvrError", "ContactsImportError", "CellError", "UserError", "FlowVersionError"), 0),
    **dict.fromkeys(("ReportError", "__init__", "_sheet"), 0),
    **dict.fromkeys(("_decimal",), 2),
}


def sentences() -> Iterator[str]:
    for path in MINE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                # Sentences that are used twice are constants; they are told by their spaces.
                text = node.value.value
                if isinstance(text, str) and " " in text and getattr(node.targets[0], "id", "").isupper():
                    yield text
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            position = CALLS.get(name, len(node.args))
            argument = node.args[position] if position < len(node.args) else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def test_every_sentence_has_its_chinese_with_the_same_placeholders() -> None:
    messages: dict[str, str] = {}
    for path in sorted((IVR / "locale" / "zh_CN").glob("*.po")):
        with path.open("rb") as file:
            messages |= {str(message.id): str(message.string) for message in read_po(file) if message.id}
    wanted = set(sentences()) - {"BEGIN IMMEDIATE"}
    assert len(wanted) > 120
    assert sorted(sentence for sentence in wanted if not messages.get(sentence)) == []
    for sentence in wanted:
        assert set(re.findall(r"\{\w+", messages[sentence])) <= set(re.findall(r"\{\w+", sentence)), sentence


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
