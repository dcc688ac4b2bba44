"""The book's page is the book, and the book is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ivr
from ivr.metrics.book import BOOK, UnknownMetricError, metric
from ivr.metrics.document import document
from ivr.metrics.metric import Unit
from ivr.metrics.people_book import PEOPLE
from ivr.metrics.slices import SLICES
from ivr.report.campaign import DISTRIBUTIONS, HEADLINES
from ivr.report.campaign_sheets import SLICE_TITLES

pytestmark = pytest.mark.unit

PAGE = Path(ivr.__file__).parents[1] / "docs" / "metrics.md"


def test_the_page_is_the_book() -> None:
    assert PAGE.read_text("utf-8") == document(), "run: python -m ivr.metrics.document > docs/metrics.md"


def test_every_entry_is_whole() -> None:
    assert len({one.name for one in BOOK}) == len(BOOK)
    assert [one.name for one in BOOK if not re.fullmatch(r"S\d\w?(, S\d\w?)*", one.source)] == []
    assert [one.name for one in BOOK if one.unit is Unit.SHARE and one.whole is None] == []
    elsewhere = {*HEADLINES, *DISTRIBUTIONS, *(one.name for one in PEOPLE)}
    assert [one.name for one in BOOK if one.name not in elsewhere] == [
        "customers_reached", "opt_outs", "customers_won", "customers_won_confirmed", "successes_per_person",
    ]  # fmt: skip
    with pytest.raises(UnknownMetricError, match="there is no metric popularity"):
        metric("popularity")


def test_every_slice_has_its_heading() -> None:
    assert set(SLICES) == set(SLICE_TITLES)
    assert all(one.relation.slices <= set(SLICES) for one in BOOK)
