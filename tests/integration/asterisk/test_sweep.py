"""Many sockets read and written at once, in Python and compiled: the same bytes, the same answers."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from speech.audio import FRAME_BYTES
from trunk.asterisk import sweep
from trunk.asterisk.sweep import MOST, PACKET_BYTES, READ_BYTES, READ_PACKETS

pytestmark = pytest.mark.integration

HEADER = b"\x10\x01\x40"
KEY = b"\x03\x00\x015"
IN_PYTHON = SimpleNamespace(hear=sweep.hear_in_python, say=sweep.say_in_python)
needs_it = pytest.mark.skipif(
    not sweep.COMPILED and os.environ.get("CI") != "true", reason="no compiler was there when this was installed"
)


@pytest.fixture(params=["python", pytest.param("compiled", marks=needs_it)])
def swept(request: pytest.FixtureRequest) -> Any:
    return IN_PYTHON if request.param == "python" else compiled()


def compiled() -> Any:
    assert sweep.COMPILED
    return vars(sweep)["_sweep"]


class Line:
    """One connection: ours, which is swept, and the peer's."""

    def __init__(self, ours: socket.socket, peer: socket.socket) -> None:
        self.ours, self.peer, self.number = ours, peer, ours.fileno()

    def received(self) -> bytes:
        return self.peer.recv(1 << 20)


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made = []
        for _ in range(5):
            peer = stack.enter_context(socket.create_connection(listener.getsockname()))
            ours = stack.enter_context(listener.accept()[0])
            ours.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.append(Line(ours, peer))
        yield made


def frame(number: int) -> bytes:
    return bytes([number]) * FRAME_BYTES


def packets(*numbers: int) -> bytes:
    return b"".join(HEADER + frame(number) for number in numbers)


def test_each_socket_gives_what_has_come_on_it(swept: Any, lines: list[Line]) -> None:
    two, none, gone, odd, broken = lines
    two.peer.sendall(packets(1, 2))
    gone.peer.close()
    odd.peer.sendall(packets(3) + KEY)
    broken.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    broken.peer.close()
    heard = swept.hear([line.number for line in lines])
    assert heard == [(frame(1), frame(2)), (), b"", packets(3) + KEY, None]
    assert swept.hear([none.number, two.number]) == [(), ()]  # everything was taken
    assert swept.hear([]) == []


@pytest.mark.parametrize("count", range(1, READ_PACKETS))
def test_whole_frames_are_told_from_the_rest(swept: Any, lines: list[Line], count: int) -> None:
    line = lines[0]
    line.peer.sendall(packets(*range(count)))
    assert swept.hear([line.number]) == [tuple(map(frame, range(count)))]


@pytest.mark.parametrize(
    "data",
    [
        packets(1)[:-1],
        packets(1, 2)[1:],
        packets(1, 2) + b"\x10",
        b"\x10\x01\x3e" + bytes(FRAME_BYTES),
        packets(1) + b"\x11" + packets(2)[1:],
        b"\x00\x00\x00",
    ],
)
def test_everything_else_comes_as_it_is(swept: Any, lines: list[Line], data: bytes) -> None:
    lines[0].peer.sendall(data)
    assert swept.hear([lines[0].number]) == [data]


def test_a_full_buffer_comes_as_it_is_and_the_rest_stays(swept: Any, lines: list[Line]) -> None:
    line = lines[0]
    sent = packets(*range(READ_PACKETS + 1))
    line.peer.sendall(sent)
    assert swept.hear([line.number]) == [sent[:READ_BYTES]]
    assert swept.hear([line.number]) == [(frame(READ_PACKETS),)]


def test_two_frames_are_said_on_each_socket(swept: Any, lines: list[Line]) -> None:
    said = [(frame(2 * at), frame(2 * at + 1)) for at in range(len(lines))]
    assert swept.say([line.number for line in lines], said) == []
    assert [line.received() for line in lines] == [packets(2 * at, 2 * at + 1) for at in range(len(lines))]
    assert swept.say([], []) == []


def test_who_takes_no_more_is_named_and_the_others_are_served(swept: Any, lines: list[Line]) -> None:
    full, broken, well = lines[:3]
    full.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    full.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    broken.ours.shutdown(socket.SHUT_WR)
    said = (frame(1), frame(2))
    taken = 0
    for _ in range(10_000):
        left = swept.say([full.number], [said])
        taken += left[0][1] if left else 2 * PACKET_BYTES
        if left == [(0, 0)]:
            break
    assert left == [(0, 0)]
    assert swept.say([full.number, broken.number, well.number], [said] * 3) == [(0, 0), (1, -1)]
    assert well.received() == packets(1, 2)
    full.peer.settimeout(10)
    came = b""
    while len(came) < taken:
        came += full.received()
    assert len(came) == taken  # what was counted as taken, and nothing of what wasn't


def test_what_is_no_pair_of_frames_is_refused(swept: Any, lines: list[Line]) -> None:
    number = lines[0].number
    for pair in [(frame(1), frame(2)[:-1]), (frame(1) + b"x", frame(2))]:
        with pytest.raises(ValueError, match="320 bytes"):
            swept.say([number], [pair])
    with pytest.raises(ValueError, match=r"."):
        swept.say([number], [])


def test_a_number_that_is_no_socket_is_broken(swept: Any) -> None:
    assert swept.hear([-1]) == [None]
    assert swept.say([-1], [(frame(1), frame(2))]) == [(0, -1)]


@needs_it
def test_any_bytes_are_heard_alike(lines: list[Line]) -> None:
    one, other = lines[:2]
    dice = random.Random(5)
    for _ in range(300):
        data = packets(*dice.choices(range(256), k=dice.randrange(5)))
        if dice.random() < 0.5:
            at = dice.randrange(len(data) + 1)
            data = data[:at] + dice.randbytes(dice.randrange(1, 5)) + data[at + dice.randrange(3) :]
        if not data:
            continue
        for line in (one, other):
            line.peer.sendall(data)
        assert compiled().hear([one.number]) == IN_PYTHON.hear([other.number])


@needs_it
@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((1,), []),
        (["1"], []),
        ([2**70], []),
        ([1] * (MOST + 1), [(frame(1), frame(2))] * (MOST + 1)),
        ([-1], [[frame(1), frame(2)]]),
        ([-1], [(frame(1),)]),
        ([-1], [("a" * FRAME_BYTES, frame(2))]),
        ([-1], ((frame(1), frame(2)),)),
    ],
)
def test_the_compiled_one_refuses_what_it_was_not_made_for(numbers: Any, said: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        compiled().say(numbers, said)
    if numbers != [-1]:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            compiled().hear(numbers)


@needs_it
def test_the_compiled_one_keeps_nothing(lines: list[Line]) -> None:
    first, second = bytes(bytearray(FRAME_BYTES)), bytes(bytearray(FRAME_BYTES))
    numbers, said = [lines[0].number, -1], [(first, second)] * 2
    before = [sys.getrefcount(one) for one in (first, second, numbers, said, said[0])]
    for _ in range(200):
        assert compiled().say(numbers, said) == [(1, -1)]
        lines[0].received()
        with pytest.raises(ValueError, match="pair"):
            compiled().say(numbers, [said[0], (first, b"")])
    assert [sys.getrefcount(one) for one in (first, second, numbers, said, said[0])] == before


def test_one_that_was_built_from_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_INTERFACE", -1)
    assert not sweep._fits()
    monkeypatch.setattr(sweep, "_sweep", None)
    assert not sweep._fits()
