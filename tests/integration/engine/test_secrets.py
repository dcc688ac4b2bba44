"""Secret digits, said and keyed: in no recording, event, log line or row, understood or not."""

from __future__ import annotations

import logging
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.session.progress import Understood
from speech.ports import Hypothesis, Question
from trunk.carrier.call import CarrierCall

pytestmark = pytest.mark.integration

SAID, KEYED = "四三二一", "7391"
FLOW = """\
schema: 1
flow: pin
language: zh-CN
purpose: service
needs: {balance: money}
constants: {company: {type: text, value: 晴川通信}}
start: greet
nodes:
  greet: {play: low_balance.greet, next: pin}
  pin:
    ask:
      {prompt: low_balance.greet, expect: digits, digits: {min: 4, max: 4, secret: true}, speech: true,
       attempts: 2}
    next: bye
    no_input: done
    no_match: done
  bye: {play: low_balance.greet, next: done}
  done: {hangup: , disposition: done}
"""


class _Stream:
    def feed(self, pcm: bytes) -> None: ...

    def cancel(self) -> None: ...

    async def result(self) -> Hypothesis:
        return Hypothesis(SAID, 0.4, accepted=False, rule="doubted")


class Doubting:
    """Hears the digits, and isn't sure."""

    name = "doubting"

    def languages(self) -> frozenset[str]:
        return frozenset({"zh-CN"})

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def open(self, question: Question) -> _Stream:
        del question
        return _Stream()

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        del questions
        return ()


def _note_switches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of the trunk's pause and resume, as they come."""
    switches: list[str] = []

    def note(name: str) -> None:
        real = getattr(CarrierCall, name)

        def switch(call: CarrierCall) -> None:
            switches.append(name)
            real(call)

        monkeypatch.setattr(CarrierCall, name, switch)

    note("pause_recording")
    note("resume_recording")
    return switches


def test_secrets_are_kept_nowhere(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ivr.run.recognizer_of", lambda *_: Doubting())
    switches = _note_switches(monkeypatch)
    caplog.set_level(logging.DEBUG)
    flow = tmp_path / "pin.yaml"
    flow.write_text(FLOW, encoding="utf-8")
    steps = [{"on": "pin", "say": {"text": SAID}}, {"on": "pin", "keys": KEYED}]
    options = bench.options([{"does": steps}], flow=flow, row={"balance": "5.20"}, record=tmp_path / "recordings")
    done = bench.run(options)

    assert done.only().disposition == "done"
    told = [event.meaning for event in done.events if isinstance(event, Understood)]
    assert told == ["no_match", "***"]  # both were heard
    assert switches == ["pause_recording", "resume_recording"]  # not between the two attempts
    for secret in (SAID, KEYED):
        assert not [event for event in done.events if secret in repr(event)]
        assert secret not in caplog.text
        assert secret not in done.results.model_dump_json()
        for file in tmp_path.glob("run*.db*"):
            assert secret.encode() not in file.read_bytes()
    (recording,) = (tmp_path / "recordings").glob("*.wav")
    with wave.open(str(recording), "rb") as audio:
        stereo = np.frombuffer(audio.readframes(audio.getnframes()), "<i2").reshape(-1, 2)
    assert np.abs(stereo[:, 0]).max() <= 8  # A-law's silence: the callee spoke in secret alone
    assert np.abs(stereo[:, 1]).max() > 3000  # and it did record
