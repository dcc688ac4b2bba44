"""Transfers on a network that fails, and what recordings hold: no callee is lost for what becomes of a leg."""

from __future__ import annotations

import asyncio
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr import rehearsal
from ivr.session.comfort import Comfort
from ivr.session.offering import NETWORK_S, Offering, Sounds
from ivr.session.progress import AgentCalled, AgentTried, PromptBegan
from speech.audio import SAMPLE_RATE_HZ
from tests.integration.engine.transfers import RATES, TAKES, Case, crew, people, taking, write_flow
from trunk.carrier import Carrier, CarrierConfig
from trunk.carrier.call import CarrierCall
from trunk.carrier.causes import CALLEE_HUNG_UP
from trunk.carrier.sounds import tone
from trunk.ports import CallEvent, CallHandler, HungUp, OriginateRequest, TrunkError

pytestmark = pytest.mark.integration

AGENT = taking(10)


def is_agent(request: OriginateRequest) -> bool:
    return len(request.phone) == 4


def one(bench: Any, folder: Path, case: Case, **changes: Any) -> Any:
    """One callee with one agent."""
    flow = write_flow(folder / "transfers.yaml", [case])
    given = {"crew": crew([case]), "agents": people([case]), "row": {}, "retries": False} | changes
    return bench([dict(case.callee)], flow=flow, **given)


def statuses(run: Any) -> list[str]:
    return [event.status for event in run.events if isinstance(event, AgentTried)]


def results(run: Any) -> list[str]:
    """What the requests for a person came to, on record."""
    return [result for (result,) in run.rows("SELECT result FROM handoff ORDER BY id")]


class TestNetwork:
    def use(self, monkeypatch: pytest.MonkeyPatch, kind: type[Carrier]) -> None:
        monkeypatch.setattr(rehearsal, "Carrier", kind)

    @pytest.mark.parametrize(
        ("leaves", "status", "result"),
        [
            (None, "trunk", "no_bridge"),
            ("agent", "declined", "declined"),
            ("callee", "caller_left", "left_bridging"),
        ],
    )
    def test_a_bridge_that_fails_says_why(
        self, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: str | None, status: str,
        result: str,
    ) -> None:  # fmt: skip
        async def no_bridge(callee: CarrierCall, agent: CarrierCall) -> None:
            if leaves is not None:
                (agent if leaves == "agent" else callee)._end(CALLEE_HUNG_UP)  # at the very moment
            raise TrunkError("no bridge")

        monkeypatch.setattr(CarrierCall, "bridge", no_bridge)
        run = one(bench, tmp_path, Case(agents=[AGENT]))
        assert statuses(run) == [status]
        assert run.only().disposition == status
        assert results(run) == [result]
        assert [segment.kind for segment in run.only().segments] == ["bot"]

    def test_a_trunk_that_throws_costs_the_agent_alone(
        self, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Throwing(Carrier):
            async def originate(self, request: OriginateRequest, handler: CallHandler) -> Any:
                if is_agent(request):
                    raise ConnectionError("the trunk is gone")
                return await super().originate(request, handler)

        self.use(monkeypatch, Throwing)
        run = one(bench, tmp_path, Case(agents=[AGENT]))
        assert (run.only().outcome, run.only().disposition) == ("answered", "trunk")
        assert results(run) == ["fault"]

    @pytest.mark.parametrize(
        ("agent", "disposition", "result"),
        [
            (AGENT, "talked", "talk_lost"),
            ({"does": [{"on": "whisper", "at_s": 2, "hang_up": True}]}, "trunk", "phone_lost"),
        ],
    )
    def test_a_phone_that_the_network_loses_is_not_one_that_hangs_up(
        self, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: Any, disposition: str,
        result: str,
    ) -> None:  # fmt: skip
        class Lost:
            def __init__(self, handler: CallHandler) -> None:
                self.on_tick = handler.on_tick
                self._handler = handler

            def on_event(self, event: CallEvent) -> None:
                if isinstance(event, HungUp):
                    event = replace(event, cause=replace(event.cause, by="network"))
                self._handler.on_event(event)

        class Losing(Carrier):
            async def originate(self, request: OriginateRequest, handler: CallHandler) -> Any:
                return await super().originate(request, Lost(handler) if is_agent(request) else handler)

        self.use(monkeypatch, Losing)
        run = one(bench, tmp_path, Case({"does": [RATES]}, [agent]))
        assert run.only().disposition == disposition
        assert results(run) == [result]

    def test_a_lost_end_of_an_agents_leg_keeps_nobody_waiting(
        self, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The network never says that the agent has hung up: the longest talk ends it, and the channel is free."""

        class Deafened:
            def __init__(self, handler: CallHandler) -> None:
                self.on_tick = handler.on_tick
                self._handler = handler

            def on_event(self, event: CallEvent) -> None:
                if not isinstance(event, HungUp):
                    self._handler.on_event(event)

        class Forgetful(Carrier):
            async def originate(self, request: OriginateRequest, handler: CallHandler) -> Any:
                return await super().originate(request, Deafened(handler) if is_agent(request) else handler)

        self.use(monkeypatch, Forgetful)
        case = Case({"does": [RATES]}, agents=[AGENT], queue={"longest_talk_s": 20})
        run = one(bench, tmp_path, case)
        assert "agent_leg_lost" in caplog.text
        assert results(run) == ["talk_cut"]
        assert run.only().answers["agent_rating"].value == "4"
        bot, talk, _ = run.only().segments
        assert bot.end_s + 20 <= talk.end_s <= bot.end_s + 20 + NETWORK_S + 0.5

    @pytest.mark.parametrize(
        ("lost", "status", "result"), [("events", "no_answer", "no_answer"), ("audio", "trunk", "phone_lost")]
    )
    def test_a_leg_of_which_nothing_comes_is_given_up(
        self, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, status: str, result: str
    ) -> None:
        """Bounded by time, since neither an event nor a tick will ever say so."""

        class Cut:
            def __init__(self, handler: CallHandler) -> None:
                self._handler = handler

            def on_event(self, event: CallEvent) -> None:
                if lost != "events":
                    self._handler.on_event(event)

            def on_tick(self, frame: bytes) -> bytes | None:
                return None

        class Losing(Carrier):
            async def originate(self, request: OriginateRequest, handler: CallHandler) -> Any:
                return await super().originate(request, Cut(handler) if is_agent(request) else handler)

        self.use(monkeypatch, Losing)
        run = one(bench, tmp_path, Case(agents=[{}]))
        assert statuses(run) == [status]
        assert run.only().disposition == status
        assert results(run) == [result]
        assert run.only().talk_s < 60

    def test_a_fault_of_ours_ends_both_calls(
        self, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(comfort: Comfort, frame: bytes) -> bytes | None:
            raise RuntimeError("our bug")

        ends: list[CallEvent] = []

        class Listening(Carrier):
            async def originate(self, request: OriginateRequest, handler: CallHandler) -> Any:
                if is_agent(request):
                    heard = handler.on_event

                    def on_event(event: CallEvent) -> None:
                        ends.extend([event] if isinstance(event, HungUp) else [])
                        heard(event)

                    handler.on_event = on_event  # type: ignore[method-assign]  # an ear of the test's
                return await super().originate(request, handler)

        self.use(monkeypatch, Listening)
        monkeypatch.setattr(Comfort, "on_tick", breaks)
        run = one(bench, tmp_path, Case(agents=[{"ring_s": 60}]))
        assert run.only().outcome == "failed"
        assert run.results.summary.finished
        assert len(ends) == len([event for event in run.events if isinstance(event, AgentCalled)])


class TestSlowVoice:
    """What an agent is to hear isn't there when they pick up."""

    BRIEF_S = 40.0

    @pytest.fixture
    def slow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = Offering._sounds  # no other place where the voice's time passes in virtual time

        async def slowly(offering: Offering) -> Sounds:
            await asyncio.sleep(self.BRIEF_S)
            return await made(offering)

        monkeypatch.setattr(Offering, "_sounds", slowly)

    def test_an_agent_isnt_told_of_a_customer_who_left_meanwhile(
        self, bench: Any, tmp_path: Path, slow: None
    ) -> None:
        leaves = {"does": [{"on": "t1", "at_s": 10, "hang_up": True}]}
        run = one(bench, tmp_path, Case(leaves, [{"ring_s": 1}]))
        assert statuses(run) == ["caller_left"]
        (leg,) = [event.leg_id for event in run.events if isinstance(event, AgentCalled)]
        told = [event.text for event in run.events if isinstance(event, PromptBegan) and event.attempt_id == leg]
        assert ["hung up" in text for text in told] == [True]

    def test_a_phone_that_is_busy_waits_for_no_voice(self, bench: Any, tmp_path: Path, slow: None) -> None:
        busy = {"pickup": "busy"}
        run = one(bench, tmp_path, Case(agents=[busy]))
        assert statuses(run) == ["busy"]
        assert run.only().disposition == "busy"
        assert run.only().talk_s < self.BRIEF_S


class TestRecording:
    """The callee left, whoever talks with them right; tones tell them apart."""

    CALLEE_HZ, AGENT_HZ = 700.0, 1300.0

    def record(self, bench: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
        for name, hz in (("callee", self.CALLEE_HZ), ("agent", self.AGENT_HZ)):
            with wave.open(str(folder / f"{name}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE_HZ)
                file.writeframes(tone(hz, 3000))
        carriers: list[Carrier] = []

        def listening(book: Any, config: CarrierConfig, *rest: Any) -> Carrier:
            carriers.append(Carrier(book, replace(config, keep_heard=True), *rest))
            return carriers[-1]

        monkeypatch.setattr(rehearsal, "Carrier", listening)
        says = {"on": "bridged", "at_s": 2, "say": {"wav": str(folder / "callee.wav")}}
        answers = {"on": "bridged", "at_s": 6, "say": {"wav": str(folder / "agent.wav")}, "hang_up": True}
        case = Case({"does": [says, RATES]}, [{"does": [TAKES, answers]}])
        return one(bench, folder, case, record=folder / "recordings"), carriers[0]

    def test_it_goes_on_across_the_transfer(
        self, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run, carrier = self.record(bench, tmp_path, monkeypatch)
        attempt = run.only()
        with wave.open(str(tmp_path / "recordings" / attempt.recording), "rb") as file:
            both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        assert len(both) / SAMPLE_RATE_HZ == pytest.approx(attempt.talk_s, abs=0.05)
        _, talk, _ = attempt.segments
        callee, other = (both[:, side].astype(float) for side in (0, 1))
        for line, hz, at_s in ((callee, self.CALLEE_HZ, 2), (other, self.AGENT_HZ, 6)):
            assert share(line, hz, talk.start_s + at_s + 0.5, 2.0) > 0.9
            assert share(line, hz, talk.start_s + at_s - 1.5, 1.0) < 0.1
        assert np.abs(other[: round(talk.start_s * SAMPLE_RATE_HZ)]).max() > 1000  # our prompts before …
        assert np.abs(other[round((talk.end_s + 0.1) * SAMPLE_RATE_HZ) :]).max() > 1000  # … and after

        (leg,) = [event for event in run.events if isinstance(event, AgentCalled)]
        agent_heard = np.frombuffer(carrier.heard(leg.leg_id), np.int16).astype(float)
        callee_heard = np.frombuffer(carrier.heard(attempt.attempt_id), np.int16).astype(float)
        assert max(share(agent_heard, self.CALLEE_HZ, second, 1.0) for second in range(30)) > 0.9
        assert max(share(callee_heard, self.AGENT_HZ, second, 1.0) for second in range(60)) > 0.9
        assert max(share(agent_heard, self.AGENT_HZ, second, 1.0) for second in range(30)) < 0.1  # no echo


def share(line: Any, hz: float, from_s: float, for_s: float) -> float:
    """How much of the sound in that stretch is this tone, 0..1; silence is none of it."""
    start = round(from_s * SAMPLE_RATE_HZ)
    cut = line[start : start + round(for_s * SAMPLE_RATE_HZ)]
    if len(cut) < SAMPLE_RATE_HZ // 10 or np.abs(cut).max() < 300:
        return 0.0
    power = np.abs(np.fft.rfft(cut * np.hanning(len(cut)))) ** 2
    bins = np.fft.rfftfreq(len(cut), 1 / SAMPLE_RATE_HZ)
    return float(power[np.abs(bins - hz) < 20].sum() / power.sum())
