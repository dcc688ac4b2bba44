from __future__ import annotations

from typing import Any

import pytest

from speech.turn import DigitPlan, KeyPlan, TurnAnswer, TurnCommand, TurnNoMatch
from speech.turn.keys import KeyEntry

pytestmark = pytest.mark.unit

MENU = KeyPlan(values={"1": "yes", "2": "no"}, commands={"0": "agent", "*": "repeat"})


def press(plan: KeyPlan, keys: str) -> Any:
    """Result of the keys; "." is a second of waiting."""
    entry, result = KeyEntry(plan), None
    for key in keys:
        if key == ".":
            for _ in range(50):
                result = entry.tick()
                if result is not None:
                    return result
        else:
            result = entry.press(key, 100)
        if result is not None:
            return result
    return None


def test_values_and_commands_act_at_once() -> None:
    assert press(MENU, "1") == TurnAnswer("yes", "keys", reaction_ms=100, rule="key")
    assert press(MENU, "0") == TurnCommand("agent", "keys")


@pytest.mark.parametrize("key", ["3", "#", "A"])
def test_a_key_that_means_nothing_is_a_no_match(key: str) -> None:
    assert press(MENU, key) == TurnNoMatch(None, "key")


@pytest.mark.parametrize(
    ("plan", "keys", "value"),
    [
        (DigitPlan(4, 4), "1234", "1234"),
        (DigitPlan(1, 20, "#"), "13800#", "13800"),
        (DigitPlan(1, 20), "138...", "138"),
        (DigitPlan(1, 20, inter_digit_s=1.0), "138.", "138"),
        (DigitPlan(4, 4, "#"), "1234#", "1234"),
        (DigitPlan(4, 4, "#"), "12345#", "1234"),  # a fifth digit came before anybody could stop listening
        (DigitPlan(4, 4, "#"), "1234.", "1234"),  # no "#": a second is enough
    ],
)
def test_digits_end_by_count_terminator_or_pause(plan: DigitPlan, keys: str, value: str) -> None:
    assert press(KeyPlan(digits=plan), keys) == TurnAnswer(value, "keys", reaction_ms=100, rule="digits")


@pytest.mark.parametrize("keys", ["#", "12#", "12..."])
def test_too_few_digits_are_a_no_match(keys: str) -> None:
    assert press(KeyPlan(digits=DigitPlan(4, 6, "#")), keys) == TurnNoMatch(None, "digits")


def test_more_is_waited_for() -> None:
    plan = KeyPlan(digits=DigitPlan(4, 6, "#"))
    assert press(plan, "12.34..") is None
    assert press(KeyPlan(digits=DigitPlan(4, 4, "#")), "1234") is None  # the "#" may still come


def test_commands_act_before_and_digits_count_inside_a_number() -> None:
    plan = KeyPlan(commands={"0": "agent", "*": "repeat"}, digits=DigitPlan(3, 3))
    assert press(plan, "0") == TurnCommand("agent", "keys")
    assert press(plan, "100") == TurnAnswer("100", "keys", reaction_ms=100, rule="digits")
    assert press(plan, "10*") == TurnCommand("repeat", "keys")
    assert press(plan, "10#") == TurnNoMatch(None, "key")
