"""Marks on a score card -> points from 0 to 100 and a grade. Pure.

A section is worth its weight, shared by what its items got of their points. What doesn't apply is left out of
both, and a section of which nothing applies leaves its weight to the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flows.findings import listed, nearest
from ivr.inspection.errors import InspectionError
from ivr.inspection.schema import CardSpec, ItemSpec
from ivr.model import QualityGrade

Marks = Mapping[str, int | None]  # item -> points; None: it doesn't apply
GRADES = (QualityGrade.FAIL, QualityGrade.PASSED, QualityGrade.GOOD, QualityGrade.EXCELLENT)  # rising


@dataclass(frozen=True, slots=True)
class Scored:
    score: float  # 0..100, two decimals
    grade: QualityGrade


def items(card: CardSpec) -> dict[str, ItemSpec]:
    """Every item of the card by its name, in the card's order."""
    return {name: item for section in card.sections.values() for name, item in section.items.items()}


def score(card: CardSpec, marks: Marks, failed: Iterable[str]) -> Scored:
    """What these marks come to. Raises InspectionError for marks that the card doesn't know, that are missing, or
    too many points; and for a card of which nothing applies."""
    _check(card, marks)
    failed = tuple(failed)
    for point in failed:
        if point not in card.instant_fail:
            raise _unknown(point, card.instant_fail)
    got = whole = 0.0
    for section in card.sections.values():
        given = [(mark, item.points) for name, item in section.items.items() if (mark := marks[name]) is not None]
        if given:
            got += section.weight * sum(mark for mark, _ in given) / sum(most for _, most in given)
            whole += section.weight
    if not whole:
        raise InspectionError("Nothing of the card {card} applies: score at least one item.", card=card.card)
    if failed:
        return Scored(0.0, QualityGrade.FAIL)
    points = round(100 * got / whole, 2)
    return Scored(points, grade_of(card, points))


def grade_of(card: CardSpec, points: float) -> QualityGrade:
    """The grade from so many points on."""
    if points >= card.grades.excellent:
        return QualityGrade.EXCELLENT
    if points >= card.grades.good:
        return QualityGrade.GOOD
    return QualityGrade.PASSED if points >= card.grades.passed else QualityGrade.FAIL


def takes_success(card: CardSpec, failed: Iterable[str]) -> bool:
    """Whether one of these instant-fail points means that what was sold isn't."""
    return any(card.instant_fail[point].takes_success for point in failed if point in card.instant_fail)


def title_of(card: CardSpec, name: str, language: str) -> str:
    """An item's or instant-fail point's title, in that language where the card has it; else its name."""
    known = items(card) | dict(card.instant_fail)
    titles = known[name].title if name in known else {}
    return titles.get(language) or next(iter(titles.values()), name)


def _check(card: CardSpec, marks: Marks) -> None:
    known = items(card)
    for name, mark in marks.items():
        if name not in known:
            raise _unknown(name, known)
        item = known[name]
        if mark is None and not item.optional:
            raise InspectionError(
                "{item} always applies: give it 0 to {most} points.", item=name, most=item.points
            )
        if mark is not None and not 0 <= mark <= item.points:
            raise InspectionError("{item} gets 0 to {most} points, not {mark}.", item=name, most=item.points,
                                  mark=mark)  # fmt: skip
    missing = [name for name in known if name not in marks]
    if missing:
        raise InspectionError("The card {card} also wants: {items}", card=card.card, items=listed(missing))


def _unknown(name: str, known: Iterable[str]) -> InspectionError:
    known = tuple(known)
    near = nearest(name, known)
    if near:
        return InspectionError("The card knows no {name}; did you mean {near}?", name=name, near=near)
    return InspectionError("The card knows no {name}; there are: {known}", name=name, known=listed(known))
