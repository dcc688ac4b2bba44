"""A PostgreSQL server of our own in a directory of its own, for tests and measurements: nothing to set up before,
nothing left behind. It listens on a socket in that directory and on a free port of the loopback address."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from free_ports import free_port
from ivr.errors import IvrError

USER = "postgres"  # the cluster's; and the system's user that the server runs as when we are root
START_S = 60.0
STOP_S = 30.0
# For tests: what a power cut would lose is thrown away anyway.
CARELESS: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def program(name: str) -> Path | None:
    """Where one of the server's programs is: Debian keeps them beside the version, not in PATH."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = shutil.which(name)
    return beside[-1] if beside else Path(found) if found else None


def is_installed() -> bool:
    return program("initdb") is not None and program("postgres") is not None


class OwnCluster:
    """One server. `start` it from the main thread: it ends when the thread that started it ends, however it ends.

    `settings` are the server's, over its defaults. Raises IvrError when PostgreSQL isn't installed."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = settings or {}
        self._server: subprocess.Popen[bytes] | None = None
        self.password = secrets.token_urlsafe(16)
        self.port = free_port(socket.SOCK_STREAM)
        self.directory = Path(tempfile.mkdtemp(prefix="ivr-postgresql-"))
        self._as_owner: tuple[str, ...] = ()
        if os.geteuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
            self._as_owner = ("--reuid", USER, "--regid", str(owner.pw_gid), "--clear-groups")
        self._initialise()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def url(self, database: str = USER) -> str:
        """Over the socket: whoever may read the directory may connect."""
        return f"postgresql://{USER}@/{database}?host={self.directory}&port={self.port}"

    def tcp_url(self, database: str = USER, user: str = USER, password: str | None = None) -> str:
        """Over the loopback address, where the password counts."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns when it takes connections. Raises IvrError when it doesn't come up."""
        here = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.directory)}
        given = [
            part for name, value in (here | dict(self._settings)).items() for part in ("-c", f"{name}={value}")
        ]
        with (self.directory / "log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 the program and its options are ours
                self._command("postgres", "-D", str(self.directory / "data"), "-p", str(self.port), *given),
                stdout=log,
                stderr=log,
                cwd=self.directory,
            )
        end = time.monotonic() + START_S
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > end:
                said = (self.directory / "log").read_text("utf-8", "replace").strip().splitlines()
                raise IvrError("PostgreSQL doesn't start: {reason}", reason=said[-1] if said else "?")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends every connection, writes everything, ends."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Ends at once, as in a power cut of the server's own machine; `start` recovers."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        """Stop it and delete its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def create(self, database: str, template: str | None = None) -> str:
        """A new database, empty or a copy; returns its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self._execute(statement)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Delete a database, whoever is connected to it."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(how)
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def _initialise(self) -> None:
        passwords = self.directory / "password"
        passwords.write_text(self.password)
        passwords.chmod(0o644)  # in a directory that nobody else may enter
        auth = ("--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", str(passwords))
        data = ("-D", str(self.directory / "data"), "-U", USER, "--no-sync")
        done = subprocess.run(  # noqa: S603 the program and its options are ours
            self._command("initdb", *data, "--encoding=UTF8", "--locale=C.UTF-8", *auth),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory,
        )
        passwords.unlink()
        if done.returncode != 0:
            shutil.rmtree(self.directory, ignore_errors=True)
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise IvrError("PostgreSQL can't be set up: {reason}", reason=lines[-1] if lines else "?")

    def _command(self, name: str, *arguments: str) -> list[str]:
        path = program(name)
        if path is None:
            raise IvrError("PostgreSQL isn't installed; install it with: apt-get install postgresql")
        # Whatever becomes of us, the server doesn't outlive us.
        return ["setpriv", "--pdeathsig", "INT", *self._as_owner, str(path), *arguments]
