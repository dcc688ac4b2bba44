"""Every sentence of the engine and its commands that a user may read has its Chinese."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ivr
from flows import library
from flows.loader import load
from ivr import i18n
from ivr.model import Intention
from ivr.session.machine import CallState
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

ROOT = Path(ivr.__file__).parent
FILES = ("campaigns.py", "config.py", "dialer/lock.py", "cli/rehearse.py", "cli/watch.py")
SAYING = {"translate", "_", "ConfigError", "CampaignError", "IvrError"}


def sentences(file: Path) -> Iterator[str]:
    """Literal first arguments of what speaks to users, and the variables that hold such a sentence."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAYING and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "sentence":
            assert isinstance(node.value, ast.Constant)
            yield str(node.value.value)


@pytest.mark.parametrize("name", FILES)
def test_sentences(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_language", "zh_CN")
    found = set(sentences(ROOT / name))
    assert found
    assert {text for text in found if i18n.translate(text) == text} == set()


def test_words_in_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """States, outcomes, intentions, and the results that the shipped flows come to."""
    monkeypatch.setattr(i18n, "_language", "zh_CN")
    words = {
        *CallState,
        *DialOutcome,
        *Intention,
        "number",
        "try",
        "state",
        "node",
        "said",
        "understood",
        "result",
    }
    words |= {"incomplete", "opted_out", "complaint", "do_not_disturb"}
    for name in library.names():
        for _, _, _, node in load(library.path(name, "zh-CN")).walk():
            if node.disposition:
                words.add(node.disposition)
    assert {str(word) for word in words if i18n.translate(str(word)) == str(word)} == set()
