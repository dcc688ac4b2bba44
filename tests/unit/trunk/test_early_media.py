"""What the network says before the answer: every country's tones, cut anywhere, loud or faint, on real lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ, alaw_round_trip
from trunk.early_media import HOPELESS, LiveTones, ToneClassifier
from trunk.ports import EarlyMedia

pytestmark = pytest.mark.unit

Wave = NDArray[np.float64]
RINGBACK, BUSY, CONGESTION = EarlyMedia.RINGBACK, EarlyMedia.BUSY_TONE, EarlyMedia.CONGESTION_TONE

# name: what it is, its frequencies, modulation in Hz, cycle
NETWORKS: dict[str, tuple[EarlyMedia, tuple[float, ...], float, tuple[float, ...]]] = {
    "cn ring": (RINGBACK, (450,), 0, (1, 4)),
    "cn busy": (BUSY, (450,), 0, (0.35, 0.35)),
    "cn congestion": (CONGESTION, (450,), 0, (0.7, 0.7)),
    "cn no such number": (EarlyMedia.SIT, (450,), 0, (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4)),
    "cn ring low": (RINGBACK, (425,), 0, (1.08, 4.3)),  # as far off as the standard allows
    "cn busy high": (BUSY, (475,), 0, (0.32, 0.37)),
    "us ring": (RINGBACK, (440, 480), 0, (2, 4)),
    "us busy": (BUSY, (480, 620), 0, (0.5, 0.5)),
    "us congestion": (CONGESTION, (480, 620), 0, (0.25, 0.25)),
    "kr ring": (RINGBACK, (440, 480), 0, (1, 2)),
    "kr congestion": (CONGESTION, (480, 620), 0, (0.3, 0.2)),
    "eu ring": (RINGBACK, (425,), 0, (1, 4)),
    "eu busy": (BUSY, (425,), 0, (0.5, 0.5)),
    "de busy": (BUSY, (425,), 0, (0.48, 0.48)),
    "eu congestion": (CONGESTION, (425,), 0, (0.25, 0.25)),
    "it congestion": (CONGESTION, (425,), 0, (0.2, 0.2)),
    "uk ring": (RINGBACK, (400, 450), 0, (0.4, 0.2, 0.4, 2)),
    "uk busy": (BUSY, (400,), 0, (0.375, 0.375)),
    "uk congestion": (CONGESTION, (400,), 0, (0.4, 0.35, 0.225, 0.525)),
    "jp ring": (RINGBACK, (400,), 16, (1, 2)),
    "in ring": (RINGBACK, (400,), 25, (0.4, 0.2, 0.4, 2)),
}


def tone(hz: Sequence[float], seconds: float, dbfs: float = -15.0, modulated_hz: float = 0) -> Wave:
    at = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = sum((np.sin(2 * np.pi * one * at) for one in hz), start=np.zeros(len(at))) / len(hz)
    if modulated_hz:
        wave *= 0.5 * (1 + np.cos(2 * np.pi * modulated_hz * at))
    scaled: Wave = wave * 32768 * np.sqrt(2) * 10 ** (dbfs / 20)
    return scaled


def silence(seconds: float) -> Wave:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ))


def cadence(name: str, seconds: float, dbfs: float = -15.0) -> Wave:
    _, hz, modulated_hz, cycle = NETWORKS[name]
    pieces, length = [], 0.0
    while length < seconds:
        for number, part_s in enumerate(cycle):
            pieces.append(silence(part_s) if number % 2 else tone(hz, part_s, dbfs, modulated_hz))
            length += part_s
    return np.concatenate(pieces)[: round(seconds * SAMPLE_RATE_HZ)]


def noise(seconds: float, dbfs: float) -> Wave:
    drawn = np.random.default_rng(3).standard_normal(round(seconds * SAMPLE_RATE_HZ))
    return drawn * 32768 * 10 ** (dbfs / 20)


def classify(*parts: Wave) -> EarlyMedia:
    """As it comes over an A-law line."""
    wave = np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)
    return ToneClassifier().classify(alaw_round_trip(wave.tobytes()))


@pytest.mark.parametrize("name", NETWORKS)
class TestEveryNetwork:
    def test_whole(self, name: str) -> None:
        assert classify(silence(0.3), cadence(name, 12)) is NETWORKS[name][0]

    @pytest.mark.parametrize("cut_s", [0.05, 0.2, 0.45, 0.9, 1.7, 3.3])
    def test_begun_in_the_middle(self, name: str, cut_s: float) -> None:
        assert classify(cadence(name, 16)[round(cut_s * SAMPLE_RATE_HZ) :]) is NETWORKS[name][0]

    @pytest.mark.parametrize("dbfs", [-3.0, -25.0, -40.0])
    def test_loud_and_faint(self, name: str, dbfs: float) -> None:
        assert classify(silence(0.3), cadence(name, 12, dbfs)) is NETWORKS[name][0]

    def test_on_a_noisy_line(self, name: str) -> None:
        assert classify(cadence(name, 15, -20.0) + noise(15, -36.0)) is NETWORKS[name][0]

    def test_after_ring_back_music_and_a_word(self, name: str) -> None:
        assert classify(melody(8), silence(0.5), cadence(name, 12)) is NETWORKS[name][0]


def melody(seconds: float) -> Wave:
    """Ring-back music: single notes with an overtone, among them a network's own 440 Hz."""
    notes = (440, 494, 523, 587, 440, 659, 440, 440)
    pieces = []
    for number in range(round(seconds / 0.4)):
        note = tone((notes[number % 8],), 0.36) * np.linspace(1.0, 0.2, round(0.36 * SAMPLE_RATE_HZ))
        pieces += [note + 0.3 * tone((2 * notes[number % 8],), 0.36), silence(0.04)]
    return np.concatenate(pieces)


def voice(seconds: float) -> Wave:
    """Vowels on a moving pitch, with the gaps between words."""
    at = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * np.cumsum(130 * (1 + 0.2 * np.sin(5 * at))) / SAMPLE_RATE_HZ
    wave = sum((np.sin(k * phase) / k for k in range(1, 12)), start=np.zeros(len(at)))
    return wave * 2500 * (np.sin(2 * np.pi * 1.7 * at) > -0.5)


def sit(first_s: float = 0.33, gap_s: float = 0.0, hz: Sequence[float] = (950, 1400, 1800)) -> Wave:
    return np.concatenate([
        tone(hz[:1], first_s), silence(gap_s), tone(hz[1:2], 0.33), silence(gap_s), tone(hz[2:], 0.33)
    ])  # fmt: skip


class TestSpecialInformationTones:
    @pytest.mark.parametrize("gap_s", [0.0, 0.015, 0.03])
    @pytest.mark.parametrize("hz", [(950, 1400, 1800), (913.8, 1370.6, 1776.7), (985.2, 1428.5, 1776.7)])
    def test_before_an_announcement(self, hz: Sequence[float], gap_s: float) -> None:
        assert classify(silence(0.4), sit(0.33, gap_s, hz), voice(5)) is EarlyMedia.SIT

    def test_with_their_begin_cut(self) -> None:
        assert classify(sit(0.06), voice(3)) is EarlyMedia.SIT

    @pytest.mark.parametrize("hz", [(1800, 1400, 950), (950, 1400, 1400), (600, 1400, 1800)])
    def test_other_three_tones_are_none(self, hz: Sequence[float]) -> None:
        assert classify(sit(hz=hz), voice(3)) is EarlyMedia.VOICE_OR_MUSIC


class TestWhatComesLastCounts:
    def test_ring_back_until_the_end(self) -> None:
        assert classify(silence(1.0), tone((450,), 1.0), silence(2.1)) is RINGBACK  # one ring is enough

    def test_one_ring_cut_at_its_begin(self) -> None:
        assert classify(tone((450,), 0.8), silence(2.1)) is RINGBACK

    def test_ring_back_then_busy_of_the_same_pitch(self) -> None:
        assert classify(cadence("cn ring", 13), cadence("cn busy", 4)) is BUSY

    def test_ring_back_then_an_announcement(self) -> None:
        assert classify(cadence("cn ring", 13), voice(3)) is EarlyMedia.VOICE_OR_MUSIC

    def test_busy_that_stops_before_the_end(self) -> None:
        assert classify(cadence("cn busy", 5.6), silence(3)) is BUSY

    def test_a_click_after_ring_back_is_nothing(self) -> None:
        assert classify(cadence("cn ring", 13), noise(0.04, -10), silence(0.5)) is RINGBACK


NO_TONES = {
    "voice": [voice(4)],
    "melody": [melody(6)],
    "a tone without a pause": [tone((450,), 5)],
    "dial tone": [tone((350, 440), 3)],
    "bursts of noise": [noise(3, -20) * (np.sin(np.arange(24000) / 900) > 0)],
    "no cadence": [silence(1), tone((450,), 0.1), silence(1), tone((450,), 0.55), silence(0.3), tone((450,), 1.3)],
    "900 Hz": [cadence("cn busy", 6)[::2], silence(0.2)],
}


class TestNoTone:
    @pytest.mark.parametrize("name", list(NO_TONES))
    def test_voice_or_music(self, name: str) -> None:
        assert classify(*NO_TONES[name]) is EarlyMedia.VOICE_OR_MUSIC

    @pytest.mark.parametrize(
        "parts", [[silence(3)], [noise(3, -60)], [silence(0)], [silence(1), noise(0.04, -10), silence(2)]]
    )
    def test_silence(self, parts: list[Wave]) -> None:
        assert classify(*parts) is EarlyMedia.SILENCE

    def test_an_odd_byte_is_left_out(self) -> None:
        assert ToneClassifier().classify(b"\0" * 3201) is EarlyMedia.SILENCE


def listen(*parts: Wave) -> list[tuple[int, EarlyMedia]]:
    """What is told live, and after how many whole seconds."""
    wave = np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)
    pcm = alaw_round_trip(wave.tobytes())
    tones, told, looks = LiveTones(ToneClassifier()), [], 0
    for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        heard = tones.hear(pcm[at : at + FRAME_BYTES])
        if heard is not None:
            looks += 1
            kind = tones.judge(heard)
            if kind is not None:
                told.append((looks, kind))
    return told


class TestLive:
    @pytest.mark.parametrize("name", NETWORKS)
    @pytest.mark.parametrize("cut_s", [0.0, 0.2, 0.9, 1.7])
    def test_every_network(self, name: str, cut_s: float) -> None:
        kind = NETWORKS[name][0]
        told = listen(cadence(name, 30)[round(cut_s * SAMPLE_RATE_HZ) :])
        if kind not in HOPELESS:
            assert told == []
        else:
            assert {one for _, one in told} == {kind}
            assert told[0][0] <= 6

    def test_a_busy_tone_after_ring_back(self) -> None:
        (at_s, kind), *_ = listen(cadence("cn ring", 20), cadence("cn busy", 8))
        assert kind is BUSY
        assert 21 < at_s <= 25

    def test_special_information_tones_before_an_announcement(self) -> None:
        assert listen(silence(0.4), sit(), voice(8))[0][1] is EarlyMedia.SIT

    @pytest.mark.parametrize("parts", [*NO_TONES.values(), [melody(30)], [silence(5), voice(20)], [silence(9)]])
    def test_anything_else_is_left_alone(self, parts: list[Wave]) -> None:
        assert listen(*parts) == []

    def test_one_look_is_not_enough(self) -> None:
        """Three beeps in music, which have passed when it is looked at again."""
        tones = LiveTones(ToneClassifier())
        busy, music = (
            np.concatenate([wave]).astype(np.int16).tobytes() for wave in (cadence("cn busy", 3), melody(3))
        )
        assert [tones.judge(pcm) for pcm in (busy, music, busy, busy)] == [None, None, None, BUSY]
