"""The arms of an A/B test beside each other: who was reached, successes gross and confirmed, who paid.

Arms are drawn by a stable hash of the number, so those called in one arm can be compared with those called in
another. Each arm is compared with the first; the more arms, the more evidence one of them needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ivr.metrics.book import metrics
from ivr.metrics.measure import Figure, Question, measure_all
from ivr.metrics.statistics import Difference, Share, compared

MEASURED = ("contact_rate", "customers_won", "customers_won_confirmed", "payment_rate_after_call")


@dataclass(frozen=True, slots=True)
class ArmShare:
    """One figure of one arm, and its difference from the first arm's; None of the first itself."""

    share: Share
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Arm:
    name: str
    customers: int
    figures: dict[str, ArmShare]  # metric -> share


def arms_of(session: Session, question: Question) -> tuple[Arm, ...]:
    """The campaign's arms in the order of their names; none when it isn't a test."""
    found = measure_all(session, metrics("customers_dialled", *MEASURED), question)
    names = [figure.slice for figure in found["customers_dialled"] if figure.slice]
    if len(names) < 2:
        return ()
    share = _shares(found)
    differences = {name: (None, *compared([share(name, arm) for arm in names])) for name in MEASURED}
    customers = {figure.slice: int(figure.part) for figure in found["customers_dialled"]}
    return tuple(
        Arm(arm, customers[arm], {name: ArmShare(share(name, arm), differences[name][at]) for name in MEASURED})
        for at, arm in enumerate(names)
    )


def _shares(found: dict[str, tuple[Figure, ...]]) -> Callable[[str, str], Share]:
    by_slice = {
        (name, figure.slice): Share(int(figure.part), int(figure.whole or 0))
        for name, figures in found.items()
        for figure in figures
    }
    return lambda name, arm: by_slice.get((name, arm), Share(0, 0))
