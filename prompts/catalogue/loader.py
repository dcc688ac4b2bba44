"""Loads one directory of prompts: `variables.yaml` and `<language>/*.yaml`, every fault with file:line:column."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from prompts import templates
from prompts.catalogue.source import Mapping, Place, Scalar, read_mapping
from prompts.errors import TemplateError
from prompts.values import PARSERS, TYPES

SHIPPED_DIR = Path(__file__).parent
_VARIABLES_FILE = "variables.yaml"
_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_ENTRY_KEYS = ("text", "recording", "written", "notes")
MAX_PROMPTS = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One prompt in one language."""

    id: str
    language: str
    text: str  # a template
    place: Place
    recording: Path | None = None  # a WAV or MP3 that is played instead, when the text has no variables
    written: bool = False  # a text message: never spoken
    notes: str = ""


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """What a variable is when nobody else says, and an example of it by language ("" for all)."""

    type: str
    examples: dict[str, str]

    def example(self, language: str) -> str | None:
        return self.examples.get(language, self.examples.get(""))


@dataclass(slots=True)
class Folder:
    """What one directory holds; a later one is laid over an earlier one."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)  # (language, id)
    variables: dict[str, VariableSpec] = field(default_factory=dict)


def load_folder(directory: Path) -> Folder:
    """Everything in the directory. Raises PromptError for the first fault found."""
    if not directory.is_dir():
        Place(directory).fail("there is no such directory of prompts")
    folder = Folder()
    for path in sorted(directory.glob("*.y*ml")):
        if path.name != _VARIABLES_FILE:
            Place(path).fail("prompts belong into their language's directory, like en/common.yaml")
        folder.variables = _variables(read_mapping(path))
    for language_dir in sorted(path for path in directory.iterdir() if path.is_dir()):
        files = sorted(language_dir.glob("*.y*ml"))
        if files and not _LANGUAGE.fullmatch(language_dir.name):
            Place(language_dir).fail("the directory isn't named after a language, like zh-CN or en")
        for path in files:
            _add_file(folder, read_mapping(path), language_dir.name)
    return folder


def _add_file(folder: Folder, mapping: Mapping, language: str) -> None:
    for prompt_id, value in mapping.items.items():
        place = mapping.keys[prompt_id]
        if not _ID.fullmatch(prompt_id):
            place.fail("{name} isn't a prompt's id: write small letters, like common.no_input", name=prompt_id)
        other = folder.entries.get((language, prompt_id))
        if other is not None:
            place.fail("{name} is also in {other}: keep one", name=prompt_id, other=other.place.file.name)
        if len(folder.entries) >= MAX_PROMPTS:
            place.fail("a directory holds at most {limit} prompts", limit=MAX_PROMPTS)
        folder.entries[language, prompt_id] = _entry(prompt_id, language, value, place)


def _entry(prompt_id: str, language: str, value: Scalar | Mapping, place: Place) -> Entry:
    if isinstance(value, Scalar):
        return Entry(prompt_id, language, _template(value), place)
    fields: dict[str, Scalar] = {}
    for key, item in value.items.items():
        if key not in _ENTRY_KEYS:
            value.keys[key].fail("a prompt has no {key}: use {known}", key=key, known=", ".join(_ENTRY_KEYS))
        if not isinstance(item, Scalar):
            item.place.fail("{key} must be text", key=key)
        fields[key] = item
    if "text" not in fields:
        place.fail("{name} has no text", name=prompt_id)
    return Entry(
        prompt_id,
        language,
        _template(fields["text"]),
        place,
        recording=_recording(fields.get("recording")),
        written=_flag(fields.get("written")),
        notes=fields["notes"].value if "notes" in fields else "",
    )


def _template(scalar: Scalar) -> str:
    if not scalar.value.strip():
        scalar.place.fail("the text is empty")
    try:
        templates.uses(scalar.value)
    except TemplateError as error:
        exact = Place(scalar.place.file, scalar.place.line, scalar.inner + error.column - 1)
        params = {name: value for name, value in error.params.items() if name != "column"}
        exact.fail(error.template.removeprefix("column {column}: "), **params)
    return scalar.value


def _recording(scalar: Scalar | None) -> Path | None:
    if scalar is None:
        return None
    path = scalar.place.file.parent / scalar.value
    if not path.is_file():
        scalar.place.fail("the recording {recording} doesn't exist", recording=scalar.value)
    return path


def _flag(scalar: Scalar | None) -> bool:
    if scalar is not None and scalar.value not in ("true", "false"):
        scalar.place.fail("write true or false")
    return scalar is not None and scalar.value == "true"


def _variables(mapping: Mapping) -> dict[str, VariableSpec]:
    return {name: _variable(name, value, mapping.keys[name]) for name, value in mapping.items.items()}


def _variable(name: str, value: Scalar | Mapping, place: Place) -> VariableSpec:
    if not _NAME.fullmatch(name):
        place.fail("{name} isn't a variable's name: write small letters, like pay_by", name=name)
    kind = value.items.get("type") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(kind, Scalar):
        place.fail("{name} must be written as {{type: …, example: …}}", name=name)
    if kind.value not in TYPES:
        kind.place.fail(
            "there is no type {type}: use one of {known}", type=kind.value, known=", ".join(sorted(TYPES))
        )
    unknown = next((key for key in value.items if key not in ("type", "example")), None)
    if unknown is not None:
        value.keys[unknown].fail("a variable has no {key}: use type and example", key=unknown)
    example = value.items.get("example")
    pairs = {"": example} if isinstance(example, Scalar) else example.items if example is not None else {}
    for item in pairs.values():
        if not isinstance(item, Scalar) or not _fits(item.value, kind.value):
            item.place.fail("the example isn't of type {type}", type=kind.value)
    return VariableSpec(kind.value, {tag: item.value for tag, item in pairs.items() if isinstance(item, Scalar)})


def _fits(value: str, kind: str) -> bool:
    try:
        PARSERS[kind](value)
    except ValueError:
        return False
    return True
