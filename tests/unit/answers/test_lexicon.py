"""Every phrase of every lexicon means what it stands under, and no way of saying no can be taken for a yes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech.answers import AnswerSpec, build_question, languages, match
from speech.answers.lexicon import lexicon
from speech.answers.matching import is_negated
from speech.ports import SpeechError

pytestmark = pytest.mark.unit

KINDS = ("yes_no", "rating")
NO_IN = {"zh-CN": ("不", "没", "别"), "en": ("no", "not", "don't"), "ko": ("아니요", "안 해요")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", languages())
def test_every_phrase_means_what_it_stands_under(language: str, kind: str) -> None:
    question = build_question(AnswerSpec(kind, language))
    wrong = {
        phrase.text: match(phrase.text, question)
        for phrase in question.phrases
        if match(phrase.text, question).meaning != (phrase.meaning or None)
    }
    assert wrong == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", languages())
def test_no_phrase_stands_under_two_meanings(language: str, kind: str) -> None:
    words = lexicon(language)
    groups = words.yes_no if kind == "yes_no" else words.rating
    meanings: dict[str, str] = {}
    for meaning, texts in (*groups.items(), *words.commands.items()):
        for text in texts:
            assert meanings.setdefault(text, meaning) == meaning, text


@pytest.mark.parametrize("language", languages())
def test_lexicons_know_both_answers_all_ratings_commands_and_digits(language: str) -> None:
    words = lexicon(language)
    assert set(words.yes_no) == {"yes", "no"}
    assert set(words.rating) == {"1", "2", "3", "4", "5"}
    assert set(words.commands) == {"agent", "repeat", "opt_out", "complaint"}
    assert set(words.digits) == set("0123456789")
    assert set(words.hints) >= {"yes_no", "rating", "choice", "digits", "commands"}


@pytest.mark.parametrize("language", languages())
def test_no_way_of_saying_no_is_taken_for_yes(language: str) -> None:
    question = build_question(AnswerSpec("yes_no", language))
    words = lexicon(language)
    for text in words.yes_no["no"]:
        for said in (text, f"{text}, {text}", *(f"{filler} {text}" for filler in words.fillers[:3])):
            assert match(said, question).meaning in ("no", None), said


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_negation_anywhere_in_a_yes_is_never_a_yes(data: st.DataObject) -> None:
    language = data.draw(st.sampled_from(languages()))
    words = lexicon(language)
    said = data.draw(st.sampled_from([text for text in words.yes_no["yes"] if not is_negated(text, language)]))
    no = data.draw(st.sampled_from(NO_IN[language]))
    pieces = said.split() if language != "zh-CN" else list(said)
    at = data.draw(st.integers(0, len(pieces)))
    text = ("" if language == "zh-CN" else " ").join([*pieces[:at], no, *pieces[at:]])
    if text in words.yes_no["yes"]:
        return  # 没问题, 没错: ways of saying yes that hold a no
    assert match(text, build_question(AnswerSpec("yes_no", language))).meaning != "yes", text


def test_a_language_tag_finds_its_lexicon_whatever_its_region() -> None:
    assert {lexicon(tag).language for tag in ("zh", "zh-CN", "zh_Hans", "ZH-TW")} == {"zh-CN"}
    assert lexicon("en-GB").language == "en"


def test_a_language_without_a_lexicon_is_refused_with_a_mend() -> None:
    with pytest.raises(SpeechError, match="no spoken answers are known in language fr: use one of en, ko, zh-CN"):
        lexicon("fr")
