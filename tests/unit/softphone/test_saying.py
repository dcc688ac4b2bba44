"""What a phone says next, tick by tick: order, keys' packets, and what is cut off."""

from __future__ import annotations

import pytest

from tests.softphone.rtp import Event
from tests.softphone.saying import KeyStep, Saying

pytestmark = pytest.mark.unit

FRAME = bytes(160)


def test_frames_and_keys_go_out_in_the_order_asked_for() -> None:
    over: list[bool] = []
    saying = Saying(lambda: over.append(True))
    playing = saying.play(FRAME * 2)
    saying.press("1", 40, 20)
    steps = [saying.step(float(tick)) for tick in range(6)]
    assert steps == [
        FRAME,
        FRAME,
        KeyStep(Event("1", 160), first=True),
        KeyStep(Event("1", 320, end=True), first=False),
        None,  # the gap
        None,  # nothing is left
    ]
    (key,) = saying.pressed
    assert (playing.began_s, playing.ended_s, playing.cut) == (0.0, 2.0, False)
    assert (key.began_s, key.ended_s, key.cut) == (2.0, 3.0, False)
    assert over == [True]


def test_what_is_stopped_is_marked_as_cut_but_not_the_key_already_let_go() -> None:
    saying = Saying(lambda: None)
    saying.press("12", 20, 100)
    playing = saying.play(FRAME)
    assert isinstance(saying.step(0.0), KeyStep)
    saying.stop(1.0)
    assert saying.quiet
    assert saying.step(2.0) is None
    first, second = saying.pressed
    assert (first.ended_s, first.cut) == (0.0, False)
    assert second.cut
    assert playing.cut


@pytest.mark.parametrize(("keys", "duration_ms"), [("", 100), ("E", 100), ("1 2", 100), ("1", 19)])
def test_what_no_telephone_can_press_is_refused(keys: str, duration_ms: int) -> None:
    with pytest.raises(ValueError, match="keys are of"):
        Saying(lambda: None).press(keys, duration_ms, 100)
