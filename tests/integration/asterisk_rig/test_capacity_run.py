"""`ivr bench capacity` itself: a few calls through a real Asterisk, with worker, callees and database."""

from __future__ import annotations

import pytest

from bench.capacity.command import lost, report
from bench.capacity.run import Asked, run
from tests.asterisk_rig.fixture import need_asterisk

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.timeout(150)]


def test_ten_calls_are_held_and_every_key_is_stored() -> None:
    need_asterisk()
    asked = Asked(10, 5.0, speech_share=0.2, record_share=0.2, says=(0, 9))
    outcome = run(asked)
    assert lost(outcome) == 0
    figures = report(outcome).figures
    assert figures["calls_held_most"] == 10
    assert int(figures["keys_given"]) > 0
    assert figures["keys_not_right"] == 0
    assert int(figures["said"]) > 0
    assert sum(one.recorded_s > 0 for one in outcome.stored.values()) == 2
    assert figures["recordings_not_whole"] == 0, outcome.recording_faults
    assert (figures["silent_calls"], figures["calls_not_heard"]) == (0, 0)
    assert len(outcome.ears.each) == 10
    for part in ("engine", "asterisk", "generator"):
        assert float(figures[f"{part}_cpu_ms_per_call_s"]) > 0
