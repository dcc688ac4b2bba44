"""The rules of approval: nobody signs their own, never fewer approvers than the sum demands, splits are summed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.campaigns.actors import Actor, Place
from ivr.campaigns.approval import Paper, Signature, Size, demand_of, next_stage, signed, together
from ivr.campaigns.errors import CampaignError
from ivr.config import ApprovalSettings, ApprovalStep
from ivr.model import ApprovalStage, OrganisationLevel, Role

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
USUAL = ApprovalSettings()
PROVINCE = Place(1, "Guangdong", OrganisationLevel.PROVINCE)
CITY = Place(2, "Foshan", OrganisationLevel.CITY, (1,))
OTHER_CITY = Place(3, "Zhuhai", OrganisationLevel.CITY, (1,))
COUNTY = Place(4, "Shunde", OrganisationLevel.COUNTY, (2, 1))
HALL = Place(5, "Daliang", OrganisationLevel.HALL, (4, 2, 1))
PEOPLE = ("ann", "ben", "cai", "deng", "cli:ann")


def actor(name: str, place: Place | None = CITY, role: Role | None = Role.SUPERVISOR) -> Actor:
    return Actor(name, role, place)


def paper(
    contacts: int | None, signatures: tuple[Signature, ...] = (), place: Place | None = COUNTY, author: str = "ann"
) -> Paper:
    return Paper("May", frozenset({author}), place, demand_of(contacts, USUAL), signatures)


def test_one_approver_below_five_thousand_two_from_there_on() -> None:
    assert [demand_of(size, USUAL).approvers for size in (1, 4999, 5000, 1_000_000, None)] == [1, 1, 2, 2, 2]
    assert [demand_of(size, USUAL).step.form for size in (4999, 5000)] == ["业务联系单", "呈批件"]


@settings(max_examples=150, deadline=None)
@given(
    contacts=st.integers(0, 12_000) | st.none(),
    author=st.sampled_from(PEOPLE),
    signing=st.lists(st.sampled_from(PEOPLE), max_size=20),
)
def test_whoever_signs_in_whatever_order(contacts: int | None, author: str, signing: list[str]) -> None:
    """Never approved by who made it, by anybody twice, or by fewer than the size demands."""
    signatures: tuple[Signature, ...] = ()
    for name in signing:
        before = paper(contacts, signatures, author=author)
        try:
            stage = next_stage(before, actor(name), USUAL)
        except CampaignError:
            continue
        assert Signature(stage, name) not in signatures
        signatures = (*signatures, Signature(stage, name))
    assert all(one.by != author and f"cli:{one.by}" != author for one in signatures)
    needed = demand_of(contacts, USUAL).approvers
    if signed(signatures, needed).stage is None:
        for stage in ApprovalStage:
            assert len({one.by for one in signatures if one.stage is stage}) >= needed
        first_plan = [one.stage for one in signatures].index(ApprovalStage.PLAN)
        assert {one.stage for one in signatures[first_plan:]} == {ApprovalStage.PLAN}  # the request came first


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(st.integers(1, 6000), min_size=1, max_size=6),
    hours=st.lists(st.floats(0, 24), min_size=6, max_size=6),
)
def test_splitting_saves_no_approver(parts: list[int], hours: list[float]) -> None:
    """The last of several campaigns within 24 hours needs what all of them together need."""
    sizes = [
        Size("ann", "offer", NOW + timedelta(hours=hour), count) for count, hour in zip(parts, hours, strict=False)
    ]
    for one in sizes:
        others = [other for other in sizes if other is not one]
        assert demand_of(together(one, others, DAY), USUAL).approvers >= demand_of(sum(parts), USUAL).approvers


@pytest.mark.parametrize(
    ("other", "summed"),
    [
        (Size("ann", "offer", NOW - DAY, 3000), 6000),
        (Size("ann", "offer", NOW + DAY, 3000), 6000),
        (Size("ann", "offer", NOW - DAY - timedelta(seconds=1), 3000), 3000),
        (Size("ben", "offer", NOW, 3000), 3000),
        (Size("ann", "survey", NOW, 3000), 3000),
        (Size("ann", "offer", NOW, None), None),
    ],
)
def test_what_counts_together(other: Size, summed: int | None) -> None:
    assert together(Size("ann", "offer", NOW, 3000), [other], DAY) == summed


def test_a_sum_that_grows_asks_for_the_request_again() -> None:
    """One approver had been enough until a sibling was submitted."""
    request = Signature(ApprovalStage.REQUEST, "ben")
    assert next_stage(paper(3000, (request,)), actor("cai"), USUAL) is ApprovalStage.PLAN
    assert next_stage(paper(6000, (request,)), actor("cai"), USUAL) is ApprovalStage.REQUEST


@pytest.mark.parametrize(
    ("who", "where", "said"),
    [
        (actor("ann"), COUNTY, "their own"),
        (actor("cli:ben", role=None), COUNTY, "none of the users"),
        (actor("ben", role=Role.AGENT), COUNTY, "campaigns are approved by: admin, supervisor"),
        (actor("ben", place=None), COUNTY, "belongs to Shunde"),
        (actor("ben", place=OTHER_CITY), COUNTY, "belongs to Shunde"),
        (actor("ben", place=HALL), COUNTY, "belongs to Shunde"),
        (actor("ben", place=COUNTY), PROVINCE, "belongs to Guangdong"),
    ],
)
def test_who_may_not_sign_is_told_why(who: Actor, where: Place, said: str) -> None:
    with pytest.raises(CampaignError, match=said):
        next_stage(paper(10, place=where), who, USUAL)


def test_a_county_signs_the_request_and_the_city_the_plan() -> None:
    """As the sources have it: a county's own project goes to the city's team too."""
    assert next_stage(paper(10), actor("ben", COUNTY), USUAL) is ApprovalStage.REQUEST
    requested = paper(10, (Signature(ApprovalStage.REQUEST, "ben"),))
    with pytest.raises(CampaignError, match="the plan is approved at the level city or above"):
        next_stage(requested, actor("cai", COUNTY), USUAL)
    assert next_stage(requested, actor("cai", CITY), USUAL) is ApprovalStage.PLAN
    assert next_stage(requested, actor("cai", PROVINCE), USUAL) is ApprovalStage.PLAN


def test_without_organisations_the_role_is_enough() -> None:
    assert next_stage(paper(10, place=None), actor("ben", place=None), USUAL) is ApprovalStage.REQUEST


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([ApprovalStep(from_contacts=10, form="a")], "begins at from_contacts = 0"),
        ([ApprovalStep(from_contacts=0, form="a"), ApprovalStep(from_contacts=0, form="b")], "each next one"),
        (
            [ApprovalStep(from_contacts=0, form="a", approvers=2), ApprovalStep(from_contacts=9, form="b")],
            "no fewer approvers",
        ),
    ],
)
def test_steps_out_of_order_are_refused(steps: list[ApprovalStep], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ApprovalSettings(steps=tuple(steps))
