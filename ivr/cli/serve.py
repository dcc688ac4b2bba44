"""`ivr serve`: the web pages and the API over one database."""

from __future__ import annotations

import asyncio
import os
import signal
from ipaddress import ip_address
from pathlib import Path

import click

from admin.app import AdminSettings, serve
from ivr import deliveries
from ivr.cli.options import DATABASE
from ivr.config import Settings, load_settings
from ivr.database import Database, Place, url_of
from ivr.errors import IvrError
from ivr.i18n import translate

DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command(help=translate("Serve the web pages and the API."))
@DATABASE
@click.option("--host", help=translate("Address to listen on."))
@click.option("--port", type=click.IntRange(0, 65535), help=translate("Port to listen on; 0 takes a free one."))
@click.option("--recordings", type=DIRECTORY, help=translate("Directory of recordings."))
@click.option(
    "--public-url", help=translate("The address as people type it, where a proxy with TLS stands in front.")
)
def command(
    db: Place | None, host: str | None, port: int | None, recordings: Path | None, public_url: str | None
) -> None:
    settings = load_settings()
    admin = AdminSettings(
        recordings=recordings or settings.recordings_dir,
        host=settings.web.host if host is None else host,
        port=settings.web.port if port is None else port,
        prompts=settings.paths.prompts,
        public_url=public_url,
    )
    asyncio.run(_serve(_database(settings, db), admin))


def _database(settings: Settings, db: Place | None) -> Database:
    database = Database(settings.database_url if db is None else url_of(db))
    deliveries.attach(database, settings)
    return database


async def _serve(database: Database, settings: AdminSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    try:
        await database.upgrade()
        if not _is_loopback(settings.host) and not settings.secure:
            click.echo(
                translate(
                    "Warning: other machines reach {host} without TLS, so passwords travel in the clear. "
                    "Put a proxy with TLS in front and name it with --public-url.",
                    host=settings.host,
                ),
                err=True,
            )
        await serve(database, settings, _say_address, stop)
    except OSError as error:
        raise IvrError(
            "can't listen on {host}:{port} ({reason}); stop what listens there or choose another --port",
            host=settings.host,
            port=settings.port,
            reason=os.strerror(error.errno) if error.errno else error,
        ) from error
    finally:
        await database.close()


def _say_address(address: str) -> None:
    click.echo(translate("Serving on {address} (Ctrl+C stops)", address=address))


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ip_address(host).is_loopback
