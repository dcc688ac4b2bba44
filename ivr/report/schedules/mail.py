"""Reports by mail: one message with the files attached, to one SMTP server (`[mail]`)."""

from __future__ import annotations

import mimetypes
import os
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from ivr.config import MailSettings
from ivr.report.build import ReportError


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to whom."""

    id_: str  # its name for good: a mailbox that gets it twice can tell
    at: datetime
    to: Sequence[str]
    subject: str
    text: str
    files: Sequence[Path] = ()


def message(settings: MailSettings, letter: Letter) -> EmailMessage:
    """The letter as it is sent, from the settings' sender."""
    assert settings.sender is not None
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = settings.sender, ", ".join(letter.to), letter.subject
    mail["Date"] = format_datetime(letter.at)
    mail["Message-ID"] = f"<{letter.id_}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    mail.set_content(letter.text)
    for file in letter.files:
        kind, _ = mimetypes.guess_type(file.name)
        main, _, sub = (kind or "application/octet-stream").partition("/")
        mail.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
    return mail


def check(settings: MailSettings) -> None:
    """Raises ReportError when the settings don't say by whom mail is sent."""
    if settings.host is None or settings.sender is None:
        raise ReportError("Mail can't be sent: [mail] names no host or no sender; see docs/configuration.md")
    password(settings)


def password(settings: MailSettings) -> str | None:
    """From the environment. Raises ReportError when it isn't there."""
    if settings.password_env is None:
        return None
    found = os.environ.get(settings.password_env)
    if not found:
        raise ReportError("mail: the environment variable {variable} isn't set", variable=settings.password_env)
    return found


def send(settings: MailSettings, mail: EmailMessage) -> None:
    """Hand the message to the server; blocks. Returns when the server has taken it for every address.

    Raises ReportError: it can't be reached, isn't who it says, or refuses the sender, the message or one of the
    addresses. Unless `security` is none, nothing is said to a server before its certificate was checked."""
    check(settings)
    assert settings.host is not None
    secret = password(settings)
    encrypted = ssl.create_default_context()
    try:
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_s, context=encrypted
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        try:
            if settings.security == "starttls":
                server.starttls(context=encrypted)
            if settings.user is not None and secret is not None:
                server.login(settings.user, secret)
            refused = server.send_message(mail)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
    except ssl.SSLCertVerificationError as error:
        raise ReportError(
            "The mail server {host}:{port} shows a certificate that isn't trusted ({reason}); nothing was sent",
            host=settings.host, port=settings.port, reason=error.verify_message,
        ) from error  # fmt: skip
    except (OSError, smtplib.SMTPException) as error:
        raise ReportError(
            "The mail server {host}:{port} didn't take the report ({reason}); check [mail]",
            host=settings.host, port=settings.port, reason=type(error).__name__,
        ) from error  # fmt: skip
    if refused:
        raise ReportError("The mail server refused: {addresses}", addresses=", ".join(sorted(refused)))
