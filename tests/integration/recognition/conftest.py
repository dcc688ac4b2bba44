"""Callers and started recognisers; models load once for all tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from speech.answers import AnswerSpec, build_question
from speech.audio import alaw_round_trip
from speech.audio.files import read_audio
from speech.ports import Hypothesis, Recognizer
from speech.recognizers import RecognizerOptions
from speech.recognizers.vosk import VoskRecognizer
from speech.recognizers.whisper import WhisperRecognizer

CALLERS = Path(__file__).parents[2] / "callers"
FEED_BYTES = 1600  # 100 ms
PATIENT_S = 60.0  # machines that run tests are busy

Hear = Callable[[Recognizer, str, str, str], Awaitable[Hypothesis]]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty models directory: Whisper is joined in it from its packages."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("models")
        patch.setenv("IVR_MODELS", str(path))
        yield path


@pytest.fixture(scope="session")
def whisper(models_dir: Path) -> Iterator[WhisperRecognizer]:
    """Hears every language: Whisper's is the question's."""
    recognizer = WhisperRecognizer("zh-CN", RecognizerOptions(workers=1, deadline_s=PATIENT_S))
    asyncio.run(recognizer.start())
    yield recognizer
    asyncio.run(recognizer.close())


@pytest.fixture(scope="session")
def vosk(models_dir: Path) -> Iterator[VoskRecognizer]:
    recognizer = VoskRecognizer("ko", RecognizerOptions(deadline_s=PATIENT_S))
    asyncio.run(recognizer.start())
    yield recognizer
    asyncio.run(recognizer.close())


def caller_audio(name: str) -> bytes:
    """A caller of tests/callers as it sounds after an A-law line."""
    return alaw_round_trip(read_audio(CALLERS / name))


@pytest.fixture(scope="session")
def caller() -> Callable[[str], bytes]:
    return caller_audio


@pytest.fixture(scope="session")
def hear() -> Hear:
    """hear(recognizer, file, kind, language): one caller asked one question, fed in pieces of 100 ms."""

    async def heard(recognizer: Recognizer, name: str, kind: str, language: str) -> Hypothesis:
        stream = recognizer.open(build_question(AnswerSpec(kind, language)))
        pcm = caller_audio(name)
        for at in range(0, len(pcm), FEED_BYTES):
            stream.feed(pcm[at : at + FEED_BYTES])
        return await stream.result()

    return heard
