"""Words of the pages and the report: the same keys in both languages, and every key that is used is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from admin.errors import Code
from admin.pages import STATIC
from ivr.model import AttemptState, CampaignState, HungUpBy, Intention, Role
from ivr.report.html import ASSETS, LANGUAGES, report_dictionary
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

USED = re.compile(r"""\bt\(\s*"([\w.]+)"|\[\s*"((?:about|attempt|detail|column|answer)\.[\w.]+)",""")
CHOSEN = re.compile(r"""\bt\(([^()]*?\?[^()]*?)[,)]""")  # t(busy ? "a.b" : "c.d")
FAMILIES = {
    "outcome": DialOutcome,
    "intention": Intention,
    "hung_up_by": HungUpBy,
    "attempt_state": AttemptState,
    "campaign_state": CampaignState,
    "role": Role,
}


def web_dictionary(language: str) -> dict[str, str]:
    words: dict[str, str] = json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return words


def all_words(language: str) -> dict[str, str]:
    return report_dictionary(language) | web_dictionary(language)


def sources() -> list[Path]:
    return [*(STATIC / "js").rglob("*.js"), *(path for path in ASSETS.glob("*.js") if ".min." not in path.name)]


def keys_used() -> set[str]:
    found: set[str] = set()
    for path in sources():
        text = path.read_text(encoding="utf-8")
        found |= {key for pair in USED.findall(text) for key in pair if key}
        for choice in CHOSEN.findall(text):
            found |= set(re.findall(r'"([\w]+\.[\w.]+)"', choice))
    return found


@pytest.mark.parametrize("words", [report_dictionary, web_dictionary])
def test_both_languages_have_the_same_keys_and_placeholders(words: object) -> None:
    assert callable(words)
    english, chinese = words("en"), words("zh-CN")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert text.strip(), key
        assert chinese[key].strip(), key
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", chinese[key])), key


def test_the_two_dictionaries_do_not_hide_each_other() -> None:
    assert not report_dictionary("en").keys() & web_dictionary("en").keys() - {"report.download"}


def test_every_key_that_the_pages_use_is_there() -> None:
    used = keys_used()
    assert len(used) > 100  # the patterns still find them
    assert used - all_words("en").keys() == set()


@pytest.mark.parametrize(("family", "values"), FAMILIES.items())
def test_every_value_of_a_known_kind_has_its_word(family: str, values: type[DialOutcome]) -> None:
    for language in LANGUAGES:
        assert {f"{family}.{value}" for value in values} - all_words(language).keys() == set()


def test_every_error_has_its_sentence() -> None:
    for language in LANGUAGES:
        assert {f"error.{code}" for code in (*get_args(Code), "offline")} - all_words(language).keys() == set()


def test_every_module_imports_what_is_there() -> None:
    for path in sources():
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8")):
            target = (path.parent / name).resolve()
            shared = ASSETS / name.rsplit("/", 1)[1]  # /static/report/ on the web
            assert target.is_file() or ("/report/" in name and shared.is_file()), (path.name, name)
