"""Every figure of every bench has a title in both languages; its name stays what JSON has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.result import BenchResult
from bench.titles import TITLES, title_of
from ivr.cli.bench import HELPERS
from ivr.i18n import use_language

pytestmark = pytest.mark.unit

ROOT = Path(bench.__file__).parent
# `capacity` has titles of its own, and a test.
MODULES = sorted(
    path for path in ROOT.rglob("*.py") if path.parent.name != "capacity" and path.stem not in HELPERS
)
KEEPERS = {"figures", "values"}  # what a bench calls them


def names_in(path: Path) -> Iterator[str]:
    """What figures are called in the file, as regular expressions: of an f-string its last words."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=key) if name in KEEPERS:
                yield from _patterns(key)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in KEEPERS:
                yield from _keys(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.AST() as value) if name in KEEPERS:
                yield from _keys(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value) if name in KEEPERS:
                yield from _keys(value)
            case ast.keyword(arg="figures", value=value):
                yield from _keys(value)


def _keys(value: ast.AST) -> Iterator[str]:
    match value:
        case ast.Dict(keys=keys):
            for key in keys:
                yield from _patterns(key)
        case ast.DictComp(key=key):
            yield from _patterns(key)


def _patterns(key: ast.AST | None) -> Iterator[str]:
    match key:
        case ast.Constant(value=str(name)):
            yield re.escape(name)
        case ast.JoinedStr(values=parts):
            whole = "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in parts
            )
            yield whole.rpartition(r"\.")[2]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_figure_has_a_title(path: Path) -> None:
    for pattern in names_in(path):
        assert any(re.fullmatch(pattern, name) for name in TITLES), pattern


def test_figures_are_found() -> None:
    found = [name for path in MODULES for name in names_in(path)]
    assert {"engine_ms", "silent_after_s", "next_p50_ms", "peak_mb", "max_ms"} <= set(found)


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("cpu_ms_per_call", "CPU ms per call", "每次呼叫 CPU 毫秒"),
        ("vad.calls_500.engine_ms", "prompts, listening for voice, 500 calls: engine, CPU ms per call-s",
         "放提示音并检测语音, 500 路通话:引擎,每路每秒 CPU 毫秒"),
        ("pipecat.with_vad.its_16.our_500.times_our_cpu",
         "pipecat, with voice activity, its 16 calls, our 500 calls: times our CPU",
         "pipecat, 含语音检测, 对方 16 路通话, 我们 500 路通话:是我们 CPU 用量的倍数"),
        ("peak_mb_at_100", "most memory with 100 calls, MB", "100 次呼叫时的最大内存,MB"),
        ("p99.9_ms", "p99.9, ms", "p99.9,毫秒"),
        ("new_figure", "new_figure", "new_figure"),
    ],
)  # fmt: skip
def test_a_title_is_made_of_the_names_parts(name: str, english: str, chinese: str) -> None:
    assert title_of(name) == english
    use_language("zh-CN")
    try:
        assert title_of(name) == chinese
        assert next(BenchResult("x", {name: 1}).rows())[0] == chinese
    finally:
        use_language("en")
    assert BenchResult("x", {name: 1}).as_json()["figures"] == {name: 1}
