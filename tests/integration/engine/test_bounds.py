"""What must always be true: calls at once, slots that don't leak, faults that stay in their call, opting out."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import pytest

from ivr import rehearsal
from ivr.session.progress import CallOver, CallPlaced, ProgressEvent, TasksSkipped
from ivr.session.speaker import Speaker
from ivr.session.states import CallState
from ivr.session.turns import TurnPlanner
from trunk.carrier import Carrier
from trunk.ports import CallEvent, CallHandler, HungUp, OriginateRequest

pytestmark = pytest.mark.integration

ANSWERS = [{"on": "consent", "after_s": 0.5, "keys": "1"}, {"on": "rating", "after_s": 0.5, "keys": "5"}]
PRIVATE = "the words of a caller"


class Line:
    """Counts calls that are on."""

    def __init__(self) -> None:
        self.on: set[str] = set()
        self.most = 0

    def __call__(self, event: ProgressEvent) -> None:
        if isinstance(event, CallPlaced):
            self.on.add(event.attempt_id)
            self.most = max(self.most, len(self.on))
        elif isinstance(event, CallOver):
            self.on.discard(event.attempt_id)


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_never_more_calls_at_once_than_allowed_and_never_fewer_than_possible(bench: Any, limit: int) -> None:
    line = Line()
    bench.run(bench.options([{"pickup": "busy"}] * 12, concurrency=limit, retries=False), line)
    assert line.most == limit
    assert not line.on


class Forgetful(Carrier):
    """A network that loses the news of some calls' ends, refuses others, and fails for a few."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.random = random.Random(7)
        self.lost = 0

    async def originate(self, request: OriginateRequest, handler: CallHandler) -> Any:
        fate = self.random.random()
        if fate < 0.2:
            raise ConnectionError("the trunk is gone")
        return await super().originate(request, Deafened(self, handler) if fate < 0.5 else handler)


class Deafened:
    """Passes everything on, except the end."""

    def __init__(self, carrier: Forgetful, handler: CallHandler) -> None:
        self._carrier = carrier
        self._handler = handler

    def on_event(self, event: CallEvent) -> None:
        if isinstance(event, HungUp):
            self._carrier.lost += 1
        else:
            self._handler.on_event(event)

    def on_tick(self, frame: bytes) -> bytes | None:
        return self._handler.on_tick(frame)


def test_lost_ends_and_failing_trunks_leak_no_slot(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two slots, twelve calls could never be made if a lost end kept its slot."""
    carriers: list[Forgetful] = []

    def forgetful(*args: Any) -> Forgetful:
        carriers.append(Forgetful(*args))
        return carriers[-1]

    monkeypatch.setattr(rehearsal, "Carrier", forgetful)
    line = Line()
    people = [{"does": ANSWERS} if number % 2 else {"pickup": "busy"} for number in range(12)]
    run = bench.run(bench.options(people, concurrency=2), line)
    assert carriers[0].lost > 0
    assert line.most == 2
    assert not line.on
    outcomes = [attempt.outcome for attempt in run.results.attempts]
    assert outcomes.count("unknown") == carriers[0].lost
    assert "failed" in outcomes
    assert run.rows("SELECT count(*) FROM attempt WHERE ended_at IS NULL") == [(0,)]
    assert run.rows("SELECT DISTINCT state FROM task") == [("done",)]
    unknown = [attempt.phone for attempt in run.results.attempts if attempt.outcome == "unknown"]
    assert len(set(unknown)) == len(unknown)  # nobody whose end is unknown was called again
    # Three tries; what never rang uses up none of them, and has bounds of its own (congestion 5, failed 4).
    assert max(attempt.number for attempt in run.results.attempts) <= 3 + 4 + 3


def test_a_fault_ends_one_call_and_nothing_else(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = TurnPlanner.plan
    faults = iter(range(100))

    def failing(self: TurnPlanner, wait: Any, audio: Any) -> Any:
        if wait.node == "consent" and next(faults) == 0:
            raise ValueError(PRIVATE)
        return plan(self, wait, audio)

    monkeypatch.setattr(TurnPlanner, "plan", failing)
    with caplog.at_level(logging.DEBUG):
        run = bench([{"does": ANSWERS}, {"does": ANSWERS}, {"does": ANSWERS}])
    outcomes = sorted(attempt.outcome for attempt in run.results.attempts)
    assert outcomes == ["answered", "answered", "failed"]  # and whoever was on the line isn't called again
    (entry,) = [record for record in caplog.records if record.getMessage().startswith("call_fault")]
    assert "ValueError" in entry.getMessage()
    failed = [attempt for attempt in run.results.attempts if attempt.outcome == "failed"]
    assert entry.__dict__["attempt_id"] == failed[0].attempt_id
    assert PRIVATE not in caplog.text
    assert "138000" not in caplog.text


def test_logs_hold_neither_numbers_nor_answers(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="ivr"):
        bench([{"pickup": ["busy", "answer"], "does": ANSWERS}, {"pickup": "voicemail"}])
    assert "138000" not in caplog.text


def test_a_call_ends_when_its_time_is_up(bench: Any, tmp_path: Any) -> None:
    from flows import library

    text = library.path("low_balance_reminder", "zh-CN").read_text(encoding="utf-8")
    flow = tmp_path / "short.yaml"
    flow.write_text(
        text.replace("call_s: 300", "call_s: 12").replace("flow: low_balance_reminder", "flow: short"),
        encoding="utf-8",
    )
    run = bench([{}], flow=flow, row={"balance": "5.20", "pay_by": "2026-01-25"})
    assert run.only().talk_s == pytest.approx(12.0, abs=0.1)
    assert run.only().hung_up_by == "us"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_opting_out_by_key_counts_at_once_and_everywhere(bench: Any, language: str) -> None:
    """The second campaign on the same database doesn't call whoever said no in the first, for that purpose."""
    quit_early = {"does": [{"on": "reminder", "at_s": 1.0, "keys": "9"}]}
    first = bench.options([quit_early, {"does": ANSWERS}], language=language, name="first")
    run = bench.run(first)
    attempt = run.only(1)
    assert attempt.opted_out
    assert attempt.intention == "declined"
    assert attempt.disposition == "opted_out"
    assert run.rows("SELECT phone, purpose, source FROM do_not_disturb") == [("+8613800000001", "service", "call")]
    second = bench.options([{"does": ANSWERS}] * 2, name="second", database=first.database, language=language)
    later = bench.run(second)
    assert [attempt.phone for attempt in later.results.attempts] == ["+8613800000002"]
    assert TasksSkipped(1) in later.events
    assert ("do_not_disturb",) in later.rows("SELECT result FROM task")


def test_opting_out_between_lease_and_originate_still_counts(bench: Any) -> None:
    """The entry comes while the number is leased and its prompts are rendered: the last look finds it."""
    options = bench.options([{"does": ANSWERS}, {"does": ANSWERS}], concurrency=2)
    real = Speaker.prepare

    async def prepare(self: Any, contact: Any) -> None:
        await real(self, contact)
        if contact["phone"].endswith("2"):
            await asyncio.to_thread(bench.insert_do_not_disturb, options.database, contact["phone"], "*")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Speaker, "prepare", prepare)
        run = bench.run(options)
    assert [attempt.phone for attempt in run.results.attempts] == ["+8613800000001"]
    assert run.rows("SELECT result FROM task ORDER BY id") == [("consented",), ("do_not_disturb",)]


def test_a_run_that_is_stopped_hangs_up_writes_everything_and_goes_on_later(bench: Any) -> None:
    options = bench.options([{"does": ANSWERS}] * 6, concurrency=2)
    seen = 0

    def interrupt(event: ProgressEvent) -> None:
        nonlocal seen
        seen += isinstance(event, CallOver)
        if seen == 2 and isinstance(event, CallOver):
            main = [task for task in asyncio.all_tasks() if "run_rehearsal" in repr(task.get_coro())]
            main[0].cancel()

    with pytest.raises(asyncio.CancelledError):
        bench.run(options, interrupt)
    finished = bench.run(options)
    assert finished.rows("SELECT count(*) FROM attempt WHERE ended_at IS NULL") == [(0,)]
    assert finished.results.summary.finished
    talked = [a.phone for a in finished.results.attempts if a.outcome == "answered"]
    assert sorted(talked) == sorted(set(talked))
    assert len(set(talked)) == 6


def test_the_same_seed_gives_the_same_results_and_another_seed_others(bench: Any) -> None:
    people = [
        {"does": ANSWERS},
        {"pickup": ["busy", "answer"], "does": ANSWERS},
        {"pickup": "voicemail"},
        {},
        {"pickup": "no_answer"},
    ] * 2
    defaults = {"ring_s": [1, 9], "noise_snr_db": 25, "jitter_ms": 30, "loss": 0.01}

    def run(seed: int) -> str:
        options = bench.options(people, defaults=defaults, seed=seed, name="same", concurrency=4)
        return str(bench.run(options).results.model_dump_json())

    first = run(1)
    assert run(1) == first
    assert run(2) != first


def test_states_are_told_in_order(bench: Any) -> None:
    run = bench([{"does": ANSWERS}])
    states = [event.state for event in run.events if hasattr(event, "state")]
    assert states[:2] == [CallState.RINGING, CallState.TALKING]
    assert states[-2:] == [CallState.LEAVING, CallState.ENDED]
