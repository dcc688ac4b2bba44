"""What we said in a call, written down by Vosk without a grammar, to count its syllables.

It costs several times as much as all other measuring, and is done only where it is asked for and the model of the
language is installed. The text itself isn't kept: it would be a transcript of a call."""

from __future__ import annotations

import json
from typing import Any

from ivr.inspection.syllables import syllables
from speech.audio import SAMPLE_RATE_HZ
from speech.models import find_vosk
from speech.recognizers.vosk import load_model

CHUNK_BYTES = SAMPLE_RATE_HZ * 2 // 5  # 200 ms: smaller chunks only cost switches


class Dictation:
    """One part of a call. Feed it our side's frames; `end` gives the syllables. Blocks."""

    def __init__(self, model: Any) -> None:
        import vosk

        self._kaldi = vosk.KaldiRecognizer(model, SAMPLE_RATE_HZ)
        self._waiting = bytearray()
        self._syllables = 0

    def feed(self, frame: bytes) -> None:
        """One frame of 20 ms."""
        self._waiting += frame
        if len(self._waiting) >= CHUNK_BYTES:
            if self._kaldi.AcceptWaveform(bytes(self._waiting)):
                self._count(self._kaldi.Result())
            self._waiting.clear()

    def end(self) -> int:
        """How many syllables were heard in all."""
        self._kaldi.AcceptWaveform(bytes(self._waiting))
        self._count(self._kaldi.FinalResult())
        return self._syllables

    def _count(self, result: str) -> None:
        self._syllables += syllables(str(json.loads(result).get("text", "")))


def model_for(language: str) -> Any | None:
    """The language's model, loaded once for the process; None where it isn't installed. Blocks, at first for about
    a second. Raises SpeechError when it is broken."""
    return load_model(language) if find_vosk(language) is not None else None
