"""Contract of every trunk, part 2: audio both ways, recordings and bridges."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trunk.ports import Trunk

if TYPE_CHECKING:
    from tests.integration.trunk.conftest import Tones
    from tests.integration.trunk.network import Network

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]


class TestAudio:
    def test_a_tone_sent_is_a_tone_heard_both_ways_at_its_time(self, network: Network, tones: Tones) -> None:
        phone = network.far(says=tones.make(440, 0.5), says_at_s=1.0)
        slack_s = 0.041 + network.lateness_s

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone, says=tones.make(1000, 0.4), says_at_tick=25)
            await talker.answered.wait()
            await asyncio.sleep(2)
            assert tones.find(talker.heard, 440) == pytest.approx((1.0, 1.5), abs=slack_s)
            assert tones.find(talker.heard, 1000) == (-1, -1)
            assert talker.call is not None
            heard = network.heard(talker.call.attempt_id)
            assert tones.find(heard, 1000) == pytest.approx((0.5, 0.9), abs=slack_s)
            assert tones.find(heard, 440) == (-1, -1)

        network.run(scenario)

    def test_calls_do_not_hear_each_other(self, network: Network, tones: Tones) -> None:
        loud, quiet = network.far(says=tones.make(440, 0.5), says_at_s=0.2), network.far()

        async def scenario(trunk: Trunk) -> None:
            first, second = await network.dial(trunk, loud), await network.dial(trunk, quiet)
            await first.answered.wait()
            await second.answered.wait()
            await asyncio.sleep(1.5)
            assert tones.find(first.heard, 440)[0] > 0
            assert tones.find(second.heard, 440) == (-1, -1)

        network.run(scenario)


def _bytes(seconds: float) -> int:
    """Whole frames of one side of a recording."""
    return round(seconds * 50) * 320


class TestRecording:
    def test_left_is_the_callee_right_is_us_aligned_to_the_frame(
        self, network: Network, tones: Tones, tmp_path: Path
    ) -> None:
        phone = network.far(says=tones.make(440, 0.5), says_at_s=0.8, hang_up_at_s=2.0)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone, says=tones.make(1000, 0.5), says_at_tick=25)
            assert talker.call is not None
            talker.call.record(tmp_path / "new folder" / "a.wav")  # before the answer: begins with it
            with pytest.raises(ValueError, match="already"):
                talker.call.record(tmp_path / "b.wav")
            await talker.over.wait()
            left, right = tones.channels(tmp_path / "new folder" / "a.wav")  # whole when HungUp comes
            slack_s = 0.02 + network.lateness_s
            assert len(left) == len(right) == pytest.approx(len(talker.heard), abs=slack_s * 16000)
            assert tones.find(left, 440) == pytest.approx(tones.find(talker.heard, 440), abs=slack_s)
            assert tones.find(right, 1000) == pytest.approx((0.5, 1.0), abs=slack_s)
            assert tones.find(left, 1000) == tones.find(right, 440) == (-1, -1)

        network.run(scenario)
        assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a.wav"]

    def test_a_recording_can_begin_in_the_middle(self, network: Network, tones: Tones, tmp_path: Path) -> None:
        phone = network.far(says=tones.make(440, 0.5), says_at_s=1.0)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.answered.wait()
            await asyncio.sleep(0.5)
            assert talker.call is not None
            talker.call.record(tmp_path / "a.wav")
            await asyncio.sleep(1.5)
            talker.call.hangup()
            await talker.over.wait()
            left, _ = tones.channels(tmp_path / "a.wav")
            assert tones.find(left, 440)[0] == pytest.approx(0.5, abs=0.041 + network.lateness_s)

        network.run(scenario)

    def test_a_pause_silences_both_sides_and_keeps_the_time_line(
        self, network: Network, tones: Tones, tmp_path: Path
    ) -> None:
        phone = network.far(says=tones.make(440, 3.0), says_at_s=0.0)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone, says=tones.make(1000, 3.0))
            assert talker.call is not None
            talker.call.record(tmp_path / "a.wav")
            await talker.answered.wait()
            await asyncio.sleep(1.01)
            talker.call.pause_recording()
            await asyncio.sleep(1)
            talker.call.resume_recording()
            await asyncio.sleep(0.5)
            talker.call.hangup()
            await talker.over.wait()
            channels = tones.channels(tmp_path / "a.wav")
            for channel, hz in zip(channels, (440, 1000), strict=True):
                at_s, again_s, slack_s = 1.01, 2.01, 0.03 + network.lateness_s
                assert not any(channel[_bytes(at_s + slack_s) : _bytes(again_s - slack_s)])
                before, after = channel[: _bytes(at_s - slack_s)], channel[_bytes(again_s + slack_s) :]
                assert tones.find(before, hz)[1] == pytest.approx(len(before) / 16000)
                assert tones.find(after, hz)[0] == 0
                assert len(channel) / 16000 == pytest.approx(len(talker.ticks) * 0.02, abs=slack_s)

        network.run(scenario)

    def test_a_call_that_is_not_answered_leaves_no_file(self, network: Network, tmp_path: Path) -> None:
        phone = network.far(pickup="busy")

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            assert talker.call is not None
            talker.call.record(tmp_path / "a.wav")
            await talker.over.wait()

        network.run(scenario)
        assert list(tmp_path.iterdir()) == []

    def test_a_disk_that_fails_does_not_keep_the_call_from_ending(
        self, network: Network, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        phone = network.far(hang_up_at_s=1.0)
        (tmp_path / "file").write_text("no folder")

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            assert talker.call is not None
            talker.call.record(tmp_path / "file" / "a.wav")
            await talker.over.wait()
            assert talker.end.cause.by == "callee"

        network.run(scenario)
        assert [record.getMessage() for record in caplog.records] == ["recording_failed"]


class TestBridge:
    def test_parties_hear_each_other_and_the_one_left_comes_back_to_its_handler(
        self, network: Network, tones: Tones, tmp_path: Path
    ) -> None:
        customer = network.far(says=tones.make(440, 0.5), says_at_s=2.5)
        agent = network.far(says=tones.make(1000, 0.5), says_at_s=2.5, hang_up_at_s=4.0)

        async def scenario(trunk: Trunk) -> None:
            first = await network.dial(trunk, customer, says=tones.make(700, 60))
            second = await network.dial(trunk, agent)
            assert first.call is not None
            assert second.call is not None
            first.call.record(tmp_path / "a.wav")
            await first.answered.wait()
            await second.answered.wait()
            await asyncio.sleep(1.0)
            await first.call.bridge(second.call)
            ticks = len(first.ticks), len(second.ticks)
            await asyncio.sleep(2.5)
            assert (len(first.ticks), len(second.ticks)) == ticks, "handlers hear nothing in a bridge"
            assert not first.over.is_set()
            await second.over.wait()
            await asyncio.sleep(1)
            assert len(first.ticks) - ticks[0] == pytest.approx(50, abs=2 + network.lateness_s / 0.02)
            assert tones.find(network.heard(first.call.attempt_id), 1000)[0] > 0
            assert tones.find(network.heard(second.call.attempt_id), 440)[0] > 0
            assert tones.find(network.heard(second.call.attempt_id), 700) == (-1, -1)
            first.call.hangup()
            await first.over.wait()
            left, right = tones.channels(tmp_path / "a.wav")
            assert tones.find(left, 440)[0] > 0
            assert tones.find(right, 1000)[0] > 0

        network.run(scenario)

    def test_only_answered_free_calls_of_one_trunk_are_bridged(self, network: Network) -> None:
        phones = [network.far(), network.far(ring_s=30), network.far()]

        async def scenario(trunk: Trunk) -> None:
            talking, ringing, other = [await network.dial(trunk, phone) for phone in phones]
            await talking.answered.wait()
            await other.answered.wait()
            assert talking.call is not None
            assert ringing.call is not None
            assert other.call is not None
            for wrong in (ringing.call, talking.call):
                with pytest.raises(ValueError, match="bridged"):
                    await talking.call.bridge(wrong)
            await talking.call.bridge(other.call)
            with pytest.raises(ValueError, match="bridged"):
                await talking.call.bridge(other.call)

        network.run(scenario)
