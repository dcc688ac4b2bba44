"""Contract of every trunk, part 1: events, outcomes, who hung up, channels, faults that stay where they are."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from trunk.ports import Answered, Call, DialOutcome, HungUp, Progress, Ringing, Trunk, TrunkError

if TYPE_CHECKING:
    from tests.integration.trunk.network import Network

pytestmark = [pytest.mark.integration, pytest.mark.real_time]


class TestEvents:
    def test_an_answered_call_rings_is_answered_and_ends(self, network: Network) -> None:
        phone = network.far(ring_s=1, hang_up_at_s=1)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.over.wait()
            assert [type(event) for event in talker.events] == [Ringing, Answered, HungUp]
            rang, answered, ended = (event.at_s for event in talker.events)
            assert answered - rang == pytest.approx(1, abs=network.lateness_s)
            assert ended - answered == pytest.approx(1, abs=0.02 + network.lateness_s)

        network.run(scenario)

    def test_ticks_come_every_20_ms_from_answer_to_hang_up_with_320_bytes(self, network: Network) -> None:
        phone = network.far(hang_up_at_s=2)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.over.wait()
            answered, ended = talker.events[-2].at_s, talker.events[-1].at_s
            times = [at_s for at_s, _ in talker.ticks]
            assert answered < times[0]
            assert times[-1] <= ended
            assert len(times) == pytest.approx(100, abs=1 + network.lateness_s / 0.02)
            assert all(
                later - earlier == pytest.approx(0.02, abs=network.lateness_s)
                for earlier, later in pairwise(times)
            )
            assert {len(frame) for _, frame in talker.ticks} == {320}

        network.run(scenario)

    def test_keys_arrive_in_order_with_their_durations(self, network: Network) -> None:
        phone = network.far(keys="15#*0", keys_at_s=0.5)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.answered.wait()
            await asyncio.sleep(2)
            assert [event.key for event in talker.keys] == list("15#*0")
            assert all(event.duration_ms and 40 <= event.duration_ms <= 500 for event in talker.keys)
            assert talker.keys[0].at_s - talker.events[1].at_s == pytest.approx(0.6, abs=0.03 + network.lateness_s)

        network.run(scenario)


class TestOutcomes:
    @pytest.mark.parametrize(
        ("pickup", "outcome", "by"),
        [
            ("busy", DialOutcome.BUSY, "network"),
            ("reject", DialOutcome.REJECTED, "callee"),
            ("powered_off", DialOutcome.POWERED_OFF, "network"),
            ("suspended", DialOutcome.SUSPENDED, "network"),
            ("invalid", DialOutcome.INVALID_NUMBER, "network"),
            ("unreachable", DialOutcome.UNREACHABLE, "network"),
            ("congestion", DialOutcome.CONGESTION, "network"),
        ],
    )
    def test_what_the_network_says_is_mapped_and_kept_raw(
        self, network: Network, pickup: str, outcome: DialOutcome, by: str
    ) -> None:
        phone = network.far(pickup=pickup)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.over.wait()
            cause = talker.end.cause
            assert (cause.outcome, cause.by) == (network.called.get(outcome, outcome), by)
            assert cause.raw
            assert talker.ticks == []
            before = {type(event) for event in talker.events[:-1]}
            assert before <= ({Ringing} if pickup == "reject" else {Progress})

        network.run(scenario)

    def test_nobody_answers_until_we_give_up(self, network: Network) -> None:
        phone = network.far(pickup="no_answer")

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone, ring_timeout_s=2.0)
            began = asyncio.get_running_loop().time()
            await talker.over.wait()
            assert (talker.end.cause.outcome, talker.end.cause.by) == (DialOutcome.NO_ANSWER, "us")
            assert talker.end.at_s - began == pytest.approx(2, abs=network.lateness_s)

        network.run(scenario)

    def test_the_time_to_answer_ends_with_the_answer(self, network: Network) -> None:
        phone = network.far(ring_s=0.2)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone, ring_timeout_s=2.0)
            await talker.answered.wait()
            await asyncio.sleep(2.5)
            assert not talker.over.is_set()

        network.run(scenario)

    def test_a_machine_is_an_answered_call_for_the_network(self, network: Network) -> None:
        phone = network.far(pickup="voicemail")

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.over.wait()
            assert (talker.end.cause.outcome, talker.end.cause.by) == (DialOutcome.ANSWERED, "callee")

        network.run(scenario)


class TestHangUp:
    @pytest.mark.parametrize("phase", ["dialling", "ringing", "talking"])
    def test_we_hang_up(self, network: Network, phase: str) -> None:
        phone = network.far(ring_s=0.5)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            assert talker.call is not None
            if phase == "ringing":
                await talker.ringing.wait()
            elif phase == "talking":
                await talker.answered.wait()
                await asyncio.sleep(0.5)
            talker.call.hangup()
            assert not talker.over.is_set(), "HungUp from inside hangup()"
            talker.call.hangup()
            await talker.over.wait()
            ticks = len(talker.ticks)
            await asyncio.sleep(2.2)  # by then it would have rung and been answered
            talker.call.hangup()
            await asyncio.sleep(0.2)
            expected = DialOutcome.ANSWERED if phase == "talking" else DialOutcome.CANCELLED
            assert (talker.end.cause.outcome, talker.end.cause.by) == (expected, "us")
            assert len(talker.ticks) == ticks

        network.run(scenario)

    @pytest.mark.parametrize("hook", ["on_first_tick", "on_answer"])
    def test_we_hang_up_from_inside_a_handler(self, network: Network, hook: str) -> None:
        phone = network.far()

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)

            def leave(call: Call) -> None:
                call.hangup()
                assert not talker.over.is_set(), "HungUp from inside hangup()"

            setattr(talker, hook, leave)
            await talker.over.wait()
            await asyncio.sleep(0.2)
            assert len(talker.ticks) == (hook == "on_first_tick")
            assert (talker.end.cause.outcome, talker.end.cause.by) == (DialOutcome.ANSWERED, "us")

        network.run(scenario)

    def test_the_callee_hangs_up(self, network: Network) -> None:
        phone = network.far(hang_up_at_s=1.5)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.over.wait()
            assert (talker.end.cause.outcome, talker.end.cause.by) == (DialOutcome.ANSWERED, "callee")

        network.run(scenario)

    def test_both_hang_up_at_once_and_it_ends_once(self, network: Network) -> None:
        phone = network.far(hang_up_at_s=0.5)

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            await talker.answered.wait()
            await asyncio.sleep(0.5)
            assert talker.call is not None
            talker.call.hangup()
            await asyncio.sleep(1)
            assert talker.end.cause.outcome is DialOutcome.ANSWERED

        network.run(scenario)


class TestChannels:
    def test_a_call_too_many_is_congestion_and_a_channel_comes_free(self, network: Network) -> None:
        phones = [network.far() for _ in range(4)]

        async def scenario(trunk: Trunk) -> None:
            assert trunk.channels == 2
            first, second, third = [await network.dial(trunk, phone) for phone in phones[:3]]
            await third.over.wait()
            assert [type(event) for event in third.events] == [HungUp]
            assert third.end.cause.outcome is DialOutcome.CONGESTION
            assert first.call is not None
            first.call.hangup()
            await first.over.wait()
            fourth = await network.dial(trunk, phones[3])
            await fourth.answered.wait()
            assert not second.over.is_set()

        network.run(scenario, channels=2)

    def test_reconcile_names_the_live_calls(self, network: Network) -> None:
        phones = [network.far(), network.far(ring_s=30), network.far(pickup="congestion")]

        async def scenario(trunk: Trunk) -> None:
            assert await trunk.reconcile() == frozenset()
            talkers = [
                await network.dial(trunk, phone, attempt_id=name)
                for phone, name in zip(phones, ("talking", "ringing", "over"), strict=True)
            ]
            await talkers[0].answered.wait()
            await talkers[1].ringing.wait()
            assert await trunk.reconcile() == {"talking", "ringing"}

        network.run(scenario)

    def test_an_attempt_is_dialled_once(self, network: Network) -> None:
        phone = network.far()

        async def scenario(trunk: Trunk) -> None:
            await network.dial(trunk, phone, attempt_id="once")
            with pytest.raises(TrunkError):
                await network.dial(trunk, phone, attempt_id="once")

        network.run(scenario)

    def test_close_ends_every_call_once_and_takes_no_more(self, network: Network) -> None:
        phones = [
            network.far(ring_s=0.1),
            network.far(ring_s=30),
            network.far(pickup="powered_off"),
            network.far(),
        ]

        async def scenario(trunk: Trunk) -> None:
            talkers = [await network.dial(trunk, phone) for phone in phones[:3]]
            await talkers[0].answered.wait()
            await talkers[1].ringing.wait()
            talkers.append(await network.dial(trunk, phones[3]))  # not even one event yet
            await trunk.close()
            ends = [talker.end.cause for talker in talkers]
            assert [cause.by for cause in ends] == ["us"] * 4
            assert [cause.outcome for cause in ends] == [
                DialOutcome.ANSWERED,
                DialOutcome.CANCELLED,
                DialOutcome.CANCELLED,
                DialOutcome.CANCELLED,
            ]
            with pytest.raises(TrunkError):
                await network.dial(trunk, phones[0])

        network.run(scenario)


class TestFaults:
    """A handler that fails ends its own call, says so in the log, and harms nobody else."""

    @pytest.mark.parametrize("fault", ["on_tick", "on_answer", "short frame"])
    def test_a_faulty_handler_ends_its_call_alone(
        self, network: Network, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        bad_phone, good_phone = network.far(), network.far()

        def fail(_call: Call) -> None:
            raise RuntimeError("our bug")

        async def scenario(trunk: Trunk) -> None:
            bad, good = await network.dial(trunk, bad_phone), await network.dial(trunk, good_phone)
            if fault == "on_answer":
                bad.on_answer = fail
            await good.answered.wait()
            await bad.answered.wait()
            await asyncio.sleep(0.3)
            bad.fault = RuntimeError("our bug") if fault == "on_tick" else None
            bad.says_badly = b"\0" * 319 if fault == "short frame" else None
            await bad.over.wait()
            await asyncio.sleep(0.5)
            assert (bad.end.cause.outcome, bad.end.cause.by) == (DialOutcome.ANSWERED, "us")
            assert ("ValueError" if fault == "short frame" else "RuntimeError") in bad.end.cause.raw
            times = [at_s for at_s, _ in good.ticks]
            assert all(later - earlier < 0.03 + network.lateness_s for earlier, later in pairwise(times))
            assert not good.over.is_set()

        with caplog.at_level(logging.ERROR):
            network.run(scenario)
        (record,) = caplog.records
        assert (record.getMessage(), record.exc_info is not None) == ("call_handler_failed", True)
        assert bad_phone not in caplog.text

    def test_a_handler_that_fails_while_ringing_ends_the_try(self, network: Network) -> None:
        phone = network.far()

        async def scenario(trunk: Trunk) -> None:
            talker = await network.dial(trunk, phone)
            talker.fails_on = Ringing
            await talker.over.wait()
            assert (talker.end.cause.outcome, talker.end.cause.by) == (DialOutcome.FAILED, "us")

        network.run(scenario)
