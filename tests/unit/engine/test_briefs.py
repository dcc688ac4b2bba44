"""What an agent is told of the call before: questions with their answers, and nobody's secrets."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest

from flows.events import AnswerTaken, IdentityNoted
from flows.results import Command, Input, MachineDetected, NoInput, NoMatch, Result
from flows.values import CommandName, Modality
from flows.waits import AskWait, Expect, PlayWait, PromptRef
from ivr import briefs
from ivr.briefs import CUT, MOST_CHARS, MOST_POINTS, Asked, Brief, CameTo, Point

pytestmark = pytest.mark.unit
PIN = "4711"


def written(prompt: PromptRef) -> str:
    return (prompt.text or "").format(**prompt.variables)


def ask(node: str, text: str = "", *, secret: bool = False, attempt: int = 1, **variables: Any) -> AskWait:
    prompt = PromptRef(text=text or f"{node}?", variables=variables, types=dict.fromkeys(variables, "digits"))
    return AskWait(node=node, prompts=(prompt,), expect=Expect(type="digits", secret=secret), attempt=attempt)


def said(value: str, transcript: str) -> Input:
    return Input(value=value, modality=Modality.SPEECH, transcript=transcript)


def keyed(value: str) -> Input:
    return Input(value=value, modality=Modality.KEYS)


def brief(*turns: tuple[AskWait, Result]) -> Brief:
    asked = Asked()
    for wait, result in turns:
        asked.turn(wait, result)
    return asked.brief(written)


def test_each_question_stands_with_its_meaning_and_how_it_was_given() -> None:
    found = brief(
        (ask("takes", "Do you take it for {price}?", price="20"), said("yes", "好的")),
        (ask("rating"), keyed("4")),
    )
    assert found == (
        Point("takes", "takes", "Do you take it for 20?", CameTo.ANSWER, "yes", "speech", "好的"),
        Point("rating", "rating", "rating?", CameTo.ANSWER, "4", "keys"),
    )
    assert briefs.read(briefs.kept(found)) == found


@pytest.mark.parametrize(
    ("result", "point"),
    [
        (NoInput(), Point("a", "a", "a?", CameTo.NO_INPUT)),
        (NoMatch(transcript="嗯"), Point("a", "a", "a?", CameTo.NO_MATCH, heard="嗯")),
        (
            Command(name=CommandName.AGENT, modality=Modality.KEYS),
            Point("a", "a", "a?", CameTo.COMMAND, "agent", "keys"),
        ),
    ],
)
def test_without_an_answer_it_says_why(result: Result, point: Point) -> None:
    assert brief((ask("a"), result)) == (point,)


@pytest.mark.parametrize("result", [MachineDetected(), Command(name=CommandName.REPEAT, modality=Modality.KEYS)])
def test_what_says_nothing_of_the_question_is_left_out(result: Result) -> None:
    assert brief((ask("a"), result)) == ()


def test_a_question_that_was_asked_again_is_one_as_it_was_asked_first() -> None:
    found = brief((ask("a"), NoMatch(transcript="hm")), (ask("a", "Sorry? a?", attempt=2), keyed("1")))
    assert found == (Point("a", "a", "a?", CameTo.ANSWER, "1", "keys"),)


def test_a_question_to_which_the_flow_came_back_counts_as_the_last_one() -> None:
    assert [
        one.answer for one in brief((ask("a"), keyed("1")), (ask("b"), keyed("2")), (ask("a"), keyed("3")))
    ] == [
        "2",
        "3",
    ]


def test_an_answer_has_the_name_by_which_the_flow_saves_it() -> None:
    asked = Asked()
    asked.turn(PlayWait(node="hello", prompts=()), NoInput())
    asked.turn(ask("q"), keyed("4"))
    asked.event(AnswerTaken(node="q", name="rating", input=keyed("4")))
    assert [(one.node, one.name) for one in asked.brief(written)] == [("q", "rating")]


def test_no_secret_is_in_it_wherever_the_flow_says_it_again() -> None:
    found = brief(
        (ask("pin", secret=True), NoMatch(transcript="four seven one one")),
        (ask("pin", secret=True, attempt=2), said(PIN, "four seven one one")),
        (ask("sure", "{pin}, is that right?", pin=PIN), said("yes", f"yes {PIN}")),
        (ask("sum", "Your number {number}?", number=4711.0), keyed(f"9{PIN}")),
    )
    assert PIN not in repr(found)
    assert "seven" not in repr(found)
    assert [one.answer for one in found] == ["***", "yes", "9***"]
    assert found[1].asked == "***, is that right?"


def test_nor_is_it_in_it_when_it_was_said_in_words() -> None:
    found = brief(
        (ask("pin", secret=True), NoMatch(transcript="四七幺二")),  # a slip, and the right one
        (ask("pin", secret=True, attempt=2), keyed(PIN)),
        (ask("takes"), said("yes", "好的,四七一一")),
        (ask("else"), NoMatch(transcript="I said four seven double one, not 四七一二!")),
    )
    assert [one.heard for one in found] == ["", "好的,***", "I said ***, not ***!"]


def test_of_an_identity_check_only_what_it_came_to() -> None:
    asked = Asked()
    asked.turn(ask("who", "Your password?", secret=True), keyed(PIN))
    asked.event(IdentityNoted(node="who", method="password", result="verified", tries=1))
    assert asked.brief(written) == (
        Point("who", "who", "Your password?", CameTo.IDENTITY, "verified", "password"),
    )


def test_hashes_and_long_numbers_arent_shown() -> None:
    found = brief(
        (ask("a", "Account {number}, {hash}?", number="6222021234567890", hash="sha256$aa$bb"), keyed("1"))
    )
    assert found[0].asked == "Account ***7890, ***?"


def test_it_is_short() -> None:
    long = "x" * 3 * MOST_CHARS
    turns = [(ask(f"q{number}", f"{long} q{number}?"), said("yes", long)) for number in range(2 * MOST_POINTS)]
    found = brief(*turns)
    assert len(found) == MOST_POINTS
    assert found[-1].node == f"q{2 * MOST_POINTS - 1}"
    assert found[-1].asked.endswith(f"{found[-1].node}?")
    assert max(len(text) for one in found for text in (one.asked, one.heard)) == MOST_CHARS + len(CUT)


def test_a_flow_that_asks_for_an_hour_takes_no_more_memory() -> None:
    def held_bytes(asked: Asked, first: int, last: int) -> int:
        for number in range(first, last):
            asked.turn(ask(f"q{number}", f"{number}?"), said("yes", "yes"))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        asked = Asked()
        before = held_bytes(asked, 0, 2 * MOST_POINTS)
        assert held_bytes(asked, 2 * MOST_POINTS, 1000) < before + 20_000  # an `AskWait` takes some 6 KB
    finally:
        tracemalloc.stop()
