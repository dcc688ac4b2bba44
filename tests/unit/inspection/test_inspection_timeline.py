"""Silences, talk-over and voice against counting frame by frame; signals; missing steps."""

from __future__ import annotations

import random

import pytest

from ivr.inspection.schema import ScriptSpec, SignalsSpec
from ivr.inspection.signals import Known, Measured, Walked, missing_steps, signals, together
from ivr.inspection.timeline import (
    MOMENTS_MOST,
    OVERLAP_TICKS,
    SILENCE_TICKS,
    Figures,
    Listener,
    Sides,
    Stretch,
    measure,
)
from speech.audio import FRAME_BYTES, SILENCE_FRAME

pytestmark = pytest.mark.unit


def stretches(dice: random.Random, until: int) -> list[Stretch]:
    found, at = [], dice.randrange(300)
    while at < until:
        end = at + dice.randrange(1, 200)
        found.append((at, min(end, until)))
        at = end + dice.randrange(1, 400)
    return found


def runs(ticks: list[bool], begin: int) -> list[Stretch]:
    found, since = [], None
    for tick, there in enumerate([*ticks, False], begin):
        if there and since is None:
            since = tick
        elif not there and since is not None:
            found.append((since, tick))
            since = None
    return found


def naive(sides: Sides, part: Stretch) -> Figures:
    def said(side: object, tick: int) -> bool:
        return any(begin <= tick < end for begin, end in side or ())  # type: ignore[attr-defined]  # stretches

    ticks = range(*part)
    callee, ours = [said(sides.callee, t) for t in ticks], [said(sides.ours, t) for t in ticks]
    muted = [said(sides.muted, t) for t in ticks]
    silent = [not (a or b or c) for a, b, c in zip(callee, ours, muted, strict=True)]
    silences = runs(silent, part[0])
    dead = [end - begin for begin, end in silences if end - begin >= SILENCE_TICKS]
    both = runs([a and b for a, b in zip(callee, ours, strict=True)], part[0])
    overs = [over for over in both if over[1] - over[0] >= OVERLAP_TICKS]
    first = [begin for begin, _ in overs if begin == part[0] or not ours[begin - part[0] - 1]]
    return Figures(
        seconds=round((part[1] - part[0]) * 0.02, 2),
        our_voice_s=round(sum(ours) * 0.02, 2),
        callee_voice_s=round(sum(callee) * 0.02, 2),
        longest_silence_s=round(max((end - begin for begin, end in silences), default=0) * 0.02, 2),
        dead_air_s=round(sum(dead) * 0.02, 2),
        talk_overs=len(overs),
        talk_overs_ours=len(first),
        talk_over_s=round(sum(end - begin for begin, end in overs) * 0.02, 2),
        moments=[],
    )


def test_figures_agree_with_counting_frames() -> None:
    dice = random.Random(11)
    for _ in range(40):
        until = dice.randrange(200, 3000)
        sides = Sides(stretches(dice, until), stretches(dice, until), stretches(dice, until)[:1])
        cut = dice.randrange(1, until)
        for part in ((0, until), (0, cut), (cut, until), (cut, cut)):
            found, wanted = measure(sides, part), naive(sides, part)
            assert {**vars_of(found), "moments": []} == vars_of(wanted)


def vars_of(figures: Figures) -> dict[str, object]:
    return {name: getattr(figures, name) for name in Figures.__slots__}


def test_moments_say_where_and_only_so_many() -> None:
    sides = Sides([(0, 100), (400, 500)], [(90, 120), (450, 520)])
    found = measure(sides, (0, 1000))
    assert found.moments == [
        {"kind": "dead_air", "at_s": 2.4, "for_s": 5.6},
        {"kind": "talk_over", "at_s": 9.0, "for_s": 1.0},
        {"kind": "dead_air", "at_s": 10.4, "for_s": 9.6},
    ]
    many = [(at, at + 10) for at in range(0, 100_000, 200)]
    assert len(measure(Sides(many, []), (0, 100_000)).moments) == MOMENTS_MOST


def test_one_side_has_silences_and_no_sides() -> None:
    found = measure(Sides([(0, 100)], None), (0, 600))
    assert (found.longest_silence_s, found.talk_overs, found.our_voice_s) == (10.0, None, None)


def test_what_is_muted_is_no_silence_where_it_may_be_muted() -> None:
    listener = Listener()
    for _ in range(400):
        listener.hear(SILENCE_FRAME, SILENCE_FRAME)
    listener.hear(b"\x01" * FRAME_BYTES, SILENCE_FRAME)
    listener.end()
    assert listener.muted.stretches == [(0, 400)]
    assert measure(Sides([], [], listener.muted.stretches), (0, 401)).longest_silence_s == 0.02
    assert measure(Sides([], []), (0, 401)).longest_silence_s == 8.02


def measured(**more: object) -> Measured:
    values = {"seconds": 60.0, "longest_silence_s": 0.0, "talk_overs": 0, "our_voice_s": 30.0, "syllables": None}
    return Measured(**(values | more))  # type: ignore[arg-type]  # what a test is about


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (Known(60, False, None, "en"), set()),
        (Known(9.9, True, None, "en"), {"short_call", "complaint"}),
        (Known(60, False, measured(longest_silence_s=8.0), "zh-CN"), {"dead_air"}),
        (Known(60, False, measured(longest_silence_s=7.9, talk_overs=2), "zh-CN"), set()),
        (Known(60, False, measured(talk_overs=3), "zh-CN"), {"talk_over"}),
        (Known(60, False, measured(talk_overs=3, seconds=61), "zh-CN"), set()),
        (Known(60, False, measured(talk_overs=None, our_voice_s=None), "zh-CN"), set()),
        (Known(60, False, measured(syllables=166), "zh-CN"), {"fast_speech"}),  # 332 a minute
        (Known(60, False, measured(syllables=166), "en"), set()),
        (Known(60, False, measured(syllables=89), "zh-CN"), {"slow_speech"}),
        (Known(60, False, measured(syllables=0), "zh-CN"), set()),  # tones, no speech
        (Known(60, False, measured(syllables=100, our_voice_s=9.9), "zh-CN"), set()),  # too little to tell
        (Known(60, False, measured(syllables=100, our_voice_s=10.0), "zh-CN"), {"fast_speech"}),
        (Known(60, False, measured(missing=("fees",)), "zh-CN"), {"missing_step"}),
    ],
)
def test_signals(known: Known, found: set[str]) -> None:
    assert signals(known, SignalsSpec()) == found


def test_parts_of_one_agent_are_taken_together() -> None:
    both = together([measured(longest_silence_s=9.0, talk_overs=None), measured(talk_overs=2, syllables=10)])
    assert both == measured(seconds=120.0, longest_silence_s=9.0, talk_overs=2, our_voice_s=60.0, syllables=10)
    assert together([]) is None


def test_steps_of_the_script() -> None:
    script = [
        ScriptSpec(flow="f", nodes=("greet", ("yes", "no")), when="finished"),
        ScriptSpec(flow="f", nodes=("fees", "greet"), when="success"),
        ScriptSpec(flow="g", nodes=("other",), when="talked"),
    ]

    def of(*path: str, finished: bool = True, success: bool = False) -> tuple[str, ...]:
        return missing_steps(Walked("f", path, finished, success), script)

    assert of("greet", "no") == ()
    assert of("greet") == ("yes",)
    assert of("greet", finished=False) == ()
    assert of("no", success=True) == ("greet", "fees")
    assert missing_steps(Walked("g", (), False, False), script) == ("other",)
