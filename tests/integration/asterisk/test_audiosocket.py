"""The AudioSocket server over loopback sockets: whose a connection is, how it ends, and faults of either end."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from dataclasses import replace

import pytest

from tests.integration.asterisk.audio_peer import ID, LIMITS, Leg, Run, pcm, peer_of, serving
from trunk.asterisk.audiosocket import AudioSocketServer
from trunk.ports import TrunkError

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]


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
