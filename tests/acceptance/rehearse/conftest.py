"""`ivr rehearse` as a user calls it, with real recognition of the recorded callers of tests/callers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows import library
from tests.command_rig import forked
from tests.shared_prompts import with_shared_prompts

ROOT = Path(__file__).parents[3]
CALLERS = ROOT / "tests" / "callers"
ROWS = {
    "low_balance_reminder": {"balance": "5.20", "pay_by": "2026-01-25"},
    "marketing_offer": {},
    "satisfaction_survey": {"service_date": "2026-01-03", "service_name": "broadband"},
    "callback": {},
}


def said(language: str, text: str) -> dict[str, str]:
    """What a callee says, by the words of a recorded caller."""
    name = text.replace(" ", "_")
    (path,) = (CALLERS / language).glob(f"*/[0-9][0-9]_{name}.wav")
    return {"wav": str(path)}


@dataclass(frozen=True)
class Command:
    """Runs `ivr` in a directory of its own; rendered prompts are kept over the session."""

    folder: Path
    var: Path

    def write(self, flow: str, callees: Sequence[dict[str, Any]], defaults: dict[str, Any] | None = None) -> None:
        row = ROWS[flow]
        lines = [",".join(["phone", *row])]
        lines += [",".join([f"138{number:08d}", *row.values()]) for number in range(1, len(callees) + 1)]
        (self.folder / "list.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        people = {f"+86138{number:08d}": callee for number, callee in enumerate(callees, start=1) if callee}
        book = {"defaults": {"ring_s": 2, "noise_snr_db": 35} | (defaults or {}), "callees": people}
        (self.folder / "callees.yaml").write_text(json.dumps(book), encoding="utf-8")

    def ivr(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "ivr.toml").write_text(f'[paths]\nvar = "{self.var}"\n', encoding="utf-8")
        ours = {"PATH": "/usr/bin:/bin", "IVR_LANG": "en"} | environment
        return forked.run(*arguments, cwd=self.folder, environment=ours, timeout_s=110)

    def rehearse(
        self, flow: str, *more: str, language: str = "zh-CN", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        path = str(library.path(flow, language))
        files = ("--flow", path, "--contacts", "list.csv", "--callees", "callees.yaml", "--json", "out.json")
        return self.ivr("rehearse", *files, *more, **environment)

    def results(self) -> dict[str, Any]:
        results: dict[str, Any] = json.loads((self.folder / "out.json").read_text(encoding="utf-8"))
        return results


@pytest.fixture(scope="session")
def say() -> Callable[[str, str], dict[str, str]]:
    return said


@pytest.fixture(scope="session")
def rehearsal_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_shared_prompts(tmp_path_factory.mktemp("rehearsal-var"), tmp_path_factory)


@pytest.fixture(scope="session")
def new_command(rehearsal_var: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Command]:
    """Makes commands with a directory of their own, for fixtures that outlive a test."""
    return lambda: Command(tmp_path_factory.mktemp("rehearse"), rehearsal_var)


@pytest.fixture
def command(new_command: Callable[[], Command]) -> Command:
    return new_command()
