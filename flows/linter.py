"""The linter: everything that is wrong or unwise in a flow, each with a place and a mend.

`lint_file` is what an author meets: problems of loading come alone (the rest would be their consequences), else
the checks of `flows.checks` over the flow and its subflows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from flows.checks import briefs, conduct, identity, names, questions, saying, shape
from flows.checks.scope import Scope
from flows.findings import Finding, FlowLoadError
from flows.flow import Flow
from flows.loader import load
from flows.ports import PromptBook

Check = Callable[[Scope], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    *shape.CHECKS,
    *questions.CHECKS,
    *identity.CHECKS,
    *names.CHECKS,
    *saying.CHECKS,
    *briefs.CHECKS,
    *conduct.CHECKS,
)


def lint_file(
    path: Path | str, book: PromptBook | None = None, columns: Callable[[Flow], Collection[str]] | None = None
) -> tuple[Finding, ...]:
    """Everything about a flow file; never raises for what stands in it. `columns` tells what a list brings."""
    try:
        flow = load(path)
    except FlowLoadError as error:
        return error.findings
    return lint(flow, book, None if columns is None else columns(flow))


def load_checked(path: Path, book: PromptBook | None) -> Flow:
    """The flow, free of errors; warnings pass. Raises FlowLoadError with every error that there is."""
    flow = load(path)
    errors = [finding for finding in lint(flow, book) if finding.severity == "error"]
    if errors:
        raise FlowLoadError(errors)
    return flow


def lint(
    flow: Flow, book: PromptBook | None = None, columns: Collection[str] | None = None
) -> tuple[Finding, ...]:
    """Findings about a flow that loads, by file and place. Without a book prompts aren't looked at; `columns` are
    those of a list that the flow is to be run on."""
    found: list[Finding] = []
    for name in flow.units:
        scope = Scope(flow, name, book)
        for check in CHECKS:
            found.extend(check(scope))
    if columns is not None:
        found.extend(_columns(Scope(flow, flow.name, book), columns))
    return tuple(sorted(found, key=lambda finding: (finding.file, finding.line, finding.column, finding.code)))


def _columns(scope: Scope, columns: Collection[str]) -> Iterator[Finding]:
    for name in scope.unit.spec.needs:
        if name not in columns:
            yield scope.error("list_lacks", ("needs", name), "the list has no column {name}",
                              "add the column, or move {name} to `constants`", name=name)  # fmt: skip
