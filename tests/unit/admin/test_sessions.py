"""Sessions and the throttle by a clock in the test's hand; masking."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.masking import mask, mask_text
from admin.sessions import Sessions, Throttle
from admin.settings import AdminSettings, SessionLimits, ThrottleLimits
from ivr.errors import IvrError

pytestmark = pytest.mark.unit


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_a_session_lives_while_it_is_used_but_not_for_ever(hand: Hand) -> None:
    sessions = Sessions(SessionLimits(idle_s=10, total_s=25), hand)
    token = sessions.open("boss")
    for _ in range(3):
        hand.now_s += 8
        assert sessions.find(token) is not None
    hand.now_s += 8
    assert sessions.find(token) is None
    assert len(sessions) == 0


def test_an_unused_session_ends(hand: Hand) -> None:
    sessions = Sessions(SessionLimits(idle_s=10, total_s=1000), hand)
    token = sessions.open("boss")
    hand.now_s += 11
    assert sessions.find(token) is None


def test_the_least_recently_used_session_goes_when_there_are_too_many(hand: Hand) -> None:
    sessions = Sessions(SessionLimits(most=2), hand)
    first, second = sessions.open("a"), sessions.open("b")
    assert sessions.find(first) is not None
    third = sessions.open("c")
    assert sessions.find(second) is None
    assert sessions.find(first) is not None
    assert sessions.find(third) is not None


def test_tokens_are_long_and_never_the_same(hand: Hand) -> None:
    sessions = Sessions(SessionLimits(), hand)
    tokens = {sessions.open("boss") for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)
    assert sessions.find("") is None


def test_failures_hold_an_address_back_until_the_oldest_is_old(hand: Hand) -> None:
    throttle = Throttle(ThrottleLimits(failures=2, window_s=60), hand)
    throttle.failed("a")
    hand.now_s += 20
    throttle.failed("a")
    assert throttle.wait_s("a") == pytest.approx(40)
    assert throttle.wait_s("b") == 0
    hand.now_s += 40
    assert throttle.wait_s("a") == 0


def test_the_throttle_remembers_a_bounded_number_of_addresses(hand: Hand) -> None:
    throttle = Throttle(ThrottleLimits(addresses=3), hand)
    for index in range(10):
        throttle.failed(str(index))
    assert len(throttle) == 3


@pytest.mark.parametrize(
    ("number", "shown"), [("+8613800001234", "+86138****1234"), ("+85291234567", "**********67")]
)
def test_a_number_can_be_recognised_but_not_called(number: str, shown: str) -> None:
    assert mask(number) == shown


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_four_digits_or_more_of_every_number_are_hidden(number: str) -> None:
    shown = mask(number)
    assert len(shown) == len(number)
    assert shown.count("*") >= 4


def test_numbers_in_words_are_masked_and_short_ones_are_not() -> None:
    assert mask_text("我的号码13912345678,打5分") == "我的号码*********78,打5分"


@pytest.mark.parametrize("address", ["ivr.example.com", "ftp://ivr.example.com"])
def test_a_public_address_must_be_one(address: str) -> None:
    with pytest.raises(IvrError, match="is no web address"):
        AdminSettings(recordings=Path(), public_url=address)
