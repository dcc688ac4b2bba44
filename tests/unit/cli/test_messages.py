"""What the command line says when it can't: one sentence, in the user's language, and exit code 2."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flows import library
from ivr import i18n
from ivr.cli.main import main, user_sentence

pytestmark = pytest.mark.unit

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """What `ivr …` says on stderr; it must end with exit code 2, and tell nothing of its inside."""

    def run(*arguments: str, language: str = "en") -> str:
        monkeypatch.setenv("IVR_LANG", language)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        i18n.use_language("en")
        said = capsys.readouterr().err
        assert ended.value.code == 2, said
        assert "Traceback" not in said
        return said

    return run


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (["nope"], "No such command 'nope'", "没有 nope 这个命令"),
        (["rehearse", "--flwo", "x"], "No such option '--flwo'", "没有 --flwo 这个选项"),
        (["rehearse", "--flow", "nowhere"], "'nowhere' does not exist", ":nowhere 不存在"),
        (["rehearse"], "Missing option '--flow'", "缺少选项 '--flow'"),
        (["flow", "lint"], "Missing argument", "缺少参数"),
        (["flow", "lint", "/"], "'/' is a directory", "/ 是目录,这里要文件"),
        (["flow", "approve", "seven"], "'seven' is not a valid integer", "seven 不是合法的数值"),
        (["flow", "lint", "--prompts", "nowhere", "x.yaml"], "'nowhere' does not exist", ":nowhere 不存在"),
    ],
)
def test_click_speaks_the_users_language(run: Run, arguments: list[str], english: str, chinese: str) -> None:
    assert english in run(*arguments)
    assert chinese in run(*arguments, language="zh-CN")
    assert english in run(*arguments)  # and back again


@pytest.mark.parametrize(("language", "title"), [("en", "Show this message"), ("zh-CN", "显示本帮助并退出")])
def test_help_comes_in_the_users_language(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: str, title: str
) -> None:
    monkeypatch.setenv("IVR_LANG", language)
    main(["--help"])
    i18n.use_language("en")
    assert title in capsys.readouterr().out


def test_what_the_system_says_of_a_path_is_a_sentence() -> None:
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "x.svg")
    assert user_sentence(error) == "x.svg can't be used: No such file or directory"
    i18n.use_language("zh-CN")
    assert user_sentence(error) == "x.svg 无法使用:没有这个文件或目录"
    i18n.use_language("en")
    assert user_sentence(OSError("of no path")) is None


def test_a_picture_does_not_replace_its_flow(run: Run, tmp_path: Path) -> None:
    flow = tmp_path / "x.yaml"
    flow.write_bytes(library.path("callback", "en").read_bytes())
    assert "--output and FILE name the same file" in run("flow", "graph", str(flow), "-o", str(flow))
    assert flow.read_bytes() == library.path("callback", "en").read_bytes()


def test_every_error_of_a_flow_is_shown(run: Run, tmp_path: Path) -> None:
    flow = tmp_path / "x.yaml"
    flow.write_text("schema: 1\nflow: x\nlanguage: en\n", encoding="utf-8")
    said = run("flow", "test", str(flow)).splitlines()
    assert said == [
        f"{flow}:1:1: error: {key} is missing (fix: add `{key}: …`)" for key in ("purpose", "start", "nodes")
    ]
