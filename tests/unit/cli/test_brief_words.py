"""A brief's points as agents read them, in their language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ivr.brief_words import PointWords
from ivr.briefs import CameTo, Point
from ivr.cli.watch_calls import _with_why
from ivr.i18n import translate, use_language

pytestmark = pytest.mark.unit
C = CameTo
CASES = {
    Point("q", "takes", "Do you?", C.ANSWER, "no", "speech", "不太想"): (
        "Do you? – No (Speech: “不太想”)",
        "Do you? — 否(语音:“不太想”)",
    ),
    Point("q", "rating", "", C.ANSWER, "4", "keys"): ("rating – 4 (Keys)", "满意度评分 — 4(按键)"),
    Point("q", "own", "", C.ANSWER, "x", "agent"): ("own – x (Entered by a person)", "own — x(人工录入)"),
    Point("q", "q", "Why?", C.NO_INPUT): ("Why? – said nothing", "Why? — 未作声"),
    Point("q", "q", "Why?", C.NO_MATCH): ("Why? – not understood", "Why? — 未听懂"),
    Point("q", "q", "Why?", C.NO_MATCH, heard="嗯"): ("Why? – not understood: “嗯”", "Why? — 未听懂:“嗯”"),
    Point("q", "q", "Why?", C.COMMAND, "agent", "keys"): ("Why? – wanted a person", "Why? — 要求转人工"),
    Point("q", "q", "Your PIN?", C.IDENTITY, "verified", "password"): (
        "Who they are, by service password: verified",
        "身份核验(服务密码):核验通过",
    ),
}


@pytest.fixture
def language(request: pytest.FixtureRequest) -> Iterator[None]:
    use_language(request.param)
    yield
    use_language("en")


@pytest.mark.parametrize("point", CASES)
@pytest.mark.parametrize(("language", "at"), [("en", 0), ("zh-CN", 1)], indirect=["language"])
def test_each_point_is_a_sentence_in_the_readers_language(language: None, at: int, point: Point) -> None:
    assert PointWords(point).render(translate) == CASES[point][at]


@pytest.mark.parametrize("language", ["zh-CN"], indirect=True)
@pytest.mark.parametrize(("why", "words"), [("no_agent", "there is no agent on the call"), ("busy", "busy")])
def test_why_an_order_failed_is_told_in_it_too(language: None, why: str, words: str) -> None:
    assert words not in _with_why("x", why)
