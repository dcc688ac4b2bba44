"""Whom a transfer calls: the crew's agents in their turn, and what is said where a crew, or one who is described,
is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr.session.progress import NoQueue, RunBegan
from tests.integration.engine.transfers import Case, crew, people, taking, write_flow

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

AGENT = taking(10)


def test_an_agent_who_talks_is_not_called_by_another_call(bench: Any, tmp_path: Path) -> None:
    """Two callees, one agent, who isn't likely to be free within the promise: the second goes on at once."""
    cases = [Case({"ring_s": 1}, [AGENT]), Case({"ring_s": 1}, transfer={"queue": "q1"})]
    flow = write_flow(tmp_path / "transfers.yaml", cases)
    run = bench(
        [dict(case.callee) for case in cases], flow=flow, row={}, agents=people(cases), retries=False,
        crew=crew(cases), concurrency=2,
    )  # fmt: skip
    assert sorted(attempt.disposition for attempt in run.results.attempts) == ["talked", "unlikely"]
    assert sorted(result for (result,) in run.rows("SELECT result FROM handoff")) == ["talked", "unlikely"]


@pytest.mark.parametrize(("levels", "wanted"), [((9, 5), ["11", "11", "11"]), ((5, 5), ["11", "12", "11"])])
def test_agents_who_are_equally_good_take_turns(
    bench: Any, tmp_path: Path, levels: tuple[int, int], wanted: list[str]
) -> None:
    cases = [Case(agents=[AGENT, AGENT])] + [Case(transfer={"queue": "q1"})] * 2
    given = crew(cases)
    agents = {
        number: agent.model_copy(update={"skills": {"q1": level}})
        for (number, agent), level in zip(given.roster.agents.items(), levels, strict=True)
    }
    run = bench(
        [{}, {}, {}], flow=write_flow(tmp_path / "turns.yaml", cases), row={}, agents=people(cases), retries=False,
        crew=replace(given, roster=given.roster.model_copy(update={"agents": agents})), concurrency=1,
    )  # fmt: skip
    assert [attempt.segments[1].agent for attempt in run.results.attempts] == wanted


def test_without_a_roster_it_is_said_what_is_missing(bench: Any, tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "transfers.yaml", [Case()])
    run = bench([{}], flow=flow, row={}, retries=False)
    (began,) = [event for event in run.events if isinstance(event, RunBegan)]
    assert ["ivr desk load roster.yaml" in str(warning) for warning in began.warnings] == [True]
    assert [(event.queue, event.known) for event in run.events if isinstance(event, NoQueue)] == [("q1", ())]
    assert run.only().disposition == "no_agent"


def test_agents_none_of_whom_is_described_are_warned_of(bench: Any, tmp_path: Path) -> None:
    case = Case(agents=[{}])
    flow = write_flow(tmp_path / "transfers.yaml", [case])
    run = bench([{}], flow=flow, row={}, retries=False, crew=crew([case]))
    (began,) = [event for event in run.events if isinstance(event, RunBegan)]
    assert sum("among the callees" in str(warning) for warning in began.warnings) == 1
    assert run.only().disposition == "no_answer"  # picked up, and no key
