"""Answer types make questions: phrases with their meanings, first part wins, errors that name the mend."""

import pytest

from speech.answers import COMMANDS, AnswerSpec, answer_types, build_question, register
from speech.ports import SpeechError

pytestmark = pytest.mark.unit


def test_the_known_types() -> None:
    assert answer_types() == ("choice", "commands", "digits", "rating", "yes_no")


def test_a_question_holds_answers_commands_fillers_and_decoys() -> None:
    question = build_question(AnswerSpec("yes_no", "zh"))
    meanings = {phrase.text: phrase.meaning for phrase in question.phrases}
    assert (question.kind, question.language) == ("yes_no", "zh-CN")
    assert meanings["不需要"] == "no"
    assert meanings["转人工"] == "command:agent"
    assert meanings["嗯"] == "filler"
    assert meanings["你是谁"] == ""
    assert {f"command:{name}" for name in COMMANDS} < set(meanings.values())
    assert "嗯" in question.fillers
    assert "需要" in question.hint
    assert question.digits is None
    assert len(meanings) == len(question.phrases)


def test_only_the_commands_that_count_here_can_be_heard() -> None:
    meanings = {phrase.meaning for phrase in build_question(AnswerSpec("rating", "en"), ("opt_out",)).phrases}
    assert meanings == {"1", "2", "3", "4", "5", "command:opt_out", "filler", ""}


def test_digits_carry_their_bounds() -> None:
    assert build_question(AnswerSpec("digits", "en", min_digits=4, max_digits=6)).digits == (4, 6)


@pytest.mark.parametrize(
    ("spec", "commands", "message"),
    [
        (AnswerSpec("mood", "en"), COMMANDS, "answer type mood is not known: use one of choice, commands"),
        (AnswerSpec("yes_no", "en"), ("fly",), "command fly is not known: use one of agent"),
        (AnswerSpec("choice", "en", {"a": ("first",), "b": ()}), COMMANDS, "a choice needs .* in en: none for b"),
        (AnswerSpec("choice", "en"), COMMANDS, "a choice needs the ways of saying it in en: none for any value"),
    ],
)
def test_errors(spec: AnswerSpec, commands: tuple[str, ...], message: str) -> None:
    with pytest.raises(SpeechError, match=message):
        build_question(spec, commands)


def test_a_type_is_registered_once() -> None:
    with pytest.raises(ValueError, match="answer type yes_no is registered already"):
        register("yes_no", lambda _spec, words: words.yes_no)
