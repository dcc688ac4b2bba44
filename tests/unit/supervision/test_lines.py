"""What supervisors read of a call, what an agent is told of it included."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.cli.watch_calls import told
from ivr.clock import RealClock
from ivr.i18n import use_language
from ivr.session.progress import AgentCalled, AgentTried, CallPlaced, ProgressEvent, PromptBegan
from ivr.supervision.lines import Lines

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)


def test_what_an_agent_is_told_is_read_with_the_call() -> None:
    lines = Lines(RealClock())
    events: list[ProgressEvent] = [
        PromptBegan("leg", "whisper", "of a call that nobody knows"),
        AgentCalled("elsewhere", "other", "1002", "602", NOW),
        CallPlaced("call", "+8613800000000", 1, NOW),
        PromptBegan("call", "hello", "Hello."),
        AgentCalled("call", "leg", "1001", "601", NOW),
        PromptBegan("leg", "whisper", "They agreed."),
        PromptBegan("other", "whisper", "of another call"),
        AgentTried("call", "leg", "1001", "answered", NOW),
        PromptBegan("leg", "whisper", "after the end"),
    ]
    for event in events:
        lines.observe(event)
    assert [(line["who"], line["text"]) for line in lines.of("call")] == [
        ("robot", "Hello."),
        ("whisper", "They agreed."),
    ]
    use_language("zh_CN")
    try:
        assert told(lines.of("call")[1]).endswith("对坐席说: They agreed.")
    finally:
        use_language("en")
