"""One message to one system: an HTTP POST that is signed, or a row of a table."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

import aiohttp
from sqlalchemy import Engine, column, create_engine, insert, select, table, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ivr.config import ConfigError, DeliverySettings
from ivr.deliveries.signature import sign
from ivr.deliveries.store import Sending

AGENT = "ivr-platform"


class NotSent(Exception):  # noqa: N818 it says what happened
    """The other side didn't take it; the text is what it said, for people, without what we told it."""


class Sender(Protocol):
    async def send(self, sending: Sending, now: datetime) -> None:
        """Return when the other side has taken it. Raises NotSent."""

    async def close(self) -> None: ...


def secret_of(name: str, settings: DeliverySettings) -> str | None:
    """The sink's secret, from its environment variable. Raises ConfigError when that isn't set."""
    if settings.secret_env is None:
        return None
    secret = os.environ.get(settings.secret_env)
    if not secret:
        template = "deliveries.{name}: the environment variable {variable} isn't set"
        raise ConfigError(template, name=name, variable=settings.secret_env)
    return secret


def sender_of(name: str, settings: DeliverySettings) -> Sender:
    """Raises ConfigError."""
    secret = secret_of(name, settings)
    if settings.kind == "webhook":
        assert secret is not None
        return Webhook(settings, secret)
    return Table(name, settings, secret)


class Webhook:
    """Posts JSON to one address. Redirects aren't followed: they could lead to a host that nobody named."""

    def __init__(self, settings: DeliverySettings, secret: str) -> None:
        self._settings, self._secret = settings, secret
        self._http: aiohttp.ClientSession | None = None

    async def send(self, sending: Sending, now: datetime) -> None:
        if self._http is None:
            self._http = aiohttp.ClientSession(headers={"User-Agent": AGENT, "Content-Type": "application/json"})
        body = json.dumps({"id": sending.id, **sending.payload}, ensure_ascii=False).encode()
        headers = sign(self._secret, int(now.timestamp()), body)
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s),
                self._http.post(self._settings.url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                status = response.status
        except TimeoutError as error:
            raise NotSent(f"no answer within {self._settings.timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NotSent(str(error) or type(error).__name__) from error
        if not 200 <= status < 300:
            raise NotSent(f"status {status}")

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None


class Table:
    """Writes a row for each attempt; what comes later of the same attempt changes that row."""

    def __init__(self, name: str, settings: DeliverySettings, password: str | None) -> None:
        self._settings = settings
        schema, _, plain = (settings.table or "").rpartition(".")
        self._table = table(plain, *map(column, settings.columns.values()), schema=schema or None)
        self._engine = _engine(name, settings, password)

    async def send(self, sending: Sending, now: datetime) -> None:
        del now
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await asyncio.to_thread(self._write, sending)
        except TimeoutError as error:
            raise NotSent(f"no answer within {self._settings.timeout_s:g} s") from error
        except SQLAlchemyError as error:
            lines = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise NotSent(lines[0] if lines else type(error).__name__) from error

    def _write(self, sending: Sending) -> None:
        told: dict[str, Any] = {**sending.payload, **_answers(sending.payload)}
        values = {column: _plain(told.get(field)) for field, column in self._settings.columns.items()}
        key = self._table.c[self._settings.columns["attempt_id"]]
        with self._engine.begin() as connection:
            known = connection.execute(select(key).where(key == sending.attempt_id)).first()
            if known is None:
                connection.execute(insert(self._table).values(values))
            else:
                connection.execute(update(self._table).where(key == sending.attempt_id).values(values))

    async def close(self) -> None:
        with suppress(SQLAlchemyError):
            await asyncio.to_thread(self._engine.dispose)


def _answers(payload: dict[str, Any]) -> dict[str, Any]:
    """Answers as fields of their own: `answers.consent`."""
    return {f"answers.{name}": value for name, value in (payload.get("answers") or {}).items()}


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _engine(name: str, settings: DeliverySettings, password: str | None) -> Engine:
    try:
        url = make_url(settings.url)
        arguments: dict[str, Any] = {}
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
            limit_ms = round(settings.timeout_s * 1000)
            wait_s = max(2, round(settings.timeout_s))
            arguments = {"connect_timeout": wait_s, "options": f"-c statement_timeout={limit_ms}"}
        if password is not None:
            url = url.set(password=password)
        return create_engine(url, pool_size=2, max_overflow=0, pool_pre_ping=True, connect_args=arguments)
    except (ArgumentError, NoSuchModuleError, ImportError, TypeError) as error:
        template = "deliveries.{name}: this database can't be written to here ({reason})"
        raise ConfigError(template, name=name, reason=str(error).splitlines()[0]) from error
