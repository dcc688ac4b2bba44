"""Reads a callees file: YAML with positions, so that every error says file:line:column and what to do.

Anchors and aliases are refused, and size and depth are bounded: a file can't blow up in memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from trunk.carrier.callees import Callee, CalleeBook, inherited
from trunk.carrier.errors import CarrierError
from yaml_faults import explain

MAX_FILE_BYTES = 10_000_000
MAX_DEPTH = 12
_PHONE = re.compile(r"\+[1-9]\d{6,14}|\d{2,6}")  # E.164, or an agent's extension
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML has it: 8 times as fast
_Path = tuple[str | int, ...]

# pydantic's error type -> our sentence; {choices} and {limit} come from the error's context.
_SENTENCES = {
    "extra_forbidden": "{place}: unknown key {key} (fix: one of {choices})",
    "missing": "{place}: {key} is missing",
    "enum": "{place}: {key} can't be {value} (fix: one of {choices})",
    "greater_than": "{place}: {key} is {value}, but must be more than {limit}",
    "greater_than_equal": "{place}: {key} is {value}, but must be at least {limit}",
    "less_than_equal": "{place}: {key} is {value}, but must be at most {limit}",
    "keys": "{place}: {value} isn't a row of keys (fix: 0-9, *, # and A-D, in quotes)",
    "say": "{place}: something said has either wav or text (fix: give one of the two)",
    "step_time": "{place}: a step has either after_s or at_s (fix: drop one of the two)",
    "step_action": "{place}: a step does one thing (fix: give one of say, keys, silence_s, hang_up; "
    "hang_up may come with say or keys)",
    "string_type": "{place}: {key} must be text (fix: put it in quotes)",
    "bool_parsing": "{place}: {key} must be true or false",
    "bool_type": "{place}: {key} must be true or false",
    "float_parsing": "{place}: {key} must be a number",
    "float_type": "{place}: {key} must be a number",
    "finite_number": "{place}: {key} must be a number",
    "int_parsing": "{place}: {key} must be a whole number",
    "int_type": "{place}: {key} must be a whole number",
    "int_from_float": "{place}: {key} must be a whole number",
    "model_type": "{place}: {key} must hold keys and values",
    "dict_type": "{place}: {key} must hold keys and values",
    "tuple_type": "{place}: {key} must be a list",
}
_OTHERWISE = "{place}: {key} can't be {value} (fix: see docs/callees.md)"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    defaults: Callee = Callee()
    callees: dict[str, Callee] = Field(default_factory=dict)


def load_callees(path: Path) -> CalleeBook:
    """The callees of a file. Raises CarrierError with file:line:column for anything that can't be used."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CarrierError(
                "{file} is larger than {limit} bytes (fix: put what callees share under defaults)",
                file=str(path),
                limit=MAX_FILE_BYTES,
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CarrierError("{file} can't be read: {reason}", file=str(path), reason=str(error.strerror)) from error
    except UnicodeDecodeError as error:
        raise CarrierError("{file} isn't UTF-8 text (fix: save it as UTF-8)", file=str(path)) from error
    return _Reader(path).read(text)


class _Reader:
    """Turns one file's text into models, remembering where everything stood."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: dict[_Path, yaml.Mark] = {}
        self._values: dict[_Path, yaml.Mark] = {}

    def read(self, text: str) -> CalleeBook:
        data = self._data(text)
        try:
            file = _File.model_validate({} if data is None else data)
        except ValidationError as error:
            raise self._mendable(error.errors(include_url=False)[0]) from error
        for phone in file.callees:
            if not _PHONE.fullmatch(phone):
                raise CarrierError(
                    '{place}: a callee is named by its phone number (fix: like "+8613800000001")',
                    place=self._place(self._keys[("callees", phone)]),
                )
        self._check_sounds(data)
        return CalleeBook(
            defaults=file.defaults,
            callees={phone: inherited(callee, file.defaults) for phone, callee in file.callees.items()},
            folder=self._path.parent,
            node_places=self._node_places(data),
        )

    def _data(self, text: str) -> Any:
        try:
            self._check_shape(text)
            node = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            fault = explain(text, error)
            place = f"{self._path}:{fault.line}:{fault.column}"
            raise CarrierError("{place}: this isn't YAML: {problem}", place=place, problem=fault) from error
        except yaml.YAMLError as error:  # a character that YAML doesn't allow: no mark
            raise CarrierError(
                "{place}: this isn't YAML: {problem}", place=str(self._path), problem=str(error).splitlines()[0]
            ) from error
        return None if node is None else self._plain(node, ())

    def _check_shape(self, text: str) -> None:
        """Depth and aliases, read off the events: composing a bomb is too late."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise CarrierError(
                    "{place}: anchors and aliases aren't allowed (fix: write it out, or use defaults)",
                    place=self._place(event.start_mark),
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise CarrierError("{place}: nested too deeply", place=self._place(event.start_mark))

    def _plain(self, node: yaml.Node, path: _Path) -> Any:
        self._values[path] = node.start_mark
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError):
            return node.value  # an odd tag or an impossible date: let the model say what is wanted here

    def _mapping(self, node: yaml.MappingNode, path: _Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else repr(key_node.tag)
            place = self._place(key_node.start_mark)
            if key in result:
                raise CarrierError("{place}: {key} is there twice (fix: drop one)", place=place, key=key)
            self._keys[(*path, key)] = key_node.start_mark
            result[key] = self._plain(value_node, (*path, key))
        return result

    def _mendable(self, error: ErrorDetails) -> CarrierError:
        kind, context, path = error["type"], error.get("ctx", {}), tuple(error["loc"])
        named = [part for part in path if isinstance(part, str)]
        choices = context.get("expected", "")
        if kind == "extra_forbidden":
            mark, choices = self._keys.get(path), ", ".join(_known_keys(path))
        elif kind == "missing":
            mark = self._nearest(path[:-1])
        else:
            mark = self._nearest(path)
        limit = next((context[name] for name in ("ge", "le", "gt") if name in context), "")
        return CarrierError(
            _SENTENCES.get(kind, _OTHERWISE),
            place=self._place(mark or self._values[()]),
            key=named[-1] if named else "callees",
            value=str(error["input"])[:60],
            choices=choices,
            limit=limit,
        )

    def _nearest(self, path: _Path) -> yaml.Mark:
        """Where the value stands, or the innermost thing around it (a scalar taken for a list has no items)."""
        while path not in self._values:
            path = path[:-1]
        return self._values[path]

    def _check_sounds(self, data: Any) -> None:
        for path, mark in self._values.items():
            if path[-1:] != ("wav",):
                continue
            name = _at(data, path)
            if isinstance(name, str) and not (self._path.parent / name).is_file():
                raise CarrierError(
                    "{place}: there is no sound file {wav} (fix: paths are relative to {folder})",
                    place=self._place(mark),
                    wav=name,
                    folder=str(self._path.parent),
                )

    def _node_places(self, data: Any) -> dict[str, str]:
        places: dict[str, str] = {}
        for path, mark in self._values.items():
            if path[-1:] == ("on",):
                places.setdefault(str(_at(data, path)), self._place(mark))
        return places

    def _place(self, mark: Any) -> str:  # a Mark of PyYAML or of libyaml
        return f"{self._path}:{mark.line + 1}:{mark.column + 1}"


def _at(data: Any, path: _Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _known_keys(path: _Path) -> list[str]:
    """The keys that are known where the unknown one stands."""
    model: Any = _File
    for part in path[:-1]:
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        model = _inner_model(field.annotation) if field is not None else model  # else: a phone number
    return list(model.model_fields) if model is not None else []


def _inner_model(annotation: Any) -> Any:
    """The pydantic model inside `X`, `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _inner_model(part))), None)
