"""`ivr demo` as a newcomer meets it: sixty people called, hearing included, and a report that adds up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

DEADLINE_S = 480  # three minutes on a quiet machine; a loaded one is given longer
CONTACTS, REJECTED = 60, 3


@dataclass(frozen=True)
class Demo:
    folder: Path
    said: str
    sign_in_page: str

    @property
    def report(self) -> dict[str, Any]:
        results: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return results


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory,
    need_program: Callable[[str, str], str],
    need_module: Callable[[str, str], None],
) -> Demo:
    need_program("espeak-ng", "espeak-ng")
    need_module("faster_whisper", "whisper")
    folder = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-u", "-m", "ivr", "demo", "--out", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines, page = [], ""
        for line in process.stdout:
            lines.append(line)
            if " Answered:" in line and not page:  # the first call is over: the pages have long been there
                found = re.search(r"http://[\d.]+:\d+/", "".join(lines))
                assert found is not None, "the demo prints where its pages are"
                with urllib.request.urlopen(found.group(), timeout=30) as reply:
                    page = reply.read().decode()
        assert process.wait(DEADLINE_S) == 0, "".join(lines)
    return Demo(folder, "".join(lines), page)


def test_everybody_is_called_and_the_sums_agree(demo: Demo) -> None:
    summary, attempts = demo.report["summary"], demo.report["attempts"]
    assert summary["contacts"] == CONTACTS == len({attempt["phone"] for attempt in attempts})
    assert summary["rejected_rows"] == REJECTED
    assert summary["finished"]
    assert summary["attempts"] == len(attempts) == sum(summary["outcomes"].values())
    assert sum(summary["dispositions"].values()) == CONTACTS == sum(summary["intentions"].values())
    talked = [attempt["talk_s"] for attempt in attempts if attempt["talk_s"] > 0]
    assert summary["connected"] == len(talked)
    assert summary["mean_talk_s"] == pytest.approx(sum(talked) / len(talked), abs=0.1)


def test_keys_and_speech_were_understood(demo: Demo) -> None:
    """What the callees file makes people say and press, counted in it by hand."""
    summary = demo.report["summary"]
    assert summary["modalities"]["speech"] >= 20
    assert summary["modalities"]["keys"] >= 40
    assert summary["opted_out"] == 2
    # Who asks is called back once, and that call doesn't begin anew.
    assert summary["answers"]["wants_callback"] == {"yes": 1}
    assert summary["answers"]["return_ready"] == {"never": 1}
    assert set(summary["answers"]["consent"]) == {"yes", "no"}
    assert summary["dispositions"]["complaint"] == 1
    assert summary["outcomes"]["voicemail"] == 2
    assert summary["outcomes"]["invalid_number"] == 2


def test_files_are_there_and_say_the_same(demo: Demo) -> None:
    page = (demo.folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?https?://""", page)  # one file, no network
    workbook = load_workbook(demo.folder / "report.xlsx")
    rows = max(sheet.max_row for sheet in workbook.worksheets)
    assert rows >= demo.report["summary"]["attempts"]
    for name in ("report.json", "report.html", "report.xlsx", "recordings"):
        assert name in demo.said.replace("\n", "")


def test_recordings_are_stereo_and_as_long_as_the_calls(demo: Demo) -> None:
    recorded = [attempt for attempt in demo.report["attempts"] if attempt["recording"]]
    assert len(recorded) >= 40
    for attempt in recorded[:10]:
        with wave.open(str(demo.folder / "recordings" / attempt["recording"])) as recording:
            assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
            assert recording.getnframes() / 8000 == pytest.approx(attempt["talk_s"], abs=1.0)


def test_the_pages_were_served_meanwhile(demo: Demo) -> None:
    assert "<html" in demo.sign_in_page


def test_numbers_are_masked_on_the_terminal(demo: Demo) -> None:
    assert not re.search(r"\+861380000\d{4}", demo.said)
