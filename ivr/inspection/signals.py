"""What was measured in a call, and what is known of it -> the signals that speak for hearing it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ivr.inspection.schema import ScriptSpec, SignalsSpec

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Measured:
    """One part of a recording, or several of the same agent together. None: it couldn't be measured."""

    seconds: float
    longest_silence_s: float
    talk_overs: int | None
    our_voice_s: float | None
    syllables: int | None
    missing: tuple[str, ...] = ()

    @property
    def syllables_per_minute(self) -> float | None:
        """Of our voice, without pauses."""
        if self.syllables is None or not self.our_voice_s:
            return None
        return 60 * self.syllables / self.our_voice_s


@dataclass(frozen=True, slots=True)
class Known:
    """What the rows say of a call."""

    talk_s: float  # of the part
    complained: bool
    measured: Measured | None


def together(parts: Sequence[Measured]) -> Measured | None:
    """Several parts of one call as one; None for none."""
    if not parts:
        return None
    return Measured(
        seconds=sum(part.seconds for part in parts),
        longest_silence_s=max(part.longest_silence_s for part in parts),
        talk_overs=_sum(part.talk_overs for part in parts),
        our_voice_s=_sum(part.our_voice_s for part in parts),
        syllables=_sum(part.syllables for part in parts),
        missing=tuple(node for part in parts for node in part.missing),
    )


def _sum(values: Iterable[N | None]) -> N | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def signals(known: Known, spec: SignalsSpec) -> frozenset[str]:
    """The signals of a call, by the plan's figures."""
    found = set()
    if known.complained:
        found.add("complaint")
    if known.talk_s < spec.short_call_s:
        found.add("short_call")
    measured = known.measured
    if measured is None:
        return frozenset(found)
    if measured.longest_silence_s >= spec.silence_s:
        found.add("dead_air")
    if measured.talk_overs and 60 * measured.talk_overs >= spec.talk_overs_per_minute * measured.seconds:
        found.add("talk_over")
    pace = measured.syllables_per_minute
    if pace is not None and pace > spec.syllables_per_minute.most:
        found.add("fast_speech")
    if pace is not None and 0 < pace < spec.syllables_per_minute.least:
        found.add("slow_speech")
    if measured.missing:
        found.add("missing_step")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Walked:
    """Where a call went in its flow."""

    flow: str
    path: Sequence[str]
    finished: bool  # it was us who ended it
    success: bool


def missing_steps(walked: Walked, script: Iterable[ScriptSpec]) -> tuple[str, ...]:
    """Nodes of the script that the path doesn't have; of alternatives the first stands for all. Nodes of subflows
    are `subflow.node`, as in the path."""
    been = set(walked.path)
    missing: list[str] = []
    for one in script:
        applies = {"talked": True, "finished": walked.finished, "success": walked.success}[one.when]
        if one.flow != walked.flow or not applies:
            continue
        for node in one.nodes:
            ways = (node,) if isinstance(node, str) else node
            if not been.intersection(ways) and ways[0] not in missing:
                missing.append(ways[0])
    return tuple(missing)
