"""What a callee hears who waits in a line for a person, and what becomes of it, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ivr import run as running
from ivr.config import DeskSettings, Settings
from ivr.database import DatabaseError
from ivr.desk.supply import DeskAgents
from ivr.model import HandoffResult
from ivr.ports import Admission, Request, Standing
from ivr.session.progress import PromptBegan
from tests.integration.engine.transfers import RATES, Case, crew, people, taking, write_flow

pytestmark = pytest.mark.integration
TAKES = taking(50)
SOON = Standing(2, 70.0)


class InLine(DeskAgents):
    """The roster's agents; whoever asks has this place in the line."""

    standing_now: Standing | None = SOON
    refuses: HandoffResult | None = None
    promise_s = 20.0  # as they are told: the governor goes by the queue's own

    async def ask(self, request: Request) -> Admission:
        admission = replace(await super().ask(request), promise_s=self.promise_s)
        return admission if self.refuses is None else replace(admission, refused=self.refuses)

    async def standing(self, request: Request) -> Standing | None:
        del request
        return self.standing_now


@pytest.fixture
def waits(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A run with one agent, who has the first callee for 50 s; what the second does while waiting."""

    def run(does: list[dict[str, Any]], transfer: dict[str, Any] | None = None, **line: Any) -> Any:
        monkeypatch.setattr(running, "DeskAgents", type("Line", (InLine,), line))
        own = {"queue": "q1", "answer_within_s": 120, **(transfer or {})}
        cases = [
            Case({"ring_s": 0.5}, [TAKES], queue={"promise_s": 600}),
            Case({"ring_s": 4, "does": does}, transfer=own),
        ]
        flow = write_flow(tmp_path / "transfers.yaml", cases)
        return bench(
            [dict(case.callee) for case in cases], flow=flow, row={}, agents=people(cases), retries=False,
            crew=crew(cases), settings=Settings(desk=DeskSettings(told_every_s=15)), concurrency=2,
        )  # fmt: skip

    return run


def said(run: Any) -> list[str]:
    """What the second callee heard while they waited."""
    identity = run.only(2).attempt_id
    begun = [e for e in run.events if isinstance(e, PromptBegan) and e.attempt_id == identity and e.node == "t2"]
    return [event.text for event in begun]


def test_who_waits_hears_their_place_and_is_put_through(waits: Callable[..., Any]) -> None:
    run = waits([RATES])
    heard = said(run)
    assert heard[0].startswith("You're number two in the line. The wait is likely to be about two minutes.")
    assert "press one" in heard[0].lower()
    assert sum(text.startswith("You're number") for text in heard) >= 2  # again and again
    assert sum("longer than we expected" in text for text in heard) == 1  # the promise is over once
    assert any("stay on the line" in text for text in heard)  # the comfort between
    assert run.only(2).disposition == "talked"
    assert [row for (row,) in run.rows("SELECT result FROM handoff ORDER BY id")] == ["talked", "talked"]


def test_a_database_that_was_away_silences_nobody_for_good(waits: Callable[..., Any]) -> None:
    asked: list[Request] = []

    async def once_away(_: InLine, request: Request) -> Standing | None:
        asked.append(request)
        if len(asked) == 1:
            raise DatabaseError("The database is away: {reason}", reason="test")
        return SOON

    heard = said(waits([RATES], standing=once_away))
    assert any(text.startswith("You're number two") for text in heard)


def test_nobody_says_how_long_when_nobody_knows(waits: Callable[..., Any]) -> None:
    run = waits([RATES], standing_now=Standing(7, None))
    assert said(run)[0].startswith("You're number seven in the line. If you'd rather")


@pytest.mark.parametrize(("key", "disposition"), [("1", "callback"), ("5", "talked")])
def test_a_call_back_is_theirs_by_key(waits: Callable[..., Any], key: str, disposition: str) -> None:
    run = waits([{"on": "t2", "after_s": 1, "keys": key}, RATES])
    assert run.only(2).disposition == disposition
    ((result, agent),) = run.rows("SELECT result, agent FROM handoff ORDER BY asked_at DESC, id DESC LIMIT 1")
    assert (result, agent) == (("callback", None) if key == "1" else ("talked", "11"))


def test_a_key_before_it_was_offered_means_nothing(waits: Callable[..., Any]) -> None:
    run = waits([{"on": "t2", "after_s": 1, "keys": "1"}, RATES], standing_now=None)
    assert run.only(2).disposition == "talked"


def test_who_leaves_the_line_has_left_while_waiting(waits: Callable[..., Any]) -> None:
    run = waits([{"on": "t2", "after_s": 1, "hang_up": True}])
    assert run.only(2).disposition == "caller_left"
    assert ("left_waiting",) in run.rows("SELECT result FROM handoff")


def test_who_waits_for_as_long_as_the_flow_lets_them_goes_on_in_it(waits: Callable[..., Any]) -> None:
    run = waits([], {"answer_within_s": 30})
    assert run.only(2).disposition == "timed_out"
    assert ("timed_out",) in run.rows("SELECT result FROM handoff")


def test_nobody_is_rung_in_the_last_moment(waits: Callable[..., Any]) -> None:
    """The agent is free again after so many seconds: an agent who can't pick up in time hasn't let it ring."""
    query = "SELECT asked_at, found_at FROM handoff ORDER BY asked_at DESC LIMIT 1"
    ((asked_at, found_at),) = waits([RATES]).rows(query)
    free_s = (datetime.fromisoformat(found_at) - datetime.fromisoformat(asked_at)).total_seconds()
    assert free_s > 10
    for more_s, came_to in ((1.0, ("timed_out", [])), (5.0, ("talked", ["talked"]))):
        run = waits([RATES], {"answer_within_s": round(free_s + more_s, 3)})
        ((result, tried),) = run.rows("SELECT result, tried FROM handoff ORDER BY asked_at DESC LIMIT 1")
        assert (result, [one["result"] for one in json.loads(tried)]) == came_to


def test_who_is_offered_nobody_goes_on_at_once(waits: Callable[..., Any]) -> None:
    run = waits([], refuses=HandoffResult.UNLIKELY)
    assert {attempt.disposition for attempt in run.results.attempts} == {"unlikely"}
    assert said(run) == []
    assert set(run.rows("SELECT result, queue FROM handoff")) == {("unlikely", "q1")}
