"""What is learned from calls, and what is expected of those in flight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.pacing.hazards import Hazards, Numbers
from ivr.pacing.outlook import EXACT, Bound, NearlyOdds, Odds, Outlook, judge

pytestmark = pytest.mark.unit
NO_AGENTS = np.zeros((0, 3))


def flat(*chances: float) -> Numbers:
    """Calls whose chance doesn't change over three moments."""
    return np.array([[chance] * 3 for chance in chances]).reshape(len(chances), 3)


def outlook(free: int, *chances: float, fresh: float = 0.3, waiting: int = 0) -> Outlook:
    return Outlook(free, waiting, flat(*chances), NO_AGENTS, flat(fresh)[0])


@settings(max_examples=40)
@given(
    chances=st.lists(st.floats(0, 1), max_size=12),
    free=st.integers(0, 6),
    waiting=st.integers(0, 3),
)
def test_what_is_lost_is_what_drawing_it_gives(chances: list[float], free: int, waiting: int) -> None:
    prospect = Odds(outlook(free, *chances, waiting=waiting), 0).prospect()
    drawn = np.random.default_rng(1).random((20_000, len(chances))) < np.array(chances)
    lost = np.maximum(0, drawn.sum(axis=1) + waiting - free)
    assert prospect.lost == pytest.approx(lost.mean(), abs=5 * lost.std() / 20_000**0.5 + 1e-3)
    assert prospect.needed == pytest.approx(sum(chances) + waiting)


def test_engaged_agents_count_by_the_chance_that_they_are_free() -> None:
    soon, late = np.array([[0.9, 0.95, 1.0]]), np.array([[0.0, 0.0, 0.05]])
    lost = [Odds(Outlook(0, 0, flat(0.5), frees, flat(0.3)[0]), 0).prospect().lost for frees in (soon, late)]
    assert lost[0] == pytest.approx(0.05)
    assert lost[1] == pytest.approx(0.5)


def test_more_calls_begin_the_fewer_of_them_need_somebody() -> None:
    bound, never = Bound(0.02, 10, 1.0), Bound(1.0)
    counts = [judge(outlook(5, fresh=fresh), bound, 100, never, 0).more for fresh in (0.1, 0.3, 1.0)]
    assert counts[0] > counts[1] > counts[2] == 5


def test_without_a_share_to_lose_there_is_a_line_per_free_agent() -> None:
    assert judge(outlook(5, 0.3, 0.3), Bound(0.0), 100, Bound(1.0), 0).more == 3


def test_a_bound_on_the_worst_case_holds_beside_the_mean() -> None:
    assert judge(outlook(5), Bound(1.0, most=0, risk=0.01), 100, Bound(1.0), 0).more < 12


def test_calls_go_when_too_much_would_be_lost() -> None:
    verdict = judge(outlook(2, *[0.4] * 20), Bound(0.02), 10, Bound(0.2), 20)
    assert verdict.more == 0
    left = 20 - verdict.surplus
    assert Odds(outlook(2, *[0.4] * left), 0).prospect().within(Bound(0.2))
    assert not Odds(outlook(2, *[0.4] * (left + 1)), 0).prospect().within(Bound(0.2))


@pytest.mark.parametrize("seed", range(40))
def test_many_calls_are_judged_nearly_as_the_exact_distribution_would(seed: int) -> None:
    """From one line beside people who all talk on; chances rise over the moments, from next to none."""
    draw = np.random.default_rng(seed)
    lines, engaged = draw.integers(1, 10 if seed % 2 else 90), draw.integers(EXACT, 90)
    within_s = np.array([0.5, 2.0, 5.0, 10.0, 20.0, 40.0, 90.0, 200.0])
    wanted = draw.uniform(0.0, draw.choice([0.05, 0.3, 0.9]), (lines, 1))
    needs = wanted * (1 - np.exp(-within_s / draw.uniform(2.0, 15.0, (lines, 1))))
    frees = 1 - np.exp(-within_s / draw.uniform(50.0, 500.0, (engaged, 1)))
    decides = draw.integers(len(within_s))
    balanced = needs[:, decides].sum() - frees[:, decides].sum() + draw.normal(0, 3)
    free, most = max(0, round(balanced)) * (seed % 3 > 0), int(draw.integers(0, 6))
    view = Outlook(free, int(draw.integers(2)), needs, frees, 0.3 * (1 - np.exp(-within_s / 8.0)))
    exact, nearly = Odds(view, 4, most), NearlyOdds(view, 4, most).prospects(0, 4)
    for added in range(4):
        found = exact.prospect()
        assert nearly.needed[added] == pytest.approx(found.needed)
        assert nearly.lost[added] == pytest.approx(found.lost, abs=0.005)
        assert nearly.too_many[added] == pytest.approx(found.too_many, abs=0.005)
        assert nearly.lost[added] <= nearly.needed[added]
        exact.add(view.fresh)


def test_one_line_beside_people_who_all_talk_is_not_refused() -> None:
    """The normal distribution would give it more than 3 % to be lost, and too many with more than the risk."""
    view = Outlook(0, 0, np.zeros((0, 1)), np.full((57, 1), 0.1), np.array([0.3]))
    exact = Odds(view, 1)
    exact.add(view.fresh)
    found, nearly = exact.prospect(), NearlyOdds(view, 1).prospects(0, 2)
    assert nearly.lost[1] == pytest.approx(found.lost, abs=1e-9)
    assert nearly.too_many[1] == pytest.approx(found.too_many, abs=1e-9)


@pytest.mark.parametrize("ringing", [3, 12, 80])
def test_the_fewest_calls_go_that_relieve(ringing: int) -> None:
    view, relief = Outlook(2, 0, flat(*[0.4] * ringing), flat(*[0.2] * 14), flat(0.3)[0]), Bound(0.2)
    left = ringing - judge(view, Bound(0.02), 10, relief, ringing).surplus

    def relieved(kept: int) -> bool:
        some = Outlook(2, 0, view.needs[:kept], view.frees, view.fresh)
        return Odds(some, 0).prospect().within(relief)

    assert relieved(left)
    assert left == ringing or not relieved(left + 1)


def test_both_ways_to_judge_come_to_the_same_number_of_calls() -> None:
    """Of a floor of forty: as many calls more as the exact distribution allows, or one beside it."""
    view = Outlook(6, 0, flat(*[0.25] * 40), flat(*[0.4] * 34), flat(0.25)[0])
    bound, never = Bound(0.02, 10, 0.02), Bound(1.0)
    odds = Odds(view, 60, bound.most)
    exact = -1
    while odds.prospect().within(bound):
        exact += 1
        odds.add(view.fresh)
    assert exact > 0
    assert judge(view, bound, 60, never, 0).more == pytest.approx(exact, abs=1)
    assert judge(view, bound, 2, never, 0).more == 2
    assert judge(view, Bound(0.0), 60, never, 0).more == 0


def test_nothing_in_flight_is_no_reason_to_hang_up() -> None:
    assert judge(outlook(1), Bound(0.0), 0, Bound(1.0), 5).surplus == 0


def test_answers_and_their_times_are_learned() -> None:
    draw = np.random.default_rng(7)
    seen = Hazards(2, half_life=400)
    for _ in range(3000):
        if draw.random() < 0.3:
            seen.note(float(draw.lognormal(2.2, 0.4)), 0)
        else:
            seen.note(40.0, 1)
    curves = seen.curves()
    late = np.array([5.0, 10.0, 45.0])
    fresh = curves.chance(0, [0.0], late)[0]
    assert fresh[2] == pytest.approx(0.3, abs=0.05)
    assert fresh[0] < fresh[1] < fresh[2]
    old = curves.chance(0, [30.0], late)[0]
    assert old[2] < 0.05  # who hasn't answered by then hardly will
    assert curves.soon_s(0.95, 600.0) == pytest.approx(45, abs=5)


def test_newer_spells_count_more_however_many_there_were() -> None:
    """Half after as many as the half-life; the weights are brought down on the way, which nobody sees."""
    seen = Hazards(2, half_life=10)
    for number in range(1000):
        seen.note(5.0, 0 if number < 990 else 1)
    chances = [seen.curves().chance(cause, [0.0], np.array([900.0]))[0, 0] for cause in (0, 1)]
    assert chances == pytest.approx([0.5, 0.5], abs=0.03)


def test_what_goes_on_counts_before_it_is_over() -> None:
    seen = Hazards(1, half_life=100)
    for _ in range(20):
        seen.note(20.0, 0)
    soon = np.array([10.0])
    alone = seen.curves().chance(0, [15.0], soon)[0, 0]
    beside = seen.curves([300.0] * 40).chance(0, [15.0], soon)[0, 0]
    assert beside < alone


def test_nothing_seen_expects_nothing() -> None:
    assert Hazards(2, 30).curves().chance(0, [0.0, 9.0], np.array([5.0, 60.0])).max() == 0.0
