"""Calls that are handed over to people, over the simulated network: every result, and everybody leaving at every
moment. One rehearsal holds all of them, and so does one file: each callee has a queue of their own."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ivr import rehearsal
from ivr.session.progress import AgentCalled, AgentTried, PromptBegan, StateChanged
from ivr.session.states import CallState
from speech.audio import SAMPLE_RATE_HZ
from tests.integration.engine.conftest import Bench
from tests.integration.engine.transfers import RATES, TAKES, Case, crew, people, taking, write_flow
from tests.rosters import crew_of
from trunk.carrier import Carrier, CarrierConfig
from trunk.carrier.sounds import babble

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

TALKS_10_S = {"on": "bridged", "at_s": 10, "hang_up": True}
AGENT = taking(10)


def waits_and(number: int, **step: Any) -> dict[str, Any]:
    """A step of callee `number`, counted from the first words of comfort (3 s after the flow handed them over)."""
    return {"does": [{"on": f"t{number}", **step}]}


CASES = {
    "taken": Case({"does": [RATES]}, [AGENT]),
    "declined by key": Case(agents=[{"does": [{"on": "whisper", "keys": "2"}]}]),
    "declined by the phone": Case(agents=[{"pickup": "reject"}]),
    "busy": Case(agents=[{"pickup": "busy"}]),
    "nobody picks up": Case(agents=[{"pickup": "no_answer"}]),
    "no key": Case(agents=[{}]),
    "machine": Case(agents=[{"pickup": "voicemail"}]),
    "no queue": Case(),
    "no way": Case(agents=[{"pickup": "congestion"}]),
    "leaves while it rings": Case(waits_and(10, at_s=1, hang_up=True), [{"ring_s": 30}]),
    "leaves during the whisper": Case(waits_and(11, at_s=1, hang_up=True), [{"ring_s": 1}]),
    "leaves during the talk": Case({"does": [{"on": "bridged", "at_s": 7, "hang_up": True}]}, [{"does": [TAKES]}]),
    "agent leaves during the whisper": Case(agents=[{"does": [{"on": "whisper", "at_s": 2, "hang_up": True}]}]),
    "taken over the whisper": Case(agents=[{"does": [{"on": "whisper", "at_s": 1, "keys": "1"}, TALKS_10_S]}]),
    "the second takes it": Case({"does": [RATES]}, [{"pickup": "busy"}, AGENT, AGENT]),
    "another key first": Case(agents=[{"does": [{"on": "whisper", "keys": "5"}, TAKES, TALKS_10_S]}]),
    "time for both together": Case(
        agents=[{"pickup": "no_answer"}, {"pickup": "no_answer"}, AGENT], transfer={"answer_within_s": 20}
    ),
    "talks for too long": Case({"does": [RATES]}, [{"does": [TAKES]}], queue={"longest_talk_s": 30}),
    "blind": Case({"does": [RATES]}, [{"does": [TALKS_10_S]}], transfer={"mode": "blind"}),
    "keys mean nothing": Case({"does": [{"on": "t20", "at_s": 0.5, "keys": "09*"}, RATES]}, [AGENT]),
    "all are asked": Case(agents=[{"pickup": "reject"}, {"pickup": "busy"}]),
    "sounds like a machine": Case(
        agents=[{"does": [{"on": "whisper", "at_s": 0, "say": {"wav": "babble.wav"}}, TAKES, TALKS_10_S]}]
    ),
    "talks for longer than the robot may": Case(
        {"does": [RATES]}, [{"does": [TAKES, {"on": "bridged", "at_s": 400, "hang_up": True}]}]
    ),
    "switched off": Case(agents=[{"pickup": "powered_off"}]),
    "out of reach": Case(agents=[{"pickup": "unreachable"}]),
}
NUMBERS = {name: number for number, name in enumerate(CASES, start=1)}


@dataclass
class Handed:
    """The run, asked by the names of the cases."""

    run: Any

    def attempt(self, name: str) -> Any:
        return self.run.only(NUMBERS[name])

    def of(self, name: str, kind: type[Any]) -> list[Any]:
        identity = self.attempt(name).attempt_id
        return [event for event in self.run.events if isinstance(event, kind) and event.attempt_id == identity]

    def tried(self, name: str) -> list[str]:
        """What each agent came to, in order."""
        return [event.status for event in self.of(name, AgentTried)]

    def told(self, name: str) -> list[str]:
        """Everything that was said to the agents."""
        legs = {event.leg_id for event in self.of(name, AgentCalled)}
        began = [event for event in self.run.events if isinstance(event, PromptBegan)]
        return [event.text for event in began if event.attempt_id in legs and event.node == "whisper"]

    def parts(self, name: str) -> list[tuple[str, str | None]]:
        return [(segment.kind, segment.agent) for segment in self.attempt(name).segments]


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory, var: Path) -> Handed:
    folder, cases = tmp_path_factory.mktemp("transfers"), list(CASES.values())
    bench = Bench(folder, var)
    with wave.open(str(folder / "babble.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(babble().pcm)
    options = bench.options(
        [dict(case.callee) for case in cases],
        flow=write_flow(folder / "transfers.yaml", cases),
        row={},
        crew=crew(cases),
        agents=people(cases),
        concurrency=len(cases),
        retries=False,
    )
    return Handed(bench.run(options))


@pytest.mark.parametrize(
    ("name", "disposition", "tried"),
    [
        ("taken", "talked", ["answered"]),
        ("declined by key", "declined", ["declined"]),
        ("declined by the phone", "declined", ["declined"]),
        ("busy", "busy", ["busy"]),
        ("nobody picks up", "no_answer", ["no_answer"]),
        ("no key", "no_answer", ["no_answer"]),
        ("machine", "machine", ["machine"]),
        ("no queue", "no_agent", []),
        ("no way", "trunk", ["trunk"]),
        ("leaves while it rings", "caller_left", ["caller_left"]),
        ("leaves during the whisper", "caller_left", ["caller_left"]),
        ("leaves during the talk", "talked", ["answered"]),
        ("agent leaves during the whisper", "declined", ["declined"]),
        ("taken over the whisper", "talked", ["answered"]),
        ("the second takes it", "talked", ["busy", "answered"]),
        ("another key first", "talked", ["answered"]),
        ("time for both together", "timed_out", ["no_answer", "timed_out"]),  # rang for 5 s of 15
        ("talks for too long", "talked", ["answered"]),
        ("blind", "talked", ["answered"]),
        ("keys mean nothing", "talked", ["answered"]),
        ("all are asked", "busy", ["declined", "busy"]),
        ("sounds like a machine", "talked", ["answered"]),
        ("talks for longer than the robot may", "talked", ["answered"]),
        ("switched off", "no_answer", ["no_answer"]),
        ("out of reach", "no_answer", ["no_answer"]),
    ],
)
def test_each_result_is_told_apart(handed: Handed, name: str, disposition: str, tried: list[str]) -> None:
    assert handed.tried(name) == tried
    assert handed.attempt(name).disposition == disposition
    assert handed.attempt(name).outcome == "answered"


RESULTS = {
    "taken": ("talked", "11", ["talked"]),
    "declined by key": ("declined", "21", ["declined"]),
    "declined by the phone": ("declined", "31", ["declined"]),
    "busy": ("busy", "41", ["busy"]),
    "nobody picks up": ("no_answer", "51", ["no_answer"]),
    "no key": ("no_key", "61", ["no_key"]),
    "machine": ("machine", "71", ["machine"]),
    "no queue": ("no_queue", None, []),
    "no way": ("network", "91", ["network"]),
    "leaves while it rings": ("left_ringing", "101", ["left_ringing"]),
    "leaves during the whisper": ("left_whisper", "111", ["left_whisper"]),
    "leaves during the talk": ("talked", "121", ["talked"]),
    "the second takes it": ("talked", "152", ["busy", "talked"]),
    "time for both together": ("timed_out", "172", ["no_answer", "timed_out"]),
    "talks for too long": ("talk_cut", "181", ["talk_cut"]),
    "all are asked": ("nobody_accepted", "212", ["declined", "busy"]),
    "switched off": ("unreachable", "241", ["unreachable"]),
    "out of reach": ("unreachable", "251", ["unreachable"]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_each_request_has_one_result_on_record(handed: Handed, name: str) -> None:
    identity = handed.attempt(name).attempt_id
    query = f"SELECT result, agent, tried, state, talk_ms FROM handoff WHERE attempt_id = '{identity}'"
    ((result, agent, tried, state, talk_ms),) = handed.run.rows(query)
    assert (result, agent, [one["result"] for one in json.loads(tried)]) == RESULTS[name]
    assert state == "over"
    assert (talk_ms > 0) is result.startswith("talk")


def test_nothing_is_left_over(handed: Handed) -> None:
    """Every leg has its end, every call its outcome."""
    called = {event.leg_id for event in handed.run.events if isinstance(event, AgentCalled)}
    tried = [event.leg_id for event in handed.run.events if isinstance(event, AgentTried)]
    assert sorted(tried) == sorted(called)
    assert handed.run.results.summary.finished
    assert not any(attempt.cause.startswith("our handler") for attempt in handed.run.results.attempts)


SERVED = (
    "taken",
    "the second takes it",
    "talks for too long",
    "talks for longer than the robot may",
    "blind",
    "keys mean nothing",
)


@pytest.mark.parametrize("name", SERVED)
def test_the_flow_goes_on_when_the_agent_has_hung_up(handed: Handed, name: str) -> None:
    attempt = handed.attempt(name)
    assert attempt.answers["agent_rating"].value == "4"
    query = "SELECT answer.agent, handoff.agent FROM answer JOIN handoff USING (attempt_id) WHERE attempt_id = "
    ((rated, talked),) = handed.run.rows(f"{query}'{attempt.attempt_id}'")
    assert rated == talked is not None
    assert attempt.path[-2:] == ("rate", "end")
    assert attempt.hung_up_by == "us"


def test_the_call_is_cut_where_it_passed_from_the_robot_to_a_person_and_back(handed: Handed) -> None:
    assert handed.parts("taken") == [("bot", None), ("agent", "11"), ("bot", None)]
    assert handed.parts("the second takes it")[1] == ("agent", "152")
    assert handed.parts("leaves during the talk") == [("bot", None), ("agent", "121")]
    assert handed.parts("busy") == [("bot", None)]
    before, talk, after = handed.attempt("taken").segments
    assert (before.start_s, before.end_s, talk.end_s) == (0.0, talk.start_s, after.start_s)
    assert talk.end_s - talk.start_s == pytest.approx(10, abs=0.1)
    assert after.end_s == pytest.approx(handed.attempt("taken").talk_s, abs=0.01)
    stored = handed.run.rows("SELECT kind, agent FROM segment WHERE agent = '11'")
    assert stored == [("agent", "11")]


def test_a_talk_that_never_ends_is_ended(handed: Handed) -> None:
    _, talk, _ = handed.attempt("talks for too long").segments
    assert talk.end_s - talk.start_s == pytest.approx(30, abs=0.1)


def test_an_agent_is_told_who_it_is_and_once_more_when_no_key_comes(handed: Handed) -> None:
    brief = handed.told("no key")[0]
    assert "20-yuan plan" in brief or "twenty" in brief
    assert "press one" in brief.lower()
    assert len(handed.told("no key")) == 2
    assert len(handed.told("another key first")) == 2
    assert len(handed.told("sounds like a machine")) == 2  # the key counts, whatever the verdict
    assert len(handed.told("taken")) == 1
    assert handed.told("blind") == []


def test_an_agent_who_listens_hears_that_the_callee_has_gone(handed: Handed) -> None:
    whisper, gone = handed.told("leaves during the whisper")
    assert "press one" in whisper.lower()
    assert "hung up" in gone
    assert handed.told("leaves while it rings") == []  # that phone just stops ringing


def test_who_leaves_while_waiting_is_not_counted_as_served(handed: Handed) -> None:
    for name in ("leaves while it rings", "leaves during the whisper"):
        attempt = handed.attempt(name)
        assert (attempt.hung_up_by, attempt.path[-1]) == ("callee", "caller_left")
    left = handed.attempt("leaves during the talk")
    assert (left.hung_up_by, left.path[-1]) == ("callee", "rate")
    assert left.answers == {}


def test_the_time_to_answer_holds_for_all_agents_together(handed: Handed) -> None:
    states = handed.of("time for both together", StateChanged)
    since = next(event.at for event in states if event.state is CallState.TRANSFERRING)
    until = next(event.at for event in states if event.state is CallState.TALKING and event.at > since)
    assert (until - since).total_seconds() == pytest.approx(20, abs=0.5)


def test_who_waits_is_comforted(handed: Handed) -> None:
    said = [event.text for event in handed.of("no key", PromptBegan) if event.node == f"t{NUMBERS['no key']}"]
    assert len(said) >= 2  # half a minute of ringing and whispering
    assert set(said) == {said[0]}


def test_no_full_number_of_an_agent_is_logged(
    bench: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside = "+8613900001234"
    case = Case(agents=[AGENT])
    flow = write_flow(tmp_path / "transfers.yaml", [case])
    with caplog.at_level("DEBUG"):
        run = bench(
            [{}], flow=flow, row={}, agents={outside: AGENT}, retries=False,
            crew=crew_of({"q1": {"11": outside}}),
        )  # fmt: skip
    assert run.only().disposition == "talked"
    assert "agent_tried" in caplog.text
    logged = [str(record.__dict__) for record in caplog.records]
    assert not [line for line in logged if outside in line or outside[1:] in line]


def test_a_transfer_needs_a_channel(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's leg takes one of the trunk's; when none is free the flow hears `trunk`, nothing is oversold."""
    most = 0

    class Small(Carrier):
        async def originate(self, request: Any, handler: Any) -> Any:
            nonlocal most
            most = max(most, len(await self.reconcile()) + 1)
            return await super().originate(request, handler)

    monkeypatch.setattr(rehearsal, "CarrierConfig", lambda **given: CarrierConfig(**{**given, "channels": 3}))
    monkeypatch.setattr(rehearsal, "Carrier", Small)
    cases = [Case({"ring_s": 1}, [AGENT]), Case({"ring_s": 1}, [AGENT]), Case({"ring_s": 4}, [AGENT])]
    flow = write_flow(tmp_path / "transfers.yaml", cases)
    run = bench(
        [dict(case.callee) for case in cases], flow=flow, row={}, agents=people(cases), retries=False,
        crew=crew(cases), concurrency=3,
    )  # fmt: skip
    assert most == 3
    assert sorted(attempt.disposition for attempt in run.results.attempts) == ["talked", "trunk", "trunk"]
    came_to = sorted(result for (result,) in run.rows("SELECT result FROM handoff"))
    assert came_to == ["no_channel", "no_channel", "talked"]


def test_a_run_that_is_stopped_ends_every_leg(bench: Any, tmp_path: Path) -> None:
    """Stopped while an agent's phone rings: the run ends, and no call is left open."""
    case = Case(agents=[{"ring_s": 60}])
    flow = write_flow(tmp_path / "transfers.yaml", [case])
    options = bench.options([{}], flow=flow, row={}, agents=people([case]), crew=crew([case]), retries=False)

    def stop(event: Any) -> None:
        if isinstance(event, AgentCalled):
            task = asyncio.current_task()
            loop = asyncio.get_running_loop()
            runner = next(
                one for one in asyncio.all_tasks(loop) if one is not task and "run_rehearsal" in repr(one)
            )
            loop.call_later(2, runner.cancel)

    with pytest.raises(asyncio.CancelledError):
        bench.run(options, stop)
    with sqlite3.connect(options.database) as connection:
        rows = connection.execute("SELECT ended_at IS NULL, outcome FROM attempt").fetchall()
        came_to = connection.execute("SELECT result, state FROM handoff").fetchall()
    assert rows == [(0, "answered")]
    assert came_to == [("cut_off", "over")]


def test_the_same_rehearsal_with_agents_gives_the_same_results(bench: Any, tmp_path: Path) -> None:
    agents: list[dict[str, Any]] = [AGENT, {"does": [{"on": "whisper", "keys": "2"}]}]
    cases = [Case({"does": [RATES]}, agents, queue={"promise_s": 600})]
    cases += [Case({"ring_s": 1, "does": [RATES]}, transfer={"queue": "q1", "answer_within_s": 60})] * 3
    flow = write_flow(tmp_path / "transfers.yaml", cases)
    documents = set()
    for _ in range(2):
        given = bench.options(
            [dict(case.callee) for case in cases], flow=flow, row={}, agents=people(cases), retries=False,
            crew=crew(cases), concurrency=4, name="the same",
        )  # fmt: skip
        documents.add(bench.run(given).results.model_dump_json())
    assert len(documents) == 1
