"""What the calls of `ivr bench capacity` talk about: a flow of the product that asks one yes/no question after the
other until the callee has had enough. In Korean, whose Vosk model installs as a package."""

from __future__ import annotations

import json
from pathlib import Path

PLAIN, RECORDED = "capacity", "capacity_recorded"  # the flows' names
PROMPTS = Path(__file__).parents[1] / "korean" / "prompts"
LANGUAGE = "ko"
# One clause each: callees answer when it has been quiet for longer than a prompt's own pauses.
QUESTIONS = ("이 안내에 동의하세요?", "새 요금제를 원하세요?", "안내 문자를 받으시겠어요?", "계속할까요?")
LEAST_QUESTION_S = 2.5  # a question with its answer takes longer
MOST_QUESTIONS = 480  # a flow has at most 500 nodes


def source(name: str, seconds: float) -> bytes:
    """The flow of calls that last at most so long. JSON is YAML."""
    count = min(MOST_QUESTIONS, 5 + int(seconds / LEAST_QUESTION_S))
    nodes: dict[str, object] = {
        "greet": {"play": {"say": "{company} 자동 안내이고 이 통화는 녹음됩니다."}, "next": "q1"},
        "goodbye": {"play": {"say": "감사합니다."}, "next": "end"},
        "end": {"hangup": None, "disposition": "asked_all"},
    }
    for number in range(1, count + 1):
        after = f"q{number + 1}" if number < count else "goodbye"
        ask = {
            "prompt": {"say": QUESTIONS[number % len(QUESTIONS)]},
            "expect": "yes_no",
            "keys": {"1": "yes", "2": "no"},
            "visits": 1,
        }
        nodes[f"q{number}"] = {"ask": ask, "next": after, "no_input": after, "no_match": after}
    document = {
        "schema": 1,
        "flow": name,
        "title": name,
        "language": LANGUAGE,
        "purpose": "service",
        "constants": {"company": {"type": "text", "value": "맑은내"}},
        "limits": {"call_s": min(3600, 60 + round(seconds)), "steps": 1000},
        "start": "greet",
        "nodes": nodes,
    }
    return json.dumps(document, ensure_ascii=False).encode()
