"""The manager connection breaks, Asterisk dies, a process of ours dies: which calls live on, which are lost."""

from __future__ import annotations

import asyncio
import time
import uuid
import wave
from pathlib import Path

import numpy as np
import pytest

from speech.audio import FRAME_S, SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import AsteriskRig
from tests.asterisk_rig.fixture import asterisk_rig as asterisk_rig
from tests.integration.asterisk.scene import SOON_S, Party, scene
from tests.softphone import SipCall
from trunk.asterisk.call import AsteriskCall
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import Answered, DialOutcome, HungUp, KeyPressed, OriginateRequest, Ringing, TrunkError

pytestmark = [pytest.mark.integration, pytest.mark.real_time]


async def rings(call: SipCall) -> None:
    call.ring()


def lost(end: HungUp) -> bool:
    cause = end.cause
    return (cause.outcome, cause.by) == (DialOutcome.UNKNOWN, "network") and cause.raw.startswith(
        "lost in the trunk"
    )


async def more_ticks(party: Party, count: int = 10) -> None:
    wanted = party.ticks + count
    async with asyncio.timeout(SOON_S):
        while party.ticks < wanted:  # noqa: ASYNC110 - ticks come by the clock
            await asyncio.sleep(0.02)


async def test_a_broken_connection_loses_no_call(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig) as stage:
        stage.phone.on("+861", rings)
        talking, ringing = await stage.dial(), await stage.dial("+861")
        await talking.heard(Answered)
        await ringing.heard(Ringing)
        callee, waiting = await stage.phone.next_call("+8613800138000"), await stage.phone.next_call("+861")

        await stage.proxy.refuse()
        await stage.service(wanted=False)
        refused = await stage.dial()
        assert (await refused.end()).cause.outcome is DialOutcome.FAILED
        await more_ticks(talking)
        callee.keys("7")
        await talking.heard(KeyPressed)  # by the socket, as the manager can't tell
        waiting.answer()  # nobody can tell us of this either

        await stage.proxy.restore()
        await stage.service(wanted=True)
        await ringing.heard(Answered)
        await more_ticks(ringing)
        assert [type(event) for event in ringing.events] == [Ringing, Answered]
        callee.keys("8")
        await callee.said()
        assert talking.call is not None
        talking.call.hangup()
        end = await talking.end()
        assert (end.cause.outcome, end.cause.by) == (DialOutcome.ANSWERED, "us")
        keys = [event.key for event in talking.events if isinstance(event, KeyPressed)]
        assert keys == ["7", "8"]
        assert len(stage.phone.calls) == 2  # nobody was dialled again


async def test_a_call_that_ended_meanwhile_is_lost(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig) as stage:
        party, other = await stage.dial(), await stage.dial()
        await party.heard(Answered)
        await other.heard(Answered)
        callee = await stage.phone.next_call()
        await stage.proxy.refuse()
        await stage.service(wanted=False)
        callee.hang_up()
        await asyncio.wait_for(callee.ended.wait(), SOON_S)
        assert not party.over
        assert not other.over
        await stage.proxy.restore()
        await stage.service(wanted=True)
        gone, left = (party, other) if party.over else (other, party)
        assert lost(await gone.end())
        assert not left.over


async def test_calls_are_given_up_when_the_connection_stays_away_and_ended_when_it_is_back(
    asterisk_rig: AsteriskRig,
) -> None:
    async with scene(asterisk_rig, patience_s=0.5) as stage:
        party = await stage.dial()
        await party.heard(Answered)
        callee = await stage.phone.next_call()
        stage.phone.on("+861", rings)
        ringing = await stage.dial("+861")
        await ringing.heard(Ringing)
        waiting = await stage.phone.next_call("+861")
        await stage.proxy.refuse()
        assert lost(await party.end())
        assert lost(await ringing.end())
        assert waiting.end is None
        await stage.proxy.restore()
        for far in (callee, waiting):
            await asyncio.wait_for(far.ended.wait(), SOON_S)


async def test_close_ends_even_while_asterisk_can_not_be_asked(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig, patience_s=0.5) as stage:
        party = await stage.dial()
        await party.heard(Answered)
        callee = await stage.phone.next_call()
        await stage.proxy.refuse()
        await stage.service(wanted=False)
        await asyncio.wait_for(stage.trunk.close(), SOON_S)
        cause = (await party.end()).cause
        assert (cause.outcome, cause.by) == (DialOutcome.ANSWERED, "us")  # decided before it was lost
        await stage.proxy.restore()
        await asyncio.wait_for(callee.ended.wait(), SOON_S)


async def test_an_originate_that_never_arrived_is_lost_and_not_sent_again(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig) as stage:
        stage.proxy.cut_before = b"Action: Originate"
        party = await stage.dial()
        assert lost(await party.end())
        await stage.service(wanted=True)
        assert stage.phone.calls == []


async def test_an_originate_whose_answer_was_cut_off_goes_on(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig) as stage:
        stage.proxy.cut_before = b"Originate successfully queued"
        party = await stage.dial()
        await party.heard(Answered)
        await more_ticks(party)
        assert len(stage.phone.calls) == 1


async def test_a_killed_asterisk_loses_its_calls_and_serves_again(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig, wired=False) as stage:
        stage.phone.on("+861", rings)
        parties = [await stage.dial(), await stage.dial(), await stage.dial("+861")]
        await parties[0].heard(Answered)
        await parties[1].heard(Answered)
        await parties[2].heard(Ringing)
        try:
            await asyncio.to_thread(asterisk_rig.kill)
            began_s = time.monotonic()
            for party in parties:
                assert lost(await party.end())
            assert not stage.trunk.in_service
            assert time.monotonic() - began_s < 10  # at once, without waiting out the patience of 30 s
        finally:
            await asyncio.to_thread(asterisk_rig.start)
        await stage.service(wanted=True)
        again = await stage.dial("+862")
        await again.heard(Answered)
        users = [call.user for call in stage.phone.calls]
        assert sorted(users) == ["+861", "+8613800138000", "+8613800138000", "+862"]
        for call in stage.phone.calls:
            call.close()  # a killed Asterisk says no goodbye


async def test_what_a_dead_process_left_is_named_and_dropped(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig) as stage:
        stage.phone.on("+861", rings)
        dead = Pbx(asterisk_rig.config)
        await dead.start()
        trunk, party = AsteriskTrunk(dead, asterisk_rig.endpoint()), Party()
        await trunk.start()
        attempt_id = str(uuid.uuid4())
        await trunk.originate(OriginateRequest(attempt_id, "+861"), party)
        await party.heard(Ringing)
        await dead.close()

        far = await stage.phone.next_call("+861")
        assert await stage.trunk.reconcile() == {attempt_id}
        await stage.trunk.drop(frozenset({attempt_id, "gone long ago"}))
        await asyncio.wait_for(far.ended.wait(), SOON_S)
        assert far.end is not None
        assert far.end.reason == "cancelled"


async def test_a_pause_that_asterisk_never_heard_of_silences_the_recording_all_the_same(
    asterisk_rig: AsteriskRig, tmp_path: Path
) -> None:
    async with scene(asterisk_rig) as stage:
        party = await stage.dial()
        await party.heard(Answered)
        callee = await stage.phone.next_call()
        times = np.arange(6 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        callee.play(bytes((8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")))
        assert party.call is not None
        loop = asyncio.get_running_loop()
        began_s = loop.time()  # in time, not in ticks: a busy machine misses some
        party.call.record(tmp_path / "a.wav")
        await more_ticks(party, 25)
        await stage.proxy.refuse()
        await stage.service(wanted=False)
        paused_at = round((loop.time() - began_s) / FRAME_S) + 1
        party.call.pause_recording()
        await more_ticks(party, 40)
        party.call.resume_recording()
        resumed_at = round((loop.time() - began_s) / FRAME_S)
        await stage.proxy.restore()
        await stage.service(wanted=True)
        await more_ticks(party, 50)
        party.call.hangup()
        await party.end()
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        callees = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, 0]
    slack = 15  # frames: from our asking for the recording until its begin, and on a late machine
    frames = np.abs(callees[: len(callees) // 160 * 160].astype(int)).reshape(-1, 160).max(axis=1) > 1000
    assert not frames[paused_at : resumed_at - slack].any()
    assert frames[: paused_at - slack].mean() > 0.5
    assert frames[resumed_at + slack :].mean() > 0.5


async def test_a_bridge_with_a_party_that_has_just_left_leaves_the_other_as_it_was(
    asterisk_rig: AsteriskRig,
) -> None:
    async with scene(asterisk_rig) as stage:
        stays, leaves = await stage.dial("+861"), await stage.dial("+862")
        await stays.heard(Answered)
        await leaves.heard(Answered)
        assert stays.call is not None
        assert leaves.call is not None
        stage.proxy.delay_s = 0.5  # the news comes late
        callee = await stage.phone.next_call("+862")
        callee.hang_up()
        async with asyncio.timeout(SOON_S):
            while asterisk_rig.channels() > 1:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        with pytest.raises(TrunkError, match="can't bridge"):
            await stays.call.bridge(leaves.call)
        await more_ticks(stays)
        assert (await leaves.end()).cause.by == "callee"
        assert not stays.over


class TestMeeting:
    """Answer and socket come over two connections, in either order."""

    async def test_the_socket_first(self, asterisk_rig: AsteriskRig) -> None:
        async with scene(asterisk_rig) as stage:
            stage.proxy.delay_s = 0.3
            party = await stage.dial()
            async with asyncio.timeout(SOON_S):
                while not stage.pbx.audio.open_sockets:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.005)
            assert Answered not in {type(event) for event in party.events}
            await party.heard(Answered)
            await more_ticks(party)

    @pytest.mark.parametrize("listens", [True, False])
    async def test_no_socket_ends_the_call(
        self, asterisk_rig: AsteriskRig, monkeypatch: pytest.MonkeyPatch, listens: bool
    ) -> None:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        other = await asyncio.start_server(take, "127.0.0.1", 0)
        address = f"127.0.0.1:{other.sockets[0].getsockname()[1]}"
        if not listens:
            other.close()
            await other.wait_closed()
        async with scene(asterisk_rig) as stage:
            monkeypatch.setattr(type(stage.pbx.audio), "address", address)
            party = await stage.dial()
            end = await party.end()
            assert (end.cause.outcome, end.cause.by) == (DialOutcome.FAILED, "us")
            assert "didn't reach us" in end.cause.raw
            assert Answered not in {type(event) for event in party.events}
            (callee,) = stage.phone.calls
            await asyncio.wait_for(callee.ended.wait(), SOON_S)
        other.close()
        await other.wait_closed()

    async def test_no_answer_ends_the_call(
        self, asterisk_rig: AsteriskRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A manager connection that says nothing of the answer, though it is there."""
        monkeypatch.setattr(AsteriskCall, "_answer", lambda _self: None)
        async with scene(asterisk_rig) as stage:
            party = await stage.dial()
            end = await party.end()
            assert (end.cause.outcome, end.cause.by) == (DialOutcome.FAILED, "us")

    async def test_a_callee_who_leaves_at_once_was_there(self, asterisk_rig: AsteriskRig) -> None:
        async def picks_up_and_leaves(call: SipCall) -> None:
            call.answer()
            await call.acked.wait()
            call.hang_up()

        async with scene(asterisk_rig) as stage:
            stage.phone.on("+861", picks_up_and_leaves)
            parties = [await stage.dial("+861") for _ in range(10)]
            for party in parties:
                cause = (await party.end()).cause
                assert (cause.outcome, cause.by) == (DialOutcome.ANSWERED, "callee")
                assert [type(event) for event in party.events] == [Answered, HungUp]
