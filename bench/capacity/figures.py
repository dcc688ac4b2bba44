"""What a capacity run comes to: answers right, cost of each part. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.capacity.meters import PARTS, Reading
from bench.capacity.people import KEY_VALUES, Callee, Recorded, phone_of
from bench.capacity.rows import Stored


@dataclass(frozen=True, slots=True)
class Answers:
    """What callees gave beside what was stored. The last answer of a call that was being ended may be missing."""

    given: int = 0
    right: int = 0
    wrong: int = 0
    not_understood: int = 0  # said and came to nothing: asked again, keys offered
    keys_given: int = 0
    keys_right: int = 0
    said: int = 0


def judge_keys(given: Sequence[str], found: Sequence[str]) -> int:
    """How many of the keys were stored, in their order; nothing else may be."""
    wanted = [KEY_VALUES[key] for key in given]
    return sum(one == other for one, other in zip(wanted, found, strict=False)) - max(0, len(found) - len(wanted))


def judge(
    stories: Sequence[Mapping[str, Any]],
    stored: Mapping[str, Stored],
    people: Mapping[int, Callee],
    recordings: Sequence[Recorded],
) -> Answers:
    given = right = wrong = not_understood = keys = keys_right = said = 0
    for story in stories:
        who = people[story["number"]]
        kept = stored.get(phone_of(who.number))
        found = kept.answers if kept else ()
        gave = story["given"]
        given += len(gave)
        if who.says is None:
            well = judge_keys(gave, found)
            keys, keys_right = keys + len(gave), keys_right + well
            right, wrong = right + well, wrong + len(gave) - well
            continue
        said += len(gave)
        well = sum(value == recordings[who.says].value for value in found)
        extra = max(0, len(found) - len(gave))  # nobody said them
        well = max(0, well - extra)
        right, wrong = right + well, wrong + len(found) - well
        not_understood += max(0, len(gave) - len(found))
    return Answers(given, right, wrong, not_understood, keys, keys_right, said)


def right_alone(
    stories: Sequence[Mapping[str, Any]],
    stored: Mapping[str, Stored],
    people: Mapping[int, Callee],
    recordings: Sequence[Recorded],
) -> tuple[int, ...]:
    """Recordings of which every answer was understood, and rightly."""
    good: set[int] = set()
    bad: set[int] = set()
    for story in stories:
        who, kept = people[story["number"]], stored.get(phone_of(story["number"]))
        if who.says is None:
            continue
        found = kept.answers if kept else ()
        well = len(found) >= len(story["given"]) > 0 and set(found) == {recordings[who.says].value}
        (good if well else bad).add(who.says)
    return tuple(sorted(good - bad))


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a stretch of a run."""

    cpu_ms_per_call_s: Mapping[str, float]
    busy_share: float  # of the whole machine, 0 to 1
    held: float  # calls, on average
    elsewhere_share: float = 0.0  # of the whole machine: what no part of the run used


def costs(readings: Sequence[Reading], begin_at: float, end_at: float) -> Costs:
    """From the readings that lie in the stretch; nothing when there are fewer than two."""
    inside = [one for one in readings if begin_at <= one.at <= end_at]
    if len(inside) < 2:
        return Costs(dict.fromkeys(PARTS, 0.0), 0.0, 0.0)
    call_s = sum((later.at - one.at) * (later.held + one.held) / 2 for one, later in pairwise(inside))
    first, last = inside[0], inside[-1]
    busy_s, all_s = last.busy_s - first.busy_s, max(last.all_s - first.all_s, 1e-9)
    used_s = sum(last.cpu_s[part] - first.cpu_s[part] for part in PARTS)
    return Costs(
        {part: 1000 * (last.cpu_s[part] - first.cpu_s[part]) / max(call_s, 1e-9) for part in PARTS},
        busy_s / all_s,
        call_s / (last.at - first.at),
        max(0.0, busy_s - used_s) / all_s,
    )


def setups_per_s(answered_at: Sequence[float], calls: int) -> float:
    """How fast the first `calls` calls were picked up."""
    ordered = sorted(one for one in answered_at if one)[:calls]
    if len(ordered) < 2:
        return 0.0
    return (len(ordered) - 1) / max(ordered[-1] - ordered[0], 1e-9)
