"""The catalogue: what ships, what may be laid over it, and where errors point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows import library
from flows.loader import load
from flows.ports import PromptBook
from prompts.catalogue import SHIPPED_DIR, Catalogue
from prompts.catalogue.source import MAX_FILE_BYTES
from prompts.checks import check
from prompts.errors import PromptError

pytestmark = pytest.mark.unit

WritePrompts = Callable[..., Path]


def test_it_is_a_prompt_book() -> None:
    book: PromptBook = Catalogue.load()
    assert book.variables("low_balance.reminder", "zh-CN") == frozenset({"tail", "balance", "pay_by"})
    assert book.variables("low_balance.nothing", "zh-CN") is None
    assert book.variables("low_balance.reminder", "ko") is None
    assert book.text("common.no_match", "en") == "Sorry, I didn't catch that."
    assert book.text_variables("{a} and {b|money}", "en") == {"a", "b"}
    with pytest.raises(ValueError, match="never closed"):
        book.text_variables("{a", "en")
    seconds = book.seconds("low_balance.greet", "zh-CN")
    assert seconds is not None
    assert 5 < seconds < 12
    assert book.seconds("low_balance.sms", "zh-CN") is None


def test_the_shipped_prompts_have_nothing_wrong() -> None:
    assert list(check(Catalogue.load())) == []


SHIPPED_FLOWS = sorted(
    path for path in Path(library.__file__).parent.glob("*/*.yaml") if ".conversations" not in path.name
)


@pytest.mark.parametrize("path", SHIPPED_FLOWS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_prompt_of_the_shipped_flows_is_there_with_its_variables(path: Path) -> None:
    catalogue, flow = Catalogue.load(), load(path)
    prompts = [prompt for *_, node in flow.walk() for _, prompt in node.prompt_paths()]
    named = {prompt.id for prompt in prompts if prompt.id is not None}
    assert named
    for prompt_id in named:
        variables = catalogue.variables(prompt_id, flow.language)
        assert variables is not None, prompt_id
        assert variables <= flow.types.keys(), prompt_id
        assert all(catalogue.variable(name) for name in variables)


def test_first_sentences_say_who_calls_that_it_is_a_machine_and_recorded() -> None:
    catalogue = Catalogue.load()
    for prompt in ("low_balance", "marketing", "survey"):
        chinese, english = catalogue.text(f"{prompt}.greet", "zh-CN"), catalogue.text(f"{prompt}.greet", "en")
        assert chinese is not None
        assert english is not None
        assert all(word in chinese for word in ("{company}", "智能语音助手", "录音"))
        assert all(word in english for word in ("{company}", "automated", "recorded"))


def test_a_later_directory_wins_prompt_by_prompt(write_prompts: WritePrompts) -> None:
    first = write_prompts({"en/mine.yaml": "common.agent: One moment.\nmine.only: Hello {guest}."})
    second = write_prompts(
        {
            "en/mine.yaml": "common.agent: {text: Two moments., notes: shorter}",
            "variables.yaml": "guest: {type: text}",
        }
    )
    catalogue = Catalogue.load([first, second])
    assert catalogue.text("common.agent", "en") == "Two moments."
    assert catalogue.text("mine.only", "en") == "Hello {guest}."
    assert catalogue.text("common.who", "en") == Catalogue.load().text("common.who", "en")
    assert catalogue.types()["guest"] == "text"


def test_zh_stands_for_the_only_chinese() -> None:
    catalogue = Catalogue.load()
    assert catalogue.text("common.no_match", "zh") == catalogue.text("common.no_match", "zh-CN")


@pytest.mark.parametrize(
    ("files", "place", "words"),
    [
        ({"en/a.yaml": "a.b: 'x {y'"}, "en/a.yaml:1:9", "never closed"),
        ({"en/a.yaml": "a.a: fine\na.b: x {y.z}"}, "en/a.yaml:2:8", "isn't allowed"),
        ({"en/a.yaml": "a.b: {text: 'hm {}'}"}, "en/a.yaml:1:17", "empty braces"),
        ({"en/a.yaml": "a.b: >\n  two\n  {lines"}, "en/a.yaml:1:", "never closed"),
        ({"en/a.yaml": "Bad: x"}, "en/a.yaml:1:1", "isn't a prompt's id"),
        ({"en/a.yaml": "a.b: x\na.b: y"}, "en/a.yaml:2:1", "twice, first in line 1"),
        ({"en/a.yaml": "a.b: x", "en/b.yaml": "a.b: y"}, "en/b.yaml:1:1", "also in a.yaml"),
        ({"en/a.yaml": "a.b: [x]"}, "en/a.yaml:1:6", "list"),
        ({"en/a.yaml": "a.b: ''"}, "en/a.yaml:1:6", "empty"),
        ({"en/a.yaml": "a.b:"}, "en/a.yaml:1:5", "empty"),
        ({"en/a.yaml": "a.b: {notes: x}"}, "en/a.yaml:1:1", "has no text"),
        ({"en/a.yaml": "a.b: {text: x, voice: y}"}, "en/a.yaml:1:16", "no voice"),
        ({"en/a.yaml": "a.b: {text: x, written: maybe}"}, "en/a.yaml:1:25", "true or false"),
        ({"en/a.yaml": "a.b: {text: x, recording: no.wav}"}, "en/a.yaml:1:27", "no.wav doesn't exist"),
        ({"en/a.yaml": "a.b: {text: {deep: x}}"}, "en/a.yaml:1:13", "must be text"),
        ({"en/a.yaml": "a.b: &x y\na.c: *x"}, "en/a.yaml:1:6", "aliases"),
        ({"en/a.yaml": "a.b: !!python/object:os.system x"}, "en/a.yaml:1:6", "tags"),
        ({"en/a.yaml": "a.b: x: y"}, "en/a.yaml:1:7", "YAML"),
        ({"en/a.yaml": "just text"}, "en/a.yaml:1:1", "one prompt a line"),
        ({"en/a.yaml": "[" * 5000}, "en/a.yaml:1:", "nested too deeply"),
        ({"en/a.yaml": "a.b: 您好".encode("gb18030")}, "en/a.yaml:1:1", "UTF-8"),
        ({"en/a.yaml": "a.b: x\x07"}, "en/a.yaml:1:1", "YAML"),
        ({"en/a.yaml": "a.b: " + "x" * MAX_FILE_BYTES}, "en/a.yaml:1:1", "bigger than"),
        ({"common.yaml": "a.b: x"}, "common.yaml:1:1", "language's directory"),
        ({"English!/a.yaml": "a.b: x"}, "English!:1:1", "named after a language"),
        ({"variables.yaml": "a: digits"}, "variables.yaml:1:1", "must be written as"),
        ({"variables.yaml": "a: {type: colour}"}, "variables.yaml:1:11", "no type colour"),
        ({"variables.yaml": "a: {type: money, example: lots}"}, "variables.yaml:1:27", "isn't of type money"),
        ({"variables.yaml": "A: {type: money}"}, "variables.yaml:1:1", "isn't a variable's name"),
    ],
)
def test_faults_have_a_place_and_one_sentence(
    write_prompts: WritePrompts, files: dict[str, str | bytes], place: str, words: str
) -> None:
    root = write_prompts(files)
    with pytest.raises(PromptError) as caught:
        Catalogue.load([root])
    assert str(caught.value).startswith(f"{root}/{place}")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no such directory"):
        Catalogue.load([tmp_path / "nowhere"])


def test_the_shipped_directory_is_the_package() -> None:
    assert (SHIPPED_DIR / "zh-CN" / "low_balance.yaml").is_file()


@pytest.mark.parametrize(
    ("files", "severity", "words"),
    [
        ({"en/a.yaml": "own.a: Hello."}, "error", "missing in {language}"),
        (
            {"en/a.yaml": "own.a: 'Hello {name}.'", "zh-CN/a.yaml": "own.a: 您好。"},
            "error",
            "the variables aren't those of {language}: {names}",
        ),
        (
            {"en/a.yaml": "own.a: {text: Hi., written: true}", "zh-CN/a.yaml": "own.a: 您好。"},
            "error",
            "a text message in one language, speech in {language}",
        ),
        (
            {"en/a.yaml": "common.who: '{company} {hotline|date}'"},
            "error",
            "the value of {name} isn't of type {type}",
        ),
        ({"en/a.yaml": "common.agent: '...'"}, "error", "there is nothing to say in it"),
        (
            {"en/a.yaml": "common.agent: call 10000 now"},
            "warning",
            'a long figure is read as a number: for a phone number write {{"{example}"|digits}}',
        ),
        (
            {"en/a.yaml": "common.agent: " + "word " * 21},
            "warning",
            "{count} in one breath, more than {limit}: put a pause in",
        ),
        (
            {"zh-CN/a.yaml": "common.agent: " + "一二三四五六七八九,十百千万," * 5},
            "warning",
            "{count} in one sentence, more than {limit}: make two of it",
        ),
        (
            {"zh-CN/a.yaml": "common.agent: " + "一二三四五六七八九,十百千万。" * 10},
            "warning",
            "takes about {seconds} s, more than {limit}",
        ),
        (
            {"en/a.yaml": "common.agent: hi {nobody}", "zh-CN/a.yaml": "common.agent: 喂{nobody}"},
            "warning",
            "{name} has no type: add it to variables.yaml",
        ),
    ],
)
def test_checks(write_prompts: WritePrompts, files: dict[str, str | bytes], severity: str, words: str) -> None:
    findings = list(check(Catalogue.load([write_prompts(files)])))
    assert (severity, words) in {(finding.severity, finding.template) for finding in findings}
    for finding in findings:
        assert finding.template.format(**finding.params)


def test_check_of_one_language_asks_for_no_other(write_prompts: WritePrompts) -> None:
    catalogue = Catalogue.load([write_prompts({"en/a.yaml": "own.a: Hello."})])
    assert list(check(catalogue, ["en"])) == []
    with pytest.raises(PromptError, match="no prompts in fr"):
        list(check(catalogue, ["fr"]))
