"""Reads a YAML file into plain nodes that keep their place, and refuses whatever a list of prompts never needs.

No aliases (a few lines of them can stand for gigabytes), no files above a size, UTF-8 only, no key twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from prompts.errors import PromptError
from yaml_faults import explain

MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 8

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where PyYAML was built with libyaml
_OPENING = (
    *(yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken),
    *(yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken),
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; line and column count from 1."""

    file: Path
    line: int = 1
    column: int = 1

    def fail(self, template: str, **params: object) -> NoReturn:
        raise PromptError(
            "{file}:{line}:{column}: " + template, file=self.file, line=self.line, column=self.column, **params
        )


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text or number as it was written; `inner` is the column of its first character, behind any quote."""

    value: str
    place: Place
    inner: int


@dataclass(frozen=True, slots=True)
class Mapping:
    items: dict[str, Scalar | Mapping]
    keys: dict[str, Place]
    place: Place


def read_mapping(path: Path) -> Mapping:
    """The file's mapping of names to texts and mappings. Raises PromptError with file:line:column."""
    start = Place(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            start.fail("the file is bigger than {limit} bytes: split it", limit=MAX_FILE_BYTES)
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start.fail("byte {offset} isn't UTF-8: save the file as UTF-8", offset=error.start)
    except OSError as error:
        start.fail("the file can't be read: {reason}", reason=error.strerror)
    try:
        _refuse_what_prompts_never_need(text, path)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        fault = explain(text, error)
        Place(path, fault.line, fault.column).fail("this isn't YAML: {problem}", problem=fault)
    except yaml.YAMLError:
        start.fail("this isn't YAML: {problem}", problem="it has characters that no text has")
    converted = _convert(node, path) if node is not None else Mapping({}, {}, start)
    if not isinstance(converted, Mapping):
        start.fail("the file must hold one prompt a line, like common.agent: text")
    return converted


def _refuse_what_prompts_never_need(text: str, path: Path) -> None:
    """Token by token, so that a bomb is refused at its fuse, before anything is built from it."""
    depth = 0
    for token in yaml.scan(text, Loader=_LOADER):
        place = Place(path, token.start_mark.line + 1, token.start_mark.column + 1)
        if isinstance(token, (yaml.AliasToken, yaml.AnchorToken, yaml.TagToken)):
            place.fail("anchors, aliases and tags aren't allowed here: put the text in quotes, or write it out")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_DEPTH:
            place.fail("the file is nested too deeply")


def _convert(node: yaml.Node, path: Path) -> Scalar | Mapping:
    place = Place(path, node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.ScalarNode):
        if node.style in ("|", ">"):
            return Scalar(" ".join(node.value.split()), place, place.column)
        return Scalar(node.value, place, place.column + (1 if node.style else 0))
    if not isinstance(node, yaml.MappingNode):
        place.fail("a list isn't allowed here")
    items: dict[str, Scalar | Mapping] = {}
    keys: dict[str, Place] = {}
    for key_node, value_node in node.value:
        key = _convert(key_node, path)
        if not isinstance(key, Scalar):
            key.place.fail("a name must be plain text")
        if key.value in items:
            key.place.fail(
                "{name} is here twice, first in line {first}", name=key.value, first=keys[key.value].line
            )
        items[key.value] = _convert(value_node, path)
        keys[key.value] = key.place
    return Mapping(items, keys, place)
