"""Templates: what may be written, what may not, and where the error points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts import templates
from prompts.errors import PromptError, TemplateError
from prompts.templates import MAX_RESULT_CHARS, MAX_TEMPLATE_CHARS, MAX_VARIABLES, render, uses, variables
from prompts.values import TYPES, Scalar

pytestmark = pytest.mark.unit


def shown(name: str | None, value: Scalar, filter_name: str | None) -> str:
    return f"<{name} {value} {filter_name}>"


def test_variables_and_filters_in_order() -> None:
    found = uses('您尾号{tail}的号码,拨打{ hotline|digits }或{"10000"|phone}')
    assert [(use.name, use.filter, use.column) for use in found] == [
        ("tail", None, 4),
        ("hotline", "digits", 16),
        (None, "phone", 35),
    ]
    assert variables("{a}{b|money}{a}{1|digits}") == {"a", "b"}


def test_values_become_text_by_type_or_filter() -> None:
    assert (
        render('{a},{b|digits},{"7"|digits}', {"a": 1, "b": 2}, shown) == "<a 1 None>,<b 2 digits>,<None 7 digits>"
    )


def test_text_without_variables_is_left_alone() -> None:
    text = "it's 100% <b>fine</b> & {a}\n".replace("{a}", "")
    assert render(text, {}, shown) == text


def test_values_are_never_templates() -> None:
    assert render("{a}", {"a": "{b}"}, lambda _n, value, _f: str(value)) == "{b}"


@pytest.mark.parametrize(
    ("template", "column", "words"),
    [
        ("余额{balance", 3, "never closed"),
        ("a}", 2, "closing brace"),
        ("{{a}}", 2, "inside braces"),
        ("hm {}", 4, "empty braces"),
        ("{a.b}", 1, "isn't allowed"),
        ("{a()}", 1, "isn't allowed"),
        ("{a['b']}", 1, "isn't allowed"),
        ("{a+1}", 1, "isn't allowed"),
        ("{a if b else c}", 1, "isn't allowed"),
        ("{'text'}", 1, "isn't allowed"),
        ("{a|digits|money}", 1, "isn't allowed"),
        ("{a|digits(1)}", 1, "isn't allowed"),
        ("{a|attr('x')}", 1, "isn't allowed"),
        ("{self}", 1, "isn't allowed"),
        ("{_format}", 1, "isn't allowed"),
        ("{__class__}", 1, "isn't allowed"),
        ("{Balance}", 1, "isn't allowed"),
        ("{-a-}", 1, "isn't allowed"),
        ("ok {a|upper}", 4, "no filter upper"),
        ("{% for x in y %}", 1, "isn't a variable"),
        ("{# comment #}", 1, "isn't a variable"),
        ("{a b}", 1, "isn't a variable"),
        ("{a!r}", 1, "isn't a variable"),
        ("a\ue000b", 2, "can't be said"),
        ("x" * (MAX_TEMPLATE_CHARS + 1), MAX_TEMPLATE_CHARS + 1, "more than"),
        ("".join(f"{{a{n}}}" for n in range(MAX_VARIABLES + 1)), None, "more than"),
    ],
)
def test_bad_templates_get_one_sentence_with_the_column(template: str, column: int | None, words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        variables(template)
    if column is not None:
        assert caught.value.column == column
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)  # as flows.ports asks for


@given(st.text(alphabet="{}|%#ab.()'\"[]_-+ 1余", max_size=30))
def test_any_text_is_either_plain_or_refused(template: str) -> None:
    try:
        names = variables(template)
    except TemplateError:
        return
    text = render(template, dict.fromkeys(names, "v"), shown)
    assert ("<" in text) == ("{" in template)


def test_missing_value_is_named() -> None:
    with pytest.raises(PromptError, match="variable pay_by has no value"):
        render("{balance}{pay_by}", {"balance": 1, "pay_by": None}, shown)


def test_result_is_bounded() -> None:
    long = "x" * (MAX_RESULT_CHARS // 2)
    assert render("{a}{a}", {"a": long}, lambda *_: long) == long * 2
    with pytest.raises(PromptError, match="more than 2000"):
        render("{a}{a}!", {"a": long}, lambda *_: long)


def test_the_sandbox_has_nothing_in_it() -> None:
    environment = templates._ENVIRONMENT
    assert not environment.globals
    assert not environment.tests
    assert set(environment.filters) == TYPES
