"""CEL as flows have it: typed values, null where nothing is set, nothing that could run away."""

from __future__ import annotations

import pytest

from flows.conditions import MAX_CHARS, ConditionError, compile_condition
from flows.values import Scalar

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("source", "variables", "types", "expected"),
    [
        ("balance < 10.0", {"balance": "5.20"}, {"balance": "money"}, True),
        ("balance < 10.0", {"balance": 12}, {"balance": "money"}, False),
        ("rating <= 2", {"rating": "2"}, {"rating": "integer"}, True),
        ('consent == "yes"', {"consent": "yes"}, {"consent": "text"}, True),
        ('name.startsWith("王") && name != "王"', {"name": "王先生"}, {"name": "text"}, True),
        ('pay_by < "2026-12-01"', {"pay_by": "2026-11-25"}, {"pay_by": "date"}, True),
        ("rating <= 2", {}, {"rating": "integer"}, False),  # not asked yet
        ("rating == null", {}, {"rating": "integer"}, True),
    ],
)
def test_holds(source: str, variables: dict[str, Scalar], types: dict[str, str], expected: bool) -> None:
    assert compile_condition(source).holds(variables, types) is expected


@pytest.mark.parametrize("loop", ["all", "exists", "exists_one", "map", "filter"])
def test_loops_are_refused(loop: str) -> None:
    with pytest.raises(ConditionError, match=f"{loop}\\(\\) is not available"):
        compile_condition(f"[1, 2].{loop}(x, x > 1)")


def test_a_loop_in_a_text_is_only_text() -> None:
    assert compile_condition("name == 'a.map(b'").holds({"name": "a.map(b"}, {"name": "text"})


def test_length_is_bounded() -> None:
    compile_condition("1 == 1" + " " * (MAX_CHARS - 6))
    with pytest.raises(ConditionError, match="has 501 characters; at most 500"):
        compile_condition("1 == 1" + " " * (MAX_CHARS - 5))


@pytest.mark.parametrize("source", ["__import__('os')", "eval('1')", "size('王')"])
def test_unknown_functions_are_refused(source: str) -> None:
    with pytest.raises(ConditionError, match="unknown function"):
        compile_condition(source)


def test_what_cannot_be_computed_says_so() -> None:
    with pytest.raises(ConditionError, match="mixes values of different types"):
        compile_condition("a + 1 == 2").holds({"a": "x"}, {"a": "text"})
    with pytest.raises(ConditionError, match=r"can't be computed: .*zero"):
        compile_condition("1 / a == 1").holds({"a": 0}, {"a": "integer"})
    with pytest.raises(ConditionError, match="gives a list or a map"):
        compile_condition("[1, 2]").value({}, {})
    with pytest.raises(ConditionError, match="not true or false"):
        compile_condition("a + 1").holds({"a": 1}, {"a": "integer"})
