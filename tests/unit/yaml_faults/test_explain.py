"""The same fault is the same sentence, whichever parser found it, and in every kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr import i18n
from ivr.cli.main import user_sentence
from prompts.catalogue import Catalogue
from prompts.errors import PromptError
from trunk.carrier import load_callees
from trunk.carrier.errors import CarrierError
from yaml_faults import MAX_CHARS, YamlFault, explain

pytestmark = pytest.mark.unit

LOADERS: list[Any] = [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)]
FAULTS = [
    ("a:\n\tb: 1\n", 2, 1, "a tab stands where YAML wants spaces"),
    ("a：1\nb: 2\n", 1, 2, "the full-width character ： stands where YAML wants :"),
    ("a: {b: 1，c: 2}\n", 1, 9, "the full-width character ， stands where YAML wants ,"),
    ("a:\n    b: c\n\u3000\u3000d: e\n    f: g\n", 3, 1, "a wide or no-break space"),
    ("a: 您好，余额: 5\n", 1, 9, "a colon stands where no key can be"),  # that comma is part of the text
    ("a: {b: 您好，{c}}\n", 1, 4, "a { is not closed"),
    ("a: [\n", 2, 1, "a { or [ is not closed"),
    ("a: 'b\n", 1, 4, "a quote is opened and never closed"),
    ("a:b\nc: d\n", 1, 1, "a key without a colon"),
    ("a: b\n---\nc: d\n", 2, 1, "more than one document"),
]


def fault_of(text: str, loader: Any) -> YamlFault:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        yaml.compose(text, Loader=loader)
    return explain(text, caught.value)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(("text", "line", "column", "sentence"), FAULTS)
def test_the_place_and_the_sentence(loader: Any, text: str, line: int, column: int, sentence: str) -> None:
    fault = fault_of(text, loader)
    assert (fault.line, fault.column) == (line, column)
    assert str(fault).startswith(sentence)
    assert "(fix: " in str(fault)


def test_a_large_file_is_not_parsed_again() -> None:
    text = "a: b\n" * (MAX_CHARS // 5 + 1) + "c: d: e\n"
    error = yaml.MarkedYAMLError(problem="libyaml's words", problem_mark=None)
    assert "libyaml's words" in str(explain(text, error))


def test_prompts_and_callees_say_it_in_the_users_language(tmp_path: Path) -> None:
    (tmp_path / "prompts" / "en").mkdir(parents=True)
    prompts, callees = tmp_path / "prompts" / "en" / "a.yaml", tmp_path / "callees.yaml"
    for path in (prompts, callees):
        path.write_text("a:\n\tb: 1\n", encoding="utf-8")
    with pytest.raises(PromptError) as of_prompts:
        Catalogue.load([tmp_path / "prompts"])
    with pytest.raises(CarrierError) as of_callees:
        load_callees(callees)
    for path, error in ((prompts, of_prompts.value), (callees, of_callees.value)):
        assert f"{path}:2:1: this isn't YAML: a tab stands where YAML wants spaces (fix: replace" in str(error)
        i18n.use_language("zh-CN")
        assert "这里用了制表符,YAML 要用空格(改法:把制表符换成空格)" in str(user_sentence(error))
        i18n.use_language("en")
