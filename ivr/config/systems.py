"""Sections about other systems: who is told what happened, and who is asked before a call."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from ivr.config.section import VARIABLE, Section

URL = r"^https?://[^\s/]+"
DEADLINE = "An answer that takes longer counts as none."
DeliveryEvent = Literal["attempt_ended", "task_done", "grade_changed", "success_confirmed"]


class DeliverySettings(Section):
    """Another system that is told what happened: `[deliveries.NAME]`. docs/feeds.md says what it is told."""

    kind: Literal["webhook", "sql"] = Field(description="`webhook`: an HTTP POST; `sql`: a row of a table.")
    url: str = Field(
        min_length=1, description="Of the webhook, or SQLAlchemy's of the database, without a password."
    )
    events: tuple[DeliveryEvent, ...] = Field(
        default=("attempt_ended",),
        min_length=1,
        description="`attempt_ended`, `task_done` (webhooks alone), `grade_changed`, `success_confirmed`.",
    )
    campaigns: tuple[str, ...] = Field(default=(), description="Of which campaigns, by name; empty: of all.")
    secret_env: str | None = Field(
        default=None,
        pattern=VARIABLE,
        description="Environment variable with the webhook's signing secret, or the database's password.",
    )
    timeout_s: float = Field(default=10.0, gt=0, le=120, description="A sending that takes longer has failed.")
    tries: int = Field(default=20, ge=1, le=100, description="So many sendings that fail, and it is given up.")
    first_wait_s: float = Field(
        default=5.0, gt=0, le=3600, description="After the first failure; doubled each time, an hour at most."
    )
    table: str | None = Field(
        default=None, pattern=r"^\w+(\.\w+)?$", description="Of `sql`: the table, or `schema.table`."
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description='Of `sql`: field -> column: `{attempt_id = "call_id", outcome = "result"}`.',
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.kind == "webhook":
            if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
                raise ValueError("url must begin with http:// or https:// and name a host")
            if self.secret_env is None:
                raise ValueError("a webhook needs secret_env: what it is signed with")
        else:
            if self.table is None or "attempt_id" not in self.columns:
                raise ValueError("sql needs table, and columns with attempt_id")
            if "task_done" in self.events:
                raise ValueError("sql takes events of calls; take out task_done")
        return self


class IdentitySettings(Section):
    """When a number is locked for identity checks by key. See docs/identity.md."""

    wrong_at_most: int = Field(
        default=5,
        ge=1,
        le=100,
        description="So many wrong entries of one number, and it is locked.",
    )
    locked_h: float = Field(
        default=24.0,
        gt=0,
        le=720,
        description="A wrong entry counts for so many hours, or until a right one.",
    )


class AskedSettings(Section):
    """What every system has that is asked during a call or just before it."""

    url: str = Field(pattern=URL, description="Asked by HTTP POST.")
    campaigns: tuple[str, ...] = Field(default=(), description="For which campaigns, by name; empty: for all.")
    purposes: tuple[Literal["service", "marketing", "survey", "care"], ...] = Field(
        default=(), description="For which purposes; empty: for all."
    )
    token_env: str | None = Field(
        default=None, pattern=VARIABLE, description="Environment variable with the bearer token that is sent."
    )
    deadline_ms: int = Field(default=800, ge=50, le=10_000, description=DEADLINE)
    at_once: int = Field(default=20, ge=1, le=500, description="Questions at once, at most.")
    failures: int = Field(default=5, ge=1, description="So many failures in a row, and it isn't asked …")
    rest_s: float = Field(default=30.0, gt=0, description="… for so long; then one question tries it again.")


class CheckerSettings(AskedSettings):
    """A system that says whether what a customer keyed is right: `[checkers.NAME]`. See docs/identity.md."""

    url: str = Field(pattern=URL, description="Asked by HTTP POST: https, or on this machine.")
    deadline_ms: int = Field(default=2000, ge=50, le=10_000, description=DEADLINE)

    @model_validator(mode="after")
    def _kept_from_others(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("url must begin with https://: digits that customers key are sent there")
        return self


class EligibilitySettings(AskedSettings):
    """A system that is asked just before a number is dialled: `[eligibility.NAME]`. See docs/feeds.md."""

    on_failure: Literal["call", "later", "never"] = Field(
        default="later", description="What to do with a number that nobody has answered about in time."
    )
    retry_s: float = Field(default=300.0, ge=10, le=86400, description="`later` means so much later.")
