"""What is heard and said over the AudioSocket server, over real loopback sockets."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from tests.integration.asterisk.audio_peer import ID, LIMITS, Leg, Run, heard_raw, pcm, peer_of, serving

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]

PACKET_BYTES = 3 + FRAME_BYTES


def assert_whole(came: bytes) -> None:
    """Frames that say 1, 2, 3 … and silence after 100."""
    packets = [came[at : at + PACKET_BYTES] for at in range(0, len(came), PACKET_BYTES)]
    assert [packet[:3] for packet in packets] == [b"\x10\x01\x40"] * len(packets)
    assert [packet[3:] for packet in packets[:100]] == [pcm(value + 1) for value in range(min(100, len(packets)))]


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
