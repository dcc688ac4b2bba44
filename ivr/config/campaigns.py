"""Sections about campaigns: how they are dialled, by which workers, approved by whom, watched, and reported."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationInfo, field_validator

from ivr.config.section import Section

OrganisationLevelName = Literal["province", "city", "county", "hall"]


class DialerSettings(Section):
    """How a campaign is dialled, unless the command says otherwise."""

    concurrency: int = Field(default=10, ge=1, le=2000, description="Calls at once.")
    ring_timeout_s: float = Field(default=45.0, gt=0, le=120, description="Give up ringing after this.")


class ComplaintSettings(Section):
    """Complaints about calls (`ivr complaints`)."""

    opt_out_days: int | None = Field(
        default=730, ge=1, description="So long the number isn't called any more; numbers get new owners."
    )
    credit_days: int = Field(
        default=30, ge=1, le=366, description="A complaint is about the latest call of so many days before it."
    )
    timezone: str = Field(default="Asia/Shanghai", description="Where moments in files of complaints are from.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("write a time zone such as Asia/Shanghai") from error
        return name


class WorkerSettings(Section):
    """How `ivr worker` processes that dial from one PostgreSQL know of each other."""

    heartbeat_s: float = Field(
        default=1.0, gt=0, le=60, description="So often a worker says that it lives, and renews its quotas."
    )
    dead_after_s: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="A worker that was silent for so long is taken for dead: others clear up after it.",
    )

    @field_validator("dead_after_s")
    @classmethod
    def _several_beats(cls, dead_after_s: float, info: ValidationInfo) -> float:
        if dead_after_s < 3 * info.data.get("heartbeat_s", 0.0):
            raise ValueError("write at least three times worker.heartbeat_s: one late beat is no death")
        return dead_after_s


class ApprovalStep(Section):
    """From this size on: `[[approval.steps]]`, from the smallest to the largest; the first begins at 0."""

    from_contacts: int = Field(ge=0, description="So many contacts, together with those of its siblings.")
    approvers: int = Field(default=1, ge=1, le=9, description="Different people who sign each stage.")
    form: str = Field(min_length=1, max_length=64, description="The form by which it is approved at this size.")
    request_level: OrganisationLevelName | None = Field(
        default=None,
        description="Lowest level that signs the request: `province`, `city`, `county`, `hall`; empty: its own.",
    )
    plan_level: OrganisationLevelName | None = Field(default=None, description="Lowest level that signs the plan.")


class ApprovalSettings(Section):
    """Who approves campaigns. A campaign that belongs to an organisation is approved there or above."""

    steps: tuple[ApprovalStep, ...] = Field(
        default=(
            ApprovalStep(from_contacts=0, approvers=1, form="业务联系单", plan_level="city"),
            ApprovalStep(from_contacts=5000, approvers=2, form="呈批件", plan_level="city"),
        ),
        min_length=1,
        max_length=9,
        description="What each size needs.",
    )
    split_hours: float = Field(
        default=24.0, ge=0, le=744, description="Campaigns of one owner and flow submitted so close are summed."
    )
    roles: tuple[Literal["admin", "supervisor", "agent", "viewer"], ...] = Field(
        default=("admin", "supervisor"), min_length=1, description="Who may approve."
    )
    direct_contacts: int = Field(
        default=1000,
        ge=0,
        description="So many contacts one operator may dial unapproved by `ivr dial` in `split_hours`; 0: none.",
    )

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[ApprovalStep, ...]) -> tuple[ApprovalStep, ...]:
        sizes = [step.from_contacts for step in steps]
        if sizes[0] != 0 or sizes != sorted(set(sizes)):
            raise ValueError("the first step begins at from_contacts = 0, and each next one is larger")
        if any(later.approvers < step.approvers for step, later in pairwise(steps)):
            raise ValueError("a larger campaign needs no fewer approvers")
        return steps


class GuardSettings(Section):
    """When a running campaign is paused by itself. Shares are judged by what is certain of them, not as seen."""

    on: bool = Field(default=True, description="Whether it watches.")
    window_minutes: float = Field(default=15.0, gt=0, le=1440, description="How far back `recently` is.")
    min_calls: int = Field(default=50, ge=20, description="With fewer calls recently it says nothing.")
    certainty: float = Field(default=0.999, ge=0.9, lt=1, description="Of each alarm.")
    short_s: float = Field(default=5.0, gt=0, le=60, description="A shorter call that the callee ended is short.")
    most_short: float = Field(
        default=0.5, gt=0, lt=1, description="Pauses when more than this share of the answered calls was short."
    )
    answer_rate_change: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="Pauses when the answer rate of first tries has moved by more than this, up or down …",
    )
    baseline_calls: int = Field(
        default=200, ge=50, le=5000, description="… from that of at least so many first tries before."
    )
    most_complaints: float = Field(
        default=0.005, gt=0, lt=1, description="Pauses when more complaints than this came per call connected …"
    )
    complaint_hours: float = Field(default=24.0, gt=0, le=744, description="… in so many hours …")
    min_complaints: int = Field(default=3, ge=1, description="… and at least so many.")


class ReportSettings(Section):
    """What reports wait for, and the nightly look at the books."""

    confirm_days: float = Field(
        default=7, gt=0, le=366, description="An acceptance that nobody confirmed for so long is overdue."
    )
    payment_days: float = Field(
        default=7, gt=0, le=366, description="A payment so long after the call counts as one after the call."
    )
    check_at: str = Field(
        default="03:30",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="When a worker looks whether the books balance, every night, on its machine's clock.",
    )
    longest_call_s: float = Field(
        default=7200.0, gt=0, le=86400, description="No call is longer: what is open for longer is reported."
    )
