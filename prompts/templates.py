"""Sandboxed templates: text with `{variable}`, `{variable|filter}` and `{"10000"|filter}`, and nothing else.

Jinja2 compiles them in its sandbox, after its own syntax tree has passed a whitelist of text, names, known filters
and constants: no blocks, calls, attributes, loops or arithmetic can be written at all. Errors name the column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from prompts.errors import PromptError, TemplateError
from prompts.values import TYPES, Scalar

MAX_TEMPLATE_CHARS = 2000
MAX_RESULT_CHARS = 2000
MAX_VARIABLES = 50

# Jinja2's other markers can't be switched off, so they are set to characters that no template may contain.
_RESERVED = "\ue000\ue001\ue002\ue003"
_FORMAT = "_format"  # where the context holds the Format; variables can't begin with an underscore
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")  # as the flow language has it
_JINJA_NAMES = frozenset({"self", "super", "caller", "loop", "varargs", "kwargs"})


@dataclass(frozen=True, slots=True)
class Use:
    """One pair of braces: `{name}`, `{name|filter}`, or a filtered constant, which has no name."""

    name: str | None
    filter: str | None
    column: int  # of its opening brace, from 1


# (name or None for a constant, value, filter or None) -> what is put there
Format = Callable[[str | None, Scalar, str | None], str]


@dataclass(frozen=True, slots=True)
class _Bound:
    """A variable on its way into a template: its declared type makes it text unless a filter does."""

    name: str
    value: Scalar
    format: Format

    def __str__(self) -> str:
        return self.format(self.name, self.value, None)


def variables(template: str) -> frozenset[str]:
    """Names that the template uses. Raises TemplateError, one sentence with the column, when it is malformed."""
    return frozenset(use.name for use in uses(template) if use.name is not None)


def uses(template: str) -> tuple[Use, ...]:
    """Every variable with its filter, in order. Raises TemplateError when the template is malformed."""
    return _checked(template)


def render(template: str, values: Mapping[str, Scalar], format_value: Format) -> str:
    """The template filled in; `format_value` turns each variable into text.

    Raises TemplateError for a malformed template, PromptError for a missing value or too long a result."""
    names = {use.name for use in _checked(template) if use.name is not None}
    missing = sorted(name for name in names if values.get(name) is None)
    if missing:
        raise PromptError("the prompt's variable {name} has no value", name=missing[0])
    bound = {name: _Bound(name, values[name], format_value) for name in names}
    text = str(_compiled(template).render({**bound, _FORMAT: format_value}))
    if len(text) > MAX_RESULT_CHARS:
        raise PromptError(
            "the prompt has {chars} characters when filled in, more than {limit}: shorten it or its variables",
            chars=len(text),
            limit=MAX_RESULT_CHARS,
        )
    return text


def _filter(name: str) -> Callable[[Context, object], str]:
    @pass_context
    def apply(context: Context, value: object) -> str:
        if isinstance(value, _Bound):
            return value.format(value.name, value.value, name)
        assert isinstance(value, (str, int, float))  # a constant; the whitelist lets nothing else through
        return cast("Format", context[_FORMAT])(None, value, name)

    return apply


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        variable_start_string="{",
        variable_end_string="}",
        block_start_string=_RESERVED[0],
        block_end_string=_RESERVED[1],
        comment_start_string=_RESERVED[2],
        comment_end_string=_RESERVED[3],
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # the text is spoken, never shown as HTML
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters.clear()
    environment.filters.update({name: _filter(name) for name in TYPES})
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=4096)
def _compiled(template: str) -> Any:
    """For one that `_checked` has passed. Apart from that: who loads a catalogue renders few of its prompts."""
    return _ENVIRONMENT.from_string(template)


@lru_cache(maxsize=4096)
def _checked(template: str) -> tuple[Use, ...]:
    if len(template) > MAX_TEMPLATE_CHARS:
        raise TemplateError(
            "column {column}: the template has {chars} characters, more than {limit}: cut it in two",
            MAX_TEMPLATE_CHARS + 1,
            chars=len(template),
            limit=MAX_TEMPLATE_CHARS,
        )
    found = tuple(_use(template, start, end) for start, end in _braces(template))
    if len(found) > MAX_VARIABLES:
        raise TemplateError(
            "column {column}: the template has more than {limit} variables",
            found[MAX_VARIABLES].column,
            limit=MAX_VARIABLES,
        )
    return found


def _braces(template: str) -> list[tuple[int, int]]:
    """Where each {…} begins and ends (the end is behind the closing brace)."""
    pairs: list[tuple[int, int]] = []
    opened: int | None = None
    for index, char in enumerate(template):
        if char in _RESERVED:
            raise TemplateError("column {column}: the character {char!r} can't be said", index + 1, char=char)
        if char in "｛｝":
            raise TemplateError(
                "column {column}: {char} is a full-width brace: write {{name}}", index + 1, char=char
            )
        if char == "{":
            if opened is not None:
                raise TemplateError("column {column}: a brace inside braces: write {{name}}", index + 1)
            opened = index
        elif char == "}":
            if opened is None:
                raise TemplateError("column {column}: a closing brace without an opening one", index + 1)
            pairs.append((opened, index + 1))
            opened = None
    if opened is not None:
        raise TemplateError("column {column}: the brace is never closed", opened + 1)
    return pairs


def _use(template: str, start: int, end: int) -> Use:
    """One {…}, checked by the whitelist on Jinja2's own syntax tree."""
    column, source = start + 1, template[start:end]
    try:
        tree = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        if not source[1:-1].strip():
            raise TemplateError(
                "column {column}: empty braces: write a variable's name in them", column
            ) from error
        raise TemplateError(
            "column {column}: {source} isn't a variable: write {{name}} or {{name|filter}}",
            column,
            source=source[:60],
        ) from error
    match tree.body:
        case [nodes.Output(nodes=[nodes.Name(name=name)])]:
            return Use(_named(name, source, column), None, column)
        case [nodes.Output(nodes=[nodes.Filter(node=inner, name=filter_name) as node])] if not (
            node.args or node.kwargs or node.dyn_args or node.dyn_kwargs
        ):
            if filter_name not in TYPES:
                known = ", ".join(sorted(TYPES))
                raise TemplateError(
                    "column {column}: there is no filter {filter}: use one of {known}",
                    column,
                    filter=filter_name,
                    known=known,
                )
            match inner:
                case nodes.Name(name=name):
                    return Use(_named(name, source, column), filter_name, column)
                case nodes.Const(value=str() | int() | float()):
                    return Use(None, filter_name, column)
    raise _not_allowed(source, column)


def _named(name: str, source: str, column: int) -> str:
    """The name, when it is one of ours; `{-name}` is Jinja2's way to eat spaces, and not ours."""
    if not _NAME.fullmatch(name) or name in _JINJA_NAMES or source[1] in "-+" or source[-2] in "-+":
        raise _not_allowed(source, column)
    return name


def _not_allowed(source: str, column: int) -> TemplateError:
    return TemplateError(
        "column {column}: {source} isn't allowed in a prompt: write {{name}} or {{name|filter}} in small letters",
        column,
        source=source[:60],
    )
