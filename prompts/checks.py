"""What is wrong with a catalogue although it loads: prompts that differ by language or are hard to follow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from prompts import templates
from prompts.catalogue import Catalogue, Entry
from prompts.catalogue.source import Place
from prompts.errors import PromptError
from prompts.languages import family
from prompts.phrases import Phrase
from prompts.wording import Wording
from speech.audio.files import read_audio
from speech.ports import SpeechError

# What a listener can take in: characters in Chinese, words elsewhere. Editorial limits, found by listening.
MAX_BREATH = {"zh": 30, "": 20}  # between two pauses
MAX_SENTENCE = {"zh": 60, "": 36}
MAX_PROMPT_S = 25.0
_LONG_FIGURE = re.compile(r"\d{5,}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend, with its place; `template` and `params` make the sentence, in any language."""

    severity: Literal["error", "warning"]
    prompt: str
    place: Place
    template: str
    params: dict[str, object]


def check(catalogue: Catalogue, languages: Sequence[str] = ()) -> Iterator[Finding]:
    """Everything wrong in these languages (default: all that the catalogue has), compared with each other."""
    tags = sorted(languages or catalogue.languages())
    for tag in tags:
        if tag not in catalogue.languages():
            raise PromptError("there are no prompts in {language}", language=tag)
    for language in tags:
        for prompt_id in catalogue.ids(language):
            entry = catalogue.entry(prompt_id, language)
            assert entry is not None
            yield from _check_entry(catalogue, entry)
    yield from _compare(catalogue, tags)


def _check_entry(catalogue: Catalogue, entry: Entry) -> Iterator[Finding]:
    used = templates.variables(entry.text)
    for name in sorted(used):
        if catalogue.variable(name) is None:
            yield _warning(entry, "{name} has no type: add it to variables.yaml", name=name)
    if entry.recording is not None:
        yield from _check_recording(entry, bool(used))
    examples = {name: catalogue.example(name, entry.language) for name in used}
    wording = Wording(catalogue.types(), entry.language)
    try:
        wording.written(entry.text, examples)
        phrases = wording.spoken(entry.text, examples)
    except PromptError as error:
        yield Finding("error", entry.id, entry.place, error.template, error.params)
        return
    if entry.written:
        return
    if not phrases:
        yield _error(entry, "there is nothing to say in it")
    yield from _check_ear(catalogue, entry, phrases)


def _check_recording(entry: Entry, has_variables: bool) -> Iterator[Finding]:
    assert entry.recording is not None
    if has_variables:
        yield _error(entry, "a recording can't say variables: take one of them away")
    try:
        read_audio(entry.recording)
    except SpeechError as error:
        yield Finding("error", entry.id, entry.place, error.template, error.params)


def _check_ear(catalogue: Catalogue, entry: Entry, phrases: tuple[Phrase, ...]) -> Iterator[Finding]:
    breath, sentence = (limits.get(family(entry.language), limits[""]) for limits in (MAX_BREATH, MAX_SENTENCE))
    count = _longest(phrases, ",;:.?!", entry.language)
    if count > breath:
        yield _warning(
            entry, "{count} in one breath, more than {limit}: put a pause in", count=count, limit=breath
        )
    count = _longest(phrases, ".?!", entry.language)
    if count > sentence:
        yield _warning(
            entry, "{count} in one sentence, more than {limit}: make two of it", count=count, limit=sentence
        )
    seconds = catalogue.seconds(entry.id, entry.language) or 0.0
    if seconds > MAX_PROMPT_S:
        yield _warning(
            entry,
            "takes about {seconds} s, more than {limit}",
            seconds=round(seconds),
            limit=round(MAX_PROMPT_S),
        )
    if _LONG_FIGURE.search(re.sub(r"\{[^}]*\}", "", entry.text)):
        yield _warning(
            entry,
            'a long figure is read as a number: for a phone number write {{"{example}"|digits}}',
            example="10000",
        )


def _longest(phrases: tuple[Phrase, ...], stops: str, language: str) -> int:
    """The most characters (Chinese) or words between two of these marks."""
    longest = count = 0
    for phrase in phrases:
        spoken = (
            sum(char.isalnum() for char in phrase.text) if family(language) == "zh" else len(phrase.text.split())
        )
        count += spoken
        longest = max(longest, count)
        if phrase.text[-1] in stops:
            count = 0
    return longest


def _compare(catalogue: Catalogue, tags: list[str]) -> Iterator[Finding]:
    for prompt_id in sorted({prompt_id for tag in tags for prompt_id in catalogue.ids(tag)}):
        entries = {tag: catalogue.entry(prompt_id, tag) for tag in tags}
        first = next(entry for entry in entries.values() if entry is not None)
        for tag, entry in entries.items():
            if entry is None:
                yield _error(first, "missing in {language}", language=tag)
                continue
            own, its = templates.variables(entry.text), templates.variables(first.text)
            if own != its:
                yield _error(
                    entry,
                    "the variables aren't those of {language}: {names}",
                    language=first.language,
                    names=", ".join(sorted(own ^ its)),
                )
            if entry.written != first.written:
                yield _error(
                    entry, "a text message in one language, speech in {language}", language=first.language
                )


def _error(entry: Entry, template: str, **params: object) -> Finding:
    return Finding("error", entry.id, entry.place, template, params)


def _warning(entry: Entry, template: str, **params: object) -> Finding:
    return Finding("warning", entry.id, entry.place, template, params)
