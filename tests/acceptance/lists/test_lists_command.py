"""`ivr lists` and `ivr complaints` as somebody uses them, in English and in Chinese."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import library
from ivr.cli.main import main

pytestmark = pytest.mark.acceptance

FLOW = str(library.path("low_balance_reminder", "zh-CN"))
HEADER = "手机号,余额,缴费日期\n"


class Command:
    """Runs a command on one database; `out` and `err` are what it said last."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        code = 0
        try:
            main([*words, "--db", str(self.folder / "ivr.db")])
        except SystemExit as end:
            code = int(end.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def ivr(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(tmp_path, capsys)


def test_a_list_from_its_import_to_its_export(ivr: Command) -> None:
    first = ivr.write(
        "may.csv", HEADER + "13800000001,5,2026-11-25\n13800000002,6,2026-11-25\nnone,1,2026-11-25\n"
    )
    assert ivr("lists", "import", first, "--flow", FLOW) == 0
    assert "List may (number 1): 2 of 3 rows taken in." in ivr.out
    assert "row 4, column 1 (手机号): “none” is not a phone number" in ivr.out
    assert ivr("lists", "import", first, "--flow", FLOW) == 2
    assert "there is a list may already" in ivr.err
    second = ivr.write("june.csv", HEADER + "13800000002,7,2026-11-25\n13800000003,7,2026-11-25\n")
    assert ivr("lists", "import", second, "--append", "may") == 0  # read as the list was before
    assert "List may (number 1): 1 added, 1 updated, 0 known, 0 removed." in ivr.out
    assert ivr("lists", "import", second, "--flow", FLOW, "--not-in", "may") == 0
    assert "List june (number 2): 0 of 2 rows taken in.\nLeft out because they are on may: 2 rows." in ivr.out
    assert ivr("lists", "import", second, "--replace", "may") == 0
    assert "0 added, 0 updated, 2 known, 1 removed." in ivr.out
    assert ivr("lists", "undo", "may") == 0
    assert "is undone: 0 numbers off the list, 1 as they were before." in ivr.out
    assert ivr("lists", "reject", "may", "138 0000 0003") == 0
    password = ivr.write("password.txt", "nobody knows\n")
    assert ivr("lists", "export", "may", "out.xlsx", "--password-file", password) == 0
    assert "Written: out.xlsx, 2 rows" in ivr.out
    assert ivr("lists", "import", "out.xlsx", "--flow", FLOW) == 2
    assert "out.xlsx is protected by a password; give it in a file (--password-file)" in ivr.err
    assert ivr("lists", "import", "out.xlsx", "--flow", FLOW, "--password-file", password) == 0
    assert ivr("lists", "list") == 0
    assert ivr("lists", "show", "may") == 0
    assert "List may (number 1): 2 numbers, 1 taken off." in ivr.out
    assert ivr("lists", "rows", "may") == 0
    assert "+8613800000003" in ivr.out


def test_complaints_and_why(ivr: Command) -> None:
    path = ivr.write("complaints.csv", "号码,投诉时间,来源,工单号\n13800000001,2026-01-20 10:30,10015,A1\n")
    assert ivr("complaints", "import", path) == 0
    assert "Complaints: 1 new, 0 known, 0 rows left out." in ivr.out
    assert ivr("complaints", "add", "13800000001", "--source", "10015", "--reference", "A1") == 0
    assert "on record already" in ivr.out
    assert ivr("complaints", "list") == 0
    assert ivr("why", "13800000001") == 0
    assert "complained to 10015 about every purpose" in ivr.out
    assert "service: is not to be called: the number is on do not disturb" in ivr.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("import", "may.csv", "--append", "a", "--replace", "b"), "--append 与 --replace 只能给出一个"),
        (("import", "may.csv"), "请给出 --flow"),
        (("import", "may.csv", "--flow", FLOW, "--skip-known"), "--skip-known 需与"),
        (("import", "may.csv", "--flow", FLOW, "--append", "none"), "没有名单 none"),
        (("import", "may.csv", "--flow", FLOW, "--password-file", "empty.txt"), "empty.txt 的第一行是空的"),
        (("export", "none", "out.pdf"), "必须以 .csv 或 .xlsx 结尾"),
        (("show", "none"), "没有名单 none"),
    ],
)
def test_mistakes_are_told_in_chinese(
    ivr: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    ivr.write("empty.txt", "\n")
    first = ivr.write("may.csv", HEADER + "13800000001,5,2026-11-25\n")
    assert ivr("lists", "import", first, "--flow", FLOW, "--name", "a") == 0
    monkeypatch.setenv("IVR_LANG", "zh-CN")
    assert ivr("lists", *words) == 2
    assert sentence in ivr.err
