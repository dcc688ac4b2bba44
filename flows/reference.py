"""Writes the generated parts of docs/flow-language.md: `python -m flows.reference docs/flow-language.md`.

The page's prose is written by hand around the markers; between them stands what the schema itself says, so that
the page can't say anything else. A test fails when the page isn't current."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flows import nodes, source
from flows.answers import ANSWER_TYPES
from flows.conditions import FUNCTIONS, MAX_CHARS
from flows.interpreter import MAX_REPEATS
from flows.parts import NAME_PATTERN, PROMPT_PATTERN, Constant, DigitsSpec, Limits
from flows.schema import MAX_NODES, SYSTEM_VARIABLES, FlowSpec
from flows.shorthand import WORDS
from flows.waits import BargeIn, SpeechBargeIn

_SECTION = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
_SPECS: Mapping[str, type[BaseModel]] = {
    "ask": nodes.AskSpec, "transfer": nodes.TransferSpec, "callback": nodes.CallbackSpec,
    "message": nodes.MessageSpec, "sms": nodes.SmsSpec, "call_api": nodes.ApiSpec, "subflow": nodes.SubflowSpec,
    "identity": nodes.IdentitySpec,
}  # fmt: skip


def update(page: str) -> str:
    """The page with every generated section as it should be. Raises KeyError for a section nobody writes."""
    return _SECTION.sub(lambda found: f"{found[1]}{SECTIONS[found[2]]()}\n{found[3]}", page)


def _top() -> str:
    return _table(FlowSpec)


def _kinds() -> str:
    return "\n\n".join(_kind(kind, model) for kind, model in nodes.KINDS.items())


def _kind(kind: str, model: type[nodes.Node]) -> str:
    lines = [f"### `{kind}`", "", inspect.cleandoc(model.__doc__ or "").replace("\n", " "), ""]
    lines += ["```yaml", model.example, "```", ""]
    if kind in _SPECS:
        lines += [f"Below `{kind}:`", "", _table(_SPECS[kind]), ""]
    own = {name for name in model.model_fields if name not in nodes.Node.model_fields}
    arms = [name for name in model.arm_names + model.optional_arms if nodes.ARM_FIELDS.get(name, name) in own]
    if kind == "ask":
        arms = ["each value", "next", "no_input", "no_match"]
    elif kind == "split":
        arms = ["each name below `split:`"]
    elif kind == "switch":
        arms = ["each `next`", "else"]
    names = ", ".join(name if "each" in name else f"`{name}`" for name in arms)
    return "\n".join([*lines, f"Arms: {names or 'none'}."])


def _common() -> str:
    return _table(nodes.Node)


def _answer_types() -> str:
    rows = [
        (f"`{kind.name}`", kind.help, ", ".join(f"{key} = {value}" for key, value in kind.keys) or "–",
         kind.variable_type)
        for kind in ANSWER_TYPES.values()
    ]  # fmt: skip
    return _rows(("`expect:`", "Brings", "Keys, unless the question names its own", "Saved as"), rows)


def _barge_in() -> str:
    return _table(BargeIn) + "\n\nBelow `speech:`\n\n" + _table(SpeechBargeIn)


def _limits() -> str:
    return _table(Limits)


def _digits() -> str:
    return _table(DigitsSpec)


def _identity() -> str:
    return _table(nodes.IdentityMethod)


def _constants() -> str:
    return _table(Constant)


def _system_variables() -> str:
    return ", ".join(f"`{name}` ({kind})" for name, kind in SYSTEM_VARIABLES.items())


def _functions() -> str:
    return ", ".join(f"`{name}`" for name in sorted(FUNCTIONS))


def _words() -> str:
    rows = [(f"`{kind}`", ", ".join(f"`{word}`" for word in words) or "–") for kind, words in WORDS.items()]
    return _rows(("Node", "Words"), rows)


def _bounds() -> str:
    rows = [
        ("size of a file", f"{source.MAX_BYTES // 1024} kB"),
        ("levels of nesting", str(source.MAX_DEPTH)),
        ("nodes in a flow", str(MAX_NODES)),
        ("characters of an expression", str(MAX_CHARS)),
        ("*repeat* at one node; then it counts as not understood", str(MAX_REPEATS)),
    ]
    return _rows(("What", "At most"), rows)


SECTIONS: Mapping[str, Callable[[], str]] = {
    "top": _top, "kinds": _kinds, "common": _common, "answer_types": _answer_types, "barge_in": _barge_in,
    "limits": _limits, "digits": _digits, "identity": _identity, "constants": _constants,
    "system_variables": _system_variables, "functions": _functions, "words": _words, "bounds": _bounds,
}  # fmt: skip


def _table(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    rows = [
        (
            f"`{name}`",
            _shape(spec),
            "**needed**" if name in required else _default(spec),
            spec.get("description", ""),
        )
        for name, spec in schema["properties"].items()
    ]
    return _rows(("Key", "Value", "Default", "Meaning"), rows)


def _rows(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _default(spec: Mapping[str, Any]) -> str:
    value = spec.get("default")
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, list):
        ids = [item.get("id") for item in value if isinstance(item, dict)]
        return ", ".join(f"`{name}`" for name in ids if name) or "–"
    if isinstance(value, dict):
        return f"`{value['id']}`" if value.get("id") else "see below"
    return f"`{value}`"


def _shape(spec: Mapping[str, Any]) -> str:
    """What may stand as a value, in a few words."""
    if "const" in spec:
        return f"`{spec['const']}`"
    if "enum" in spec:
        return ", ".join(f"`{word}`" for word in spec["enum"])
    if "anyOf" in spec or "oneOf" in spec:
        kinds = [_shape(one) for one in spec.get("anyOf", spec.get("oneOf", ())) if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in spec:
        return _REFERENCES.get(spec["$ref"].rpartition("/")[2], "mapping")
    return _plain(spec)


_REFERENCES = {
    "Prompt": "prompt",
    "Limits": "mapping",
    "BargeIn": "mapping",
    "Case": "case",
    "IdentityMethod": "method",
    "Constant": "constant",
}


def _plain(spec: Mapping[str, Any]) -> str:
    kind = spec.get("type")
    if kind == "string":
        return {NAME_PATTERN: "name", PROMPT_PATTERN: "prompt id"}.get(spec.get("pattern", ""), "text")
    if kind in ("integer", "number"):
        word = "whole number" if kind == "integer" else "number"
        low, high = spec.get("minimum"), spec.get("maximum")
        return f"{word}, {low:g} to {high:g}" if low is not None and high is not None else word
    if kind == "array":
        items = _shape(spec.get("items", {}))
        return "prompt, or a list of them" if items == "prompt" else f"list of {items}s"
    if kind == "object":
        inner = spec.get("additionalProperties")
        return f"mapping: name → {_shape(inner)}" if isinstance(inner, dict) else "mapping"
    return {"boolean": "`true` or `false`", "null": "nothing"}.get(str(kind), "value")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(update(file.read_text(encoding="utf-8")), encoding="utf-8")
