"""pydantic's errors -> findings with a place, a sentence and a mend: one for each element that is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flows import nodes
from flows.findings import Finding, listed, nearest
from flows.parts import NAME_PATTERN, PROMPT_PATTERN, Constant, DigitsSpec, Limits, Prompt
from flows.schema import SCHEMA_VERSION, FlowSpec
from flows.source import Path_, Source, kind_word
from flows.waits import BargeIn, SpeechBargeIn

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "none_required": "empty",
}
_PATTERNS = {
    NAME_PATTERN: ("{value} is not a name", "use small letters, digits and _, with a letter first"),
    PROMPT_PATTERN: (
        "{value} is not the id of a prompt",
        "ids look like low_balance.greet; for a text of your own write {{say: text}}",
    ),
    r"^[0-9*#]$": ("{value} is not a key of a telephone", "use one of 0 to 9, * and #"),
    r"^https?://[^\s{}]+$": ("{value} is not an address", "write http(s)://host/path; variables go into `send`"),
    r"^[a-z]{2,3}(-[A-Z]{2})?$": ("{value} is not a language", "write zh-CN, en or ko"),
}
# The model that stands under a key, to name the keys it knows.
FLOW_MODELS: Mapping[str, type[BaseModel]] = {
    "limits": Limits, "barge_in": BargeIn, "speech": SpeechBargeIn, "constants": Constant, "ask": nodes.AskSpec,
    "digits": DigitsSpec, "switch": nodes.Case, "set": nodes.Computed, "transfer": nodes.TransferSpec,
    "callback": nodes.CallbackSpec, "message": nodes.MessageSpec, "sms": nodes.SmsSpec, "call_api": nodes.ApiSpec,
    "subflow": nodes.SubflowSpec, "identity": nodes.IdentitySpec, "methods": nodes.IdentityMethod,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Case:
    """One wrong element: its path, its value, and everything pydantic said about it."""

    path: Path_
    details: list[ErrorDetails]
    tree: Mapping[str, Any]
    source: Source
    models: Mapping[str, type[BaseModel]]

    @property
    def value(self) -> Any:
        value: Any = self.tree
        for step in self.path:
            value = value[step]
        return value

    @property
    def context(self) -> Mapping[str, Any]:
        return self.details[0].get("ctx") or {}

    def finding(self, code: str, template: str, fix: str = "", at_key: bool = False, **params: object) -> Finding:
        return Finding(code, "error", self.source.place(self.path, at_key), template, params, fix, params)


def explain(
    error: ValidationError,
    tree: Mapping[str, Any],
    source: Source,
    models: Mapping[str, type[BaseModel]] = FLOW_MODELS,
) -> list[Finding]:
    """One finding for each element that is wrong, in file order. `models` says what stands under a key, and under
    "" what the whole document is (default: a flow)."""
    by_element: dict[Path_, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_element.setdefault(_path(detail["loc"], tree, detail["type"]), []).append(detail)
    for path in [path for path, details in by_element.items() if _consequence(details, path, by_element)]:
        del by_element[path]
    findings = [_finding(_Case(path, details, tree, source, models)) for path, details in by_element.items()]
    return sorted(findings, key=lambda finding: (finding.line, finding.column))


def _consequence(details: list[ErrorDetails], path: Path_, wrong: Collection[Path_]) -> bool:
    """ "Too short", said of a list whose elements are wrong and were left out."""
    inside = (other for other in wrong if len(other) > len(path) and other[: len(path)] == path)
    return details[0]["type"] == "too_short" and any(inside)


def _path(loc: tuple[int | str, ...], tree: Any, error_type: str) -> Path_:
    """pydantic's path without the parts that aren't in the file (union members, our tags)."""
    path: list[str | int] = []
    value = tree
    for index, step in enumerate(loc):
        inside, child = _child(value, step)
        if inside:
            value = child
        elif not (error_type == "missing" and index == len(loc) - 1):
            continue
        path.append(step)
    return tuple(path)


def _child(value: Any, step: str | int) -> tuple[bool, Any]:
    """Whether the file has this element, and the element."""
    if isinstance(value, dict) and step in value:
        return True, value[step]
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return True, value[step]
    return False, None


def _finding(case: _Case) -> Finding:
    kind = case.details[0]["type"]
    if kind == "missing":
        return _missing(case)
    if kind == "union_tag_not_found":
        return _no_kind(case)
    if kind == "extra_forbidden":
        return _unknown_key(case)
    if kind == "flow_rule":
        context = dict(case.context)
        template = str(context.pop("template"))
        return Finding("rule", "error", case.source.place(case.path), template, context)
    if kind == "string_pattern_mismatch":
        template, fix = _PATTERNS[_pattern(case.context["pattern"])]
        is_key = "[key]" in case.details[0]["loc"]
        value = case.path[-1] if is_key else case.value
        if not value:
            return case.finding("bad_name", "{name} is empty", "write a text, or remove it", name=_name(case))
        return case.finding("bad_name", template, fix, is_key, value=value)
    if all(detail["type"] == "literal_error" for detail in case.details):
        if case.path == ("schema",):  # `schema: "1"`: 1 can't be told from 1 in a sentence
            kind, fix = kind_word(case.value), "write `schema: {known}`"
            template = "{name} must be a whole number, not {kind}"
            return case.finding("wrong_type", template, fix, name="schema", kind=kind, known=SCHEMA_VERSION)
        expected = [word for detail in case.details for word in _words(detail)]
        near = nearest(str(case.value), expected)
        fix = "did you mean {near}?" if near else ""
        return case.finding(
            "bad_value",
            "{name} can be {expected}, not {value}",
            fix,
            near=near,
            name=_name(case),
            expected=listed(expected),
            value=case.value,
        )
    if kind in _TYPES:
        return _wrong_type(case)
    return _bound(case)


def _name(case: _Case) -> str:
    """What the sentence calls the element. A list's item is called by the list."""
    names = [step for step in case.path if isinstance(step, str)]
    return names[-1] if names else ""


def _pattern(pattern: object) -> str:
    return pattern.pattern if isinstance(pattern, re.Pattern) else str(pattern)


def _words(detail: ErrorDetails) -> list[str]:
    expected = (detail.get("ctx") or {}).get("expected", "")
    return re.findall(r"'([^']*)'", expected) or [expected]


def _missing(case: _Case) -> Finding:
    *around, key = case.path
    inside = [str(step) for step in around if isinstance(step, str) and step != "cases"]  # the place says which
    template = "{name} is missing in {around}" if inside else "{name} is missing"
    fix = "add `{name}: …`"
    place = case.source.place(tuple(around), key=True)
    params = {"name": key, "around": ".".join(inside)}
    return Finding("missing_key", "error", place, template, params, fix, params)


def _no_kind(case: _Case) -> Finding:
    value, node = case.value, case.path[-1]
    if not isinstance(value, dict):
        return case.finding(
            "node_not_a_mapping",
            "the node {node} is {kind}, not a mapping",
            "write `{node}: {{play: …, next: …}}`",
            node=node,
            kind=kind_word(value),
        )
    kinds = [key for key in value if key in nodes.KINDS]
    if len(kinds) > 1:
        return case.finding(
            "two_kinds",
            "the node {node} is {first} and {second} at once",
            "make two nodes of it",
            True,
            node=node,
            first=kinds[0],
            second=kinds[1],
        )
    if "say" in value:
        inner = replace(case, path=(*case.path, "say"))
        return inner.finding("no_kind", "say is not a kind of node", "write `play: {{say: …}}`", True)
    for key in value:
        near = nearest(key, nodes.KINDS)
        if near:
            inner = replace(case, path=(*case.path, key))
            return inner.finding(
                "no_kind", "{name} is not a kind of node", "did you mean {near}?", True, name=key, near=near
            )
    return case.finding(
        "no_kind",
        "the node {node} says nothing that it does",
        "give it one of {kinds}",
        True,
        node=node,
        kinds=listed(nodes.KINDS),
    )


def _unknown_key(case: _Case) -> Finding:
    *around, name = case.path
    known = _known_keys(tuple(around), case)
    near = nearest(str(name), known)
    fix = "did you mean {near}?" if near else "remove it; there are {known}"
    return case.finding("unknown_key", "unknown key {name}", fix, True, name=name, near=near, known=listed(known))


def _known_keys(around: Path_, case: _Case) -> list[str]:
    if not around:
        return _keys(case.models.get("", FlowSpec))
    if len(around) == 2 and around[0] == "nodes":
        kind = nodes.kind_of(case.tree["nodes"][around[1]])
        return _keys(nodes.KINDS[kind]) if kind else []
    inner = around[2:] if around[0] == "nodes" else around  # a node may be called like a key
    for step in reversed(inner):
        if isinstance(step, str) and step in case.models:
            return _keys(case.models[step])
    return _keys(Prompt)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _wrong_type(case: _Case) -> Finding:
    name, kind = _name(case), kind_word(case.value)
    types = {detail["type"] for detail in case.details}
    if len(types) > 1:
        return case.finding(
            "wrong_type",
            "{name} must be text, a number or true/false, not {kind}",
            "write a single value, or {{cel: expression}} for a computed one",
            name=name,
            kind=kind,
        )
    expected = _TYPES[case.details[0]["type"]]
    if expected == "empty":
        return case.finding("wrong_type", "{name} takes no value", "write `{name}:` alone", name=name, kind=kind)
    if expected == "text" and not isinstance(case.value, (dict, list)) and case.value is not None:
        return case.finding(
            "wrong_type", "{name} must be text, not {kind}", "put quotes around it", name=name, kind=kind
        )
    templates = {
        "text": "{name} must be text, not {kind}",
        "a whole number": "{name} must be a whole number, not {kind}",
        "a number": "{name} must be a number, not {kind}",
        "true or false": "{name} must be true or false, not {kind}",
        "a mapping": "{name} must be a mapping, not {kind}",
        "a list": "{name} must be a list, not {kind}",
    }
    fix = "remove the quotes" if "number" in expected and _numeric(case.value) else ""
    if case.value is None:
        fix = "give it a value, or remove it"
    return case.finding("wrong_type", templates[expected], fix, name=name, kind=kind)


def _numeric(value: Any) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).lstrip("-").isdecimal()


def _bound(case: _Case) -> Finding:
    """Too small, too large, too long, too short; anything that pydantic may say one day in its own words."""
    kind, context, name = case.details[0]["type"], case.context, _name(case)
    if kind in ("greater_than_equal", "greater_than"):
        limit = context.get("ge", context.get("gt"))
        return case.finding(
            "out_of_bounds", "{name} is {value}; the least is {limit}", value=case.value, limit=limit, name=name
        )
    if kind in ("less_than_equal", "less_than"):
        limit = context.get("le", context.get("lt"))
        return case.finding(
            "out_of_bounds", "{name} is {value}; the most is {limit}", value=case.value, limit=limit, name=name
        )
    if kind == "string_too_short":
        return case.finding("out_of_bounds", "{name} is empty", "write a text, or remove it", name=name)
    if kind == "too_short":
        if not case.value:
            return case.finding("out_of_bounds", "{name} is empty", "give it at least one element", name=name)
        return case.finding(
            "out_of_bounds",
            "{name} is too short; the least is {limit}",
            limit=context.get("min_length"),
            name=name,
        )
    if kind in ("too_long", "string_too_long"):
        return case.finding(
            "out_of_bounds", "{name} is too long; the most is {limit}", limit=context.get("max_length"), name=name
        )
    return case.finding("schema", "{name}: {problem}", problem=case.details[0]["msg"], name=name)
