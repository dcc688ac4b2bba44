"""The questions that a flow is about."""

from __future__ import annotations

import pytest

from flows import library
from flows.loader import load

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("flow", "questions"),
    [
        ("marketing_offer", {"offer_ask", "retain_ask", "confirm"}),
        ("low_balance_reminder", {"consent", "consent_keys"}),
        ("satisfaction_survey", {"willing"}),
    ],
)
def test_consent_questions_of_its_own(flow: str, questions: set[str]) -> None:
    assert load(library.path(flow, "zh-CN")).key_questions == questions
