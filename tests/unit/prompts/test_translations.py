"""Every sentence that users of this area read has its Chinese."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import ivr
import prompts
import speech

pytestmark = pytest.mark.unit

ROOT = Path(prompts.__file__).parents[1]
SOURCES = [
    *(ROOT / "prompts").rglob("*.py"),
    *(Path(speech.__file__).parent / "tts").glob("*.py"),
    ROOT / "speech" / "audio" / "files.py",
    Path(ivr.__file__).parent / "cli" / "prompts.py",
]
# call -> which argument is the sentence
CALLS = {
    **dict.fromkeys(("PromptError", "TemplateError", "SpeechError", "fail", "translate"), 0),
    **dict.fromkeys(("_error", "_warning"), 1),
}
PLACE = "{file}:{line}:{column}: "


def sentences() -> set[str]:
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            position = CALLS.get(name, len(node.args))
            argument = node.args[position] if position < len(node.args) else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                sentence = argument.value
                found.add(PLACE + sentence if name == "fail" else sentence)
                if name == "TemplateError":
                    found.add(PLACE + sentence.removeprefix("column {column}: "))
    return found


def test_all_are_translated_with_the_same_placeholders() -> None:
    messages: dict[str, str] = {}
    for path in sorted((Path(ivr.__file__).parent / "locale" / "zh_CN").glob("*.po")):
        with path.open("rb") as file:
            messages |= {str(message.id): str(message.string) for message in read_po(file) if message.id}
    wanted = sentences()
    assert len(wanted) > 60
    assert sorted(sentence for sentence in wanted if not messages.get(sentence)) == []
    for sentence in wanted:
        assert set(re.findall(r"\{\w+", sentence)) == set(re.findall(r"\{\w+", messages[sentence])), sentence
