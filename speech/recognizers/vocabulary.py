"""Phrases in the words a model knows: Vosk drops a word it doesn't know from a grammar without an error."""

from __future__ import annotations

from collections.abc import Callable

# Characters that words may be cut between, and the shortest piece: hanzi are words by themselves, while single
# hangul syllables sound like too much (안 of 안 돼요 was heard everywhere).
_CUTTABLE = (("\u3400", "\u9fff", 1), ("\uac00", "\ud7a3", 2))


class Vocabulary:
    """Splits a phrase into known words: 동의합니다 into 동의 합니다. `knows` asks the model."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows

    def split(self, text: str) -> tuple[list[str], list[str]]:
        """The phrase's words as the model knows them, and those that can't be said with its words."""
        words: list[str] = []
        unknown: list[str] = []
        for word in text.lower().split():
            pieces = self._pieces(word)
            if pieces is None:
                unknown.append(word)
            else:
                words += pieces
        return words, unknown

    def _pieces(self, word: str) -> list[str] | None:
        """The fewest known pieces that spell the word; None when there are none. Latin words aren't cut."""
        if self._knows(word):
            return [word]
        shortest = next((size for low, high, size in _CUTTABLE if all(low <= ch <= high for ch in word)), None)
        if shortest is None:
            return None
        best: list[list[str] | None] = [[]] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(end):
                before = best[start]
                if before is None or end - start < shortest or not self._knows(word[start:end]):
                    continue
                here = best[end]
                if here is None or len(before) + 1 < len(here):
                    best[end] = [*before, word[start:end]]
        return best[len(word)]
