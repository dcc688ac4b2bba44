"""Campaigns that end at people, through the real engine in virtual time: who is abandoned, how calls are paced."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, update
from sqlalchemy.orm import Session

from ivr import run as running
from ivr.config import DeskSettings, Settings
from ivr.desk.presence import Change, set_by_run
from ivr.desk.supply import DeskAgents
from ivr.model import AgentPresence, AgentState, Attempt, CallWhy
from ivr.pacing.factory import PacingError
from ivr.pacing.history import needed
from ivr.pacing.schema import PaceSpec
from ivr.session.progress import Abandoned, CallPlaced, PaceChanged, Stance, StateChanged
from ivr.session.states import CallState
from ivr.strategy import default_strategy
from ivr.strategy.strategy import strategy_of
from tests.integration.engine.transfers import Case, crew, people, taking, write_flow

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

TALKS_5_S = taking(5)


def sharing_queue(callees: int, *agents: dict[str, Any]) -> list[Case]:
    """So many callees, all for the first one's agents."""
    return [Case(agents=agents)] + [Case(transfer={"queue": "q1"})] * (callees - 1)


@pytest.fixture
def paced(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run whose campaign has this pace."""

    def run(cases: list[Case], pace: PaceSpec, **changes: Any) -> Any:
        spec = default_strategy().spec.model_copy(update={"pace": pace})
        monkeypatch.setattr("ivr.run.default_strategy", lambda: strategy_of(spec))
        return bench(
            [dict(case.callee) for case in cases],
            flow=write_flow(tmp_path / "transfers.yaml", cases),
            row={}, retries=False, agents=people(cases), crew=crew(cases), **changes,
        )  # fmt: skip

    return run


def most_lines(run: Any) -> int:
    """Calls without a person, at most at once."""
    lines: set[str] = set()
    most = 0
    for event in run.events:
        if isinstance(event, CallPlaced):
            lines.add(event.attempt_id)
        elif isinstance(event, StateChanged) and event.state in (CallState.BRIDGED, CallState.ENDED):
            lines.discard(event.attempt_id)
        most = max(most, len(lines))
    return most


def test_who_finds_nobody_in_time_is_abandoned_and_the_flow_goes_on(paced: Any) -> None:
    """One agent, three callees at once: the flow's own arm is taken by two."""
    run = paced(sharing_queue(3, TALKS_5_S), PaceSpec(concurrency=3))
    assert sorted(run.rows("SELECT abandoned, disposition FROM attempt")) == [
        (0, "talked"), (1, "unlikely"), (1, "unlikely"),
    ]  # fmt: skip
    assert len([event for event in run.events if isinstance(event, Abandoned)]) == 2
    assert sorted(run.record(number).abandoned for number in (1, 2, 3)) == [False, True, True]
    with Session(create_engine(f"sqlite:///{run.database}")) as session:
        counted = needed(session, 1, datetime(2026, 1, 1, tzinfo=UTC))
        assert sorted(abandoned for _, abandoned in counted) == [False, True, True]
        assert needed(session, 1, datetime(2026, 1, 6, tzinfo=UTC)) == []
        session.execute(update(Attempt).where(Attempt.abandoned.is_(True)).values(why=CallWhy.RETURN))
        assert [abandoned for _, abandoned in needed(session, 1, datetime(2026, 1, 1, tzinfo=UTC))] == [False]


def test_who_finds_somebody_after_a_short_wait_is_not_abandoned(paced: Any) -> None:
    """The second needs somebody while the first one's agent talks for a second more."""
    agent = taking(0.5)
    cases = [
        Case(agents=[agent], queue={"promise_s": 600}),
        Case({"ring_s": 8.0}, transfer={"queue": "q1", "answer_within_s": 60}),
    ]
    waits = PaceSpec.model_validate({"concurrency": 2, "abandoned": {"within_s": 10.0}})
    run = paced(cases, waits)
    assert [row for (row,) in run.rows("SELECT disposition FROM attempt")] == ["talked", "talked"]
    assert run.rows("SELECT DISTINCT abandoned FROM attempt") == [(0,)]


@pytest.mark.parametrize("mode", ["power", "predictive"])
def test_no_more_calls_than_free_people_until_the_cap_is_proven(paced: Any, mode: Any) -> None:
    run = paced(sharing_queue(6, TALKS_5_S, TALKS_5_S), PaceSpec(mode=mode, lines_per_agent=3), concurrency=6)
    assert most_lines(run) == 2
    assert run.results.summary.finished
    assert run.rows("SELECT DISTINCT abandoned FROM attempt") == [(0,)]
    assert [event.stance for event in run.events if isinstance(event, PaceChanged)] == [Stance.UNPROVEN]


def test_while_nobody_picks_up_nobody_is_called(paced: Any) -> None:
    """The only agent is away: believed so for five minutes, in which nothing is placed; and so on."""
    cases = sharing_queue(3, {"pickup": "no_answer"})
    cases[0] = replace(cases[0], queue={"ring_s": 5})
    run = paced(cases, PaceSpec(mode="power"), settings=Settings(desk=DeskSettings(away_s=300)))
    ends = {e.record.attempt_id: e.record for e in run.events if hasattr(e, "record")}
    begun = sorted(record.started_at for record in ends.values())
    gaps_s = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(begun)]
    assert len(gaps_s) == 2
    assert min(gaps_s) >= 300
    stances = [event.stance for event in run.events if isinstance(event, PaceChanged)]
    assert stances.count(Stance.NOBODY) >= 2
    assert run.rows("SELECT DISTINCT abandoned FROM attempt") == [(1,)]  # they needed somebody, who didn't come


def test_who_signs_out_leaves_no_phone_ringing(paced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are gone a while after the first calls have begun to ring: those are given up, and stay in the list."""

    class Leaving(DeskAgents):
        async def start(self) -> None:
            await super().start()
            self.leaving = asyncio.create_task(self.leave_for_a_while())

        async def leave_for_a_while(self) -> None:
            for after_s, state in ((3.0, AgentState.REST), (197.0, AgentState.READY)):
                await asyncio.sleep(after_s)
                await self.go(state)

        async def go(self, state: AgentState) -> None:
            now = self._database.clock.now()

            def write(session: Session) -> None:
                for agent_id in session.scalars(select(AgentPresence.agent_id)).all():
                    set_by_run(session, agent_id, Change(state, "test"), now)

            await self._database.run(write)
            await self._look()

    monkeypatch.setattr(running, "DeskAgents", Leaving)
    cases = sharing_queue(2, TALKS_5_S, TALKS_5_S)
    cases = [Case({"ring_s": 60.0}, case.agents, case.transfer) for case in cases]
    run = paced(cases, PaceSpec(mode="power"))
    causes = {attempt.outcome for attempt in run.results.attempts}
    assert causes == {"cancelled"}
    for record in (run.record(1), run.record(2)):
        assert (record.ended_at - record.ringing_at).total_seconds() == pytest.approx(16, abs=1.5)


def test_a_pace_by_people_where_there_are_none_is_refused_in_a_sentence(bench: Any, tmp_path: Path) -> None:
    cases = [Case(agents=[TALKS_5_S])]
    spec = default_strategy().spec.model_copy(update={"pace": PaceSpec(mode="predictive")})
    strategy = tmp_path / "strategy.yaml"
    strategy.write_text(strategy_of(spec).document, encoding="utf-8")
    options = bench.options(
        [{}], flow=write_flow(tmp_path / "transfers.yaml", cases), row={}, strategy=strategy, retries=False
    )
    with pytest.raises(PacingError, match=r"there is no queue with agents: add the queue q1 to the roster"):
        bench.run(options)
