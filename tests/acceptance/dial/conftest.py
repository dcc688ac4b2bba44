"""`ivr dial` and `ivr call` as users meet them: processes of their own, a real Asterisk, people at softphones."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ivr.policy.loader import TEST_CALLS_PATH
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.command_rig import forked
from tests.command_rig.forked import Command
from tests.shared_prompts import with_shared_prompts
from tests.softphone import Listener, SipCall, Softphone

__all__ = ["asterisk_rig"]  # the session's Asterisk, started when the first test wants it

FLOW = Path(__file__).parent / "one_question.yaml"
RUN_S = 100.0  # for a command to end
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "IVR_LANG": "en"}

CONFIGURATION = """\
[paths]
var = "{var}"
prompts = ["{prompts}"]

[asterisk]
port = {port}
secret = "{secret}"
media_dir = "{media}"

[trunks.main]
channels = 10
calls_per_s = 20

[trunks.spare]
priority = 2

[trunks.down]
"""


def write_configuration(folder: Path, var: Path, **given: object) -> None:
    """Write `ivr.toml`; unless `given`, the Asterisk in it is nowhere."""
    values = {"port": 1, "secret": "none", "media": folder} | given
    text = CONFIGURATION.format(var=var, prompts=FLOW.parent / "prompts", **values)
    (folder / "ivr.toml").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Started:
    """A command that goes on."""

    command: Command

    def send(self, number: signal.Signals) -> None:
        self.command.send_signal(number)

    async def line(self) -> str:
        """The next one that it says; "" when it has ended."""
        return await asyncio.to_thread(self.command.stdout.readline)

    async def waits(self, seconds: float) -> None:
        """Raises TimeoutError when it hasn't ended by then."""
        await asyncio.to_thread(self.command.wait, seconds)

    async def killed(self) -> None:
        self.command.kill()
        await self.waits(RUN_S)

    async def ended(self, within_s: float = RUN_S) -> Ended:
        out, err = await asyncio.to_thread(self.command.communicate, within_s)
        assert self.command.returncode is not None
        return Ended(self.command.returncode, out, err)


@dataclass
class Desk:
    """A directory with `ivr.toml`, lists and results, where somebody calls `ivr`."""

    folder: Path
    rig: AsteriskRig
    started: list[Command] = field(default_factory=list)

    def configure(self, var: Path, **changes: object) -> None:
        """Write `ivr.toml`; `changes` are other values than the rig's: `port`, `secret`, `media`."""
        config = self.rig.config
        ours = {"port": config.port, "secret": config.secret, "media": config.media_dir}
        write_configuration(self.folder, var, **ours | changes)

    def keep_one_trunk(self) -> None:
        file = self.folder / "ivr.toml"
        file.write_text(file.read_text(encoding="utf-8").partition("[trunks.spare]")[0], encoding="utf-8")

    def change(self, text: str, instead: str) -> None:
        """Another `ivr.toml`."""
        file = self.folder / "ivr.toml"
        settings = file.read_text(encoding="utf-8")
        assert text in settings
        file.write_text(settings.replace(text, instead), encoding="utf-8")

    def write_list(self, *phones: str) -> None:
        rows = ["phone,balance", *(f"{phone},5.20" for phone in phones)]
        (self.folder / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    async def start(self, *arguments: str, stdin: int | None = None, from_nothing: bool = False) -> Started:
        """`stdin` is a file descriptor; nobody is at the keyboard unless it is given."""

        def begin() -> Command:
            return forked.start(
                *arguments, cwd=self.folder, environment=ENVIRONMENT, stdin=stdin, from_nothing=from_nothing
            )

        started = await asyncio.to_thread(begin)
        self.started.append(started)
        return Started(started)

    async def ivr(self, *arguments: str) -> Ended:
        return await (await self.start(*arguments)).ended()

    async def start_dial(self, *more: str, trunk: str = "main", **how: Any) -> Started:
        """`how`: as `start` takes it."""
        files = ("--flow", str(FLOW), "--contacts", "list.csv", "--json", "out.json", "--db", "run.db")
        anytime = ("--policy", str(TEST_CALLS_PATH), "--recognizer", "none")
        return await self.start("dial", *files, "--trunk", trunk, *anytime, *more, **how)

    async def dial(self, *more: str, trunk: str = "main", **how: Any) -> Ended:
        return await (await self.start_dial(*more, trunk=trunk, **how)).ended()

    def results(self) -> dict[str, Any]:
        results: dict[str, Any] = json.loads((self.folder / "out.json").read_text(encoding="utf-8"))
        return results

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.folder / "run.db") as connection:
            return connection.execute(query).fetchall()

    def close(self) -> None:
        for one in self.started:
            one.kill()
            one.wait(RUN_S)
            one.close()


async def agrees(call: SipCall) -> None:
    """Picks up, hears the question and presses 1; the other side hangs up."""
    call.ring()
    call.answer()
    await Listener(call).sound()
    call.keys("1")
    await call.ended.wait()


async def waits(call: SipCall) -> None:
    """Picks up and says nothing."""
    call.ring()
    call.answer()
    await call.ended.wait()


async def hangs_up(call: SipCall) -> None:
    """Picks up, hears that a machine calls, and hangs up."""
    call.ring()
    call.answer()
    await Listener(call).sound()
    call.hang_up()


async def rings(call: SipCall) -> None:
    """Lets it ring."""
    call.ring()
    await call.ended.wait()


def refuses(code: int) -> Callable[[SipCall], Any]:
    async def refuse(call: SipCall) -> None:
        call.reject(code)

    return refuse


@pytest.fixture(scope="session")
def dial_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered prompts, kept over the session."""
    return with_shared_prompts(tmp_path_factory.mktemp("dial-var"), tmp_path_factory)


@pytest.fixture
def desk(tmp_path: Path, dial_var: Path, asterisk_rig: AsteriskRig) -> Iterator[Desk]:
    desk = Desk(tmp_path, asterisk_rig)
    desk.configure(dial_var)
    yield desk
    desk.close()


@pytest.fixture
async def phone(asterisk_rig: AsteriskRig) -> AsyncIterator[Softphone]:
    """Everybody behind the trunk `main`; agrees unless a test says otherwise."""
    async with Softphone(asterisk_rig.callee_port, behaviour=agrees) as phone:
        yield phone


@pytest.fixture
async def spare_phone(asterisk_rig: AsteriskRig) -> AsyncIterator[Softphone]:
    """Everybody behind the trunk `spare`."""
    async with Softphone(asterisk_rig.spare_port, behaviour=agrees) as phone:
        yield phone
