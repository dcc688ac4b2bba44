"""Real voices are never taken for a network's tone, whole or cut anywhere, loud or faint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ, alaw_round_trip, gain
from speech.audio.files import read_audio
from trunk.early_media import LiveTones, ToneClassifier
from trunk.ports import EarlyMedia

pytestmark = pytest.mark.integration

CALLERS = Path(__file__).parents[2] / "callers"
NO_TONE = {EarlyMedia.VOICE_OR_MUSIC, EarlyMedia.SILENCE}  # a single short word is hardly more than silence


@pytest.mark.parametrize("language", sorted(path.name for path in CALLERS.iterdir() if path.is_dir()))
def test_shipped_callers(language: str) -> None:
    said = {path.name: alaw_round_trip(read_audio(path)) for path in sorted((CALLERS / language).rglob("*.wav"))}
    assert said
    classifier = ToneClassifier()
    assert {name: kind for name, pcm in said.items() if (kind := classifier.classify(pcm)) not in NO_TONE} == {}
    everything = b"".join(said.values())
    assert classifier.classify(everything) is EarlyMedia.VOICE_OR_MUSIC
    random = np.random.default_rng(4)
    for level_db in (-20.0, 0.0, 6.0):
        start = 2 * int(random.integers(len(everything) // 2 - 4 * SAMPLE_RATE_HZ))
        cut = gain(everything[start : start + 8 * SAMPLE_RATE_HZ], level_db)
        assert classifier.classify(cut) in NO_TONE
    live = LiveTones(classifier)
    looks = [live.hear(everything[at : at + FRAME_BYTES]) for at in range(0, len(everything), FRAME_BYTES)]
    assert {live.judge(pcm) for pcm in looks if pcm is not None} == {None}
