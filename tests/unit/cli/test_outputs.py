"""Files that commands write: refused before the work, and never half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import library
from ivr.cli.main import main
from ivr.cli.outputs import OutputError, check_outputs, whole

pytestmark = pytest.mark.unit


def test_an_output_is_no_input_and_no_other_output(tmp_path: Path) -> None:
    a, link = tmp_path / "a", tmp_path / "link"
    a.write_text("precious")
    link.symlink_to(a)
    for outputs in ({"--json": a}, {"--json": link}, {"--json": tmp_path / "x" / ".." / "a"}):
        with pytest.raises(OutputError, match=r"--json and --contacts name the same file"):
            check_outputs(outputs, {"--contacts": a})
    with pytest.raises(OutputError, match=r"--html and --json name the same file"):
        check_outputs({"--json": tmp_path / "b", "--html": tmp_path / "b"}, {})
    assert a.read_text() == "precious"


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, reason in ((file / "x.json", "File exists"), (Path("/proc/x.json"), "No such file")):
        with pytest.raises(OutputError, match=rf"--json: {path} can't be written \({reason}"):
            check_outputs({"--json": path}, {})
    check_outputs({"--json": tmp_path / "new" / "x.json", "--html": None, "--xlsx": Path("/dev/null")}, {})
    assert [path.name for path in tmp_path.rglob("*")] == ["file", "new"]


def test_what_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")

    def break_off() -> None:
        with whole(path) as part:
            part.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert path.read_text() == "old"
    with whole(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence() -> None:
    def fill() -> None:
        with whole(Path("/dev/full")) as part:
            part.write_text("too much")

    with pytest.raises(OutputError, match=r"^/dev/full can't be written \(No space left on device\)$"):
        fill()


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with whole(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    with whole(Path("/dev/null")) as part:
        assert part == Path("/dev/null")


def test_a_rehearsal_does_not_write_over_its_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contacts, callees = tmp_path / "list.csv", tmp_path / "callees.yaml"
    contacts.write_text("phone\n", encoding="utf-8")
    callees.touch()
    files = ["--flow", str(library.path("callback", "en")), "--contacts", str(contacts), "--callees", str(callees)]
    for option in ("--json", "--html", "--xlsx", "--db", "--rejects"):
        with pytest.raises(SystemExit) as ended:
            main(["rehearse", *files, option, str(contacts)])
        assert ended.value.code == 2
        assert f"{option} and --contacts name the same file" in capsys.readouterr().err
    assert contacts.read_text(encoding="utf-8") == "phone\n"
