"""The softphone's SIP, message by message, against a caller of the bare minimum."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.softphone import CallStateError, SipCall, Softphone
from tests.softphone.messages import parameter

if TYPE_CHECKING:
    from tests.integration.softphone.conftest import NewCaller

pytestmark = [pytest.mark.integration, pytest.mark.real_time]


async def waits(call: SipCall) -> None:
    """A behaviour that leaves everything to the test."""
    await call.ended.wait()


async def test_an_answered_call_rings_is_acknowledged_and_ends_when_they_hang_up(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        caller.invite("13800000001")
        call = await phone.next_call()
        assert (call.user, call.caller) == ("13800000001", "10086")
        await caller.response(180)
        answer = await caller.response(200)
        assert parameter(answer.headers.get("to"), "tag")
        assert not call.acked.is_set()
        caller.send("ACK")
        await call.acked.wait()
        caller.send("BYE", cseq=2)
        await caller.response(200, "BYE")
        await call.ended.wait()
        assert call.end is not None
        assert call.end.reason == "they hung up"
        assert phone.live == []


async def test_an_answer_is_sent_again_until_it_is_acknowledged(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        await caller.until(lambda: caller.count(200) >= 3)
        caller.send("ACK")
        call = await phone.next_call()
        await call.acked.wait()
        sent = caller.count(200)
        await asyncio.sleep(4.5)  # more than the longest gap between two
        assert caller.count(200) == sent


async def test_an_invite_sent_again_is_the_same_call(new_caller: NewCaller) -> None:
    async with Softphone(behaviour=waits) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        call = await phone.next_call()
        call.ring()
        await caller.response(180)
        caller.send("INVITE", body=caller.offer())
        await caller.until(lambda: caller.count(180) == 2)
        assert phone.calls == [call]


async def test_trying_is_said_when_nothing_better_is(new_caller: NewCaller) -> None:
    async with Softphone(behaviour=waits) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        await caller.response(100)


async def test_a_silent_network_says_nothing_at_all(new_caller: NewCaller) -> None:
    async def silence(call: SipCall) -> None:
        call.silent = True

    async with Softphone(behaviour=silence) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        call = await phone.next_call()
        caller.send("CANCEL")
        caller.send("OPTIONS", cseq=2)
        await asyncio.sleep(0.5)  # five times what it would wait with its 100 Trying
        assert caller.inbox == []
        assert call.end is None
    await caller.response(480)  # at the phone's end: else the next one on its port would get the INVITE again


@pytest.mark.parametrize("code", [486, 603, 480, 404, 484, 488, 500, 503, 302])
async def test_any_refusal_can_be_given_with_any_header(new_caller: NewCaller, code: int) -> None:
    async def refuses(call: SipCall) -> None:
        call.ring()
        call.reject(code, {"Reason": 'Q.850;cause=34;text="No circuit"'})

    async with Softphone(behaviour=refuses) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        refusal = await caller.response(code)
        assert refusal.headers.get("reason") == 'Q.850;cause=34;text="No circuit"'
        caller.send("ACK")
        call = await phone.next_call()
        assert call.end is not None
        assert (call.end.reason, call.end.code) == ("refused", code)
        with pytest.raises(CallStateError):
            call.answer()


async def test_a_caller_who_gives_up_while_it_rings_gets_487(new_caller: NewCaller) -> None:
    async with Softphone(behaviour=waits) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        call = await phone.next_call()
        call.ring()
        await caller.response(180)
        caller.send("CANCEL")
        await caller.response(200, "CANCEL")
        await caller.until(lambda: caller.count(487) >= 2)  # sent again …
        caller.send("ACK")  # … until it is acknowledged
        await call.ended.wait()
        assert call.end is not None
        assert call.end.reason == "cancelled"


async def test_no_codec_in_common_is_488(new_caller: NewCaller) -> None:
    async with Softphone(codecs=("ulaw",)) as phone:
        for codecs, code in (((8,), 488), ((18,), 488), ((8, 0), 200)):
            caller = await new_caller(phone.port)
            caller.invite(codecs=codecs)
            await caller.response(code)
            caller.send("ACK")


async def test_hanging_up_waits_for_the_acknowledgement(new_caller: NewCaller) -> None:
    async def leaves(call: SipCall) -> None:
        call.answer()
        call.hang_up()

    async with Softphone(behaviour=leaves) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        await caller.response(200)
        assert not caller.count("BYE")
        caller.send("ACK")
        bye = await caller.request("BYE")
        assert parameter(bye.headers.get("from"), "tag") == parameter(caller.to, "tag")
        assert bye.uri == f"sip:10086@127.0.0.1:{caller.port}"
        call = await phone.next_call()
        await call.ended.wait()
        assert call.end is not None
        assert call.end.reason == "we hung up"


async def test_a_bye_without_answer_is_sent_again(new_caller: NewCaller) -> None:
    async def leaves(call: SipCall) -> None:
        call.answer()
        await call.acked.wait()
        call.hang_up()

    async with Softphone(behaviour=leaves) as phone:
        caller = await new_caller(phone.port)
        caller.answers_bye = False
        caller.invite()
        await caller.response(200)
        caller.send("ACK")
        await caller.until(lambda: caller.count("BYE") >= 3)


async def test_a_reinvite_is_answered_and_sends_the_audio_elsewhere(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller, elsewhere = await new_caller(phone.port), await new_caller(phone.port)
        caller.invite()
        await caller.response(200)
        caller.send("ACK")
        call = await phone.next_call()
        elsewhere.invite()  # a second call: its socket is where the first one's audio shall go
        assert elsewhere.media is not None
        caller.inbox.clear()
        caller.send("INVITE", cseq=2, body=caller.offer(port=elsewhere.media.port))
        await caller.response(200)
        caller.send("ACK", cseq=2)
        call.play(b"\x00\x20" * 800)
        await call.said()
        async with asyncio.timeout(10):
            await elsewhere.media.heard.arrived.wait()
        assert call.reinvites == 1


async def test_qualifying_is_answered_until_it_is_switched_off(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        caller.send("OPTIONS")
        await caller.response(200, "OPTIONS")
        phone.answers_options = False
        caller.inbox.clear()
        caller.send("OPTIONS", cseq=2)
        caller.invite()
        await caller.response(200)  # a call still comes in
        assert caller.count(200) == 1
        caller.send("ACK")
        assert phone.options_seen == 2


async def test_a_registration_is_accepted(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        caller.send("REGISTER", user="trunk")
        await caller.response(200, "REGISTER")
        assert phone.registrations == ["trunk"]


async def test_what_is_not_sip_is_counted_and_left(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        for noise in (b"\x00\xff\x17", b"GET / HTTP/1.1\r\n\r\n", b"INVITE sip:x SIP/2.0\r\nVia: x\r\n\r\n"):
            caller.transport.sendto(noise, ("127.0.0.1", phone.port))
        caller.transport.sendto(b"\r\n\r\n", ("127.0.0.1", phone.port))  # keeps a NAT open: not counted
        caller.send("OPTIONS")
        await caller.response(200, "OPTIONS")
        assert phone.strays == 3


async def test_messages_for_unknown_calls_get_481(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        caller.send("BYE", cseq=2)
        await caller.response(481, "BYE")
        caller.send("ACK")
        caller.send("SUBSCRIBE", cseq=3)
        await caller.response(405, "SUBSCRIBE")


async def test_a_fault_in_a_behaviour_is_raised_when_the_phone_is_switched_off(new_caller: NewCaller) -> None:
    async def fails(call: SipCall) -> None:
        raise ValueError("a bug in the test")

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="a bug")):
        async with Softphone(behaviour=fails) as phone:
            caller = await new_caller(phone.port)
            caller.invite()
            await caller.response(480)
            caller.send("ACK")


async def test_the_other_side_hanging_up_ends_a_behaviour_quietly(new_caller: NewCaller) -> None:
    async def talks_on(call: SipCall) -> None:
        call.answer()
        call.play(bytes(16000 * 60))
        await call.said()
        call.keys("1")

    async with Softphone(behaviour=talks_on) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        await caller.response(200)
        caller.send("ACK")
        caller.send("BYE", cseq=2)
        call = await phone.next_call()
        await call.ended.wait()
        assert call.played[0].cut
