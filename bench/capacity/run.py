"""One run of `ivr bench capacity`: Asterisk, callees, database and workers start, calls are held, all is read."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.capacity.ears import Ears, ears, not_heard, recording_fault
from bench.capacity.flow import PROMPTS
from bench.capacity.meters import Meters, Reading
from bench.capacity.people import Load, callee, phone_of
from bench.capacity.rows import Stored, begin, stored
from bench.capacity.stalls import lines
from bench.over_asterisk import CHECKOUT, own_asterisk
from ivr.config import AsteriskSettings, DialerSettings, PathSettings, Settings, TrunkSettings
from ivr.database import Database
from ivr.database.own_cluster import OwnCluster
from ivr.errors import IvrError

PREPARE_S = 90.0  # prompts, model, tables: until the first call
SETTLE_S = 2.0  # between the last set-up and the window
END_S = 30.0
WORKER_END_S = 90.0  # it finishes recordings first
LOOK_S = 1.0
FULL_SHARE = 0.95
SPARE = 1.5


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a run. `call_s` 0: calls last until the end, and who is lost isn't replaced."""

    calls: int
    seconds: float
    speech_share: float = 0.0
    record_share: float = 0.0
    setups_per_s: float = 10.0
    call_s: float = 0.0
    workers: int = 1
    postgresql: bool = False
    says: tuple[int, ...] = ()  # the recordings that those who speak say
    stalls: bool = False  # have the workers note what holds their loops

    @property
    def ramp_s(self) -> float:
        return self.calls / self.setups_per_s

    @property
    def full(self) -> int:
        """So many calls are all of them: of those that come and go, some are always being replaced."""
        return self.calls if not self.call_s else int(FULL_SHARE * self.calls)

    @property
    def contacts(self) -> int:
        """More than are called: at a list's end the dialer waits for numbers that it has put off."""
        follow = self.setups_per_s * (self.ramp_s + self.seconds + END_S) if self.call_s else 0.0
        return round(SPARE * self.calls + follow)


@dataclass
class Outcome:
    """What a run left to be judged."""

    asked: Asked
    readings: list[Reading] = field(default_factory=list)
    window: tuple[float, float] = (0.0, 0.0)  # s since the epoch; empty when the calls were never there
    stories: list[dict[str, Any]] = field(default_factory=list)  # callees.Story
    stored: dict[str, Stored] = field(default_factory=dict)  # by phone
    came: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    whose: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    ears: Ears = field(default_factory=Ears)
    not_heard: int = 0  # calls whose line the platform didn't hear
    recording_faults: dict[str, int] = field(default_factory=dict)  # why they are none, and how many
    idle: Reading | None = None  # before the first call
    late_ticks: int = 0  # of the generator
    stalls: list[str] = field(default_factory=list)  # lines about each worker's loop

    def stored_of(self, number: int) -> Stored | None:
        return self.stored.get(phone_of(number))

    @property
    def held_s(self) -> tuple[float, float]:
        """The window, in s since the first call."""
        first_at = next((one.at for one in self.readings if one.begun), self.window[0])
        return self.window[0] - first_at, self.window[1] - first_at

    @property
    def last_full(self) -> Reading | None:
        """The last reading of the window."""
        inside = [one for one in self.readings if self.window[0] <= one.at <= self.window[1]]
        return inside[-1] if inside else None

    def lateness_figures(self, late_ms: NDArray[np.float64]) -> dict[str, float]:
        """Empty when no frame came in the window: a limit on them doesn't hold then."""
        if not len(late_ms):
            return {}
        p50, p99 = np.percentile(late_ms, [50, 99])
        missing, worst = self.ears.missing(*self.window)
        return {
            "late_p50_ms": float(p50),
            "late_p99_ms": float(p99),
            "late_max_ms": float(late_ms.max()),
            "frames_missing_share": missing,
            "worst_call_missing_share": worst,
        }


def run(asked: Asked) -> Outcome:
    """Raises IvrError for what a user can mend."""
    outcome = Outcome(asked)
    with ExitStack() as stack:
        folder, rig = stack.enter_context(own_asterisk())
        url, postmaster = stack.enter_context(_database(folder, asked))
        asyncio.run(_begin(url, asked))
        settings = _settings(rig, folder, url, asked)
        load = Load(rig.callee_port, asked.speech_share, asked.says, asked.call_s, str(folder / "arrivals.npz"))
        callees = stack.enter_context(_process("bench.capacity.callees", asdict(load)))
        told = _Told(callees)
        told.until("listens", PREPARE_S)
        recordings = folder / "recordings"
        secret = {"IVR_AMI_SECRET": rig.config.secret}
        notes = [folder / f"stalls{number}.json" if asked.stalls else None for number in range(asked.workers)]
        heard = [folder / f"heard{number}.json" for number in range(asked.workers)]
        record = str(recordings) if asked.record_share else None
        worker = {"settings": settings.model_dump_json(), "record": record}
        workers = []
        for note, ear in zip(notes, heard, strict=True):
            files = {"stalls": note and str(note), "heard": str(ear)}
            workers.append(stack.enter_context(_process("bench.capacity.worker", worker | files, secret)))
        meters = Meters([one.pid for one in workers], rig.instance.pid, callees.pid, postmaster)
        _watch(outcome, meters, told, workers)
        _end(callees, workers, told)
        outcome.stories, outcome.late_ticks = told.latest["stories"], told.latest["late_ticks"]
        with np.load(load.arrivals) as arrivals:
            outcome.came, outcome.whose = arrivals["came"], arrivals["whose"]
            outcome.ears = ears(outcome.came, outcome.whose, arrivals["silent"], outcome.stories)
        looks = [json.loads(path.read_text("ascii")) for path in heard if path.exists()]
        outcome.not_heard = not_heard(
            {phone: look for one in looks for phone, look in one.items()}, outcome.stories
        )
        outcome.stored = asyncio.run(_stored(url))
        outcome.recording_faults = _recording_faults(outcome, recordings)
        outcome.stalls = [said for note in notes if note is not None and note.exists() for said in lines(note)]
    return outcome


def _watch(outcome: Outcome, meters: Meters, told: _Told, workers: list[subprocess.Popen[str]]) -> None:
    """Read the meters until the window is over, or calls can't be had."""
    asked = outcome.asked
    give_up_s = time.monotonic() + PREPARE_S
    ends_s = float("inf")
    while (now_s := time.monotonic()) < min(give_up_s, ends_s):
        time.sleep(LOOK_S)
        if any(worker.poll() is not None for worker in workers):
            raise IvrError("A worker of the measurement ended; what it said stands above.")
        held, begun = told.latest.get("held", 0), told.latest.get("begun", 0)
        reading = replace(meters.read(), held=held, begun=begun)
        outcome.readings.append(reading)
        if not begun:
            outcome.idle = reading
            continue
        if len(outcome.readings) > 1 and not outcome.readings[-2].begun:
            give_up_s = now_s + 1.5 * asked.ramp_s + END_S
        if ends_s == float("inf") and held >= asked.full:
            begin_at = time.time() + SETTLE_S
            outcome.window = (begin_at, begin_at + asked.seconds)
            give_up_s, ends_s = float("inf"), now_s + LOOK_S + SETTLE_S + asked.seconds


def _end(callees: subprocess.Popen[str], workers: list[subprocess.Popen[str]], told: _Told) -> None:
    """Nothing more begins, the callees hang up, everybody writes what they know and leaves."""
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert callees.stdin is not None
    callees.stdin.write("end\n")
    callees.stdin.flush()
    told.until("stories", END_S)
    try:
        for worker in workers:
            worker.wait(WORKER_END_S)
    except subprocess.TimeoutExpired:
        raise IvrError("A worker of the measurement doesn't end.") from None


def _recording_faults(outcome: Outcome, folder: Path) -> dict[str, int]:
    asked, faults = outcome.asked, Counter[str]()
    for story in outcome.stories:
        if not (story["answered_at"] and callee(story["number"], 0.0, asked.record_share, ()).recorded):
            continue
        kept = outcome.stored_of(story["number"])
        seconds, file = (kept.recorded_s, kept.file) if kept else (0.0, "")
        if fault := recording_fault(folder / file, seconds, story["ended_at"] - story["answered_at"]):
            faults[fault] += 1
    return dict(faults)


class _Told:
    """What the generator says, kept up to date by a thread."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.latest: dict[str, Any] = {"late_ticks": 0}
        self._news = threading.Condition()
        self._process = process
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            with self._news:
                self.latest |= json.loads(text)
                self._news.notify_all()

    def until(self, key: str, seconds: float) -> None:
        """Raises IvrError when the generator doesn't say so in time."""
        with self._news:
            if not self._news.wait_for(lambda: key in self.latest, seconds):
                raise IvrError("The load generator of the measurement doesn't answer.")


@contextmanager
def _process(
    module: str, told: dict[str, Any], environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """`python -m MODULE`, told what to be; killed if it hasn't ended by itself."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=CHECKOUT,
        env=os.environ | (environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if module.endswith("callees") else None,
        text=True,
    ) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


@contextmanager
def _database(folder: Path, asked: Asked) -> Iterator[tuple[str, int | None]]:
    """Its URL, and the postmaster's number where there is one."""
    if not asked.postgresql:
        yield f"sqlite:///{folder / 'calls.db'}", None
        return
    with OwnCluster() as cluster:
        pid = (cluster.directory / "data" / "postmaster.pid").read_text("ascii").split()[0]
        yield cluster.create("bench"), int(pid)


async def _begin(url: str, asked: Asked) -> None:
    database = Database(url)
    await database.upgrade()
    longest_s = asked.call_s or asked.ramp_s + asked.seconds + END_S
    await database.run(lambda session: begin(session, asked.contacts, asked.calls, asked.record_share, longest_s))
    await database.close()


async def _stored(url: str) -> dict[str, Stored]:
    database = Database(url)
    found = await database.read(stored)
    await database.close()
    return found


def _settings(rig: Any, folder: Path, url: str, asked: Asked) -> Settings:
    pbx = rig.config
    return Settings.model_validate(
        {
            "database": {"url": url},
            "paths": PathSettings(var=CHECKOUT / "var" / "bench", prompts=(PROMPTS,)),
            "dialer": DialerSettings(concurrency=asked.calls),
            "asterisk": AsteriskSettings(user=pbx.user, port=pbx.port, media_dir=pbx.media_dir),
            "trunks": {"main": TrunkSettings(channels=asked.calls, calls_per_s=asked.setups_per_s, failures=1000)},
        }
    )
