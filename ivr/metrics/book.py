"""The metrics book: each figure about calls, campaigns and people, as data. docs/metrics.md is made from it.

The entries stand by subject in `calls_book`, `success_book`, `results_book` and `people_book`; here is the one
list of them. Those about calls are told by agent and team too."""

from __future__ import annotations

from ivr.errors import IvrError
from ivr.metrics.calls_book import CUSTOMERS_AND_CALLS
from ivr.metrics.metric import Metric
from ivr.metrics.people_book import PEOPLE
from ivr.metrics.results_book import RESULTS
from ivr.metrics.success_book import SUCCESSES

BOOK: tuple[Metric, ...] = (*CUSTOMERS_AND_CALLS, *SUCCESSES, *RESULTS, *PEOPLE)
_BY_NAME = {metric.name: metric for metric in BOOK}


class UnknownMetricError(IvrError):
    """The book has no such entry."""


def metric(name: str) -> Metric:
    """The entry of that name. Raises UnknownMetricError."""
    if name not in _BY_NAME:
        raise UnknownMetricError("there is no metric {name}; `ivr metrics list` names them", name=name)
    return _BY_NAME[name]


def metrics(*names: str) -> tuple[Metric, ...]:
    """The entries of those names, in that order."""
    return tuple(metric(name) for name in names)
