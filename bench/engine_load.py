"""The other side of `ivr bench engine`, in a process of its own: Asterisk's AudioSocket and manager ends, no more.

Lean, because it shares the machine with what it measures: frames are made once; one `send` per call and 20 ms, the
calls spread over PHASES moments of it as a PBX's are; what comes back is thrown away about once a second, but for
one call in PROBE_EVERY, whose frames are read and timed as they come. `python -m bench.engine_load [PROBE_EVERY]`
prints two ports: the manager's, and one for commands as datagrams (`mark`, `report`, `key ID`, `say ID`)."""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
import uuid
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import numpy as np

from bench.lateness import lateness
from speech.audio import FRAME_BYTES, FRAME_S, SAMPLE_RATE_HZ, alaw_round_trip
from speech.audio.files import read_audio
from trunk.asterisk.audioframes import AUDIO_HEADER, Kind

PHASES = 20
PROBE_EVERY = 20  # calls: one whose lateness is measured
ANSWER_AFTER_S = 0.6  # from a question's end to its answer
DRAIN_PARTS = 50  # of the calls: one part in 20 ms, so each call about once a second
HISS_RMS = 30  # of ±32768: about -61 dBFS, a quiet line's
NOISE_FRAMES = 97
QUIET_SHARE = 0.9  # of the bytes of what is read are 0: silence with its headers
SILENT_SHARE = 0.9  # of a probe's frames: it hears next to nothing
PACKET_BYTES = len(AUDIO_HEADER) + FRAME_BYTES
_SEQUENCE = np.uint64(0xFFFF)
SAYING = Path(__file__).parents[1] / "tests" / "callers" / "ko" / "espeak_f" / "00_네.wav"


@dataclass(slots=True)
class Line:
    """One call's socket; `arrivals_s` of a probe: when each frame came, monotonic."""

    socket: socket.socket
    uniqueid: str
    probe: bool
    saying: list[bytes] = field(default_factory=list)  # frames still to be said, the next one last
    arrivals_s: array[float] = field(default_factory=lambda: array("d"))
    received: int = 0  # bytes
    silent: int = 0  # frames of a probe that were


def lateness_ms(probes: Iterable[array[float]]) -> list[float]:
    """How late each frame of these calls came, by `bench.lateness`."""
    came = [np.asarray(arrivals_s) for arrivals_s in probes]
    whose = [
        np.arange(len(one), dtype=np.uint64) & _SEQUENCE | np.uint64(call << 16) for call, one in enumerate(came)
    ]
    if not any(map(len, came)):
        return []
    late: list[float] = lateness(np.concatenate(came), np.concatenate(whose)).late_ms.tolist()
    return late


class Load:
    """Serves one engine until it hangs up on the manager's port."""

    def __init__(self, probe_every: int = PROBE_EVERY) -> None:
        self._probe_every = probe_every
        hiss = np.rint(np.random.default_rng(5).normal(0, HISS_RMS, FRAME_BYTES // 2 * NOISE_FRAMES))
        self._hiss = cycle(_packets(hiss.astype(np.int16).tobytes()))
        quiet = bytes(SAMPLE_RATE_HZ // 5 * 2)
        self._saying = _packets(quiet + read_audio(SAYING) + quiet)[::-1]
        self._phases: list[list[Line]] = [[] for _ in range(PHASES)]
        self._lines: dict[str, Line] = {}
        self._placed = 0
        self._answers: list[tuple[float, str, str]] = []  # due, what, whose: in order
        self._events = selectors.DefaultSelector()
        self._late_ms: array[float] = array("d")  # this process's own
        self._drain = bytearray(1 << 16)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._commands = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._commands.bind(("127.0.0.1", 0))
        self._commands.setblocking(False)
        self._pending = b""
        self._marked = (0.0, 0.0)
        self._drained = 0  # of DRAIN_PARTS

    @property
    def ports(self) -> tuple[int, int]:
        return self._server.getsockname()[1], self._commands.getsockname()[1]

    def run(self) -> None:
        self._manager, _ = self._server.accept()
        self._manager.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        self._events.register(self._manager, selectors.EVENT_READ, None)
        self._events.register(self._commands, selectors.EVENT_READ, None)
        begin_s, number = time.monotonic(), 0
        while True:
            number += 1
            due_s = begin_s + number * FRAME_S / PHASES
            while (left_s := due_s - time.monotonic()) > 0:
                if not self._serve(left_s):
                    return
            self._late_ms.append((time.monotonic() - due_s) * 1000)
            self._send(number % PHASES)

    # ---- sound -----------------------------------------------------------------------------------------------

    def _send(self, phase: int) -> None:
        packet = next(self._hiss)
        lines = self._phases[phase]
        for line in lines:
            try:
                line.socket.send(line.saying.pop() if line.saying else packet)
            except (BlockingIOError, ConnectionError):
                continue
        if phase == 0:
            self._drained = (self._drained + 1) % DRAIN_PARTS
        for line in lines[self._drained :: DRAIN_PARTS]:
            if not line.probe:
                self._read(line)

    def _read(self, line: Line) -> int:
        try:
            size = line.socket.recv_into(self._drain)
        except BlockingIOError:
            return 0
        except OSError:  # reset, or closed a moment ago
            size = 0
        if size == 0:
            self._end(line)
        line.received += size
        return size

    def _serve(self, wait_s: float) -> bool:
        for key, _ in self._events.select(wait_s):
            line = key.data
            if line is not None:
                now_s = time.monotonic()
                size = self._read(line)
                frames = size // PACKET_BYTES
                line.arrivals_s.extend([now_s] * frames)
                if self._drain.count(0, 0, size) > QUIET_SHARE * size:
                    line.silent += frames
            elif key.fileobj is self._manager:
                data = self._manager.recv(65536)
                if not data:
                    return False
                self._take(data)
            else:
                self._command(self._commands.recv(200).decode())
        now_s = time.monotonic()
        while self._answers and self._answers[0][0] <= now_s:
            _, what, uniqueid = self._answers.pop(0)
            self._answer(what, uniqueid)
        return True

    def _answer(self, what: str, uniqueid: str) -> None:
        line = self._lines.get(uniqueid)
        if line is None:
            return
        if what == "say":
            line.saying = list(self._saying)
        else:
            key = {"Uniqueid": uniqueid, "Digit": "1", "Direction": "Received", "DurationMs": "100"}
            self._tell(Event="DTMFEnd", **key)

    def _command(self, command: str) -> None:
        what, _, whose = command.partition(" ")
        if what in ("key", "say"):
            self._answers.append((time.monotonic() + ANSWER_AFTER_S, what, whose))
        elif what == "mark":
            self._late_ms = array("d")
            for line in self._lines.values():
                line.arrivals_s, line.received, line.silent = array("d"), 0, 0
            self._marked = (time.monotonic(), time.process_time())
        elif what == "report":
            print(json.dumps(self._report()), flush=True)  # noqa: T201 the parent reads it

    def _report(self) -> dict[str, float]:
        seconds, cpu_s = time.monotonic() - self._marked[0], time.process_time() - self._marked[1]
        probes = [line for line in self._lines.values() if line.probe]
        late = lateness_ms(line.arrivals_s for line in probes) or [0.0]
        p50, p99, most = np.percentile(late, (50, 99, 100)).tolist()
        calls = max(1, len(self._lines))
        received = sum(line.received for line in self._lines.values()) / PACKET_BYTES
        return {
            "p50_late_ms": p50,
            "p99_late_ms": p99,
            "max_late_ms": most,
            "silent_calls": sum(one.silent >= SILENT_SHARE * len(one.arrivals_s) for one in probes),
            "frames_per_call_s": received / calls / seconds,
            "generator_cpu_ms_per_call_s": cpu_s * 1000 / seconds / calls,
            "generator_p99_late_ms": float(np.percentile(self._late_ms, 99)),
        }

    # ---- the manager's interface -----------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        *messages, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for message in messages:
            headers: dict[str, list[str]] = {}
            for text in message.decode().split("\r\n"):
                name, _, value = text.partition(": ")
                headers.setdefault(name, []).append(value)
            self._act({name: values[0] for name, values in headers.items()}, headers.get("Variable", []))

    def _act(self, action: dict[str, str], variables: list[str]) -> None:
        name, number = action["Action"], action["ActionID"]
        lists = {"CoreShowChannels": "CoreShowChannelsComplete", "PJSIPShowEndpoint": "EndpointDetailComplete"}
        if name in lists:
            self._tell(Response="Success", ActionID=number, EventList="start")
            self._tell(Event=lists[name], ActionID=number, EventList="Complete", ListItems="0")
            return
        self._tell(Response="Success", ActionID=number)
        if name == "Login":
            self._tell(Event="FullyBooted", Status="Fully Booted")
        elif name == "Originate":
            values = dict(variable.split("=", 1) for variable in variables)
            self._connect(action["ChannelId"], values)
            self._tell(Event="Newstate", Uniqueid=action["ChannelId"], ChannelState="6")
            self._tell(Event="OriginateResponse", ActionID=number, Response="Success", Reason="4")
        elif name == "Hangup" and action["Channel"] in self._lines:
            self._end(self._lines[action["Channel"]])

    def _connect(self, uniqueid: str, values: dict[str, str]) -> None:
        host, port = values["IVR_AUDIO"].split(":")
        sound = socket.create_connection((host, int(port)))
        sound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sound.setblocking(False)
        sound.send(bytes([Kind.ID, 0, 16]) + uuid.UUID(values["IVR_SOCKET"]).bytes)
        line = Line(sound, uniqueid, probe=self._placed % self._probe_every == 0)
        self._lines[uniqueid] = line
        self._phases[self._placed % PHASES].append(line)
        self._placed += 1
        if line.probe:
            self._events.register(sound, selectors.EVENT_READ, line)

    def _end(self, line: Line) -> None:
        if self._lines.pop(line.uniqueid, None) is None:
            return
        if line.probe:
            self._events.unregister(line.socket)
        for lines in self._phases:
            if line in lines:
                lines.remove(line)
        line.socket.close()
        hangup = {"Cause": "16", "Cause-txt": "Normal Clearing"}
        self._tell(Event="Hangup", Uniqueid=line.uniqueid, **hangup)

    def _tell(self, **headers: str) -> None:
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        self._manager.sendall(text.encode())


def _packets(pcm: bytes) -> list[bytes]:
    sound = alaw_round_trip(pcm)
    return [
        AUDIO_HEADER + sound[at : at + FRAME_BYTES] for at in range(0, len(sound) - FRAME_BYTES + 1, FRAME_BYTES)
    ]


if __name__ == "__main__":
    load = Load(*(int(argument) for argument in sys.argv[1:]))
    print(*load.ports, flush=True)  # noqa: T201 the parent reads it
    load.run()
