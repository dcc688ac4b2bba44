"""The renderer over a synthesiser that hums: what is made, how often, and what comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.waits import PromptRef
from prompts.errors import PromptError
from prompts.renderer import PromptRequest, Renderer
from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ
from speech.audio.files import write_wav

pytestmark = pytest.mark.unit

MakeRenderer = Callable[..., Renderer]
WritePrompts = Callable[..., Path]
TEXT = PromptRequest("en", text="Good morning, how are you? Fine.")


async def test_phrases_in_whole_frames_with_their_starts(make_renderer: MakeRenderer, hum: Any) -> None:
    audio = await make_renderer().render(TEXT)
    assert [text for text, _ in hum.said] == ["Good morning,", "how are you?", "Fine."]
    assert {voice for _, voice in hum.said} == {"high"}
    assert len(audio.pcm) % FRAME_BYTES == 0
    assert audio.phrase_starts[0] == 0
    assert len(audio.phrase_starts) == 3
    assert audio.text == "Good morning, how are you? Fine."
    pause_frames = 9  # 180 ms behind a comma
    second = audio.phrase_starts[1]
    assert not any(audio.pcm[(second - pause_frames) * FRAME_BYTES : second * FRAME_BYTES])
    assert any(audio.pcm[second * FRAME_BYTES : (second + 2) * FRAME_BYTES])
    assert any(audio.pcm[-3 * FRAME_BYTES :])  # no pause behind the last phrase


async def test_made_once_then_ready(make_renderer: MakeRenderer, hum: Any) -> None:
    renderer = make_renderer()
    assert renderer.ready(TEXT) is None
    audio = await renderer.render(TEXT)
    assert renderer.ready(TEXT) is audio
    assert await renderer.render(TEXT) is audio
    assert len(hum.said) == 3
    later = make_renderer()  # another process over the same directory
    assert later.ready(TEXT) == audio
    assert len(hum.said) == 3


async def test_prompts_share_phrases(make_renderer: MakeRenderer, hum: Any) -> None:
    renderer = make_renderer()
    request = PromptRequest("zh-CN", text="您尾号{tail}的号码,请充值。", types={"tail": "digits"})
    for tail in ("1234", "5678", "1234"):
        await renderer.render(PromptRequest(request.language, text=request.text, variables={"tail": tail}))
    assert [text for text, _ in hum.said] == ["您尾号幺二三四的号码,", "请充值.", "您尾号五六七八的号码,"]


async def test_callers_at_once_share_the_work(make_renderer: MakeRenderer, hum: Any) -> None:
    renderer = make_renderer()
    hum.hold, hum.waiting_for = asyncio.Event(), 3
    callers = [asyncio.create_task(renderer.render(TEXT)) for _ in range(5)]
    await hum.reached.wait()
    callers[0].cancel()
    hum.hold.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert len({result.sha256 for result in results[1:] if not isinstance(result, BaseException)}) == 1
    assert len(hum.said) == 3


async def test_changed_text_never_plays_old_sound(
    make_renderer: MakeRenderer, write_prompts: WritePrompts, hum: Any
) -> None:
    request = PromptRequest("en", id="own.line")
    old = await make_renderer(write_prompts({"en/a.yaml": "own.line: Pay today."})).render(request)
    changed = make_renderer(write_prompts({"en/a.yaml": "own.line: Pay now."}))
    assert changed.ready(request) is None
    new = await changed.render(request)
    assert hum.said[-1][0] == "Pay now."
    assert new.sha256 != old.sha256
    assert new.pcm != old.pcm


async def test_voice_and_engine_are_part_of_the_key(make_renderer: MakeRenderer, hum: Any) -> None:
    english = await make_renderer().render(PromptRequest("en", text="OK"))
    chinese = await make_renderer().render(PromptRequest("zh-CN", text="OK"))
    newer = type(hum)("hum 2")
    again = await make_renderer(synthesizer=newer).render(PromptRequest("en", text="OK"))
    assert len({english.sha256, chinese.sha256, again.sha256}) == 3
    assert len(newer.said) == 1


async def test_damaged_phrase_is_made_again(make_renderer: MakeRenderer, hum: Any, tmp_path: Path) -> None:
    audio = await make_renderer().render(TEXT)
    damaged = next((tmp_path / "cache").rglob("*.pcm"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    renderer = make_renderer()
    assert renderer.ready(TEXT) is None
    assert await renderer.render(TEXT) == audio
    assert len(hum.said) == 4


async def test_unused_values_change_nothing(make_renderer: MakeRenderer) -> None:
    renderer = make_renderer()
    audio = await renderer.render(PromptRequest("en", text="Hello {name}", variables={"name": "Li", "age": 1}))
    assert renderer.ready(PromptRequest("en", text="Hello {name}", variables={"name": "Li", "age": 2})) is audio


async def test_the_catalogue_knows_types_that_the_flow_leaves_open(make_renderer: MakeRenderer) -> None:
    request = PromptRequest("zh-CN", text="{balance},{rating}分", variables={"balance": "2", "rating": 2})
    assert make_renderer().words(request) == "两元,两分."
    declared = PromptRequest("zh-CN", text="{balance}", variables={"balance": "2"}, types={"balance": "digits"})
    assert make_renderer().words(declared) == "二."
    vague = PromptRequest("zh-CN", text="{balance}", variables={"balance": "2"}, types={"balance": "text"})
    assert make_renderer().words(vague) == "两元."


async def test_written_for_text_messages(make_renderer: MakeRenderer, hum: Any) -> None:
    values = {"company": "晴川通信", "tail": "8866", "balance": "5.2", "pay_by": "2026-11-25", "hotline": "10000"}
    request = PromptRequest("zh-CN", id="low_balance.sms", variables=values)
    renderer = make_renderer()
    assert "余额为5.20元,请在11月25日前充值" in renderer.written(request)
    await renderer.prerender([request])
    assert hum.said == []


async def test_recording_wins_when_the_text_has_no_variables(
    make_renderer: MakeRenderer, write_prompts: WritePrompts, hum: Any
) -> None:
    root = write_prompts(
        {
            "en/a.yaml": "own.a: {text: Hello there., recording: a.wav}\n"
            "own.b: {text: 'Hello {name}.', recording: a.wav}",
            "en/a.wav": b"",
        }
    )
    sound = await type(hum)().synthesize("x" * 20, "high")
    write_wav(root / "en" / "a.wav", sound + sound)
    renderer = make_renderer(root)
    audio = await renderer.render(PromptRequest("en", id="own.a"))
    assert renderer.ready(PromptRequest("en", id="own.a")) is audio
    assert hum.said == []
    assert len(audio.phrase_starts) == 2
    assert 2.9 < audio.seconds < 3.2  # two tones of a second, a second between, nothing around
    await renderer.render(PromptRequest("en", id="own.b", variables={"name": "Li"}))
    assert [text for text, _ in hum.said] == ["Hello Li."]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (PromptRequest("en", id="own.nothing"), "no prompt own.nothing in en"),
        (PromptRequest("en"), "either an id"),
        (PromptRequest("en", id="common.agent", text="both"), "either an id"),
        (PromptRequest("en", text="{name}"), "variable name has no value"),
        (PromptRequest("en", text="{name"), "never closed"),
        (PromptRequest("en", text="..."), "nothing to say"),
        (PromptRequest("fr", text="Bonjour"), "no voice is configured for the language fr"),
        (PromptRequest("en", text="{balance}", variables={"balance": "x"}), "isn't of type money"),
        (PromptRequest("en", text="word " * 380), None),
    ],
)
async def test_bad_requests(make_renderer: MakeRenderer, request_: PromptRequest, words: str | None) -> None:
    renderer = make_renderer()
    if words is None:
        assert (await renderer.render(request_)).seconds < 180
        return
    with pytest.raises(PromptError, match=words):
        await renderer.render(request_)


async def test_a_failed_phrase_fails_its_callers_alone(make_renderer: MakeRenderer, hum: Any) -> None:
    renderer = make_renderer()
    original = hum.synthesize

    async def fail(text: str, voice: str) -> bytes:
        raise RuntimeError("engine")

    hum.synthesize = fail
    with pytest.raises(RuntimeError):
        await renderer.render(TEXT)
    hum.synthesize = original
    assert (await renderer.render(TEXT)).seconds > 1


async def test_close_ends_what_is_being_made(make_renderer: MakeRenderer, hum: Any) -> None:
    renderer = make_renderer()
    hum.hold, hum.waiting_for = asyncio.Event(), 1
    caller = asyncio.create_task(renderer.render(TEXT))
    await hum.reached.wait()
    await renderer.close()
    with pytest.raises(asyncio.CancelledError):
        await caller


def test_requests_have_the_fields_of_the_flow_language() -> None:
    assert set(PromptRef.model_fields) <= set(PromptRequest.__dataclass_fields__)
    assert SAMPLE_RATE_HZ == 8000
