"""Whisper base on short windows: one encode, three decodes (agreement.py says why). Runs in a worker process.

Stock Whisper pads every utterance to 30 s and takes 1.7 s for it; encoding a 5 s window takes 0.14 s (docs/
recognition.md). CTranslate2 is called directly because faster-whisper's own transcribe can't do either."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import soxr
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from tokenizers import Tokenizer

from speech.audio import SAMPLE_RATE_HZ
from speech.ports import Hypothesis, Question
from speech.recognizers.agreement import Decodes, Text, decide

RULE = "two-pass"
WHISPER_RATE_HZ = 16_000
FRAMES_PER_S = 100  # of Whisper's features
# A window of 5 s: as many right as with 10 s, which takes twice the time, and more than with 3 s. An utterance
# that doesn't fit, a long number say, gets 10 s.
WINDOWS_FRAMES = (500, 1000)
LONGEST_S = WINDOWS_FRAMES[-1] / FRAMES_PER_S
LEAST_S = 0.1  # shorter is a click
PEAK = 0.6  # level the loudest sample is brought to, 0..1: a quiet line costs 2 of 31 without
CONSTRAINED_BEAM = 5  # 12 finds no more: 29/31 and 88/96 with either
FREE_BEAM = 5
NEW_TOKENS_MAX = 24  # the longest phrase has about 20
NO_REPEAT_NGRAM = 2  # a prompt makes Whisper loop: 2 2 2 2
LANGUAGE_TOKENS = {"zh-CN": "zh", "en": "en", "ko": "ko"}


class WhisperDecoder:
    """One model in one process, one thread. Not for the event loop: a decode takes about 0.4 s of CPU."""

    def __init__(self, model_dir: Path) -> None:
        self._model = ctranslate2.models.Whisper(
            str(model_dir), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1
        )
        self._tokenizer: Any = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
        self._features = FeatureExtractor()
        self.suppressed = lru_cache(maxsize=128)(self._suppressed)

    def decode(self, pcm: bytes, question: Question) -> Hypothesis:
        """Hear one utterance, s16le 8 kHz. Longer than the longest window is no answer, and not accepted."""
        began = time.process_time()
        if len(pcm) > LONGEST_S * SAMPLE_RATE_HZ * 2:
            return Hypothesis("", 0.0, False, "too_long")
        if len(pcm) < LEAST_S * SAMPLE_RATE_HZ * 2:
            return Hypothesis("", 0.0, False, "too_short")
        decision = decide(self.decodes(pcm, question), question)
        return Hypothesis(
            decision.text,
            decision.confidence,
            decision.meaning is not None,
            RULE,
            decision.meaning,
            time.process_time() - began,
        )

    def decodes(self, pcm: bytes, question: Question) -> Decodes:
        """The three decodes of an utterance that fits the window."""
        encoded = self._model.encode(ctranslate2.StorageView.from_array(self._window(pcm)), to_cpu=False)
        prompt = self._prompt(question.language, question.hint)
        bare = self._prompt(question.language, "")
        allowed = self.suppressed(question)
        no_repeat = 0 if question.digits is not None else NO_REPEAT_NGRAM  # 8866 is a number like any other
        return Decodes(
            constrained=self._generate(encoded, prompt, CONSTRAINED_BEAM, no_repeat, allowed),
            prompted=self._generate(encoded, prompt, FREE_BEAM, no_repeat, None),
            free=self._generate(encoded, bare, FREE_BEAM, 0, None),
        )

    def _window(self, pcm: bytes) -> NDArray[np.float32]:
        """Log-mel features, shape (1, 80, frames of the window that fits)."""
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
        samples *= PEAK / max(float(np.abs(samples).max()), 1e-3)
        seconds = len(samples) / SAMPLE_RATE_HZ
        frames = next((size for size in WINDOWS_FRAMES if seconds * FRAMES_PER_S <= size), WINDOWS_FRAMES[-1])
        window = np.zeros(frames * WHISPER_RATE_HZ // FRAMES_PER_S, dtype=np.float32)
        wide = soxr.resample(samples, SAMPLE_RATE_HZ, WHISPER_RATE_HZ)[: len(window)]
        window[: len(wide)] = wide
        return np.ascontiguousarray(self._features(window, padding=0)[None, :, :frames], dtype=np.float32)

    def _generate(
        self, encoded: Any, prompt: list[int], beam: int, no_repeat: int, suppress: list[int] | None
    ) -> list[Text]:
        found = self._model.generate(
            encoded,
            [prompt],
            beam_size=beam,
            num_hypotheses=beam,
            max_length=len(prompt) + NEW_TOKENS_MAX,
            no_repeat_ngram_size=no_repeat,
            suppress_tokens=[-1] if suppress is None else suppress,
            return_scores=True,
        )[0]
        # Scores are per token, the end of text included.
        return [
            Text(self._tokenizer.decode(ids), score * (len(ids) + 1), len(ids) + 1)
            for ids, score in zip(found.sequences_ids, found.scores, strict=True)
        ]

    def _prompt(self, language: str, hint: str) -> list[int]:
        tokens = [
            "<|startoftranscript|>",
            f"<|{LANGUAGE_TOKENS[language]}|>",
            "<|transcribe|>",
            "<|notimestamps|>",
        ]
        start = [self._tokenizer.token_to_id(token) for token in tokens]
        return (
            [self._tokenizer.token_to_id("<|startofprev|>"), *self._encode(" " + hint), *start] if hint else start
        )

    def _suppressed(self, question: Question) -> list[int]:
        """Every token that is in none of the question's phrases; decoys' and fillers' tokens are left out too."""
        kept = {self._tokenizer.token_to_id("<|endoftext|>")}
        for phrase in question.phrases:
            if phrase.meaning not in ("", "filler"):
                for text in _spellings(phrase.text):
                    kept.update(self._encode(text))
        return [token for token in range(self._tokenizer.get_vocab_size()) if token not in kept]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def _spellings(text: str) -> tuple[str, ...]:
    """Latin words are tokenised with the space before them, and may begin a sentence."""
    if not text.isascii():
        return (text,)
    return (text, " " + text, text.capitalize(), " " + text.capitalize())
