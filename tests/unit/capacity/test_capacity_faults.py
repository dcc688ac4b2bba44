"""`ivr bench capacity` notices what went wrong in a run: each fault here has its own figure and its own limit."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.capacity.command import lost, report
from bench.capacity.ears import ears, not_heard, recording_fault
from bench.capacity.meters import PARTS, Reading, families_cpu_s
from bench.capacity.people import key_of, phone_of
from bench.capacity.rows import Stored
from bench.capacity.run import Asked, Outcome
from bench.capacity.titles import TITLES, titles
from ivr.i18n import use_language

pytestmark = pytest.mark.unit

CALLS, BEGUN_AT, SECONDS = 4, 1000.0, 30.0
VALUES = {"1": "yes", "2": "no"}
TALKED_S = SECONDS + 4
MEMORY = {"engine": 10, "decoding": 10, "asterisk": 10}


def story(number: int) -> dict[str, object]:
    given = [key_of(number, nth) for nth in range(3)]
    answered_at = BEGUN_AT + 0.1 * number
    return {
        "number": number,
        "answered_at": answered_at,
        "ended_at": answered_at + TALKED_S,
        "ended_by": "callee",
        "given": given,
    }


def frames_of(index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When each frame came, whose it was, and whether it was silence: 4 s of sound, 2 s of none."""
    number = np.arange(round(TALKED_S * 50), dtype=np.uint64)
    came = BEGUN_AT + 0.1 * index + 0.02 * number.astype(np.float64)
    return came, np.uint64(index << 16) | number, number % np.uint64(300) >= np.uint64(200)


def a_run(keep: Callable[[int, np.ndarray], np.ndarray] | None = None, silent: int = -1) -> Outcome:
    """One without a fault, but for the frames of which `keep(index, seconds since the answer)` is false, and for
    the call in which nothing is heard."""
    stories = [story(number) for number in range(CALLS)]
    parts = [frames_of(index) for index in range(CALLS)]
    kept = [
        np.ones(len(came), bool) if keep is None else keep(i, came - came[0]) for i, (came, *_) in enumerate(parts)
    ]
    came, whose, quiet = (
        np.concatenate([part[which][kept[i]] for i, part in enumerate(parts)]) for which in range(3)
    )
    if silent >= 0:
        quiet = quiet | (whose >> np.uint64(16) == silent)
    readings = [
        Reading(BEGUN_AT + at, dict.fromkeys(PARTS, 0.01 * at), MEMORY, at, 2 * at, CALLS)
        for at in range(1, round(SECONDS) + 3)
    ]
    stored = {
        phone_of(number): Stored("answered", "callee", tuple(VALUES[key_of(number, nth)] for nth in range(3)), 0.0)
        for number in range(CALLS)
    }
    return Outcome(
        Asked(CALLS, SECONDS),
        readings,
        (BEGUN_AT + 2, BEGUN_AT + 2 + SECONDS),
        stories,
        stored,
        came,
        whose,
        ears(came, whose, quiet, stories),
        idle=readings[0],
    )


def broken(outcome: Outcome) -> set[str]:
    """The limits that don't hold, but for the engine's share: all parts cost the same here."""
    found = report(outcome)
    failing = {name for name in found.limits if not found._holds(name)}
    return failing - {"engine_share_of_asterisk", "setups_per_s"}


def test_a_run_without_a_fault_holds() -> None:
    assert broken(a_run()) == set()


def test_a_call_that_never_came_to_its_callee_is_lost() -> None:
    outcome = a_run()
    outcome.stored[phone_of(9)] = Stored("failed", "platform", (), 0.0)
    assert lost(outcome) == 1
    assert broken(outcome) == {"lost_calls"}


@pytest.mark.parametrize("change", [{"ended_by": "platform"}, {"ended_by": ""}])
def test_a_call_that_its_callee_didnt_end_is_lost(change: Mapping[str, str]) -> None:
    outcome = a_run()
    outcome.stories[1] |= change
    assert broken(outcome) == {"lost_calls"}


@pytest.mark.parametrize("found", [("yes", "yes", "yes"), ("no", "no", "no"), (), ("yes",)])
def test_a_key_that_wasnt_stored_as_it_was_pressed(found: tuple[str, ...]) -> None:
    outcome = a_run()
    outcome.stored[phone_of(2)] = replace(outcome.stored[phone_of(2)], answers=found)
    assert broken(outcome) == {"keys_not_right"}


def test_silence_instead_of_prompts() -> None:
    assert broken(a_run(silent=3)) == {"silent_calls"}
    mute = a_run()  # and prompts that end
    first, *others = mute.ears.each
    mute.ears = replace(mute.ears, each=[replace(first, longest_silence_s=8.5), *others])
    assert broken(mute) == {"silent_calls"}


def test_a_hole_in_one_call_s_sound_wherever_it_begins() -> None:
    for begins_s in (10.0, 10.7):

        def keep(index: int, at_s: np.ndarray, begins_s: float = begins_s) -> np.ndarray:
            return (index != 1) | (at_s < begins_s) | (at_s > begins_s + 1.05)

        assert broken(a_run(keep)) == {"longest_gap_s"}


def test_a_call_without_any_sound() -> None:
    outcome = a_run(lambda index, at_s: np.full(len(at_s), index != 1))
    assert outcome.ears.missing(*outcome.window)[1] == 1
    assert broken(outcome) == {"longest_gap_s", "silent_calls", "frames_missing_share"}


def test_frames_left_out_here_and_there() -> None:
    outcome = a_run(lambda _, at_s: np.round(50 * at_s) % 50 != 7)
    assert broken(outcome) == {"frames_missing_share"}
    assert outcome.ears.missing(*outcome.window)[1] == pytest.approx(0.02, abs=0.002)


def test_a_callee_whom_the_platform_doesnt_hear() -> None:
    stories = [story(number) for number in range(3)]
    looks = {phone_of(0): [30, 29], phone_of(1): [30, 3]}
    assert not_heard(looks, stories) == 2  # of the third nobody knows anything
    outcome = a_run()
    outcome.not_heard = 1
    assert broken(outcome) == {"calls_not_heard"}


def _wav(path: Path, seconds: float, callee: int, robot: int) -> Path:
    samples = np.zeros((round(seconds * 8000), 2), np.int16)
    samples[::2, 0], samples[::2, 1] = callee, robot
    with wave.open(str(path), "wb") as made:
        made.setnchannels(2)
        made.setsampwidth(2)
        made.setframerate(8000)
        made.writeframes(samples.tobytes())
    return path


@pytest.mark.parametrize(
    ("made", "seconds", "fault"),
    [
        ((100, 100), 9.0, ""),
        ((100, 100), 0.0, "missing"),
        ((100, 100), 7.0, "short"),
        ((8, 100), 9.0, "callee silent"),
        ((100, 0), 9.0, "robot silent"),
    ],
)
def test_a_recording_that_is_none(tmp_path: Path, made: tuple[int, int], seconds: float, fault: str) -> None:
    path = _wav(tmp_path / "x.wav", 2.0, *made)
    assert recording_fault(path, seconds, talked_s=10.0) == fault
    assert recording_fault(tmp_path / "gone.wav", 10.0, talked_s=10.0) == "missing"


def test_recordings_are_a_limit_where_there_are_any() -> None:
    outcome = a_run()
    outcome.asked = replace(outcome.asked, record_share=0.1)
    assert broken(outcome) == set()
    outcome.recording_faults = {"short": 1}
    assert broken(outcome) == {"recordings_not_whole"}


def test_a_run_that_never_had_its_calls_doesnt_hold() -> None:
    outcome = Outcome(Asked(CALLS, SECONDS))
    assert "calls_held_most" in broken(outcome)
    assert "late_p99_ms" in broken(outcome)


def test_the_programs_that_a_process_started_are_its_family() -> None:
    assert families_cpu_s([1]).keys() == {1}


def test_every_figure_has_a_title_in_both_languages() -> None:
    names = set(report(a_run()).figures)
    assert names <= TITLES.keys()
    use_language("zh-CN")
    try:
        assert all(not titles()[name].isascii() for name in names)
    finally:
        use_language("en")
