"""An SMTP server on loopback that keeps what it is given (RFC 5321, as far as one sender goes), encrypted from the
first byte or after STARTTLS (RFC 3207) if it has a certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Literal


@dataclass
class Mailbox:
    """`messages` as they came; `down`: the next so many are turned away. `heard`: each command, and whether it
    came encrypted."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    down: int = 0
    starttls: ssl.SSLContext | None = None
    heard: list[tuple[str, bool]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mailbox ready")
        addresses: list[str] = []
        while line := (await reader.readline()).decode().strip():
            word = line.split(":")[0].upper()
            encrypted = writer.get_extra_info("ssl_object") is not None
            self.heard.append((word.split()[0], encrypted))
            if word.startswith(("EHLO", "HELO")):
                say("250-mailbox")
                if self.starttls is not None and not encrypted:
                    say("250-STARTTLS")
                say("250 AUTH PLAIN" if encrypted else "250 8BITMIME")
            elif word == "STARTTLS" and self.starttls is not None:
                say("220 go on")
                try:
                    await writer.start_tls(self.starttls)
                except (ssl.SSLError, ConnectionError):
                    break  # the client doesn't trust us
            elif word.startswith("AUTH"):
                say("235 welcome")
            elif word == "MAIL FROM" and self.down:
                self.down -= 1
                say("451 try again later")
            elif word == "RCPT TO" and "nobody@" in line:
                say("550 nobody here")
            elif word == "RCPT TO":
                addresses.append(line.partition("<")[2].partition(">")[0])
                say("250 fine")
            elif word == "DATA":
                say("354 go on")
                body = (await reader.readuntil(b"\r\n.\r\n"))[:-5].replace(b"\r\n..", b"\r\n.")
                found = message_from_bytes(body, policy=policy.default)
                assert isinstance(found, EmailMessage)
                self.messages.append(found)
                self.to.append(addresses)
                addresses = []
                say("250 kept")
            elif word == "QUIT":
                say("221 bye")
                break
            else:
                say("250 fine")
        writer.close()


@asynccontextmanager
async def mailbox(
    security: Literal["starttls", "tls", "none"] = "none", certified: ssl.SSLContext | None = None
) -> AsyncIterator[Mailbox]:
    box = Mailbox(starttls=certified if security == "starttls" else None)
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0, ssl=certified if security == "tls" else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
