"""The shipped prompts through the real engine, and the command line that makes and checks them."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows import library
from ivr.cli.main import main
from ivr.virtual_loop import VirtualClock, run_virtual
from prompts.catalogue import Catalogue
from prompts.renderer import PromptRequest, Renderer
from prompts.shaping import peak_dbfs, speech_rms_dbfs
from speech.audio import FRAME_BYTES
from speech.tts import DEFAULT_VOICES, EspeakSynthesizer

pytestmark = pytest.mark.integration

SHOWN = [
    "low_balance.greet",
    "low_balance.reminder",
    "low_balance.consent",
    "low_balance.rating_low",
    "callback.check",
]


@pytest.fixture(autouse=True)
def _engine(need_program: Callable[[str, str], str]) -> None:
    need_program("espeak-ng", "espeak-ng")


@pytest.fixture
async def renderer(tmp_path: Path) -> AsyncIterator[Renderer]:
    synthesizer = EspeakSynthesizer()
    made = Renderer(Catalogue.load(), synthesizer, tmp_path, DEFAULT_VOICES)
    yield made
    await made.close()
    await synthesizer.close()


def with_examples(catalogue: Catalogue, language: str, prompt_id: str) -> PromptRequest:
    names = catalogue.variables(prompt_id, language) or ()
    return PromptRequest(
        language, prompt_id, variables={name: catalogue.example(name, language) for name in names}
    )


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_shipped_prompts_sound_as_they_should(renderer: Renderer, language: str) -> None:
    catalogue = Catalogue.load()
    for prompt_id in SHOWN:
        audio = await renderer.render(with_examples(catalogue, language, prompt_id))
        estimate = catalogue.seconds(prompt_id, language)
        assert estimate is not None
        assert audio.seconds == pytest.approx(estimate, rel=0.35), prompt_id
        assert len(audio.pcm) % FRAME_BYTES == 0
        assert len(audio.phrase_starts) > 1
        assert list(audio.phrase_starts) == sorted(set(audio.phrase_starts))
        ends = (*audio.phrase_starts[1:], audio.frames)
        for start, end in zip(audio.phrase_starts, ends, strict=True):
            phrase = audio.pcm[start * FRAME_BYTES : end * FRAME_BYTES]
            assert speech_rms_dbfs(phrase) == pytest.approx(-18, abs=1.5)
            assert peak_dbfs(phrase) <= -2.99
            assert any(phrase[: 3 * FRAME_BYTES])  # no leading silence


async def test_money_and_dates_are_in_what_is_said(renderer: Renderer) -> None:
    request = with_examples(Catalogue.load(), "zh-CN", "low_balance.reminder")
    audio = await renderer.render(request)
    assert audio.text == "您尾号八八六六的号码,余额还有五元二角,为了不影响使用,请在十一月二十五日前充值."


def test_rendering_takes_no_virtual_time(tmp_path: Path) -> None:
    async def rehearse(clock: VirtualClock) -> float:
        synthesizer = EspeakSynthesizer()
        renderer = Renderer(Catalogue.load(), synthesizer, tmp_path, DEFAULT_VOICES)
        audio = await clock.outside(renderer.render(PromptRequest("en", text="Hello, good morning.")))
        await clock.outside(renderer.close())
        await clock.outside(synthesizer.close())
        assert asyncio.get_running_loop().time() == 0
        return audio.seconds

    assert run_virtual(rehearse, datetime(2026, 11, 21, tzinfo=UTC)) > 0.5


def run(*arguments: str) -> int:
    """The exit code, as the console script makes it of what `main` returns or raises."""
    try:
        code = main(["prompts", *arguments])
    except SystemExit as end:
        code = end.code
    return int(code or 0)


@pytest.fixture
def _in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IVR_CONFIG", raising=False)
    monkeypatch.setenv("IVR_LANG", "en")


@pytest.mark.usefixtures("_in_tmp")
def test_render_writes_a_flow_as_wav_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = Path(library.__file__).parent / "en" / "callback.yaml"
    assert run("render", "--flow", str(flow), "-o", str(tmp_path / "out")) == 0
    made = {path.stem for path in (tmp_path / "out" / "en").glob("*.wav")}
    assert {"callback.offer", "callback.offer_short", "common.agent"} <= made
    assert not any(name.endswith(".sms") for name in made)
    with wave.open(str(tmp_path / "out" / "en" / "callback.offer.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (8000, 1)
        assert file.getnframes() > 16000
    assert "callback.offer" in capsys.readouterr().out
    assert list((tmp_path / "var" / "cache" / "prompts").rglob("*.pcm"))


@pytest.mark.usefixtures("_in_tmp")
def test_check_passes_what_ships_and_fails_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check") == 0
    own = tmp_path / "own" / "en" / "a.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("own.line: Hello.\n")
    assert run("check", "--prompts", str(tmp_path / "own")) == 2
    assert f"{own}:1:1: error: own.line: missing in zh-CN" in capsys.readouterr().out
    assert run("check", "--prompts", str(tmp_path / "own"), "--language", "en") == 0
    own.write_text("own.line: Hello {.\n")
    assert run("check", "--prompts", str(tmp_path / "own")) == 2
    error = capsys.readouterr().err
    assert f"{own}:1:17: the brace is never closed" in error
    assert "Traceback" not in error


@pytest.mark.usefixtures("_in_tmp")
def test_it_speaks_chinese(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IVR_LANG", "zh-CN")
    assert run("check") == 0
    assert "话术数" in capsys.readouterr().out
    assert run("check", "--language", "fr") == 2
    assert "没有 fr 的话术" in capsys.readouterr().err
