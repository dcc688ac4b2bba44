"""The AudioSocket server over real loopback sockets: on asyncio's loop with the sweep in Python, and on uvloop
with the compiled one where there is one."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import uvloop

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from trunk.asterisk import sweep
from trunk.asterisk.audiosocket import AudioSocketLimits, AudioSocketServer
from trunk.ports import TrunkError

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]

ID = uuid.UUID("11111111-2222-4333-8444-555555555555")
LIMITS = AudioSocketLimits()
PACKET_BYTES = 3 + FRAME_BYTES
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    if request.param is asyncio.new_event_loop:
        monkeypatch.setattr(sweep, "hear", sweep.hear_in_python)
        monkeypatch.setattr(sweep, "say", sweep.say_in_python)
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield lambda main: runner.run(within(main))


async def within(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with asyncio.timeout(30):
        await main()


class Leg:
    """Keeps what it is told; says what `say` holds, frame by frame."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.heard: list[bytes] = []
        self.keys = ""
        self.say: list[bytes] = []
        self.changed = asyncio.Event()

    def on_socket_open(self) -> None:
        self._note("open")

    def on_socket_closed(self) -> None:
        self._note("closed")

    def on_frame(self, frame: bytes) -> bytes | None:
        self.heard.append(frame)
        self.changed.set()
        return self.say.pop(0) if self.say else None

    def on_key(self, key: str) -> None:
        self.keys += key
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    async def told(self, *events: str) -> None:
        await self.until(lambda: self.said == list(events))

    def _note(self, what: str) -> None:
        self.said.append(what)
        self.changed.set()


class Peer:
    """Asterisk's end of one socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, kind: int, payload: bytes = b"") -> None:
        self.writer.write(bytes([kind]) + len(payload).to_bytes(2, "big") + payload)

    def name(self, socket_id: uuid.UUID = ID) -> None:
        self.send(0x01, socket_id.bytes)

    async def frame(self) -> tuple[int, bytes]:
        header = await self.reader.readexactly(3)
        return header[0], await self.reader.readexactly(int.from_bytes(header[1:], "big"))

    async def last_frame(self) -> tuple[int, bytes] | None:
        """The last one before the server's end of the stream."""
        last = None
        while True:
            try:
                last = await self.frame()
            except asyncio.IncompleteReadError:
                return last


@asynccontextmanager
async def serving(limits: AudioSocketLimits = LIMITS, *, spread: bool = False) -> AsyncIterator[AudioSocketServer]:
    server = AudioSocketServer("127.0.0.1", limits=limits, spread=spread)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        assert server.open_sockets == 0


@asynccontextmanager
async def peer_of(server: AudioSocketServer) -> AsyncIterator[Peer]:
    host, port = server.address.split(":")
    peer = Peer(*await asyncio.open_connection(host, int(port)))
    try:
        yield peer
    finally:
        peer.writer.transport.abort()


@asynccontextmanager
async def heard_raw(server: AudioSocketServer) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Asterisk's end of a socket with its id said; the function reads what there is."""
    with socket.socket() as plain:
        plain.setblocking(False)
        host, port = server.address.split(":")
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plain, (host, int(port)))
        plain.send(b"\x01\x00\x10" + ID.bytes)
        yield lambda: loop.sock_recv(plain, 1 << 16)


def assert_whole(came: bytes) -> None:
    """Frames that say 1, 2, 3 … and silence after 100."""
    packets = [came[at : at + PACKET_BYTES] for at in range(0, len(came), PACKET_BYTES)]
    assert [packet[:3] for packet in packets] == [b"\x10\x01\x40"] * len(packets)
    assert [packet[3:] for packet in packets[:100]] == [pcm(value + 1) for value in range(min(100, len(packets)))]


def pcm(value: int) -> bytes:
    return value.to_bytes(2, "little") * (FRAME_BYTES // 2)


class TestAudio:
    def test_what_comes_is_heard_in_order_and_answered_frame_by_frame(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer:
                leg = Leg()
                leg.say = [pcm(7), pcm(8)]
                server.expect(ID, leg)
                peer.name()
                for value in (1, 2, 3):
                    peer.send(0x10, pcm(value))
                await leg.until(lambda: pcm(3) in leg.heard)
                heard = [frame for frame in leg.heard if frame != SILENCE_FRAME]
                assert heard == [pcm(1), pcm(2), pcm(3)]
                said = [await peer.frame() for _ in range(4)]
                assert said == [(0x10, pcm(7)), (0x10, pcm(8)), (0x10, SILENCE_FRAME), (0x10, SILENCE_FRAME)]

        run(main)

    def test_two_frames_are_heard_on_every_second_tick_of_a_call_s_own(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as one, peer_of(server) as other:
                heard_at: dict[uuid.UUID, list[int]] = {ID: [], uuid.UUID(int=2): []}
                for peer, socket_id in zip((one, other), heard_at, strict=True):
                    leg = Leg()
                    plain = leg.on_frame

                    def on_frame(
                        frame: bytes, hear: Callable[[bytes], bytes | None] = plain, whose: uuid.UUID = socket_id
                    ) -> bytes | None:
                        heard_at[whose].append(server.ticks)
                        return hear(frame)

                    leg.on_frame = on_frame  # type: ignore[method-assign]  # the clock beside what is heard
                    server.expect(socket_id, leg)
                    peer.name(socket_id)
                    await leg.until(lambda leg=leg: len(leg.heard) >= 8)  # type: ignore[misc]
                for ticks in heard_at.values():
                    pairs = list(zip(ticks[::2], ticks[1::2], strict=False))
                    assert all(first == second for first, second in pairs)
                    assert all(after[0] - before[0] == 2 for before, after in pairwise(pairs))
                odd_ones = {ticks[0] % 2 for ticks in heard_at.values()}
                assert odd_ones == {0, 1}  # not all calls are heard on the same ticks

        run(main)

    def test_two_frames_are_said_at_once_and_in_their_order(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server:
                leg = Leg()
                leg.say = [pcm(value) for value in range(1, 101)]
                server.expect(ID, leg)
                async with heard_raw(server) as read:
                    came = [await read() for _ in range(20)]
                assert {len(data) % (2 * PACKET_BYTES) for data in came} == {0}
                assert_whole(b"".join(came))

        run(main)

    @pytest.mark.parametrize("when", ["always", "before the socket", "while it is open"])
    def test_frames_are_said_apart_where_that_is_asked_for(self, run: Run, when: str) -> None:
        async def main() -> None:
            async with serving(spread=when == "always") as server:
                leg = Leg()
                leg.say = [pcm(value) for value in range(1, 101)]
                server.expect(ID, leg)
                if when == "before the socket":
                    server.spread(ID)
                async with heard_raw(server) as read:
                    came = [await read()]
                    if when == "while it is open":
                        assert len(came[0]) == 2 * PACKET_BYTES
                        server.spread(ID)
                    came += [await read() for _ in range(30)]
                alone = sum(len(data) == PACKET_BYTES for data in came)
                assert alone >= 10  # where this machine is late, more than one has come
                assert_whole(b"".join(came))

        run(main)

    def test_a_forgotten_id_s_frames_are_no_longer_said_apart(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server:
                server.expect(ID, Leg())
                server.spread(ID)
                server.forget(ID)
                server.expect(ID, Leg())
                async with heard_raw(server) as read:
                    assert {len(await read()) % (2 * PACKET_BYTES) for _ in range(4)} == {0}

        run(main)

    def test_a_leg_that_leaves_at_its_first_frame_does_not_hear_the_second(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer:
                leg = Leg()

                def on_frame(frame: bytes) -> None:
                    leg.heard.append(frame)
                    server.forget(ID)

                leg.on_frame = on_frame  # type: ignore[method-assign]
                server.expect(ID, leg)
                peer.name()
                for value in (1, 2, 3):
                    peer.send(0x10, pcm(value))
                assert await peer.last_frame() is None
                assert len(leg.heard) == 1

        run(main)

    def test_silence_when_nothing_comes(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                await leg.until(lambda: len(leg.heard) >= 3)
                assert set(leg.heard) == {SILENCE_FRAME}

        run(main)

    def test_packets_of_other_lengths_become_frames(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                sound = b"".join(pcm(value) for value in range(1, 5))
                peer.send(0x10, sound[:480])  # 30 ms, and then 20, which is no frame by itself
                await leg.until(lambda: pcm(1) in leg.heard)
                peer.send(0x10, sound[480:800])
                await leg.until(lambda: pcm(2) in leg.heard)
                peer.send(0x10, sound[800:])
                await leg.until(lambda: pcm(4) in leg.heard)
                heard = [frame for frame in leg.heard if frame != SILENCE_FRAME]
                assert heard == [pcm(value) for value in range(1, 5)]

        run(main)

    def test_a_sender_that_runs_ahead_loses_its_oldest_frames(self, run: Run) -> None:
        async def main() -> None:
            never_shed = replace(LIMITS, jitter_frames=3, shed_after_ticks=10**6)
            async with serving(never_shed) as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                await leg.told("open")
                burst = b"".join(b"\x10\x01\x40" + pcm(value) for value in range(1, 51))
                peer.writer.write(burst)
                await leg.until(lambda: pcm(50) in leg.heard)
                heard = [frame for frame in leg.heard if frame != SILENCE_FRAME]
                assert len(heard) + server.dropped_frames == 50
                assert server.dropped_frames > 0
                assert heard[-3:] == [pcm(48), pcm(49), pcm(50)]

        run(main)

    def test_a_backlog_is_shed_and_the_delay_with_it(self, run: Run) -> None:
        async def main() -> None:
            limits = replace(LIMITS, jitter_frames=50, shed_after_ticks=3)
            async with serving(limits) as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                for value in range(1, 21):
                    peer.send(0x10, pcm(value))
                await leg.until(lambda: pcm(20) in leg.heard)
                assert server.dropped_frames >= 4  # one with each third frame that others wait behind
                heard = [frame for frame in leg.heard if frame != SILENCE_FRAME]
                assert len(heard) == 20 - server.dropped_frames

        run(main)

    def test_who_reads_late_loses_frames_but_no_part_of_one(self, run: Run) -> None:
        async def main() -> None:
            limits = replace(LIMITS, refused_frames=10**6, send_buffer_bytes=2000)
            async with serving(limits) as server:
                leg = Leg()
                leg.say = [pcm(value % 100 + 1) for value in range(10**4)]
                server.expect(ID, leg)
                with socket.socket() as slow:
                    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2000)
                    slow.setblocking(False)
                    host, port = server.address.split(":")
                    loop = asyncio.get_running_loop()
                    await loop.sock_connect(slow, (host, int(port)))
                    slow.send(b"\x01\x00\x10" + ID.bytes)
                    await leg.until(lambda: len(leg.heard) > 60)
                    came = b""
                    while len(came) < 60 * 323:
                        came += await loop.sock_recv(slow, 4096)
                packets = [came[at : at + 323] for at in range(0, 60 * 323, 323)]
                assert {packet[:3] for packet in packets} == {b"\x10\x01\x40"}
                assert all(packet[3:] == pcm(packet[3]) for packet in packets)
                said = [packet[3] for packet in packets]
                assert any(after != before % 100 + 1 for before, after in pairwise(said))  # some were left out

        run(main)

    def test_keys(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                for key in b"1*#D":
                    peer.send(0x03, bytes([key]))
                await leg.until(lambda: leg.keys == "1*#D")

        run(main)

    def test_one_clock_serves_all_sockets_and_stops_with_the_last(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server:
                async with peer_of(server) as one, peer_of(server) as other:
                    legs = [Leg(), Leg()]
                    ids = [uuid.uuid4(), uuid.uuid4()]
                    for peer, leg, socket_id in zip((one, other), legs, ids, strict=True):
                        server.expect(socket_id, leg)
                        peer.name(socket_id)
                    for leg in legs:
                        await leg.until(lambda leg=leg: len(leg.heard) > 3)  # type: ignore[misc]
                    assert server.ticks + server.missed_ticks < 2 * sum(len(leg.heard) for leg in legs)
                for leg in legs:
                    await leg.told("open", "closed")
                ticks = server.ticks
                await asyncio.sleep(0.06)  # not a wait for anything: the clock must stand still meanwhile
                assert server.ticks == ticks

        run(main)


class TestComingAndGoing:
    def test_a_leg_is_attached_again_after_a_bridge(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server:
                leg = Leg()
                server.expect(ID, leg)
                for time in (1, 2):
                    async with peer_of(server) as peer:
                        peer.name()
                        await leg.told(*["open", "closed"] * (time - 1), "open")
                    await leg.told(*["open", "closed"] * time)

        run(main)

    @pytest.mark.parametrize("kind", [0x00, 0xFF])
    def test_the_peer_hangs_up(self, run: Run, kind: int, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                await leg.told("open")
                peer.send(kind)
                await leg.told("open", "closed")
                assert await peer.last_frame() != (0xFF, b"")

        run(main)
        assert caplog.records == []

    def test_a_forgotten_leg_hears_nothing_more(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                await leg.told("open")
                server.forget(ID)
                server.forget(ID)
                heard = len(leg.heard)
                await peer.last_frame()
                assert leg.said == ["open"]
                assert len(leg.heard) == heard

        run(main)

    def test_two_legs_cannot_expect_the_same_socket(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server:
                leg = Leg()
                server.expect(ID, leg)
                server.expect(ID, leg)
                with pytest.raises(ValueError, match="expected already"):
                    server.expect(ID, Leg())

        run(main)

    def test_close_tells_the_legs(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as peer, peer_of(server):
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                await leg.told("open")
                await server.close()
                assert leg.said == ["open", "closed"]
                assert server.open_sockets == 0

        run(main)

    def test_a_port_in_use_is_one_sentence(self, run: Run) -> None:
        async def main() -> None:
            async with serving() as server:
                port = int(server.address.split(":")[1])
                with pytest.raises(TrunkError, match=f"can't listen for Asterisk's audio on 127.0.0.1:{port}"):
                    await AudioSocketServer("127.0.0.1", port).start()

        run(main)


def named(*then: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    return [(0x01, ID.bytes), *then]


class TestFaults:
    """Each ends its own socket, with a hang-up and a log line, and no other."""

    @pytest.mark.parametrize(
        ("sends", "reason"),
        [
            ([(0x10, pcm(1))], "a frame of type 0x10 before the id"),
            ([(0x03, b"1")], "a frame of type 0x03 before the id"),
            ([(0x01, uuid.UUID(int=9).bytes)], "nobody expects this id"),
            ([(0x01, b"short")], "a frame of type 0x01 with 5 bytes, not 16"),
            (named((0x01, ID.bytes)), "a second id"),
            (named((0x12, pcm(1))), "unknown type 0x12"),
            (named((0x10, b"odd")), "audio of 3 bytes, not whole samples"),
            (named((0x10, bytes(3202))), "a frame of 3202 bytes, more than 3200"),
        ],
    )
    def test_malformed(
        self, run: Run, sends: list[tuple[int, bytes]], reason: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as good, peer_of(server) as bad:
                bystander, leg = Leg(), Leg()
                other_id = uuid.uuid4()
                server.expect(other_id, bystander)
                server.expect(ID, leg)
                good.name(other_id)
                await bystander.told("open")
                for send in sends:
                    bad.send(*send)
                assert await bad.last_frame() == (0xFF, b"")
                assert leg.said == (["open", "closed"] if sends[0] == (0x01, ID.bytes) else [])
                heard = len(bystander.heard)
                await bystander.until(lambda: len(bystander.heard) > heard + 2)
                assert bystander.said == ["open"]

        run(main)
        assert [record.getMessage() for record in caplog.records] == [f"audio_socket_broken: {reason}"]

    def test_an_id_with_an_open_socket_is_refused_and_the_first_stays(
        self, run: Run, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            async with serving() as server, peer_of(server) as first, peer_of(server) as second:
                leg = Leg()
                server.expect(ID, leg)
                first.name()
                await leg.told("open")
                second.name()
                assert await second.last_frame() == (0xFF, b"")
                heard = len(leg.heard)
                await leg.until(lambda: len(leg.heard) > heard + 2)
                assert leg.said == ["open"]

        run(main)
        assert "this id has an open socket" in caplog.text

    def test_a_leg_that_was_broken_is_not_taken_up_again(self, run: Run) -> None:
        """The dialplan comes back after a closed socket; after a fault it must end, not go round."""

        async def main() -> None:
            async with serving() as server, peer_of(server) as bad, peer_of(server) as again:
                leg = Leg()
                server.expect(ID, leg)
                bad.name()
                bad.send(0x77)
                await leg.told("open", "closed")
                again.name()
                assert await again.last_frame() == (0xFF, b"")

        run(main)

    def test_who_says_nothing_within_the_deadline(self, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async with serving(replace(LIMITS, id_deadline_s=0.1)) as server, peer_of(server) as peer:
                assert await peer.last_frame() == (0xFF, b"")

        run(main)
        assert "it didn't say within 0.1 s whose it is" in caplog.text

    def test_a_named_socket_outlives_the_deadline(self, run: Run) -> None:
        async def main() -> None:
            async with serving(replace(LIMITS, id_deadline_s=0.1)) as server, peer_of(server) as peer:
                leg = Leg()
                server.expect(ID, leg)
                peer.name()
                await leg.until(lambda: len(leg.heard) >= 8)
                assert leg.said == ["open"]

        run(main)

    def test_too_many_who_say_nothing(self, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async with (
                serving(replace(LIMITS, unnamed_sockets=1)) as server,
                peer_of(server) as first,
                peer_of(server) as second,
            ):
                assert await second.last_frame() == (0xFF, b"")
                leg = Leg()
                server.expect(ID, leg)
                first.name()
                await leg.told("open")
                async with peer_of(server) as third:
                    other = Leg()
                    server.expect(uuid.UUID(int=3), other)
                    third.name(uuid.UUID(int=3))
                    await other.told("open")

        run(main)
        assert "too many sockets" in caplog.text

    def test_who_does_not_read_is_dropped(self, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            limits = replace(LIMITS, refused_frames=5, send_buffer_bytes=2000)
            async with serving(limits) as server:
                leg = Leg()
                server.expect(ID, leg)
                with socket.socket() as deaf:
                    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2000)
                    deaf.setblocking(False)
                    host, port = server.address.split(":")
                    await asyncio.get_running_loop().sock_connect(deaf, (host, int(port)))
                    deaf.send(b"\x01\x00\x10" + ID.bytes)
                    await leg.told("open", "closed")
                assert len(leg.heard) < 500

        run(main)
        assert "the peer doesn't take its audio" in caplog.text

    def test_who_takes_the_last_bytes_never_is_dropped_all_the_same(self, run: Run) -> None:
        async def main() -> None:
            limits = replace(LIMITS, refused_frames=10**6, send_buffer_bytes=2000, close_grace_s=0.1)
            async with serving(limits) as server:
                leg = Leg()
                leg.say = [pcm(1)] * 10**5
                server.expect(ID, leg)
                with socket.socket() as deaf:
                    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2000)
                    deaf.setblocking(False)
                    host, port = server.address.split(":")
                    await asyncio.get_running_loop().sock_connect(deaf, (host, int(port)))
                    deaf.send(b"\x01\x00\x10" + ID.bytes)
                    await leg.until(lambda: len(leg.heard) > 80)
                    server.forget(ID)
                    while server.open_sockets:  # noqa: ASYNC110 the server tells nobody that a socket is gone
                        await asyncio.sleep(0.02)

        run(main)

    @pytest.mark.parametrize("where", ["on_frame", "on_key", "on_socket_open", "on_socket_closed", "length"])
    def test_a_leg_that_fails(
        self, run: Run, where: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> bytes:
            raise RuntimeError("the leg's own fault")

        async def main() -> None:
            async with serving() as server, peer_of(server) as good:
                bystander, leg = Leg(), Leg()
                other_id = uuid.uuid4()
                if where == "length":
                    leg.say = [b"short"]
                else:
                    monkeypatch.setattr(leg, where, fail)
                server.expect(other_id, bystander)
                server.expect(ID, leg)
                good.name(other_id)
                async with peer_of(server) as peer:
                    peer.name()
                    peer.send(0x03, b"1")
                    if where == "on_socket_closed":
                        peer.send(0x00)
                    await peer.last_frame()
                heard = len(bystander.heard)
                await bystander.until(lambda: len(bystander.heard) > heard + 2)

        run(main)
        messages = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert messages[0] == "audio_leg_failed"
        assert messages[1:] == ([] if where == "on_socket_closed" else ["audio_socket_broken: its leg failed"])
