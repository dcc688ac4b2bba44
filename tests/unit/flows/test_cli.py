"""`ivr flow lint|graph|test` as an author meets them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows import library
from flows.conversations import beside
from ivr.cli.flow import command

pytestmark = pytest.mark.unit

MALFORMED = Path(__file__).parent / "malformed"


def run(*args: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    return result.exit_code, result.stdout, result.stderr


def test_lint_is_quiet_about_the_shipped_flows() -> None:
    files = [library.path(name, language) for name in library.names() for language in library.languages()]
    assert run("lint", *files) == (0, "", "Files: 8, errors: 0, warnings: 0\n")


def test_lint_exits_2_with_one_line_for_each_finding() -> None:
    path = MALFORMED / "unknown_target.yaml"
    code, out, err = run("lint", path, path)
    assert code == 2
    assert out == f"{path}:12:11: error: there is no node concent (fix: did you mean consent?)\n"
    assert err == "Files: 2, errors: 1, warnings: 0\n"


def test_warnings_alone_exit_0(tmp_path: Path) -> None:
    path = tmp_path / "marketing_offer.yaml"
    text = library.path("marketing_offer", "en").read_text(encoding="utf-8")
    path.write_text(text.replace("call_s: 420", "call_s: 20"), encoding="utf-8")
    code, out, err = run("lint", path)
    assert code == 0
    assert "warning: the longest possible call" in out
    assert err == "Files: 1, errors: 0, warnings: 1\n"


def test_lint_against_a_list(tmp_path: Path) -> None:
    contacts, flow = tmp_path / "list.csv", library.path("low_balance_reminder", "zh-CN")
    contacts.write_text("手机号,余额\n13800000001,5.20\n", encoding="utf-8")
    code, out, _ = run("lint", "--contacts", contacts, flow)
    assert code == 2
    assert "error: the list has no column pay_by (fix: add the column" in out
    contacts.write_text("手机号,余额,pay_by\n13800000001,5.20,2026-11-25\n", encoding="utf-8")
    assert run("lint", "--contacts", contacts, flow)[0] == 0


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz isn't installed")
def test_graph_writes_a_picture(tmp_path: Path) -> None:
    target = tmp_path / "x.svg"
    assert run("graph", library.path("callback", "zh-CN"), "-o", target)[0] == 0
    assert "</svg>" in target.read_text(encoding="utf-8")


def test_test_passes_and_shows_coverage() -> None:
    code, out, _ = run("test", library.path("callback", "en"))
    assert code == 0
    assert "Covered: 21 of 21 nodes, 44 of 44 arms\nConversations: 30, failed: 0\n" in out


def test_test_exits_1_when_a_conversation_goes_otherwise(tmp_path: Path) -> None:
    shipped, path = library.path("callback", "en"), tmp_path / "callback.yaml"
    path.write_text(
        shipped.read_text(encoding="utf-8").replace("disposition: no_callback", "disposition: nothing")
    )
    beside(path).write_text(beside(shipped).read_text(encoding="utf-8"), encoding="utf-8")
    code, out, _ = run("test", path)
    assert code == 1
    assert 'disposition: expected "no_callback", got "nothing"' in out
    assert "FAILED  silent" in out


def test_test_without_conversations_says_so(tmp_path: Path) -> None:
    path = tmp_path / "callback.yaml"
    shutil.copy(library.path("callback", "en"), path)
    result = CliRunner().invoke(command, ["test", str(path)])
    assert str(result.exception).startswith("there are no conversations: ")
