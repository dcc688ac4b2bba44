"""One contestant at one load: its server in a process of its own, `bench.engine_load` as all its callees."""

from __future__ import annotations

import asyncio
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.capacity.meters import cpu_s, rss_bytes
from bench.engine import SETTLE_S, run_scene
from bench.engine_calls import Generator, generator, resident_kb
from bench.peers.environments import Peer, PeerError
from bench.peers.figures import OURS, Measured

CHECKOUT = Path(__file__).parents[2]
SET_UP_S = 0.05  # between calls


@dataclass(frozen=True, slots=True)
class Load:
    calls: int
    seconds: float
    vad: bool


async def measure_peer(peer: Peer, python: Path, load: Load) -> Measured:
    """Raises PeerError when its server doesn't start."""
    variant = peer.with_vad if load.vad else peer.without_vad
    with _server(peer, python, variant) as (pid, port), generator(probe_every=1) as other:
        manager = await _Manager.connect(other)
        for _ in range(load.calls):
            await manager.place(port)
            await asyncio.sleep(SET_UP_S)
        await asyncio.sleep(SETTLE_S)
        other.tell("mark")
        begun_s, before_s = time.monotonic(), cpu_s(pid)
        await asyncio.sleep(load.seconds)
        spent_s, took_s = cpu_s(pid) - before_s, time.monotonic() - begun_s
        far = await other.report()
        resident_mb = rss_bytes(pid) / 2**20
        manager.close()
    return Measured(
        contestant=peer.name,
        vad=load.vad,
        calls=load.calls,
        cpu_ms_per_call_s=1000 * spent_s / took_s / load.calls,
        p50_late_ms=far["p50_late_ms"],
        p99_late_ms=far["p99_late_ms"],
        frames_per_call_s=far["frames_per_call_s"],
        memory_mb=resident_mb,
    )


async def measure_ours(load: Load) -> Measured:
    """The whole engine as `bench engine` runs it: manager connection, sessions, flow, prompts, keys and VAD."""
    (found,) = await run_scene("vad" if load.vad else "prompts", (load.calls,), load.seconds, None)
    return Measured(
        contestant=OURS,
        vad=load.vad,
        calls=load.calls,
        cpu_ms_per_call_s=found.engine_ms + found.decoding_ms,
        p50_late_ms=found.far["p50_late_ms"],
        p99_late_ms=found.far["p99_late_ms"],
        frames_per_call_s=found.far["frames_per_call_s"],
        memory_mb=resident_kb() / 1024,
    )


@contextmanager
def _server(peer: Peer, python: Path, variant: str) -> Iterator[tuple[int, int]]:
    """Its process and the port it listens on."""
    command = [str(python), "-m", peer.server, variant]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        if words[:1] != ["listens"]:
            process.kill()
            raise PeerError(
                "{package} doesn't start: {reason} (fix: delete its environment, so that it is made anew)",
                package=peer.package,
                reason=(process.communicate()[1].strip().splitlines() or ["?"])[-1],
            )
        yield process.pid, int(words[1])
    finally:
        process.kill()
        process.communicate()


class _Manager:
    """Tells the generator to call: what our engine says to Asterisk, without our engine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._draining = asyncio.create_task(reader.read())

    @classmethod
    async def connect(cls, other: Generator) -> _Manager:
        return cls(*await asyncio.open_connection("127.0.0.1", other.manager_port))

    async def place(self, port: int) -> None:
        headers = {
            "Action": "Originate",
            "ActionID": "1",
            "ChannelId": str(uuid.uuid4()),
            "Variable": f"IVR_AUDIO=127.0.0.1:{port}\r\nVariable: IVR_SOCKET={uuid.uuid4()}",
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()

    def close(self) -> None:
        self._draining.cancel()
        self._writer.close()
