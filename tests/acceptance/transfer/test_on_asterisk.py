"""Transfers through a real Asterisk to agents at softphones: who takes the call, who doesn't, who leaves when, and
a recording that goes on across it. What is expected is what `tests/integration/engine/test_transfers.py` expects
of the simulated network."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop

from ivr.config import AsteriskSettings, DialerSettings, PathSettings, Settings, TrunkSettings
from ivr.dialling import DialOptions, run_dialling
from ivr.policy.loader import TEST_CALLS_PATH
from ivr.results import AttemptResult, Results
from ivr.session.progress import AgentCalled, AgentTried, ProgressEvent, PromptBegan
from speech.audio import SAMPLE_RATE_HZ
from speech.models import whisper_model
from speech.ports import Phrase, Question
from speech.recognizers.whisper_decoder import WhisperDecoder
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.integration.engine.transfers import Case, agents_phone, crew, people, write_flow
from tests.shared_prompts import with_shared_prompts
from tests.softphone.part import Part
from tests.softphone.pickups import Times
from tests.softphone.thread import SoftphoneThread
from trunk.carrier.callees import Callee, CalleeBook
from trunk.carrier.sounds import tone

__all__ = ["asterisk_rig"]

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.alone, pytest.mark.timeout(200)]

GONE_S = 15.0  # for channels of calls that are over
CALLEE_HZ, AGENT_HZ = 700.0, 1300.0
TAKES = {"on": "whisper", "at_s": 1, "keys": "1"}
RATES = {"on": "rate", "at_s": 1, "keys": "4"}
SAYS = {"on": "bridged", "at_s": 1, "say": {"wav": "callee.wav"}}
ANSWERS = {"on": "bridged", "at_s": 4, "say": {"wav": "agent.wav"}, "hang_up": True}
CASES = {
    "taken": Case(
        {"does": [{"on": "a1", "at_s": 1, "keys": "1"}, {"on": "p1", "at_s": 1, "keys": "4711"}, SAYS, RATES]},
        [{"does": [TAKES, ANSWERS]}],
        asks=True,
    ),
    "declined": Case(agents=[{"does": [{"on": "whisper", "at_s": 1, "keys": "2"}]}]),
    "busy": Case(agents=[{"pickup": "busy"}]),
    "leaves during the whisper": Case({"does": [{"on": "t4", "at_s": 1.5, "hang_up": True}]}, [{}]),
    "leaves during the talk": Case({"does": [{"on": "bridged", "at_s": 3, "hang_up": True}]}, [{"does": [TAKES]}]),
    "leaves while it rings": Case({"does": [{"on": "t6", "at_s": 1, "hang_up": True}]}, [{"ring_s": 30}]),
    "agent leaves during the whisper": Case(agents=[{"does": [{"on": "whisper", "at_s": 2, "hang_up": True}]}]),
    "the second takes it": Case(
        {"does": [RATES]},
        [{"pickup": "reject"}, {"does": [TAKES, {"on": "bridged", "at_s": 2, "hang_up": True}]}],
    ),
    "hears the whole brief": Case(
        {"does": [{"on": "a9", "at_s": 1, "keys": "1"}, {"on": "p9", "at_s": 1, "keys": "4711"}, RATES]},
        [{"does": [{"on": "whisper", "at_s": 14, "keys": "1"}, {"on": "bridged", "at_s": 2, "hang_up": True}]}],
        {"answer_within_s": 60},
        asks=True,
    ),
    "taken behind another trunk": Case(
        {"does": [RATES]},
        [{"does": [TAKES, {"on": "bridged", "at_s": 2, "hang_up": True}]}],
        queue={"trunk": "spare"},
    ),
}
SPARE = agents_phone(len(CASES), 1)  # the one agent who sits there
PHONES = {name: f"+86138{number:08}" for number, name in enumerate(CASES, start=1)}


@dataclass
class Handed:
    """The run, asked by the names of the cases."""

    results: Results
    events: list[ProgressEvent]
    parts: list[Part]
    recordings: Path
    left: dict[str, object] = field(default_factory=dict)
    briefs: dict[str, Any] = field(default_factory=dict)  # by attempt, when an agent is about to be called

    def attempt(self, name: str) -> AttemptResult:
        (attempt,) = [one for one in self.results.attempts if one.phone == PHONES[name]]
        return attempt

    def agents(self, name: str) -> list[Part]:
        """The calls that this callee's agents got, in order."""
        number = list(CASES).index(name) + 1
        phones = [agents_phone(number, agent) for agent in range(1, len(CASES[name].agents) + 1)]
        return [part for part in self.parts if part.phone in phones]


@pytest.fixture(scope="module")
def handed(asterisk_rig: AsteriskRig, tmp_path_factory: pytest.TempPathFactory) -> Handed:
    folder = tmp_path_factory.mktemp("transfer")
    cases = list(CASES.values())
    for name, hz in (("callee", CALLEE_HZ), ("agent", AGENT_HZ)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(tone(hz, 2000))
    (folder / "list.csv").write_text("\n".join(["phone", *PHONES.values()]), encoding="utf-8")
    everybody = dict(zip(PHONES.values(), (case.callee for case in cases), strict=True)) | people(cases)
    book = CalleeBook(
        callees={phone: Callee.model_validate({"ring_s": 0.3, **does}) for phone, does in everybody.items()},
        folder=folder,
    )
    options = DialOptions(
        flow=write_flow(folder / "transfers.yaml", cases),
        contacts=folder / "list.csv",
        settings=_settings(asterisk_rig, with_shared_prompts(folder / "var", tmp_path_factory), cases),
        crew=crew(cases),
        trunks=("main",),
        recognizer="none",
        database=folder / "calls.db",
        record=folder / "recordings",
        retries=False,
        policy=TEST_CALLS_PATH,
    )
    events: list[ProgressEvent] = []
    briefs: dict[str, Any] = {}
    times = Times(announcement_s=(0.3, 0.6))
    with (
        SoftphoneThread(asterisk_rig.callee_port, book, times) as phone,
        SoftphoneThread(asterisk_rig.spare_port, book, times) as spare,
    ):
        for thread in (phone, spare):
            thread.prepare()

        def observe(event: ProgressEvent) -> None:
            phone.observer(event)
            spare.observer(event)
            events.append(event)
            if isinstance(event, AgentCalled):
                with sqlite3.connect(folder / "calls.db", timeout=10) as connection:
                    kept = connection.execute(
                        "SELECT brief FROM handoff WHERE attempt_id = ?", (event.attempt_id,)
                    )
                    briefs[event.attempt_id] = json.loads(kept.fetchone()[0])

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results = runner.run(run_dialling(options, observe))
            parts = phone.callees.parts + spare.callees.parts
            handed = Handed(results, events, parts, folder / "recordings", briefs=briefs)
            handed.left["channels"] = runner.run(_channels_left(asterisk_rig))
        handed.left["calls"] = [call.user for call in phone.phone.live + spare.phone.live]
        handed.left["behind the wrong trunk"] = [call.user for call in spare.phone.calls if call.user != SPARE]
    return handed


def _settings(rig: AsteriskRig, var: Path, cases: list[Case]) -> Settings:
    pbx = AsteriskSettings(
        user=rig.config.user, secret=rig.config.secret, port=rig.config.port, media_dir=rig.config.media_dir
    )
    return Settings(
        paths=PathSettings(var=var),
        dialer=DialerSettings(concurrency=len(cases), ring_timeout_s=20),
        asterisk=pbx,
        trunks={
            "main": TrunkSettings(channels=2 * len(cases), calls_per_s=20, failures=1000),
            "spare": TrunkSettings(channels=1),
        },
    )


async def _channels_left(rig: AsteriskRig) -> int:
    for _ in range(round(GONE_S / 0.2)):
        if not await asyncio.to_thread(rig.channels):
            return 0
        await asyncio.sleep(0.2)
    return rig.channels()


@pytest.mark.parametrize(
    ("name", "disposition", "tried"),
    [
        ("taken", "talked", ["answered"]),
        ("declined", "declined", ["declined"]),
        ("busy", "busy", ["busy"]),
        ("leaves during the whisper", "caller_left", ["caller_left"]),
        ("leaves during the talk", "talked", ["answered"]),
        ("leaves while it rings", "caller_left", ["caller_left"]),
        ("agent leaves during the whisper", "declined", ["declined"]),
        ("the second takes it", "talked", ["declined", "answered"]),
        ("hears the whole brief", "talked", ["answered"]),
        ("taken behind another trunk", "talked", ["answered"]),
    ],
)
def test_each_result_is_told_apart(handed: Handed, name: str, disposition: str, tried: list[str]) -> None:
    attempt = handed.attempt(name)
    identity = attempt.attempt_id
    found = [one.status for one in handed.events if isinstance(one, AgentTried) and one.attempt_id == identity]
    assert (found, attempt.disposition, attempt.outcome) == (tried, disposition, "answered")


@pytest.mark.parametrize("name", ["taken", "the second takes it", "taken behind another trunk"])
def test_the_flow_goes_on_when_the_agent_has_hung_up(handed: Handed, name: str) -> None:
    attempt = handed.attempt(name)
    assert attempt.answers["agent_rating"].value == "4"
    assert attempt.hung_up_by == "us"
    assert [segment.kind for segment in attempt.segments] == ["bot", "agent", "bot"]


def test_the_agent_had_the_brief_before_their_phone_rang(handed: Handed) -> None:
    attempt = handed.attempt("taken")
    found = [(one["name"], one["answer"]) for one in handed.briefs[attempt.attempt_id]]
    assert found == [("wants", "yes"), ("pin", "***")]


def test_the_agent_hears_what_was_answered_and_the_customer_doesnt(handed: Handed) -> None:
    """As a recogniser hears it, in words that it knows from any voice."""
    (agent,) = handed.agents("hears the whole brief")
    (customer,) = [part for part in handed.parts if part.phone == PHONES["hears the whole brief"]]
    _, talk, _ = handed.attempt("hears the whole brief").segments
    told = _understood(agent.call.heard[: _bytes(14.0)])
    assert "do you want" in told
    assert "press" in told
    waiting = _understood(customer.call.heard[_bytes(talk.start_s - 12.0) : _bytes(talk.start_s)])
    assert "stay on the line" in waiting or "finding somebody" in waiting
    assert not any(words in waiting for words in ("do you want", "press"))


def _bytes(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ) * 2


def _understood(pcm: bytes) -> str:
    """By the shipped model, in pieces that overlap by half: its windows are short, and what one cuts through
    another has whole."""
    decoder = WhisperDecoder(whisper_model())
    question = Question("yes_no", "en", (Phrase("yes", "yes"),))
    pieces = [pcm[start : start + _bytes(6.0)] for start in range(0, len(pcm), _bytes(3.0))]
    return " ".join(decoder.decodes(piece, question).free[0].text for piece in pieces).lower()


def test_who_leaves_first_takes_the_agents_leg_along(handed: Handed) -> None:
    for name in ("leaves during the talk", "leaves during the whisper", "leaves while it rings"):
        assert handed.attempt(name).hung_up_by == "callee"
        (agent,) = handed.agents(name)
        assert agent.call.end is not None
        assert agent.call.end.reason == ("cancelled" if name == "leaves while it rings" else "they hung up")


def test_an_agent_who_listens_hears_that_the_callee_has_gone(handed: Handed) -> None:
    identity = handed.attempt("leaves during the whisper").attempt_id
    (leg,) = [one.leg_id for one in handed.events if isinstance(one, AgentCalled) and one.attempt_id == identity]
    told = [one.text for one in handed.events if isinstance(one, PromptBegan) and one.attempt_id == leg]
    assert "hung up" in told[-1]
    (agent,) = handed.agents("leaves during the whisper")
    assert len(agent.call.ear.sounds()) >= 2  # the brief, cut off, and the news


def test_the_two_hear_each_other_and_the_recording_holds_both(handed: Handed) -> None:
    attempt = handed.attempt("taken")
    both = _stereo(handed.recordings / str(attempt.recording))
    _, talk, after = attempt.segments
    # Softphone and robot share this process: while a busy machine stalls both, nothing is there to be recorded.
    assert len(both) / SAMPLE_RATE_HZ == pytest.approx(attempt.talk_s, abs=2.0)
    begins = [_begins_s(both[:, side], hz, talk.start_s) for side, hz in ((0, CALLEE_HZ), (1, AGENT_HZ))]
    assert begins[1] - begins[0] == pytest.approx(3.0, abs=0.5)  # as far apart as they were said
    assert begins[0] >= talk.start_s
    assert begins[1] + 1.5 <= talk.end_s
    assert _begins_s(both[:, 0], AGENT_HZ, 0.0) == np.inf  # each on their own side
    assert _begins_s(both[:, 1], CALLEE_HZ, 0.0) == np.inf
    prompts = both[-round((attempt.talk_s - after.start_s - 0.3) * SAMPLE_RATE_HZ) :, 1]  # stalls count here too
    assert np.abs(prompts).max() > 1000  # the survey
    (agent,) = handed.agents("taken")
    assert _begins_s(_ear(agent), CALLEE_HZ, 0.0) < np.inf
    (callee,) = [part for part in handed.parts if part.phone == PHONES["taken"]]
    assert _begins_s(_ear(callee), AGENT_HZ, 0.0) < np.inf


def test_nothing_is_left(handed: Handed) -> None:
    assert {what: rest for what, rest in handed.left.items() if rest} == {}


def _stereo(path: Path) -> Any:
    """The recording's samples: callee, and who talked with them."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-"]
    pcm = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(pcm, np.int16).reshape(-1, 2).astype(float)


def _ear(part: Part) -> Any:
    return np.frombuffer(part.call.heard, np.int16).astype(float)


def _begins_s(line: Any, hz: float, from_s: float) -> float:
    """When that tone fills a tenth of a second for the first time; infinity: never."""
    size = SAMPLE_RATE_HZ // 10
    bins = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    for start in range(round(from_s * SAMPLE_RATE_HZ), len(line) - size, size):
        cut = line[start : start + size]
        power = np.abs(np.fft.rfft(cut * np.hanning(size))) ** 2
        if np.abs(cut).max() > 1000 and power[np.abs(bins - hz) < 40].sum() > 0.9 * power.sum():
            return start / SAMPLE_RATE_HZ
    return float("inf")
