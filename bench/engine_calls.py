"""The engine of `ivr bench engine`: the real trunk, sessions, prompts and recogniser, kept at so many calls.

Nothing is simulated here but who calls (no dialer, no database) and the other side (`bench.engine_load`)."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.engine_load import PROBE_EVERY
from flows.events import IdentityNoted
from flows.loader import load
from ivr.briefs import Brief
from ivr.clock import RealClock
from ivr.config import PathSettings, Settings
from ivr.ports import HandedOver
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.progress import Bus, ProgressEvent, PromptEnded, Understood
from ivr.session.session import CallSession
from ivr.session.turns import TurnPlanner
from ivr.studio import open_studio, recognizer_of
from prompts.catalogue import Catalogue
from speech.ports import Recognizer
from trunk.asterisk.config import EndpointConfig, PbxConfig
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import OriginateRequest

SCENES = ("prompts", "vad", "answers")
PLACED_PER_S = 50.0  # while the calls are being set up, which no figure counts
SPEAKERS = 4  # one call in so many answers by speech, the others by keys
NODES = 90  # prompts or questions of one call: none ends while it is measured
HEARS = "ko"  # the language of questions and answers: the one whose Vosk model is a package; prompts are English
_TEXT = "Your invoice for this month is ready. You can pay it at any of our shops, by bank transfer, or online."
_QUESTION = "Was this of any help to you? Please say yes or no, or press one for yes and two for no."
_SPEECH = {"vad": "barge_in: {keys: true, speech: {after_s: 1.0}}", "prompts": "barge_in: {keys: true}"}


def flow_of(scene: str) -> str:
    """The flow of a scene as YAML: a chain long enough that no call ends while it is measured.

    prompts: played, keys may interrupt, nobody listens for speech; vad: speech may interrupt as well; answers:
    questions, answered by key or by speech."""
    head = (
        f"schema: 1\nflow: bench\ntitle: bench\nlanguage: en\npurpose: survey\n"
        f"limits: {{call_s: 3600, steps: 1000}}\n{_SPEECH.get(scene, _SPEECH['vad'])}\nstart: n0\nnodes:\n"
    )
    nodes = []
    for number in range(NODES):
        after = f"n{number + 1}" if number + 1 < NODES else "end"
        if scene == "answers":
            nodes.append(
                f"  n{number}:\n    ask: {{prompt: {{say: '{_QUESTION}'}}, expect: yes_no, attempts: 3, "
                f'keys: {{"1": "yes", "2": "no"}}}}\n'
                f"    next: {after}\n    no_input: {after}\n    no_match: {after}\n"
            )
        else:
            nodes.append(f"  n{number}:\n    play: {{say: '{_TEXT}'}}\n    next: {after}\n")
    return head + "".join(nodes) + "  end:\n    hangup:\n"


class _NoLedger:
    async def opt_out(self, attempt: PlacedAttempt, purpose: str) -> None: ...

    async def note_identity(self, attempt: PlacedAttempt, noted: IdentityNoted) -> None: ...

    async def queue_sms(self, attempt: PlacedAttempt, to: str, text: str) -> None: ...

    async def handed_over(self, attempt: PlacedAttempt, over: HandedOver) -> None: ...

    async def book_callback(
        self, attempt: PlacedAttempt, number: str | None, when: str | None, queue: str | None, brief: Brief = ()
    ) -> str | None:
        return None


class Generator:
    """The generator's process. `tell` commands it, `report` ends a measurement."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.pid = process.pid
        self._lines = process.stdout
        self.manager_port, self._port = (int(port) for port in self._lines.readline().split())
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def tell(self, command: str) -> None:
        self._socket.sendto(command.encode(), ("127.0.0.1", self._port))

    async def report(self) -> dict[str, float]:
        self.tell("report")
        line = await asyncio.to_thread(self._lines.readline)
        figures: dict[str, float] = json.loads(line)
        return figures


@contextmanager
def generator(probe_every: int = PROBE_EVERY) -> Iterator[Generator]:
    """Every so-manieth call is one whose lateness is measured."""
    command = [sys.executable, "-m", "bench.engine_load", str(probe_every)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        try:
            yield Generator(process)
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds so far: of this process, of its loop's thread inside the kernel, of its decoding threads."""

    at_s: float
    process_s: float
    kernel_s: float
    decoding_s: float

    @staticmethod
    def now() -> Used:
        thread = resource.getrusage(resource.RUSAGE_THREAD)
        decoding = sum(
            _thread_cpu_s(one.native_id) for one in threading.enumerate() if one.name.startswith("vosk")
        )
        return Used(time.monotonic(), time.process_time(), thread.ru_stime, decoding)


def _thread_cpu_s(native_id: int | None) -> float:
    """CPU of one thread (schedstat, nanoseconds: Documentation/scheduler/sched-stats)."""
    return int(Path(f"/proc/self/task/{native_id}/schedstat").read_text().split()[0]) / 1e9


def resident_kb() -> float:
    """Memory of this process, what it shares with others included (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024


@dataclass(slots=True)
class Engine:
    """The parts of one running scene."""

    scene: str
    generator: Generator
    pbx: Pbx
    trunk: AsteriskTrunk
    deps: CallDeps
    sessions: list[CallSession] = field(default_factory=list)
    understood: Counter[str] = field(default_factory=Counter)  # meaning and modality of each answer
    numbers: dict[str, int] = field(default_factory=dict)  # attempt -> which call

    async def grow(self, calls: int) -> None:
        """Have so many calls up, evenly set up, and settled."""
        while len(self.sessions) < calls:
            number = len(self.sessions)
            phone = f"+8210{number:08d}"
            attempt = PlacedAttempt(str(uuid.uuid4()), number, phone, 1, {"phone": phone})
            self.numbers[attempt.attempt_id] = number
            session = CallSession(attempt, self.deps)
            self.sessions.append(session)
            session.attach(await self.trunk.originate(OriginateRequest(attempt.attempt_id, phone), session))
            await asyncio.sleep(1 / PLACED_PER_S)

    def observe(self, event: ProgressEvent) -> None:
        """Questions are answered when they are over: by the generator, as it is told."""
        if self.scene != "answers":
            return
        if isinstance(event, PromptEnded):
            speaks = self.numbers[event.attempt_id] % SPEAKERS == 0
            self.generator.tell(f"{'say' if speaks else 'key'} {event.attempt_id}")
        elif isinstance(event, Understood):
            self.understood[f"{event.meaning} by {event.modality}"] += 1


@asynccontextmanager
async def engine(scene: str, other: Generator, folder: Path) -> AsyncIterator[Engine]:
    """Everything that a call of the scene needs, started."""
    async with AsyncExitStack() as stack:
        flow_path = folder / f"{scene}.yaml"
        flow_path.write_text(flow_of(scene), encoding="utf-8")
        settings, clock = Settings(paths=PathSettings(var=folder / "var")), RealClock()
        catalogue = Catalogue.load(settings.paths.prompts)
        flow = load(flow_path)
        studio = await open_studio(stack, settings, clock, catalogue)
        speaker = await studio.speaker(flow)
        recognizer: Recognizer = recognizer_of(settings, HEARS, "vosk", clock)
        stack.push_async_callback(recognizer.close)
        if scene != "prompts":
            await recognizer.start()
        pbx = Pbx(PbxConfig("bench", "bench", port=other.manager_port, media_dir_here=folder))
        await pbx.start()
        stack.push_async_callback(pbx.close)
        trunk = AsteriskTrunk(pbx, EndpointConfig("bench", "bench", channels=10_000))
        await trunk.start()
        bus = Bus()
        deps = CallDeps(
            clock=clock,
            flow=flow,
            speaker=speaker,
            planner=TurnPlanner(HEARS, settings.hearing, hears=scene != "prompts"),
            recognizer=recognizer,
            ledger=_NoLedger(),
            api=studio.api,
            bus=bus,
            call_limit_s=3600.0,
        )
        running = Engine(scene, other, pbx, trunk, deps)
        bus.subscribe(running.observe)
        try:
            yield running
        finally:
            await trunk.close()
