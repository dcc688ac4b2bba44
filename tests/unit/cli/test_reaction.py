"""What `ivr bench reaction` makes of what it measured."""

from __future__ import annotations

import pytest

from bench.reaction import Log, Measured, Watch, figures

pytestmark = pytest.mark.unit

PHONE = "+8613800000001"


def test_reactions_are_summed_up_and_answers_split() -> None:
    measured = [
        Measured("key", PHONE, 10.0, 10.04),
        Measured("answer", PHONE, 20.0, 20.6),
        Measured("over", PHONE, 30.0, 30.07),
    ]
    log = Log(understood={PHONE: [10.01, 20.56]})
    watch = Watch(decodes=[(11.0, 11.1), (20.5, 20.55), (40.0, 40.1)])
    result = figures(measured, log, watch, missed_ticks=2)
    assert result.holds
    found = {name: value for name, value in result.figures.items() if "median" in name}
    assert found == pytest.approx(
        {
            "key.median_ms": 40,
            "over.median_ms": 70,
            "answer.median_ms": 600,
            "key_in.median_ms": 10,
            "endpointing.median_ms": 500,
            "decoding.median_ms": 50,
            "engine_and_out.median_ms": 50,
        }
    )
    assert result.figures["late_ticks"] == 2


@pytest.mark.parametrize(("phase", "took_s"), [("key", 0.16), ("over", 0.26), ("answer", 0.91)])
def test_each_limit_is_one(phase: str, took_s: float) -> None:
    others = {"key", "over", "answer"} - {phase}
    measured = [Measured(phase, PHONE, 0.0, took_s), *(Measured(other, PHONE, 0.0, 0.05) for other in others)]
    assert not figures(measured, Log(), Watch(), 0).holds


def test_what_was_never_measured_does_not_hold() -> None:
    assert not figures([Measured("key", PHONE, 0.0, 0.05)], Log(), Watch(), 0).holds
