"""Reports leave encrypted or not at all: STARTTLS and TLS from the first byte, to servers whose certificate an
authority of the test's own has signed, or hasn't."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from ivr.config import MailSettings
from ivr.report.build import ReportError
from ivr.report.schedules.mail import Letter, message, send

from .authority import Authority
from .mailbox import Mailbox, mailbox

pytestmark = pytest.mark.integration
HERE = "127.0.0.1"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The only authority that this machine trusts."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("MAIL_SECRET", "between us")
    return authority


async def post(box: Mailbox, **more: Any) -> None:
    values = {"host": HERE, "port": box.port, "sender": "ivr@example.com", "user": "ivr", "timeout_s": 20.0,
              "password_env": "MAIL_SECRET"} | more  # fmt: skip
    settings = MailSettings.model_validate(values)
    letter = Letter("one", datetime.now(UTC), ["lead@example.com"], "a report", "here")
    await asyncio.to_thread(send, settings, message(settings, letter))


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_report_goes_encrypted_to_a_server_that_is_trusted(
    trusted: Authority, security: Literal["starttls", "tls"]
) -> None:
    async with mailbox(security, trusted.server(HERE)) as box:
        await post(box, security=security)
    assert [mail["Subject"] for mail in box.messages] == ["a report"]
    in_clear = {word for word, encrypted in box.heard if not encrypted}
    assert in_clear == ({"EHLO", "STARTTLS"} if security == "starttls" else set())
    assert {"AUTH", "MAIL", "RCPT", "DATA"} <= {word for word, encrypted in box.heard if encrypted}


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "address"])
async def test_nothing_is_told_to_a_server_that_isnt_trusted(
    trusted: Authority, tmp_path: Path, security: Literal["starttls", "tls"], wrong: str
) -> None:
    stranger = (
        Authority(tmp_path, "stranger").server(HERE) if wrong == "authority" else trusted.server("127.0.0.9")
    )
    async with mailbox(security, stranger) as box:
        with pytest.raises(ReportError, match=r"shows a certificate that isn't trusted .*; nothing was sent"):
            await post(box, security=security)
    assert {word for word, _ in box.heard} <= {"EHLO", "STARTTLS"}
    assert box.messages == []


async def test_a_server_without_starttls_gets_nothing(trusted: Authority) -> None:
    async with mailbox() as box:
        with pytest.raises(ReportError, match="didn't take the report"):
            await post(box, security="starttls")
    assert {word for word, _ in box.heard} <= {"EHLO", "QUIT"}
