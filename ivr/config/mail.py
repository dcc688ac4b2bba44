"""The section about the mail server that reports are sent by."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, Self

from pydantic import Field, model_validator

from ivr.config.section import VARIABLE, Section


class MailSettings(Section):
    """By which server reports are sent: docs/people-reports.md."""

    host: str | None = Field(default=None, description="The SMTP server; empty: no mail is sent.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port: 587, 465 with `tls`, 25.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls`, `tls` from the first byte, or `none` (a password: on loopback only).",
    )
    user: str | None = Field(default=None, description="Who signs in there; empty: nobody does.")
    password_env: str | None = Field(
        default=None, pattern=VARIABLE, description="Environment variable with the password."
    )
    sender: str | None = Field(
        default=None, pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$", description="The address that reports come from."
    )
    timeout_s: float = Field(default=30.0, gt=0, le=600, description="Of each step with the server.")

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if (self.user is None) is not (self.password_env is None):
            raise ValueError("user and password_env go together; write both or neither")
        if self.user is not None and self.security == "none" and not _is_loopback(self.host):
            raise ValueError("security = none would send the password in clear; write starttls or tls")
        return self


def _is_loopback(host: str | None) -> bool:
    try:
        return host is None or host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another name: it may lead anywhere
        return False
