"""Phrases in the words of a model: split where the script allows it, reported where not."""

import pytest

from speech.recognizers.vocabulary import Vocabulary

pytestmark = pytest.mark.unit

KNOWN = {"동의", "합니다", "네", "안", "해요", "不", "需要", "不需", "要", "yes", "please"}


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(KNOWN.__contains__)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("네 동의합니다", ["네", "동의", "합니다"]),
        ("Yes please", ["yes", "please"]),
        ("不需要", ["不", "需要"]),
        ("需要不需要", ["需要", "不", "需要"]),
        ("안 해요", ["안", "해요"]),
    ],
)
def test_known_words_spell_the_phrase_in_few_pieces(vocabulary: Vocabulary, text: str, words: list[str]) -> None:
    assert vocabulary.split(text) == (words, [])


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("yes thanks", ["thanks"]),
        ("전화하지 네", ["전화하지"]),
        ("不买", ["不买"]),
        ("안해요", ["안해요"]),
        ("yesplease", ["yesplease"]),
    ],
)
def test_what_cannot_be_spelt_is_reported(vocabulary: Vocabulary, text: str, missing: list[str]) -> None:
    """안해요 too: single syllables are no pieces, they are heard everywhere."""
    assert vocabulary.split(text)[1] == missing
