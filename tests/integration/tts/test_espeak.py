"""The real engine in its child process: sound, deadlines, deaths, and no trace left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech.audio import SAMPLE_RATE_HZ
from speech.ports import SpeechError, Synthesizer
from speech.tts import DEFAULT_VOICES, EspeakSynthesizer
from speech.tts.espeak import MAX_TEXT_CHARS
from tests.synthesizer import synthesizer

__all__ = ["synthesizer"]  # fixture

pytestmark = pytest.mark.integration


def seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / SAMPLE_RATE_HZ


def loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.square(np.frombuffer(pcm, dtype="<i2").astype(float)).mean()))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("language", "text", "shortest_s", "longest_s"),
    [
        ("zh-CN", "您好,给您做个话费提醒.", 1.5, 5.0),
        ("en", "Hello, this is a reminder.", 1.0, 3.5),
        ("ko", "안녕하세요.", 0.5, 3.0),
    ],
)
async def test_default_voices_speak(
    synthesizer: EspeakSynthesizer, language: str, text: str, shortest_s: float, longest_s: float
) -> None:
    pcm = await synthesizer.synthesize(text, DEFAULT_VOICES[language])
    assert shortest_s < seconds(pcm) < longest_s
    assert loudness(pcm) > 200


async def test_mandarin_isnt_read_as_english(synthesizer: EspeakSynthesizer) -> None:
    """The plain voice "cmn" spells the pinyin out, tone numbers and all, and takes longer."""
    text = "需要请说需要或按一,不需要请按二,转人工按零."
    ours = await synthesizer.synthesize(text, "cmn-latn-pinyin@170")
    spelled = await synthesizer.synthesize(text, "sit/cmn@170")
    assert seconds(spelled) > 1.2 * seconds(ours)


async def test_a_hundred_texts_in_three_voices_come_out_whole(synthesizer: EspeakSynthesizer) -> None:
    """pyttsx3 used carelessly cancels most of these, or gives them the rate of another voice."""
    texts = [("好的.", "zh"), ("Good morning.", "en"), ("请说几分,或按一到五.", "cmn-latn-pinyin@220")]
    lengths: dict[str, set[float]] = {}
    for number in range(99):
        text, voice = texts[number % 3]
        lengths.setdefault(voice, set()).add(seconds(await synthesizer.synthesize(text, voice)))
    for voice, found in lengths.items():
        assert max(found) - min(found) < 0.06, voice  # the engine keeps some state; another rate is 0.1 s off


async def test_callers_at_once_are_served_in_turn(synthesizer: EspeakSynthesizer) -> None:
    texts = ["one." + " and one" * n for n in range(6)]
    sounds = await asyncio.gather(*(synthesizer.synthesize(text, "en") for text in texts))
    assert [len(sound) for sound in sounds] == sorted(len(sound) for sound in sounds)
    assert isinstance(synthesizer.name, str)
    assert "espeak-ng" in synthesizer.name
    port: Synthesizer = synthesizer
    assert port.name == synthesizer.name


async def test_killed_child_is_started_again(synthesizer: EspeakSynthesizer) -> None:
    first = synthesizer.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert seconds(await synthesizer.synthesize("Hello.", "en")) > 0.3
    assert synthesizer.pid not in (first, None)


async def test_child_killed_while_it_speaks(synthesizer: EspeakSynthesizer) -> None:
    first = synthesizer.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    speaking = asyncio.create_task(synthesizer.synthesize("Hello again.", "en"))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    assert seconds(await speaking) > 0.3


async def test_stuck_child_is_replaced_after_the_deadline(need_program: Callable[[str, str], str]) -> None:
    need_program("espeak-ng", "espeak-ng")
    synthesizer = EspeakSynthesizer(deadline_s=0.5)
    await synthesizer.start()
    stuck = synthesizer.pid
    assert stuck is not None
    os.kill(stuck, signal.SIGSTOP)
    assert seconds(await synthesizer.synthesize("Hello.", "en")) > 0.3
    assert not alive(stuck)
    await synthesizer.close()


async def test_a_caller_that_gives_up_disturbs_nobody(synthesizer: EspeakSynthesizer) -> None:
    caller = asyncio.create_task(synthesizer.synthesize("This takes a moment, and then some more.", "en"))
    for _ in range(3):
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    short = await synthesizer.synthesize("Yes.", "en")
    assert seconds(short) < 1.5


async def test_close_leaves_no_process_and_start_works_again(synthesizer: EspeakSynthesizer) -> None:
    first = synthesizer.pid
    assert first is not None
    await synthesizer.close()
    assert synthesizer.pid is None
    assert not alive(first)
    assert seconds(await synthesizer.synthesize("Hello.", "en")) > 0.3


def test_child_dies_with_its_parent(need_program: Callable[[str, str], str]) -> None:
    need_program("espeak-ng", "espeak-ng")
    script = (
        "import asyncio, os, signal\n"
        "from speech.tts import EspeakSynthesizer\n"
        "async def main():\n"
        "    synthesizer = EspeakSynthesizer()\n"
        "    await synthesizer.start()\n"
        "    print(synthesizer.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[3]
    parent = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, timeout=60, check=False
    )
    # `run` returns once every writer of stdout and stderr is gone, so the child may only just be dying.
    child = int(parent.stdout)
    for _ in range(200):
        if not alive(child) or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail("the child outlived its parent")


@pytest.mark.parametrize(
    ("text", "voice", "words"),
    [
        ("Hello.", "xx-nonsense", "no voice xx-nonsense"),
        ("Hello.", "en-us@9", "isn't a voice"),
        ("Hello.", "en us", "isn't a voice"),
        ("Hello.", "en;reboot", "isn't a voice"),
        (" ", "en", "1 to"),
        ("x" * (MAX_TEXT_CHARS + 1), "en", "1 to"),
    ],
)
async def test_bad_requests_get_one_sentence(
    synthesizer: EspeakSynthesizer, text: str, voice: str, words: str
) -> None:
    with pytest.raises(SpeechError, match=words):
        await synthesizer.synthesize(text, voice)
    assert await synthesizer.synthesize("Still here.", "en")


async def test_a_machine_without_the_engine_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child finds a pyttsx3 whose library isn't there."""
    (tmp_path / "pyttsx3.py").write_text("raise RuntimeError('This means you probably do not have eSpeak')")
    monkeypatch.setattr("speech.tts.espeak.speech.__file__", str(tmp_path / "speech" / "__init__.py"))
    (tmp_path / "speech").symlink_to(Path(__file__).parents[3] / "speech")
    synthesizer = EspeakSynthesizer()
    with pytest.raises(SpeechError, match="install the package espeak-ng"):
        await synthesizer.start()
    await synthesizer.close()
