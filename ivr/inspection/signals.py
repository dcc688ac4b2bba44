"""What was measured in a call, and what is known of it -> the signals that speak for hearing it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ivr.inspection.schema import PaceSpec, ScriptSpec, SignalsSpec

N = TypeVar("N", int, float)

PACE_LEAST_VOICE_S = 10.0  # of less the count says little: one syllable more or less is already two per cent


@dataclass(frozen=True, slots=True)
class Measured:
    """One part of a recording, or several of the same agent together. None: it couldn't be measured."""

    seconds: float
    longest_silence_s: float
    talk_overs: int | None
    our_voice_s: float | None
    syllables: int | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the rows say of a call."""

    talk_s: float  # of the part
    complained: bool
    measured: Measured | None
    language: str  # of the call's flow, as we name them: zh-CN


def pace(syllables: int | None, our_voice_s: float | None) -> float | None:
    """Syllables per minute of our voice, without pauses; None where we didn't say enough to tell."""
    if not syllables or our_voice_s is None or our_voice_s < PACE_LEAST_VOICE_S:
        return None
    return 60 * syllables / our_voice_s


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
    if measured.missing:
        found.add("missing_step")
    return frozenset(found) | _of_pace(measured, spec.syllables_per_minute.get(known.language))


def _of_pace(measured: Measured, usual: PaceSpec | None) -> frozenset[str]:
    found = pace(measured.syllables, measured.our_voice_s)
    if found is None or usual is None or usual.least <= found <= usual.most:
        return frozenset()
    return frozenset({"fast_speech" if found > usual.most else "slow_speech"})


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
