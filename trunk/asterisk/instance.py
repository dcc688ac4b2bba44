"""An Asterisk of our own, for `make asterisk`, the demo and the tests: the files of `render`, and a base for them.

The programs come from a Debian unpacked by `tools/asterisk build`, and that Debian's own loader and libraries run
them, with every directory of an instance in one folder: no chroot, no mount, no root, and any number at once.
Paths mean the same to Asterisk and to us. It owns the process and the folder's files; whoever made the folder
removes it. docs/decisions/0090."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from free_ports import free_port, port_range
from trunk.asterisk.config import PbxConfig
from trunk.asterisk.render import SipTrunk, render, render_template
from trunk.ports import TrunkError

READY_DEADLINE_S = 30.0
STOP_DEADLINE_S = 10.0
COMMAND_DEADLINE_S = 10.0
POLL_S = 0.05
SOCKET_PATH_BYTES = 107  # what the system takes for the control socket's name

OWN_FILES = (
    "asterisk.conf",
    "modules.conf",
    "logger.conf",
    "rtp.conf",
    "pjsip.conf",
    "manager.conf",
    "extensions.conf",
    "cdr.conf",
    "cel.conf",
)
# Files that Asterisk complains about when they aren't there.
EMPTY_FILES = (
    "acl.conf",
    "ccss.conf",
    "features.conf",
    "indications.conf",
    "pjproject.conf",
    "stasis.conf",
    "udptl.conf",
)
MODULES = (
    *("res_timing_timerfd", "res_audiosocket", "res_rtp_asterisk", "res_sorcery_config", "res_sorcery_memory"),
    *("res_sorcery_astdb", "res_pjproject", "res_pjsip", "res_pjsip_session", "res_pjsip_sdp_rtp"),
    *(
        "res_pjsip_pubsub",
        "res_pjsip_acl",
        "res_pjsip_nat",
        "res_pjsip_path",
        "res_pjsip_caller_id",
        "res_pjsip_rfc3326",
    ),
    *("res_pjsip_dtmf_info", "res_pjsip_logger", "res_pjsip_registrar", "res_pjsip_outbound_registration"),
    *("res_pjsip_authenticator_digest", "res_pjsip_outbound_authenticator_digest"),
    *("res_pjsip_endpoint_identifier_ip", "res_pjsip_endpoint_identifier_user", "chan_pjsip"),
    *("app_audiosocket", "app_chanspy", "app_echo", "app_exec", "app_mixmonitor", "app_senddtmf"),
    "app_userevent",
    *("bridge_simple", "bridge_native_rtp", "bridge_softmix", "bridge_holding", "bridge_builtin_features"),
    *("codec_alaw", "codec_ulaw", "codec_a_mu", "codec_resample", "format_pcm", "format_sln", "format_wav"),
    *("func_callerid", "func_channel", "func_logic", "func_strings", "func_timeout", "pbx_config"),
)

# Not ours: it holds secrets, and the machine's locales are those of another Debian.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
# Runs a program until it ends, or until our end of the pipe closes, which happens even when we are killed.
GUARD = """exec 3<&0
"$@" </dev/null 3<&- & child=$!
(read -r _ <&3; kill -KILL $child) & watch=$!
wait $child
kill $watch 2>/dev/null"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one instance listens, on loopback."""

    sip: int  # UDP
    ami: int  # TCP
    rtp: tuple[int, int]  # first and last UDP port

    @classmethod
    def free(cls, legs: int = 400) -> Self:
        """Two ports that nothing uses now, and room for the sound of so many legs: where another Asterisk's sound
        has one of those, Asterisk takes the next."""
        return cls(free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM), port_range(2 * legs))


class Instance:
    """One Asterisk process with its folder. `start`, `stop`, `kill`, `command` block, at most seconds.

    `tied`: it ends when this process ends, however that happens; else it goes on by itself."""

    def __init__(
        self,
        root: Path,
        directory: Path,
        ports: Ports,
        pbx: PbxConfig,
        trunks: Sequence[SipTrunk],
        tied: bool = True,
    ) -> None:
        self.root = root.absolute()
        self.directory = directory.absolute()
        self.ports = ports
        self.pbx = pbx
        self.trunks = tuple(trunks)
        self._tied = tied
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "log" / "messages.log"

    @property
    def pid(self) -> int | None:
        """The running process of this folder, whoever started it."""
        try:
            pid = int((self.directory / "run" / "asterisk.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        # The number may have passed to another program meanwhile.
        return pid if os.fsencode(self.directory / "etc" / "asterisk.conf") in command else None

    def start(self) -> None:
        """Write the configuration and run; returns when Asterisk has fully booted.

        Raises TrunkError, one sentence, when it can't or doesn't within 30 s."""
        if self.pid is not None:
            raise TrunkError("Asterisk is running already in {directory}.", directory=self.directory)
        self._release()
        loader = self._loader()
        self.write()
        out = (self.directory / "log" / "console.log").open("wb")
        with out:
            self._process = self._run([*loader, *self._arguments(), "-f"], out)
        deadline_s = time.monotonic() + READY_DEADLINE_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise TrunkError("Asterisk didn't start; {log} says why.", log=out.name)
            time.sleep(POLL_S)
        self._let_others_finish()

    def stop(self) -> None:
        """Hang up all calls and end; by force after 10 s. Harmless when it isn't running."""
        if self.pid is not None:
            with suppress(TrunkError):
                self.command("core stop now")
        self._wait_gone()
        self.kill()

    def kill(self) -> None:
        """SIGKILL, as a crash: no call is hung up. Harmless when it isn't running."""
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._wait_gone()
        self._release()

    def command(self, text: str) -> str:
        """What Asterisk's own command line answers. Raises TrunkError when nobody does."""
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell
                [*self._loader(), *self._arguments(), "-rx", text],
                capture_output=True,
                env=ENVIRONMENT,
                timeout=COMMAND_DEADLINE_S,
                check=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise TrunkError("Asterisk doesn't answer in {directory}.", directory=self.directory) from error
        return done.stdout.decode("utf-8", "replace")

    def channels(self) -> int:
        """How many channels it holds now."""
        return int(self.command("core show channels count").split()[0])

    def write(self) -> None:
        """The folders and every configuration file; secrets for nobody else's eyes."""
        if len(os.fsencode(self.directory / "run" / "asterisk.ctl")) > SOCKET_PATH_BYTES:
            raise TrunkError(
                "{directory} is too long a path for Asterisk; use a shorter one.", directory=self.directory
            )
        for name in ("etc/ivr", "lib/keys", "spool", "run", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self.pbx.media_dir.mkdir(parents=True, exist_ok=True)
        values = {
            "directory": self.directory,
            "modules": self._only("usr/lib/*/asterisk/modules"),
            "data": self.root / "usr/share/asterisk",
            "modules_loaded": MODULES,
            "rtp_ports": self.ports.rtp,
            "sip_port": self.ports.sip,
            "ami_port": self.ports.ami,
        }
        for name in OWN_FILES:
            self._write(name, render_template(f"own/{name}", values))
        for name in EMPTY_FILES:
            self._write(name, "[general]\n" if name in ("features.conf", "udptl.conf", "ccss.conf") else "")
        for name, text in render(self.pbx, self.trunks).items():
            self._write(f"ivr/{name}", text)

    def _write(self, name: str, text: str) -> None:
        path = self.directory / "etc" / name
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")

    def _let_others_finish(self) -> None:
        """Each frame that we send wakes one of its threads. Under the batch policy that one doesn't push aside who
        woke it (docs/decisions/0193). Threads to come inherit it."""
        for thread in Path(f"/proc/{self.pid}/task").glob("*"):
            with suppress(OSError):  # it has ended, or the system doesn't allow it
                os.sched_setscheduler(int(thread.name), os.SCHED_BATCH, os.sched_param(0))

    def _ready(self) -> bool:
        try:
            return "fully booted" in self.command("core waitfullybooted")
        except TrunkError:
            return False

    def _arguments(self) -> list[str]:
        return ["-C", str(self.directory / "etc" / "asterisk.conf")]

    def _loader(self) -> list[str]:
        """That Debian's dynamic loader, told where its libraries are, and the program."""
        loader = self._only("usr/lib/*/ld-linux-*.so.*")
        return [str(loader), "--library-path", str(loader.parent), str(self._only("usr/sbin/asterisk"))]

    def _only(self, pattern: str) -> Path:
        found = next(iter(sorted(self.root.glob(pattern))), None)
        if found is None:
            raise TrunkError("There is no Asterisk in {root}; run tools/asterisk build.", root=self.root)
        return found

    def _run(self, command: list[str], out: IO[bytes]) -> subprocess.Popen[bytes]:
        if not self._tied:
            return subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=ENVIRONMENT, start_new_session=True
            )
        return subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", GUARD, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def _wait_gone(self) -> None:
        deadline_s = time.monotonic() + STOP_DEADLINE_S
        while self.pid is not None and time.monotonic() < deadline_s:
            time.sleep(POLL_S)

    def _release(self) -> None:
        """Let the guarding shell end, which takes with it what is left."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_DEADLINE_S)


def is_built(root: Path) -> bool:
    """Whether `tools/asterisk build` has finished there."""
    return (root / ".built").is_file()
