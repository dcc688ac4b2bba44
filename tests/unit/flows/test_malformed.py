"""Files that are wrong in one way each: one finding, with a place, word for word as in malformed/expected.txt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.findings import FlowLoadError
from flows.linter import lint_file
from flows.loader import load, loads
from flows.source import MAX_BYTES, MAX_DEPTH
from prompts.catalogue import Catalogue

pytestmark = pytest.mark.unit

DIRECTORY = Path(__file__).parent / "malformed"
EXPECTED = dict(
    line.split(".yaml:", 1) for line in (DIRECTORY / "expected.txt").read_text(encoding="utf-8").splitlines()
)


def test_every_file_has_an_expectation() -> None:
    assert sorted(path.stem for path in DIRECTORY.glob("*.yaml")) == sorted(EXPECTED)
    assert len(EXPECTED) >= 20


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_one_clear_finding(name: str, book: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DIRECTORY)
    assert [str(finding) for finding in lint_file(f"{name}.yaml", book)] == [f"{name}.yaml:{EXPECTED[name]}"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_finding_has_a_place_and_says_error(name: str) -> None:
    assert re.match(r"\d+:\d+: error: ", EXPECTED[name])


def test_ten_megabytes_are_refused_before_parsing(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"schema: 1\n" + b"x" * 10_000_000)
    with pytest.raises(FlowLoadError, match=r"large.yaml:1:1: error: the file is larger than 256 kB"):
        load(path)


def test_a_file_just_within_the_limit_is_read_and_judged() -> None:
    data = b"schema: 1\n# " + b"x" * (MAX_BYTES - 13) + b"\n"
    assert len(data) == MAX_BYTES
    with pytest.raises(FlowLoadError, match="flow is missing"):
        loads(data)


def test_nesting_is_bounded() -> None:
    allowed, refused = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2), "[" * MAX_DEPTH + "]" * MAX_DEPTH
    with pytest.raises(FlowLoadError, match="nested more than"):
        loads(f"schema: 1\nflow: {refused}\n".encode())
    with pytest.raises(FlowLoadError) as caught:
        loads(f"schema: 1\nflow: {allowed}\n".encode())
    assert "flow must be text, not a list" in str(caught.value.findings[-1])


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(FlowLoadError, match="there is no such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(FlowLoadError, match="this is a directory"):
        load(tmp_path)


def test_several_wrong_elements_come_in_the_order_of_the_file() -> None:
    data = b"schema: 1\nflow: Trial\nlanguage: zh-CN\npurpose: service\nstart: a\nnodes:\n  a: {play: 5, nxt: a}\n"
    with pytest.raises(FlowLoadError) as caught:
        loads(data, "f.yaml")
    assert [(finding.line, finding.column) for finding in caught.value.findings] == [(2, 7), (7, 13), (7, 16)]
