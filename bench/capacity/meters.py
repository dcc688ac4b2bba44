"""What processes used, from /proc: CPU of each part, resident memory, and the machine's busy share."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
DECODING = b"vosk_worker"  # in the command line of the processes that decode
PARTS = ("engine", "decoding", "encoding", "asterisk", "generator", "database")


@dataclass(frozen=True, slots=True)
class Reading:
    """One look. CPU in s since each process began."""

    at: float  # s since the epoch
    cpu_s: Mapping[str, float]  # of each of PARTS
    rss_bytes: Mapping[str, int]  # engine, decoding, asterisk
    busy_s: float  # of all cores
    all_s: float  # idle included
    held: int = 0  # calls
    begun: int = 0  # calls since the run began


@dataclass
class Meters:
    """Looks at the processes of a run; `database` is the postmaster, where there is one. Programs that a worker
    starts decode speech or encode recordings, but for the one that speaks prompts, before the first call."""

    workers: Sequence[int]
    asterisk: int
    generator: int
    database: int | None = None

    def read(self) -> Reading:
        programs = families_cpu_s([*self.workers, self.asterisk, *([self.database] if self.database else [])])
        decoders = [pid for worker in self.workers for pid in children(worker) if decodes(pid)]
        decoding_s = sum(map(cpu_s, decoders))
        busy_s, all_cores_s = machine_s(Path("/proc/stat").read_text("ascii"))
        return Reading(
            at=time.time(),
            cpu_s={
                "engine": sum(map(cpu_s, self.workers)),
                "decoding": decoding_s,
                "encoding": max(0.0, round(sum(programs[pid] for pid in self.workers) - decoding_s, 2)),
                "asterisk": cpu_s(self.asterisk) + programs[self.asterisk],
                "generator": cpu_s(self.generator),
                "database": cpu_s(self.database) + programs[self.database] if self.database else 0.0,
            },
            rss_bytes={
                "engine": sum(map(rss_bytes, self.workers)),
                "decoding": sum(map(rss_bytes, decoders)),
                "asterisk": rss_bytes(self.asterisk),
            },
            busy_s=busy_s,
            all_s=all_cores_s,
        )


def cpu_s(pid: int) -> float:
    """User and system time of a process, its threads included (proc(5)); 0 when it has ended."""
    return sum(_times(Path(f"/proc/{pid}/stat"), 2)) / TICKS_PER_S


def families_cpu_s(pids: Sequence[int]) -> dict[int, float]:
    """Of each process's children, those that have ended included, and theirs."""
    ticks = {pid: sum(_times(Path(f"/proc/{pid}/stat"), 4)[2:]) for pid in pids}
    for path in Path("/proc").glob("[0-9]*/stat"):
        if (parent := _parent(path)) in ticks:
            ticks[parent] += sum(_times(path, 4))
    return {pid: used / TICKS_PER_S for pid, used in ticks.items()}


def children(pid: int) -> tuple[int, ...]:
    """Of all threads of a process; none when it has ended."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return tuple(int(child) for path in found for child in _text(path).split())


def decodes(pid: int) -> bool:
    """Whether it is a process that decodes speech for a worker."""
    try:
        return DECODING in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def machine_s(text: str) -> tuple[float, float]:
    """Busy and all CPU seconds since the machine started, of all cores, from the text of /proc/stat.

    Waiting for a disk is idle; what the hypervisor took (steal) is busy, since it was nobody's here to use."""
    fields = [int(field) for field in text.split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / TICKS_PER_S, sum(fields) / TICKS_PER_S


def rss_bytes(pid: int) -> int:
    """Resident memory; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def _times(stat: Path, count: int) -> list[int]:
    """utime, stime, cutime, cstime: the first so many of them, in ticks."""
    try:
        fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [int(field) for field in fields[11 : 11 + count]]


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""
