"""Bytes -> a tree of plain values in which every element knows its line and column.

PyYAML parses; this module guards it (size, encoding, depth, aliases, tags, duplicate keys) and gives YAML 1.2's
plain scalars: `yes`, `no`, `on` and dates stay text, only `true` and `false` are booleans. The first thing wrong
ends the reading: what follows would be its consequence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from flows.findings import Finding, FlowLoadError, Place, Term
from yaml_faults import explain

MAX_BYTES = 256 * 1024  # a flow of 500 nodes has about 100 kB; PyYAML reads about 100 kB a second
MAX_DEPTH = 12  # the deepest shipped flow has 7

Path_ = tuple[str | int, ...]
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
_NUMBER = re.compile(r"^-?(0|[1-9][0-9]*)$")
_FRACTION = re.compile(r"^-?(0|[1-9][0-9]*)\.[0-9]+$")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the elements of one document stand. Keys have marks of their own: path + ("<key>",)."""

    file: str
    marks: Mapping[Path_, tuple[int, int]]

    def place(self, path: Path_, key: bool = False) -> Place:
        """The place of an element, or of its key, or of the nearest element around it that the file has."""
        if key and (*path, "<key>") in self.marks:
            return Place(self.file, *self.marks[(*path, "<key>")])
        while path and path not in self.marks:
            path = path[:-1]
        return Place(self.file, *self.marks.get(path, (1, 1)))

    def known(self, *paths: Path_) -> Path_:
        """The first of these that the file has, else the last."""
        return next((path for path in paths if path in self.marks), paths[-1])


class _StopError(Exception):
    """Internal: a finding on its way up through the composer."""

    def __init__(self, mark: yaml.Mark, code: str, template: str, fix: str = "", **params: object) -> None:
        super().__init__(code)
        self.mark, self.code, self.template, self.fix, self.params = mark, code, template, fix, params


class _Composer(yaml.SafeLoader):
    """PyYAML's composer without what a flow has no use for and an attacker does."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it open
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _StopError(
                mark,
                "yaml_alias",
                "anchors and aliases (&name, *name) are not allowed here",
                "write the values out; text that begins with & or * needs quotes",
            )
        if getattr(event, "tag", None):
            raise _StopError(
                mark,
                "yaml_tag",
                "the tag {tag} is not allowed here",
                "remove it; text that begins with ! needs quotes",
                tag=event.tag.replace("tag:yaml.org,2002:", "!!"),
            )
        if self.depth >= MAX_DEPTH:
            raise _StopError(
                mark,
                "yaml_depth",
                "nested more than {limit} levels deep",
                "no file needs that; check the brackets and the indentation",
                limit=MAX_DEPTH,
            )
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read(path: Path) -> bytes:
    """The bytes of a flow file, never more than one beyond the limit. Raises FlowLoadError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except IsADirectoryError as error:
        raise _failure(Place(str(path)), "unreadable", "this is a directory, not a flow file") from error
    except FileNotFoundError as error:
        raise _failure(Place(str(path)), "unreadable", "there is no such file", "check the name") from error
    except OSError as error:
        raise _failure(
            Place(str(path)),
            "unreadable",
            "the file can't be read: {reason}",
            reason=error.strerror or type(error).__name__,
        ) from error


def parse(data: bytes, file: str) -> tuple[dict[str, Any], Source]:
    """A document that is a mapping, with its marks. Raises FlowLoadError with exactly one finding."""
    source, tree = parse_any(data, file)
    if not isinstance(tree, dict):
        raise _failure(
            source.place(()), "not_a_mapping", "a flow is a mapping, this is {kind}",
            "copy a flow from flows/library/ and change it", kind=kind_word(tree),
        )  # fmt: skip
    return tree, source


def parse_any(data: bytes, file: str) -> tuple[Source, Any]:
    """A document of any kind, for files of others that are read as strictly as flows. Raises FlowLoadError."""
    tree, marks = _document(data, file)
    return Source(file, marks), tree


def check_schema(tree: Mapping[str, Any], source: Source, known: int) -> None:
    """Raises FlowLoadError for a document that is of another version of its kind."""
    version = tree.get("schema")
    if isinstance(version, int) and version != known:
        template, fix = "schema {version} is not known here", "write `schema: {known}`"
        raise _failure(source.place(("schema",)), "schema_version", template, fix, version=version, known=known)


def parse_list(data: bytes, file: str) -> tuple[list[Any], Source]:
    """A document that is a list; its elements have the paths ("cases", index). Raises FlowLoadError."""
    tree, marks = _document(data, file)
    if not isinstance(tree, list):
        raise _failure(Place(file, *marks[()]), "not_a_list", "conversations are a list, this is {kind}",
                       "begin each with `- name: …`", kind=kind_word(tree))  # fmt: skip
    return tree, Source(file, {("cases", *path): mark for path, mark in marks.items()})


def _document(data: bytes, file: str) -> tuple[Any, dict[Path_, tuple[int, int]]]:
    text = _text(data, file)
    loader = _Composer(text)
    try:
        root = loader.get_single_node()
        tree, marks = _plain(root) if root is not None else (None, {})
    except _StopError as stop:
        raise _failure(_place(file, stop.mark), stop.code, stop.template, stop.fix, **stop.params) from None
    except yaml.MarkedYAMLError as error:
        raise _yaml_failure(file, text, error) from None
    finally:
        loader.dispose()
    if tree is None:
        raise _failure(Place(file), "empty", "the file is empty", "copy one that is shipped and change it")
    return tree, marks


def kind_word(value: object) -> Term:
    """What a value is, in the words of the error messages."""
    if value is None:
        return Term("empty")
    if isinstance(value, bool):
        return Term("true or false")
    words: dict[type, str] = {dict: "a mapping", list: "a list", int: "a whole number", float: "a number"}
    return Term(words.get(type(value), "text"))


def _text(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise _failure(
            Place(file),
            "too_large",
            "the file is larger than {limit} kB",
            "split the flow into subflows",
            limit=MAX_BYTES // 1024,
        )
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _failure(Place(file), "encoding", "the file is UTF-16", "save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _encoding_failure(data, file, error.start) from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        raise _failure(
            Place(file, line, column),
            "control_character",
            "the character U+{char:04X} can't stand here",
            "delete it",
            char=ord(bad.group()),
        )
    return text


def _encoding_failure(data: bytes, file: str, start: int) -> FlowLoadError:
    line_start = data.rfind(b"\n", 0, start) + 1
    place = Place(
        file, data.count(b"\n", 0, start) + 1, len(data[line_start:start].decode("utf-8", "replace")) + 1
    )
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        hint = "save the file as UTF-8"
    else:
        hint = "the file looks like GB18030 (GBK); save it as UTF-8"
    return _failure(place, "encoding", "byte 0x{byte:02X} is not UTF-8", hint, byte=data[start])


def _plain(root: Node) -> tuple[Any, dict[Path_, tuple[int, int]]]:
    marks: dict[Path_, tuple[int, int]] = {}
    return _value(root, (), marks), marks


def _value(node: Node, path: Path_, marks: dict[Path_, tuple[int, int]]) -> Any:
    marks[path] = _position(node.start_mark)
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        return [_value(item, (*path, index), marks) for index, item in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    values: dict[str, Any] = {}
    for key, item in node.value:
        if not isinstance(key, ScalarNode):
            raise _StopError(
                key.start_mark,
                "yaml_key",
                "a key must be a single word, this is a list or a mapping",
                "text that begins with {{ or [ needs quotes",
            )
        name = key.value
        if name in values:
            first = marks[(*path, name, "<key>")]
            raise _StopError(
                key.start_mark,
                "duplicate_key",
                "{key} stands here twice; the first is in line {line}",
                "remove or rename one of them",
                key=name,
                line=first[0],
            )
        marks[(*path, name, "<key>")] = _position(key.start_mark)
        values[name] = _value(item, (*path, name), marks)
    return values


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    text: str = node.value
    if node.style is not None:  # quoted or a block: text, whatever it looks like
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.match(text) and len(text) <= 18:
        return int(text)
    return float(text) if _FRACTION.match(text) and len(text) <= 30 else text


def _position(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _place(file: str, mark: yaml.Mark | None) -> Place:
    return Place(file) if mark is None else Place(file, *_position(mark))


def _failure(place: Place, code: str, template: str, fix: str = "", **params: object) -> FlowLoadError:
    return FlowLoadError([Finding(code, "error", place, template, params, fix, params)])


def _yaml_failure(file: str, text: str, error: yaml.MarkedYAMLError) -> FlowLoadError:
    fault = explain(text, error)
    return _failure(Place(file, fault.line, fault.column), "yaml", fault.template, fault.fix, **fault.params)
