"""What the loader and the linter have to say about a flow: one finding, one place, one mend.

A finding carries English templates with their parameters, so that whoever prints it can translate them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

Severity = Literal["error", "warning"]
Translate = Callable[..., str]


class Term(str):
    """A word of ours inside a sentence ("a list"), which is translated with it."""

    __slots__ = ()

    def render(self, translate: Translate) -> str:
        return str(translate(str(self)))


def fill(template: str, **params: object) -> str:
    """The template in English, filled in: the translation that changes nothing."""
    return template.format(**params) if params else template


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: 1-based line and column, as editors count."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (`error`) or unwise (`warning`) in a flow, and what mends it."""

    code: str  # stable, snake_case: what tests and tools match on
    severity: Severity
    place: Place
    template: str
    params: Mapping[str, object] = field(default_factory=dict)
    fix: str = ""
    fix_params: Mapping[str, object] = field(default_factory=dict)

    @property
    def file(self) -> str:
        return self.place.file

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    def render(self, translate: Translate = fill) -> str:
        """`file:line:column: error: message (fix: …)` in the language of `translate`."""
        message = translate(self.template, **_translated(self.params, translate))
        if self.fix:
            message = translate(
                "{message} (fix: {fix})",
                message=message,
                fix=translate(self.fix, **_translated(self.fix_params, translate)),
            )
        return f"{self.place}: {translate(self.severity)}: {message}"

    def __str__(self) -> str:
        return self.render()


def _translated(params: Mapping[str, object], translate: Translate) -> dict[str, object]:
    """Never empty, so that every template is filled in and a brace is always written twice."""
    return {"": "", **{name: _in_language(value, translate) for name, value in params.items()}}


def _in_language(value: object, translate: Translate) -> object:
    if isinstance(value, Term):
        return value.render(translate)
    template, params = getattr(value, "template", None), getattr(value, "params", None)
    if isinstance(value, Exception) and isinstance(template, str) and isinstance(params, dict):
        return translate(template, **params)
    return value


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that the author probably meant, or None."""
    found = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return found[0] if found else None


def listed(names: Iterable[str]) -> str:
    """Names for a sentence: "a, b, c"."""
    return ", ".join(names)


class FlowError(Exception):
    """A flow, a session or a conversation can't be used as it is. One sentence: what, where, what to do."""

    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template.format(**params) if params else template)
        self.template = template
        self.params = params


class FlowLoadError(FlowError):
    """A flow file can't be loaded. `findings` has every problem found, the first one in the message."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("{finding}", finding=self.findings[0])


class WrongResultError(FlowError):
    """A session was resumed with a result that its wait doesn't take; the session may be resumed again."""

    code = "wrong_result"


class WrongSessionError(FlowError):
    """A session was resumed that has ended, or that belongs to another flow version."""

    code = "wrong_session"
