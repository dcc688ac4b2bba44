"""SIP messages, session descriptions and RTP packets: read, written, refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.softphone import MessageError, messages, rtp, sdp
from tests.softphone.messages import Request, Response

pytestmark = pytest.mark.unit

INVITE = (
    b"INVITE sip:13800000001@127.0.0.1:5090 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK1\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK0\r\n"
    b'f: "Anna; the caller" <sip:10086@127.0.0.1;transport=udp>;tag=abc\r\n'
    b"To: <sip:13800000001@127.0.0.1>\r\n"
    b"i: 1@host\r\n"
    b"CSeq: 42 INVITE\r\n"
    b"Subject: folded\r\n over two lines\r\n"
    b"Content-Length: 4\r\n\r\nv=0\n"
)
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 20010 RTP/AVP 18 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"
)


def test_an_invite_is_read_with_short_and_folded_headers() -> None:
    invite = messages.parse(INVITE)
    assert isinstance(invite, Request)
    assert (invite.method, invite.call_id, invite.cseq, invite.branch) == ("INVITE", "1@host", 42, "z9hG4bK1")
    assert messages.user_of(invite.uri) == "13800000001"
    assert messages.user_of(messages.uri_of(invite.headers.get("from"))) == "10086"
    assert invite.headers.get("subject") == "folded over two lines"
    assert invite.body == b"v=0\n"


def test_a_reply_carries_what_finds_its_way_back() -> None:
    invite = messages.parse(INVITE)
    assert isinstance(invite, Request)
    ringing = messages.parse(messages.reply(invite, 180, "ours", [("Contact", "<sip:x@y>")]))
    assert isinstance(ringing, Response)
    assert (ringing.code, ringing.method, ringing.call_id) == (180, "INVITE", "1@host")
    assert ringing.headers.all("via") == invite.headers.all("via")
    assert messages.parameter(ringing.headers.get("to"), "tag") == "ours"
    assert messages.parameter(ringing.headers.get("from"), "tag") == "abc"
    trying = messages.parse(messages.reply(invite, 100, "ours"))
    assert messages.parameter(trying.headers.get("to"), "tag") == ""


@pytest.mark.parametrize(
    "datagram",
    [b"\xff\xfe", b"", b"GET / HTTP/1.1\r\n\r\n", INVITE.replace(b"i: 1@host\r\n", b""),
     INVITE.replace(b"42 INVITE", b"soon"), INVITE.replace(b"Subject:", b"Subject")],
)  # fmt: skip
def test_what_is_not_sip_is_an_error(datagram: bytes) -> None:
    with pytest.raises(MessageError):
        messages.parse(datagram)


@given(st.binary(max_size=200))
def test_no_datagram_breaks_the_readers(datagram: bytes) -> None:
    for read in (messages.parse, sdp.parse_offer, rtp.parse, rtp.parse_event):
        try:
            read(datagram)
        except MessageError:
            continue


def test_an_offer_is_read_and_answered_in_its_own_order_and_direction() -> None:
    offer = sdp.parse_offer(OFFER)
    assert offer == sdp.Offer("127.0.0.1", 20010, ("ulaw", "alaw"), 101, "sendonly")
    assert sdp.choose(offer, ("alaw", "ulaw")) == "ulaw"
    assert sdp.choose(offer, ("alaw",)) == "alaw"
    assert sdp.choose(offer, ()) is None
    answer = sdp.answer(offer, "alaw", "127.0.0.2", 30000)
    assert sdp.parse_offer(answer) == sdp.Offer("127.0.0.2", 30000, ("alaw",), 101, "recvonly")
    with pytest.raises(MessageError):
        sdp.parse_offer(b"v=0\r\n")


@given(
    st.builds(
        rtp.Packet,
        payload_type=st.integers(0, 127),
        sequence=st.integers(0, 0xFFFF),
        timestamp=st.integers(0, 0xFFFFFFFF),
        ssrc=st.integers(0, 0xFFFFFFFF),
        payload=st.binary(max_size=400),
        marker=st.booleans(),
    )
)
def test_rtp_packets_survive_the_line(packet: rtp.Packet) -> None:
    assert rtp.parse(rtp.pack(packet)) == packet


def test_extension_sources_and_padding_are_cut_off() -> None:
    plain = rtp.pack(rtp.Packet(8, 1, 2, 3, b""))[1:]
    bits = 0x80 | 0x20 | 0x10 | 0x01  # version 2, padding, extension, one contributing source
    datagram = bytes([bits]) + plain + bytes(4) + b"\xbe\xde\x00\x01" + bytes(4) + b"sound" + b"\x00\x00\x03"
    assert rtp.parse(datagram).payload == b"sound"
    for cut in (b"", datagram[:11], datagram[:17], bytes([0x40]) + plain):
        with pytest.raises(MessageError):
            rtp.parse(cut)


@pytest.mark.parametrize("key", rtp.KEYS)
def test_each_key_survives_the_line(key: str) -> None:
    for event in (rtp.Event(key, 160), rtp.Event(key, 800, end=True)):
        assert rtp.parse_event(rtp.pack_event(event)) == event
