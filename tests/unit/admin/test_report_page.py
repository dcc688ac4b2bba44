"""report.html as text: self-contained, in both languages, and safe whatever the data says."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from ivr.report.html import MODULES, join_modules, render_html, write_html
from ivr.results import AnswerResult, AttemptResult, Results, Summary

pytestmark = pytest.mark.unit

NASTY = "</script><script>alert(1)</script><!-- \u2028 & \" '"
TOP_LEVEL = re.compile(r"^(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


def results() -> Results:
    attempt = AttemptResult(
        attempt_id="a", phone="+8613800000001", number=1, outcome="answered", cause=NASTY, disposition=NASTY,
        intention="success", path=("greet", NASTY), started_s=0, ring_s=1, talk_s=20, hung_up_by="callee",
        recording="a b/#1.wav",
        answers={"consent": AnswerResult(value="yes", modality="speech", transcript=NASTY)},
    )  # fmt: skip
    summary = Summary(
        campaign=NASTY, flow="f", flow_version="0" * 64, language="zh-CN", purpose="service", recognizer="whisper",
        seed=1, contacts=1, rejected_rows=0, attempts=1, connected=1, contact_rate=1.0, outcomes={"answered": 1},
        dispositions={NASTY: 1}, intentions={"success": 1}, answers={"consent": {"yes": 1}},
        modalities={"speech": 1}, opted_out=0, mean_talk_s=20, talk_s=20, finished=True,
    )  # fmt: skip
    return Results(schema=1, summary=summary, attempts=(attempt,))


def data_of(page: str) -> dict[str, object]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    found: dict[str, object] = json.loads(text)
    return found


def test_data_cannot_leave_its_element() -> None:
    page = render_html(results())
    assert page.count("<script") == 3
    assert page.count("</script>") == 3
    assert "alert(1)</script>" not in page
    assert data_of(page)["results"] == results().model_dump(mode="json", by_alias=True)


def test_nothing_comes_from_outside() -> None:
    page = render_html(results())
    outside = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert outside == []
    assert "default-src &#x27;none&#x27;" in page
    assert "connect-src" not in page  # so default-src holds


@pytest.mark.parametrize(("asked", "shown"), [("zh-CN", "zh-CN"), ("zh", "zh-CN"), ("en", "en"), ("ko", "en")])
def test_the_page_starts_in_the_language_asked_for_and_holds_both(asked: str, shown: str) -> None:
    page = render_html(results(), asked)
    assert f'<html lang="{shown}">' in page
    dictionaries = data_of(page)["dictionaries"]
    assert isinstance(dictionaries, dict)
    assert set(dictionaries) == {"zh-CN", "en"}


def test_joined_modules_share_no_top_level_name_and_keep_no_import() -> None:
    joined = join_modules(MODULES)
    assert [name for name, count in Counter(TOP_LEVEL.findall(joined)).items() if count > 1] == []
    assert not re.search(r"^(import|export) ", joined, re.MULTILINE)


def test_the_file_is_written_with_the_directories_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "report.html"
    write_html(results(), path, "en", recordings="recordings/")
    assert data_of(path.read_text(encoding="utf-8"))["recordings"] == "recordings/"
