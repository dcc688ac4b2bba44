"""The section about calls that come in."""

from __future__ import annotations

from pydantic import Field

from ivr.config.section import Section


class ReturnSettings(Section):
    """Customers who call back ([trunks.NAME] return_calls): whom strangers are told to call instead."""

    company: str = Field(default="", max_length=100, description="Who we are.")
    hotline: str = Field(
        default="", pattern=r"^[0-9]{0,20}$", description="The number that they are told to call instead."
    )
    language: str = Field(
        default="zh-CN", pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="The language of that sentence."
    )
    region: str = Field(
        default="CN", pattern=r"^[A-Z]{2}$", description="Where callers' numbers without a country code are."
    )
