"""What agents hear before a customer is put through: the flow's brief with what was answered, in their language,
without secrets and not for long; said by the real voice, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.loader import load
from flows.waits import PromptRef
from ivr.briefs import Brief, CameTo, Point
from ivr.clock import RealClock
from ivr.session import whispering
from ivr.session.progress import AgentCalled, ProgressEvent, PromptBegan
from ivr.session.speaker import Speaker
from ivr.session.whispering import KEYS_PROMPT, LONGEST_S, Whisper, brief_audio, said_answers, shortened
from prompts.catalogue import Catalogue
from prompts.renderer import Renderer
from speech.audio import FRAME_BYTES, PromptAudio
from speech.tts import DEFAULT_VOICES, EspeakSynthesizer
from tests.integration.engine.transfers import Case, crew, people, taking, write_flow

pytestmark = pytest.mark.integration
PIN = "4711"
KEYS = "Press one to take the call, or two to decline."
SAID = "Do you want the twenty-yuan plan? Yes."
WHISPER = PromptRef(
    id="common.whisper", variables={"tail": "8866", "flow_name": "F", "summary": "S", "answers": ""}
)
TAKES = taking(5)


def answer(name: str, value: str, asked: str = "") -> Point:
    return Point(name, name, asked, CameTo.ANSWER, value, "keys")


@pytest.fixture
async def speaker(request: pytest.FixtureRequest, var: Path, tmp_path: Path) -> AsyncIterator[Speaker]:
    """Of a flow in the language that the test names."""
    nodes = {"a": {"play": {"say": "x"}, "next": "z"}, "z": {"hangup": None}}
    flow = {"schema": 1, "flow": "marketing_offer", "title": "TITLE", "language": request.param,
            "purpose": "service", "start": "a", "nodes": nodes}  # fmt: skip
    path = tmp_path / "marketing_offer.yaml"
    path.write_text(json.dumps(flow), encoding="utf-8")
    catalogue, synthesizer = Catalogue.load(), EspeakSynthesizer()
    renderer = Renderer(catalogue, synthesizer, var / "cache" / "prompts", DEFAULT_VOICES)
    yield Speaker(load(path), catalogue, renderer)
    await renderer.close()
    await synthesizer.close()


@pytest.mark.parametrize(
    ("speaker", "said"),
    [
        ("en", ["They agreed.", "They rated us four.", "Do you take it? Yes.", "Identity verified.",
                "They want to complain."]),
        ("zh-CN", ["客户已同意.", "客户打了四分.", "您办理吗?是.", "身份已核实.", "客户要投诉."]),
    ],
    indirect=["speaker"],
)  # fmt: skip
async def test_answers_are_said_by_the_catalogues_lines_else_with_their_question(
    speaker: Speaker, said: list[str]
) -> None:
    asked = "Do you take it? Press 1 for yes." if speaker.language == "en" else "您办理吗?是请按1。"
    points = (
        answer("consent", "yes"),
        answer("rating", "4"),
        answer("takes", "yes", asked),
        answer("account", "62220212", asked),  # long figures are read, not said
        answer("pin", "***", asked),
        answer("other", "no", "No question at all."),
        answer("long", "no", f"{'Would you ' * 9}?"),
        Point("q", "q", asked, CameTo.NO_INPUT),
        Point("who", "who", "", CameTo.IDENTITY, "verified", "password"),
        Point("q", "q", asked, CameTo.COMMAND, "complaint", "keys"),
    )
    assert list(said_answers(points, WHISPER, speaker, speaker.language)) == said


@pytest.mark.parametrize("speaker", ["zh-CN"], indirect=True)
async def test_an_agent_of_another_language_hears_theirs_alone(speaker: Speaker) -> None:
    points = (answer("offer", "no"), answer("takes", "yes", "您办理吗?"))
    audio = await brief_audio(WHISPER, points, speaker, "en")
    assert audio.text == "Customer ending in eight eight six six, Good Fortune tips, They declined the offer."
    own = PromptRef(text="客户{tail}。{answers}", variables=dict(WHISPER.variables))
    assert (await brief_audio(own, points, speaker, "en")).text.endswith("客户不接受推荐.您办理吗?是.")


@pytest.mark.parametrize("speaker", ["zh-CN"], indirect=True)
async def test_what_is_masked_is_said_to_be_hidden_in_the_agents_language(speaker: Speaker) -> None:
    asterisks = {**WHISPER.variables, "tail": "***"}  # digits to the catalogue
    masked = WHISPER.model_copy(update={"variables": asterisks})
    assert (await brief_audio(masked, (), speaker, None)).text == "客户尾号已隐藏,F,S."
    assert (await brief_audio(masked, (), speaker, "en")).text == "Customer ending in hidden, Good Fortune tips,"
    for kind in ("digits", "money", "text"):
        own = PromptRef(text=f"密码{{pin|{kind}}}", variables={"pin": "***"})
        assert (await brief_audio(own, (), speaker, None)).text == "密码已隐藏."


@pytest.mark.parametrize("speaker", ["en"], indirect=True)
async def test_it_is_not_long_and_the_newest_answers_stay(speaker: Speaker) -> None:
    points: Brief = tuple(
        answer(f"q{number}", "yes", f"Is it the {number} of all of them?") for number in range(9)
    )
    audio = await brief_audio(WHISPER, points, speaker, None)
    assert audio.seconds <= LONGEST_S
    assert "Is it the eight of" in audio.text
    assert "Is it the four of" not in audio.text
    endless = PromptRef(text="Well, well, well. " * 30 + "{answers}", variables={"answers": ""})
    whole = await speaker.render((endless,))
    cut = await brief_audio(endless, points, speaker, None)
    assert whole.seconds > LONGEST_S
    assert LONGEST_S - 2 < cut.seconds <= LONGEST_S
    assert whole.pcm.startswith(cut.pcm)


def test_it_is_cut_at_a_pause() -> None:
    audio = PromptAudio(bytes(100 * FRAME_BYTES), (0, 30, 60), "abc", "x")
    assert shortened(audio, 2.0) is audio
    assert shortened(audio, 1.5).frames == 60
    assert shortened(audio, 1.5).phrase_starts == (0, 30)
    assert shortened(replace(audio, phrase_starts=(0,)), 1.5).frames == 75


@pytest.mark.parametrize("speaker", ["en"], indirect=True)
async def test_what_cant_be_said_keeps_no_customer_from_an_agent(speaker: Speaker) -> None:
    hole = PromptRef(text="It is {pin|money}.", variables={"pin": "many"})
    whisper = Whisper(hole, (), speaker, RealClock(), "a")
    assert (await whisper.begin()).text == KEYS
    assert whisper.begin() is whisper.begin("en")  # made once for all agents of a language
    assert (await whisper.begin("zh-CN")).text == "接听请按一,拒接请按二."
    whisper.close()


@pytest.mark.parametrize("speaker", ["en"], indirect=True)
async def test_a_voice_that_hangs_keeps_nobody_waiting(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    render = speaker.render

    async def hanging(prompts: tuple[PromptRef, ...], language: str | None = None) -> PromptAudio:
        if prompts != (KEYS_PROMPT,):
            await asyncio.Event().wait()
        return await render(prompts, language)

    monkeypatch.setattr(speaker, "render", hanging)
    monkeypatch.setattr(whispering, "MAKING_S", 0.01)
    whisper = Whisper(WHISPER, (), speaker, RealClock(), "a")
    assert (await whisper.begin()).text == KEYS


def answering(number: int) -> dict[str, Any]:
    return {"does": [{"on": f"a{number}", "keys": "1"}, {"on": f"p{number}", "keys": PIN}]}


def test_whoever_takes_a_call_has_heard_what_was_answered(bench: Any, tmp_path: Path) -> None:
    briefs: list[Any] = [
        "common.whisper",
        None,  # none
        {"say": "Hello there. {answers} And so on, and so on, and so on, and so on, and so on."},
    ]
    impatient = {
        "does": [{"on": "whisper", "at_s": 1, "keys": "1"}, {"on": "bridged", "at_s": 5, "hang_up": True}]
    }
    cases = [
        Case(answering(number), [impatient if number == 3 else TAKES], {"brief": brief}, asks=True)
        for number, brief in enumerate(briefs, start=1)
    ]
    run = bench(
        [dict(case.callee) for case in cases], flow=write_flow(tmp_path / "transfers.yaml", cases), row={},
        agents=people(cases), crew=crew(cases), concurrency=3, retries=False,
    )  # fmt: skip
    heard = [_heard(run.events, run.only(number).attempt_id) for number in range(1, 4)]
    assert heard == [
        [f"Customer ending in zero zero zero one, transfers, wants the twenty-yuan plan. {SAID} {KEYS}"],
        [KEYS],
        [f"Hello there. {SAID} And so on, and so on, and so on, and so on, and so on. {KEYS}"],
    ]
    callees = {run.only(number).attempt_id for number in range(1, 4)}
    assert not any(SAID in text for text in _said_to(run.events, callees))
    third = run.only(3)
    assert [segment.kind for segment in third.segments] == ["bot", "agent", "bot"]
    accepted = run.rows(f"SELECT accepted_at, rang_at FROM handoff WHERE attempt_id = '{third.attempt_id}'")[0]
    seconds = (datetime.fromisoformat(accepted[0]) - datetime.fromisoformat(accepted[1])).total_seconds()
    assert seconds < 8  # of a brief of more than that


def _heard(events: Sequence[ProgressEvent], attempt_id: str) -> list[str]:
    legs = {event.leg_id for event in events if isinstance(event, AgentCalled) and event.attempt_id == attempt_id}
    return _said_to(events, legs)


def _said_to(events: Sequence[ProgressEvent], calls: set[str]) -> list[str]:
    began = [event for event in events if isinstance(event, PromptBegan) and event.attempt_id in calls]
    return [event.text for event in began if event.text]
