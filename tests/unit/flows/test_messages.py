"""Findings come in the user's language, whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.findings import FlowError, FlowLoadError
from flows.linter import lint_file
from ivr import i18n
from ivr.cli.main import user_sentence
from prompts.catalogue import Catalogue

pytestmark = pytest.mark.unit

MALFORMED = Path(__file__).parent / "malformed"


@pytest.fixture
def chinese() -> Iterator[None]:
    i18n.use_language("zh-CN")
    yield
    i18n.use_language("en")


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("path", sorted(MALFORMED.glob("*.yaml")), ids=lambda path: path.stem)
def test_findings_come_in_chinese(path: Path, book: Catalogue) -> None:
    for finding in lint_file(path, book):
        for template in filter(None, (finding.template, finding.fix)):
            assert i18n.translate(template) != template
        assert ": 错误: " in finding.render(i18n.translate)


@pytest.mark.usefixtures("chinese")
def test_an_error_that_carries_a_finding_comes_in_chinese(tmp_path: Path) -> None:
    (finding,) = lint_file(tmp_path / "none.yaml")
    assert (
        user_sentence(FlowLoadError([finding])) == f"{tmp_path}/none.yaml:1:1: 错误: 文件不存在(改法:检查文件名)"
    )
    error = FlowError("the contact has no {name}, which the flow {flow} needs", name="x", flow="y")
    assert user_sentence(error) == "联系人缺少 x,而流程 y 需要它"
