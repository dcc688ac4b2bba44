"""Rows to results to a workbook, in a campaign small enough to count by hand."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.model import (
    Campaign,
    CampaignState,
)
from ivr.report.build import ReportError, build_results
from ivr.report.xlsx import write_xlsx
from ivr.results import Results

pytestmark = pytest.mark.integration

MakeCampaign = Callable[..., Awaitable[int]]

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PHONES = ["+8613800000001", "+8613800000002", "+8613800000003", "+8613800000004"]
HOSTILE = '=HYPERLINK("http://example.com","x")'


async def test_every_figure_by_hand(db: Database, campaign_id: int) -> None:
    results = await build_results(db, campaign_id)
    assert results.summary.model_dump() == {
        "campaign": "November",
        "flow": "low_balance_reminder",
        "flow_version": f"{'November':0>64}",
        "language": "zh-CN",
        "purpose": "service",
        "recognizer": "vosk",
        "seed": 7,
        "contacts": 4,
        "rejected_rows": 5,
        "attempts": 4,
        "connected": 2,
        "contact_rate": 0.667,  # two of the three that were dialled
        "outcomes": {"answered": 2, "busy": 1, "no_answer": 1},
        "dispositions": {"consented": 1, "no_answer": 1, "opted_out": 1},
        "intentions": {"success": 1, "unreachable": 1},
        "answers": {"consent": {"no": 1, "yes": 1}, "rating": {"5": 1}},
        "modalities": {"keys": 2, "speech": 1},
        "opted_out": 1,
        "mean_talk_s": 25.25,
        "talk_s": 50.5,
        "finished": False,
        "successes": 1,
        "confirmed_successes": 1,
        "unconfirmed_successes": 0,
        "returned": 0,
        "returned_successes": 0,
    }
    assert results.charts.model_dump() == {
        "funnel": {"contacts": 4, "dialled": 3, "connected": 2, "answered": 2, "success": 1},
        "talk_step_s": 5,
        "talk": (0, 0, 1, 0, 0, 0, 0, 0, 1),
        "time_step_s": 10,
        "connected": (0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
        "others": (1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        "hang_ups": {"consent": 1},
    }


async def test_a_long_list_ends_somewhere_its_sums_dont(db: Database, campaign_id: int) -> None:
    results = await build_results(db, campaign_id, most=3)
    assert [one.attempt_id for one in results.attempts] == ["a", "b", "d"]
    assert (results.summary.attempts, results.attempts_left_out) == (4, 1)
    assert results.summary == (await build_results(db, campaign_id)).summary


async def test_attempts_in_the_order_of_the_calls(db: Database, campaign_id: int) -> None:
    results = await build_results(db, campaign_id)
    assert [one.attempt_id for one in results.attempts] == ["a", "b", "d", "c"]  # live calls aren't results yet
    assert results.attempts[3].model_dump() == {
        "attempt_id": "c",
        "phone": PHONES[0],
        "number": 2,
        "direction": "out",
        "outcome": "answered",
        "cause": "200",
        "disposition": "consented",
        "intention": "success",
        "answers": {
            "rating": {"value": "5", "modality": "keys", "confidence": None, "transcript": None,
                       "reaction_ms": None, "pending": False},
            "consent": {"value": "yes", "modality": "speech", "confidence": 0.9, "transcript": HOSTILE,
                        "reaction_ms": -120, "pending": True},
        },
        "path": ("greet", "consent"),
        "started_s": 120.0,
        "ring_s": 2.0,
        "talk_s": 40.0,
        "hung_up_by": "callee",
        "opted_out": False,
        "recording": "c.wav", "segments": (), "trunk": None, "caller_id": None, "failed_over": False,
        "early_media": None, "identity": (), "transfers": (),
    }  # fmt: skip
    assert (results.attempts[0].ring_s, results.attempts[0].intention) == (4.0, "unreachable")


async def test_the_same_rows_give_the_same_bytes(db: Database, campaign_id: int) -> None:
    first, second = await build_results(db, campaign_id), await build_results(db, campaign_id)
    text = json.dumps(first.model_dump(mode="json", by_alias=True))
    assert text == json.dumps(second.model_dump(mode="json", by_alias=True))
    assert Results.model_validate_json(text) == first
    assert text.startswith('{"schema": 1, "summary"')


async def test_a_campaign_before_its_first_call_and_none_at_all(db: Database, make_campaign: MakeCampaign) -> None:
    campaign_id = await make_campaign(PHONES)

    def finish(session: Session) -> None:
        session.execute(update(Campaign).values(started_at=None, state=CampaignState.FINISHED))

    await db.run(finish)
    results = await build_results(db, campaign_id)
    assert (results.attempts, results.summary.contact_rate, results.summary.finished) == ((), 0.0, True)
    with pytest.raises(ReportError, match="there is no campaign 99"):
        await build_results(db, 99)


# ---- the workbook -------------------------------------------------------------------------------------------


@pytest.fixture
async def book(db: Database, campaign_id: int, tmp_path: Path) -> Callable[[str], openpyxl.Workbook]:
    results = await build_results(db, campaign_id)

    def write(language: str) -> openpyxl.Workbook:
        path = tmp_path / "out" / f"report.{language}.xlsx"
        write_xlsx(results, path, language)
        return openpyxl.load_workbook(path)

    return write


def table(book: openpyxl.Workbook, sheet: str) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in book[sheet].iter_rows()]


def test_three_sheets_in_english(book: Callable[[str], openpyxl.Workbook]) -> None:
    written = book("en")
    assert written.sheetnames == ["Summary", "Attempts", "Answers"]
    summary = {row[0]: row[1] for row in table(written, "Summary")}
    assert summary["Campaign"] == "November"
    assert (summary["Contact rate"], summary["Talk time (s)"]) == (0.667, 50.5)
    attempts = table(written, "Attempts")
    assert attempts[0][:4] == ["Phone", "Try", "Outcome", "Result"]
    assert attempts[4][:3] == [PHONES[0], 2, "Answered"]
    assert len(attempts) == 5
    assert [row[0] for row in table(written, "Answers")[1:]] == [PHONES[1], PHONES[0], PHONES[0]]


def test_chinese_headers_and_values(book: Callable[[str], openpyxl.Workbook]) -> None:
    written = book("zh-CN")
    assert written.sheetnames == ["汇总", "呼叫明细", "回答明细"]
    attempts = table(written, "呼叫明细")
    assert attempts[0][:5] == ["号码", "第几次", "呼叫结果", "业务结果", "意向"]
    assert attempts[1][2:5] == ["用户忙", "用户忙", "未联系上"]
    titles = [str(title) for name in written.sheetnames[1:] for title in table(written, name)[0]]
    titles += [str(row[0]) for row in table(written, "汇总")]
    assert [title for title in titles if not any(ord(char) > 0x2E80 for char in title)] == []


def test_phones_are_text_and_the_header_stays(book: Callable[[str], openpyxl.Workbook]) -> None:
    sheet = book("en")["Attempts"]
    assert (sheet["A2"].value, sheet["A2"].data_type, sheet["A2"].number_format) == (PHONES[0], "s", "@")
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:P5"
    assert sheet.column_dimensions["A"].width == 18


def test_nothing_that_came_from_elsewhere_is_a_formula(book: Callable[[str], openpyxl.Workbook]) -> None:
    written = book("en")
    cells = [cell for sheet in written for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    assert texts.count(f"'{HOSTILE}") == 2  # a cause, and a transcript
    assert not [text for text in texts if text.startswith(("=", "-", "@"))]
