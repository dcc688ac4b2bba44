"""The synthesiser that ships with us, running. Use: `from tests.synthesizer import synthesizer`, and name it in
`__all__`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from speech.tts import EspeakSynthesizer


@pytest.fixture
async def synthesizer(need_program: Callable[[str, str], str]) -> AsyncIterator[EspeakSynthesizer]:
    need_program("espeak-ng", "espeak-ng")
    made = EspeakSynthesizer()
    await made.start()
    yield made
    await made.close()
