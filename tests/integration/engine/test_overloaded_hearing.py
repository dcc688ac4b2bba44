"""A recogniser that turns everybody away, as one that has too much to do does: keys are offered, nobody hears
silence, and what is keyed counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ivr import studio
from ivr.config import HearingSettings, PathSettings
from ivr.session.progress import PromptBegan, PromptEnded, Understood
from speech.recognizers import RecognizerOptions
from tests.integration.engine.conftest import Bench

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[3]
YES = PROJECT / "tests" / "callers" / "ko" / "espeak_f" / "00_네.wav"
FLOW = """
schema: 1
flow: overloaded
language: ko
purpose: service
constants: {company: {type: text, value: 맑은내}}
limits: {call_s: 120, steps: 20}
start: consent
nodes:
  consent:
    ask:
      prompt: {say: "{company} 자동 안내이고 이 통화는 녹음됩니다. 동의하세요?"}
      expect: yes_no
      keys: {"1": "yes", "2": "no"}
      attempts: 2
    next: end
    no_input: end
    no_match: keys_only
  keys_only:
    ask: {prompt: common.keys_only, expect: yes_no, keys: {"1": "yes", "2": "no"}, speech: false, save_as: consent}
    next: end
    no_input: end
    no_match: end
  end: {hangup: , disposition: asked}
"""


def test_overload_leads_to_keys_and_never_to_silence(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With one worker nobody at all may wait: `VoskRecognizer.open` turns every utterance away.
    monkeypatch.setattr(studio, "PATIENT", RecognizerOptions(max_waiting=-1))
    (tmp_path / "overloaded.yaml").write_text(FLOW, encoding="utf-8")
    says = {"on": "consent", "after_s": 0.5, "say": {"wav": str(YES)}}
    callee = {"does": [says, says, {"on": "keys_only", "after_s": 0.5, "keys": "1"}]}
    options = bench.options([callee], flow=tmp_path / "overloaded.yaml", language="ko", recognizer="vosk")
    paths = PathSettings(var=bench.var, prompts=(PROJECT / "bench" / "korean" / "prompts",))
    settings = options.settings.model_copy(update={"paths": paths, "hearing": HearingSettings(workers=1)})
    run = bench.run(replace(options, settings=settings))
    understood = [(e.node, e.meaning) for e in run.events if isinstance(e, Understood)]
    assert understood == [("consent", "no_match"), ("consent", "no_match"), ("keys_only", "yes")]
    assert run.only().answers["consent"].modality == "keys"
    prompts = [(type(e), e.node) for e in run.events if isinstance(e, (PromptBegan, PromptEnded))]
    begun = [node for kind, node in prompts if kind is PromptBegan]
    assert begun == ["consent", "consent", "keys_only"]
    assert all(first[0] is not second[0] for first, second in pairwise(prompts))
