from __future__ import annotations

import math

import numpy as np
import pytest

from speech.audio import gain, mean_square, mix, rms_dbfs

pytestmark = pytest.mark.unit


def pcm(*samples: int) -> bytes:
    return np.array(samples, np.int16).tobytes()


def test_a_full_scale_square_is_0_dbfs_and_silence_has_no_level() -> None:
    assert rms_dbfs(pcm(-32768, -32768)) == 0.0
    assert rms_dbfs(pcm(3277, -3277)) == pytest.approx(-20, abs=0.01)
    assert rms_dbfs(b"") == -math.inf
    assert mean_square(pcm(3, -4)) == 12.5


def test_mixing_saturates_instead_of_wrapping() -> None:
    assert mix(pcm(30000, -30000, 5), pcm(10000, -10000)) == pcm(32767, -32768, 5)
    assert mix(pcm(1), pcm(1, 2)) == pcm(2, 2)


def test_gain_is_in_db_and_saturates() -> None:
    assert gain(pcm(1000, -1000), 20) == pcm(10000, -10000)
    assert gain(pcm(1000), -20) == pcm(100)
    assert gain(pcm(20000, -20000), 20) == pcm(32767, -32768)
