"""A callee's part: one step per visit of a node, at its time, nothing said twice at once."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trunk.carrier.callees import Callee, Say, Step, Voicemail
from trunk.carrier.script import Act, HangsUp, Keys, Script, Speaks
from trunk.carrier.sounds import Sound, sound_of

pytestmark = pytest.mark.unit
YES, NO = Say(text="yes"), Say(text="no")
SOUNDS = {YES: sound_of(bytes(16000)), NO: sound_of(bytes(8000))}  # 1 s and 0.5 s


def script(*steps: dict[str, Any]) -> Script:
    return Script(Callee(does=tuple(Step(**step) for step in steps)), SOUNDS)


def acts(played: Script, until_s: float) -> list[tuple[float, Act]]:
    """What is done by then, looked at every 20 ms as a call does."""
    done: list[tuple[float, Act]] = []
    for tick in range(round(until_s / 0.02) + 1):
        now_s = tick * 0.02
        if played.next_s <= now_s + 1e-6:
            done += [(round(now_s, 3), act) for act in played.due(now_s)]
    return done


def asked(played: Script, node: str, began_s: float, ended_s: float) -> None:
    played.observe("node", node, began_s)
    played.observe("prompt_began", node, began_s)
    played.observe("prompt_ended", node, ended_s)


def speaks(say: Say) -> Speaks:
    return Speaks(SOUNDS[say])


def test_a_callee_answers_half_a_second_after_the_prompt() -> None:
    played = script({"on": "consent", "say": YES})
    assert played.next_s == math.inf
    asked(played, "consent", 1.0, 3.0)
    assert acts(played, 10) == [(3.5, speaks(YES))]


def test_after_s_and_at_s_run_from_the_prompts_end_and_begin() -> None:
    played = script({"on": "a", "after_s": 2, "say": YES}, {"on": "b", "at_s": 0.5, "say": NO})
    asked(played, "a", 0.0, 1.0)
    asked(played, "b", 5.0, 8.0)
    assert acts(played, 10) == [(3.0, speaks(YES)), (5.5, speaks(NO))]


def test_each_visit_takes_the_next_step_and_a_question_asked_again_is_a_visit() -> None:
    played = script({"on": "a", "say": NO}, {"on": "b", "keys": "1"}, {"on": "a", "say": YES})
    asked(played, "a", 0.0, 1.0)
    asked(played, "b", 3.0, 4.0)
    played.observe("node", "a", 6.0)
    played.observe("prompt_began", "a", 6.0)
    played.observe("prompt_ended", "a", 7.0)
    played.observe("prompt_began", "a", 9.0)  # asked again: a visit for which there is no step
    played.observe("prompt_ended", "a", 9.5)
    assert acts(played, 20) == [(1.5, speaks(NO)), (4.6, Keys("1")), (7.5, speaks(YES))]


def test_asking_again_without_reaching_the_node_anew_uses_the_next_step() -> None:
    played = script({"on": "a", "silence_s": 1}, {"on": "a", "say": YES})
    asked(played, "a", 0.0, 1.0)
    played.observe("prompt_began", "a", 6.0)
    played.observe("prompt_ended", "a", 7.0)
    assert acts(played, 20) == [(7.5, speaks(YES))]


def test_a_node_without_a_step_is_met_with_silence() -> None:
    played = script({"on": "a", "say": YES})
    asked(played, "b", 0.0, 1.0)
    assert acts(played, 20) == []


def test_a_wait_that_says_nothing_counts_from_its_one_event() -> None:
    played = script({"on": "a", "keys": "5"}, {"on": "b", "at_s": 2.0, "keys": "6"})
    played.observe("prompt_ended", "a", 1.0)
    played.observe("prompt_ended", "b", 5.0)
    assert acts(played, 20) == [(1.6, Keys("5")), (7.1, Keys("6"))]


def test_silence_outlasts_the_questions_asked_meanwhile() -> None:
    played = script({"on": "a", "silence_s": 10}, {"on": "a", "keys": "1"}, {"on": "b", "keys": "2"})
    asked(played, "a", 0.0, 1.0)
    asked(played, "a", 5.0, 6.0)  # still silent
    asked(played, "b", 7.0, 8.0)  # still silent
    asked(played, "a", 12.0, 13.0)
    assert acts(played, 20) == [(13.6, Keys("1"))]


def test_a_late_answer_comes_even_if_the_flow_has_moved_on() -> None:
    played = script({"on": "a", "after_s": 6, "say": YES})
    asked(played, "a", 0.0, 1.0)
    asked(played, "b", 5.0, 6.0)
    assert acts(played, 20) == [(7.0, speaks(YES))]


def test_a_prompt_cut_short_by_another_node_leaves_its_answer_unsaid() -> None:
    played = script({"on": "a", "say": YES}, {"on": "b", "say": NO})
    played.observe("node", "a", 0.0)
    played.observe("prompt_began", "a", 0.0)
    asked(played, "b", 1.0, 2.0)
    assert acts(played, 20) == [(2.5, speaks(NO))]


def test_nobody_says_two_things_at_once() -> None:
    played = script(
        {"on": "a", "say": YES}, {"on": "b", "at_s": 0, "say": NO}, {"on": "c", "at_s": 0, "keys": "1"}
    )
    asked(played, "a", 0.0, 1.0)
    asked(played, "b", 1.6, 3.0)
    asked(played, "c", 1.7, 3.0)
    assert acts(played, 20) == [(1.5, speaks(YES)), (2.5, speaks(NO)), (3.1, Keys("1"))]


def test_keys_follow_each_other() -> None:
    played = script({"on": "a", "keys": "12#"})
    asked(played, "a", 0.0, 1.0)
    assert acts(played, 20) == [(1.6, Keys("1")), (1.8, Keys("2")), (2.0, Keys("#"))]


@pytest.mark.parametrize(
    ("step", "at_s"), [({}, 1.5), ({"after_s": 3}, 4.0), ({"at_s": 0.2}, 0.2), ({"say": YES}, 2.5)]
)
def test_hanging_up_comes_last(step: dict[str, Any], at_s: float) -> None:
    played = script({"on": "a", "hang_up": True, **step})
    asked(played, "a", 0.0, 1.0)
    assert acts(played, 20)[-1] == (at_s, HangsUp())


def test_a_machine_greets_beeps_listens_and_hangs_up() -> None:
    played = Script(Callee(), SOUNDS)
    played.plan_voicemail(Voicemail(greeting=YES, beep_ms=400, listen_s=5), 0.0)
    (greet_s, greeting), (beep_s, beep), (end_s, end) = acts(played, 60)
    assert (greet_s, beep_s, end_s) == (0.5, 1.5, 6.9)
    assert greeting == speaks(YES)
    assert isinstance(beep, Speaks)
    assert isinstance(beep.sound, Sound)
    assert beep.sound.seconds == pytest.approx(0.4)
    assert end == HangsUp()
