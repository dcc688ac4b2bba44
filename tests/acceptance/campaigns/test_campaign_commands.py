"""`ivr campaign`, `ivr organisation`, `ivr stop` as users type them, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows import library
from ivr.cli.main import main

pytestmark = pytest.mark.acceptance

FLOW = str(library.path("low_balance_reminder", "zh-CN"))
Ivr = Callable[..., str]


@pytest.fixture
def ivr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ivr:
    """Runs a command in a folder of its own; what it says, and it must end with `code`."""
    (tmp_path / "ivr.toml").write_text('[paths]\nvar = "var"\n', encoding="utf-8")
    rows = [f"138{number:08d},5.20,2026-12-25" for number in range(1, 4)]
    (tmp_path / "november.csv").write_text("\n".join(["phone,balance,pay_by", *rows]) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IVR_CONFIG", str(tmp_path / "ivr.toml"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str, code: int = 0) -> str:
        found = 0
        try:
            main(list(arguments))
        except SystemExit as end:
            found = int(end.code or 0)
        said = capsys.readouterr()
        assert found == code, said.out + said.err
        return said.out + said.err

    return run


def _people(ivr: Ivr, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("li", "wang"):
        monkeypatch.setattr("ivr.cli.user._password", lambda: "a long enough password")
        ivr("user", "add", name, "--role", "supervisor")
    ivr("organisation", "add", "Foshan", "--level", "city")
    ivr("organisation", "add", "Shunde", "--level", "county", "--under", "Foshan")
    ivr("organisation", "assign", "li", "Shunde")
    ivr("organisation", "assign", "wang", "Foshan")


def test_from_the_request_to_the_stop(ivr: Ivr, monkeypatch: pytest.MonkeyPatch) -> None:
    _people(ivr, monkeypatch)
    assert "Shunde" in ivr("organisation", "list")
    created = ivr("campaign", "create", "May", "--flow", FLOW, "--contacts", "november.csv", "--as", "li")
    assert "List november: 3 contacts" in created
    assert "业务联系单: 3 contacts" in ivr("campaign", "submit", "May", "--as", "li")
    assert "Nobody approves their own" in ivr("campaign", "approve", "May", "--as", "li", code=2)
    assert "none of the users" in ivr("campaign", "approve", "May", code=2)
    assert "Signatures of the plan: 0 of 1." in ivr("campaign", "approve", "May", "--as", "wang")
    assert "Everybody has signed" in ivr("campaign", "approve", "May", "--as", "wang", "--note", "after nine")
    assert "3 contacts are left" in ivr("campaign", "start", "May", "--as", "li")
    assert "calls that were on: 0" in ivr("stop", "--all", "--why", "smoke", "--as", "wang")
    shown = ivr("campaign", "show", "May")
    assert "All dialling is stopped since" in shown
    assert "the plan signed by wang (submission 1): after nine" in shown
    assert "li: started → running" in shown
    assert "allowed again" in ivr("stop", "--lift", "--as", "wang")
    assert "Dialling isn't stopped." in ivr("stop")
    assert "Changed: calls at once" in ivr("campaign", "edit", "May", "--concurrency", "5", "--as", "li")
    assert "paused because" in ivr("campaign", "show", "May")
    assert "submit it again" in ivr("campaign", "resume", "May", "--as", "li", code=2)
    assert "isn't called any more" in ivr("campaign", "stop", "May", "--as", "li")
    ivr("campaign", "export", "May", "tasks.csv", "--kind", "tasks")
    assert Path("tasks.csv").read_text(encoding="utf-8-sig").count("13800000") == 3
    monkeypatch.setenv("IVR_LANG", "zh-CN")
    assert "永久停止 → 已结束" in ivr("campaign", "show", "May")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--flow", "nobody"), "nobody was never published"),
        (("--flow", FLOW), "has no contacts"),
        (("--flow", FLOW, "--list", "March"), "no list March"),
        (("--flow", FLOW, "--contacts", "november.csv", "--ends", "tomorrow"), "tomorrow is no moment"),
        (("--flow", FLOW, "--contacts", "november.csv", "--ends", "2020-01-01"), "has passed"),
        (("--flow", FLOW, "--contacts", "november.csv", "--timezone", "Mars/North"), "no time zone"),
        (("--flow", FLOW, "--contacts", "november.csv", "--as", "nobody"), "no user nobody"),
        (("--contacts", "november.csv"), "Say which flow"),
    ],
)
def test_what_cant_be_created_leaves_nothing(ivr: Ivr, arguments: tuple[str, ...], said: str) -> None:
    told = ivr("campaign", "create", "May", *arguments, code=2)
    assert said in told
    assert "Traceback" not in told
    assert "There are no campaigns yet" in ivr("campaign", "list")
