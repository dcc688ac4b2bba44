"""What the customer was asked and answered is there before the agent's phone rings, in virtual time."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli.main import cli
from ivr.session.progress import AgentCalled, ProgressEvent
from tests.integration.engine.conftest import phone
from tests.integration.engine.transfers import OFFER, Case, crew, people, taking, write_flow

pytestmark = pytest.mark.integration
PIN = "4711"
TAKES = taking(5)
WANTED = {
    "node": "a1",
    "name": "wants",
    "asked": OFFER,
    "came_to": "answer",
    "answer": "yes",
    "how": "keys",
    "heard": "",
}
PIN_ASKED = {"node": "p1", "name": "pin", "asked": "Your PIN, please.", "came_to": "answer", "answer": "***",
             "how": "keys", "heard": ""}  # fmt: skip


def answering(number: int) -> dict[str, Any]:
    return {"does": [{"on": f"a{number}", "keys": "1"}, {"on": f"p{number}", "keys": PIN}]}


def test_the_brief_is_there_when_the_agents_phone_rings_and_stays_on_record(bench: Any, tmp_path: Path) -> None:
    cases = [
        Case(answering(1), [TAKES], asks=True),
        Case(answering(2), asks=True),  # their queue isn't there
        Case(agents=[TAKES], asks=True),  # says nothing
    ]
    options = bench.options(
        [dict(case.callee) for case in cases], flow=write_flow(tmp_path / "transfers.yaml", cases), row={},
        agents=people(cases), crew=crew(cases), concurrency=3, retries=False,
    )  # fmt: skip
    when_called: dict[str, Any] = {}

    def observe(event: ProgressEvent) -> None:
        if isinstance(event, AgentCalled):
            with sqlite3.connect(options.database, timeout=10) as connection:
                found = connection.execute("SELECT brief FROM handoff WHERE attempt_id = ?", (event.attempt_id,))
                when_called[event.attempt_id] = json.loads(found.fetchone()[0])

    run = bench.run(options, observe)
    assert when_called[run.only(1).attempt_id] == [WANTED, PIN_ASKED]
    kept = {attempt: json.loads(brief) for attempt, brief in run.rows("SELECT attempt_id, brief FROM handoff")}
    assert kept[run.only(1).attempt_id] == [WANTED, PIN_ASKED]
    assert [one["answer"] for one in kept[run.only(2).attempt_id]] == ["yes", "***"]
    assert [one["came_to"] for one in kept[run.only(3).attempt_id]] == ["no_input"]
    for number, sentences in (
        (1, [f"{OFFER} – Yes (Keys)", "Your PIN, please. – *** (Keys)"]),
        (3, [f"{OFFER} – said nothing"]),
    ):
        told = CliRunner().invoke(cli(), ["why", phone(number), "--db", f"sqlite:///{run.database}"], obj={})
        for sentence in sentences:
            assert f"asked before: {sentence}" in told.output


def test_a_call_back_that_is_booked_has_the_brief_too(bench: Any, tmp_path: Path) -> None:
    cases = [Case(answering(1), asks=True)]
    path = write_flow(tmp_path / "transfers.yaml", cases)
    flow = json.loads(path.read_text())
    flow["nodes"]["p1"]["next"] = "book"
    flow["nodes"]["book"] = {"callback": {}, "booked": "end", "failed": "end", "disposition": "called_back"}
    path.write_text(json.dumps(flow))
    run = bench([dict(case.callee) for case in cases], flow=path, row={}, retries=False)
    assert [json.loads(brief) for (brief,) in run.rows("SELECT brief FROM callback")] == [[WANTED, PIN_ASKED]]
