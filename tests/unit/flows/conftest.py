"""Shared by the tests of flows: the shipped prompts, and flows made of a few lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.flow import Flow
from flows.interpreter import Session, Sprint, resume
from flows.linter import lint
from flows.loader import loads
from flows.results import Result
from prompts.catalogue import Catalogue

HEAD = "schema: 1\nflow: trial\nlanguage: zh-CN\npurpose: {purpose}\n{top}\nstart: {start}\nnodes:\n"

MakeFlow = Callable[..., Flow]
Codes = Callable[..., list[str]]


@pytest.fixture(scope="session")
def book() -> Catalogue:
    return Catalogue.load()


@pytest.fixture
def make_flow() -> MakeFlow:
    """A flow from its nodes: `make_flow('a: {hangup: }', top='needs: {x: text}')`."""

    def make(nodes: str, top: str = "", purpose: str = "service", start: str = "a") -> Flow:
        body = "".join(f"  {line}\n" for line in nodes.strip().splitlines())
        return loads((HEAD.format(purpose=purpose, top=top, start=start) + body).encode(), "trial.yaml")

    return make


@pytest.fixture
def codes(make_flow: MakeFlow, book: Catalogue) -> Codes:
    """Codes of what the linter finds in a flow's own document, in the order of the file."""

    def find(nodes: str, **rest: str) -> list[str]:
        return [f.code for f in lint(make_flow(nodes, **rest), book) if f.file == "trial.yaml"]

    return find


@pytest.fixture
def go() -> Callable[[Flow, Sprint, Result], Sprint]:
    """Resume through JSON, as every process boundary does."""

    def step(flow: Flow, sprint: Sprint, result: Result) -> Sprint:
        text = sprint.session.model_dump_json()
        session = Session.model_validate_json(text)
        assert session == sprint.session
        assert session.model_dump_json() == text
        return resume(flow, session, result)

    return step
