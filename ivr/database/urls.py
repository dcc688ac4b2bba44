"""Where a database is: a file's path or a URL, as people write it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ivr.errors import IvrError

Place = Path | str  # a SQLite file's path, or a URL of either kind

FORMS = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def url_of(place: Place) -> str:
    """The URL of a place. Anything without `://` is the path of a SQLite file."""
    return place if isinstance(place, str) and "://" in place else f"sqlite:///{place}"


def parse(url: str) -> URL:
    """The URL with the driver that we use, whichever it names. Raises IvrError when it can't be ours."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise IvrError(
            "{url} is no database URL; write {forms}", url=_without_password(url), forms=FORMS
        ) from error
    kind = parsed.get_backend_name()
    if kind not in _DRIVERS:
        raise IvrError("databases of the kind {kind} can't be used; write {forms}", kind=kind, forms=FORMS)
    if kind == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise IvrError("{url} names no file; write sqlite:///FILE", url=url)
    if kind != "sqlite" and not parsed.database:
        raise IvrError(
            "{url} names no database; write postgresql://USER@HOST/DATABASE", url=parsed.render_as_string()
        )
    return parsed.set(drivername=_DRIVERS[kind])


def file_of(url: str) -> Path | None:
    """The file of a SQLite URL; None for PostgreSQL. Raises IvrError as `parse` does."""
    parsed = parse(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def shown(url: str | URL) -> str:
    """The URL for people: without its password, without our driver's name."""
    parsed = parse(url) if isinstance(url, str) else url
    return parsed.set(drivername=parsed.get_backend_name()).render_as_string(hide_password=True)


def _without_password(text: str) -> str:
    """What could not be parsed, with everything between `://` and `@` taken out: it may hold a password."""
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}***@{rest.rpartition('@')[2]}" if "@" in rest else text
