"""Numbers of figures with their units behind them, as in Chinese and Korean: 四千七百一十一, 사천칠백십일."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ivr.spoken_digits.tokens import Reading, Token, parts


@dataclass(frozen=True, slots=True)
class Numerals:
    """How one language says them."""

    figures: Mapping[str, int]  # 1 to 9
    units: Mapping[str, int]  # 10 to 1000
    large: Mapping[str, int]  # from 10 000 on: they count what is before them
    zeros: frozenset[str]  # they stand for the units that are passed over
    alone: frozenset[str]  # units that need no figure before them: 十五, 백이십
    shortens: bool  # the last unit may go unsaid: 三万五 is 35 000


def numbers(tokens: list[Token], index: int, numerals: Numerals) -> Iterator[Reading]:
    """Those that the tokens from there on say, each whole to there."""
    number = _Number(numerals)
    for word, end in parts(tokens, index):
        if not number.take(word):
            return
        if number.whole:
            yield str(number.value), end


class _Number:
    def __init__(self, numerals: Numerals) -> None:
        self._numerals = numerals
        self._total = self._part = 0  # up to the last large unit, and since
        self._unit = 10_000  # the last small one since
        self._large = 10**12  # the last large one
        self._figure: int | None = None  # waits for its unit
        self._before = 0  # the unit right before the figure
        self.whole = False  # it could end here

    @property
    def value(self) -> int:
        return self._total + self._part + (self._figure or 0) * self._unsaid()

    def take(self, word: str) -> bool:
        """Whether the number goes on with it."""
        known = self._numerals
        alone = word in known.alone
        if word in known.units:
            return self._take_unit(known.units[word], alone)
        if word in known.large:
            return self._take_large(known.large[word], alone)
        if word in known.zeros:
            return self._take_zero()
        figure = int(word) if word.isdecimal() else known.figures.get(word, 0)
        return 0 < figure < self._unit and self._take_figure(figure)

    def _take_unit(self, unit: int, alone: bool) -> bool:
        if (self._figure is None and not alone) or unit >= self._unit:
            return False
        self._part += (self._figure or 1) * unit
        return self._begin_after(unit, unit)

    def _take_large(self, large: int, alone: bool) -> bool:
        counted = self._part + (self._figure or 0)
        if not counted and (self._total or not alone):
            return False
        if large >= self._large:
            return False
        self._total, self._part, self._large = self._total + (counted or 1) * large, 0, large
        return self._begin_after(large, 10_000)

    def _begin_after(self, before: int, unit: int) -> bool:
        self._before, self._unit, self._figure, self.whole = before, unit, None, True
        return True

    def _take_zero(self) -> bool:
        self._before, self.whole = 0, False
        return self._figure is None and bool(self._total or self._part)

    def _take_figure(self, figure: int) -> bool:
        if self._figure is not None:
            return False
        self._figure, self.whole = figure, True
        return True

    def _unsaid(self) -> int:
        """What the last figure counts."""
        one = self._figure is not None and self._figure < 10
        return self._before // 10 if self._numerals.shortens and self._before and one else 1
