"""AudioSocket's frames: the same however the stream is split, and nothing that no Asterisk sends is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunk.asterisk.audioframes import MAX_PAYLOAD_BYTES, FrameParser, Kind, MalformedFrameError

pytestmark = pytest.mark.unit

AUDIO = st.binary(min_size=1, max_size=200).map(lambda pcm: (Kind.AUDIO, pcm * 2))
FRAMES = st.lists(
    st.one_of(
        AUDIO,
        st.just((Kind.HANG_UP, b"")),
        st.binary(max_size=4).map(lambda why: (Kind.ERROR, why)),
        st.binary(min_size=16, max_size=16).map(lambda id_: (Kind.ID, id_)),
        st.sampled_from("0123456789*#ABCD").map(lambda key: (Kind.KEY, key.encode())),
    ),
    max_size=12,
)
ENDINGS = st.sampled_from([b"", b"\x07\x00\x00", b"\x10\x00\x03abc", b"\x10\x00", b"\x03\x00\x01"])


def packed(kind: int, payload: bytes) -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def parsed(pieces: list[bytes]) -> tuple[list[tuple[Kind, bytes]], str]:
    """The frames, and what was wrong in the end."""
    parser, frames = FrameParser(), []
    try:
        for piece in pieces:
            for frame in parser.feed(piece):  # one by one: those before a fault in the same piece count too
                frames.append(frame)
    except MalformedFrameError as error:
        return frames, str(error)
    return frames, ""


@given(FRAMES, ENDINGS, st.data())
def test_any_split_of_the_stream_gives_the_same_frames(
    frames: list[tuple[Kind, bytes]], ending: bytes, data: st.DataObject
) -> None:
    stream = b"".join(packed(*frame) for frame in frames) + ending
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = parsed([stream])
    assert whole[0] == frames
    assert parsed(pieces) == whole
    assert parsed([stream[at : at + 1] for at in range(len(stream))]) == whole


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (packed(0x11, bytes(640)), "unknown type 0x11"),
        (packed(Kind.ID, bytes(15)), "15 bytes, not 16"),
        (packed(Kind.KEY, b"12"), "2 bytes, not 1"),
        (packed(Kind.KEY, b"x"), "a key that no telephone has"),
        (packed(Kind.HANG_UP, b"x"), "1 bytes, not 0"),
        (packed(Kind.AUDIO, bytes(321)), "not whole samples"),
        (packed(Kind.AUDIO, b""), "not whole samples"),
        (b"\x10\xff\xfe", "65534 bytes, more than 3200"),  # the header is enough: nothing is gathered
    ],
)
def test_what_no_asterisk_sends_is_refused(stream: bytes, reason: str) -> None:
    frames, why = parsed([stream])
    assert frames == []
    assert reason in why


def test_the_longest_frame_is_taken() -> None:
    frames, why = parsed([packed(Kind.AUDIO, bytes(MAX_PAYLOAD_BYTES))])
    assert [len(payload) for _, payload in frames] == [MAX_PAYLOAD_BYTES]
    assert why == ""
