"""A campaign's report, periods by organisation, and advice, counted by hand on both kinds of database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.metrics.filters import MetricError
from ivr.metrics.measure import Spans
from ivr.model import HoldOut, Intention, Organisation, OrganisationLevel, PaymentEvent
from ivr.policy.policy import policy_of
from ivr.policy.schema import PolicySpec
from ivr.report import period
from ivr.report.advice import advice, advice_sheets
from ivr.report.build import ReportError
from ivr.report.campaign import Wanted, campaign_report
from ivr.report.campaign_sheets import campaign_sheets
from ivr.report.sheets_out import sheets_html, write_page, write_workbook
from trunk.ports import DialOutcome

from .conftest import NOW, Books, at, new_books

pytestmark = pytest.mark.integration

DAY = 24 * 60.0
LATER = NOW + timedelta(days=8)
ANSWERED, BUSY = DialOutcome.ANSWERED, DialOutcome.BUSY
POLICY = policy_of(
    PolicySpec.model_validate({"schema": 1, "policy": "p", "hold_out": {"draw": "autumn", "percent": 50}})
)


def phone(number: int) -> str:
    return f"+86138{number:08d}"


def held_out_half(session: Session) -> Books:
    """Eighty who could be called, of whom half were and thirty paid in time; forty held out, of whom six paid.

    Two more came too late: their days aren't over. One paid before it was entered, one after its days."""
    books = new_books(session, policy=POLICY.document, started_at=at(0))
    for number in range(120):
        _enter(books, phone(number), held_out=number >= 80, minutes=-600.0 if number else 60.0)
    for number in range(40):
        books.call(f"call {number}", phone(number), 61, ANSWERED if number % 2 else BUSY)
    paid = [*range(30), *range(80, 86)]
    books.add(*(_payment(number, 2 * DAY, 1) for number in paid))
    books.add(_payment(31, -1, 2), _payment(32, 7 * DAY, 3), _payment(0, 59, 4), _payment(90, 8 * DAY, 5))
    for number in (200, 201):
        _enter(books, phone(number), held_out=number == 201, minutes=2 * DAY)
    return books


def _enter(books: Books, number: str, *, held_out: bool, minutes: float) -> None:
    books.contact(number, "held_out" if held_out else None)
    books.add(
        HoldOut(
            draw="autumn", phone=number, held_out=held_out, campaign_id=books.campaign.id, entered_at=at(minutes)
        )
    )


def _payment(number: int, minutes: float, batch: int) -> PaymentEvent:
    return PaymentEvent(
        phone=phone(number),
        paid_at=at(minutes),
        source="billing",
        source_id=f"{batch}-{number}",
        taken_at=at(minutes),
    )


async def test_uplift_by_intention_to_treat(db: Database) -> None:
    await db.run(lambda session: held_out_half(session).campaign.id)
    report = await db.read(lambda session: campaign_report(session, Wanted("November", LATER)))
    uplift = report.uplift
    assert uplift is not None
    treated, held_out = uplift.treated, uplift.held_out
    assert (treated.numbers, treated.called, treated.open, treated.paid.part, treated.paid.whole) == (
        81,
        40,
        1,
        30,
        80,
    )
    assert (held_out.numbers, held_out.called, held_out.open, held_out.paid.part, held_out.paid.whole) == (
        41, 0, 1, 6, 40,
    )  # fmt: skip
    assert uplift.difference.value == pytest.approx(30 / 80 - 6 / 40)
    assert uplift.difference.verdict == "more"
    sheet = next(sheet for sheet in campaign_sheets(report, "en") if sheet.name == "Uplift of payments")
    assert "Uplift: +22.5 percentage points" in sheet.notes[1]
    assert "more, and hardly by chance" in sheet.notes[1]


async def test_uplift_with_nothing_to_compare_says_so(db: Database) -> None:
    def few(session: Session) -> None:
        books = new_books(session, policy=POLICY.document, started_at=at(0))
        _enter(books, phone(1), held_out=False, minutes=0)
        _enter(books, phone(2), held_out=True, minutes=0)

    await db.run(few)

    async def note(now: float) -> str:
        report = await db.read(lambda session: campaign_report(session, Wanted("November", at(now))))
        (sheet,) = [one for one in campaign_sheets(report, "en") if one.name == "Uplift of payments"]
        return sheet.notes[1]

    assert await note(8 * DAY) == "No payment has been taken in yet: there is nothing to compare."
    await db.run(lambda session: session.add(_payment(1, 60, 1)))
    assert await note(8 * DAY) == (
        "Uplift: +100.0 percentage points, 95 % interval -12.2 … +100.0: too few to say anything."
    )
    assert await note(60) == "Nobody's days are over on one of the sides: there is nothing to compare yet."


def three_arms(session: Session) -> None:
    books = new_books(session)
    wins = {"a": 10, "b": 30, "c": 14}
    for number, arm in enumerate("abc"):
        for one in range(100):
            number_ = phone(1000 * (number + 1) + one)
            books.contact(number_)
            won = one < wins[arm]
            books.call(f"{arm} {one}", number_, one / 10, ANSWERED, arm=arm,
                       intention=Intention.SUCCESS if won else Intention.DECLINED)  # fmt: skip


async def test_arms_of_a_test_and_its_caution(db: Database) -> None:
    await db.run(three_arms)
    report = await db.read(lambda session: campaign_report(session, Wanted("November", LATER)))
    won = {arm.name: arm.figures["customers_won"] for arm in report.arms}
    assert {name: (one.share.part, one.share.whole) for name, one in won.items()} == {
        "a": (10, 100), "b": (30, 100), "c": (14, 100),
    }  # fmt: skip
    assert won["a"].difference is None
    assert won["b"].difference is not None
    assert won["c"].difference is not None
    assert (won["b"].difference.verdict, won["c"].difference.verdict) == ("more", "unclear")
    assert won["b"].difference.confidence == pytest.approx(0.975)
    (sheet,) = [one for one in campaign_sheets(report, "zh-CN") if one.name == "分组对比"]
    assert "同时进行 2 项比较" in sheet.notes[1]


async def test_the_statistics_form_says_what_is_shown(db: Database) -> None:
    def fill(session: Session) -> None:
        books = new_books(session, statistics=["consent", "consented"])
        books.contact(phone(1))
        books.contact(phone(2))
        books.call("a", phone(1), 0, ANSWERED, disposition="consented")
        books.call("b", phone(2), 0, ANSWERED, disposition="other")
        books.answer("a", 1, "consent", "yes")
        books.answer("a", 2, "rating", "5")

    await db.run(fill)
    report = await db.read(lambda session: campaign_report(session, Wanted("November", LATER)))
    assert report.distributions["answers"] == {"consent=yes": 1}
    assert report.distributions["dispositions"] == {"consented": 1}


async def test_who_answers_and_files_of_it(db: Database, tmp_path: Path) -> None:
    await db.run(three_arms)
    report = await db.read(lambda session: campaign_report(session, Wanted("November", LATER, since=at(5))))
    (hour,) = report.structure["hour"]
    assert (hour.name, hour.attempts, hour.connected.part) == ("10", 150, 150)
    assert report.figures["attempts"] == 150
    sheets = campaign_sheets(report, "zh-CN")
    write_workbook(sheets, tmp_path / "r.xlsx")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames[:3] == ["指标", "结果与作答", "接听结构 小时"]
    assert book["接听结构 小时"]["C2"].value == 1
    page = sheets_html({"zh-CN": sheets})
    assert "<h2>分组对比</h2>" in page
    assert asdict(report)["figures"]["contact_rate"] == 1


async def test_a_campaign_without_calls_and_none_at_all(db: Database) -> None:
    await db.run(lambda session: new_books(session).campaign.id)
    report = await db.read(lambda session: campaign_report(session, Wanted("November", LATER)))
    shown = {row[0]: row[1] for row in campaign_sheets(report, "en")[0].rows}
    assert (shown["Call attempts"], shown["Contact rate"]) == ("0", "no calls yet")
    assert (report.uplift, report.arms, report.words) == (None, (), ())
    with pytest.raises(ReportError, match="there is no campaign nowhere"):
        await db.read(lambda session: campaign_report(session, Wanted("nowhere", LATER)))
    with pytest.raises(ReportError, match="there is no campaign nowhere"):
        await db.read(lambda session: advice(session, "nowhere", LATER))


# ---- periods ------------------------------------------------------------------------------------------------


def tree(session: Session) -> None:
    city = Organisation(
        name="city", level=OrganisationLevel.CITY, parent_id=None, created_at=NOW, created_by="ann"
    )
    session.add(city)
    session.flush()
    hall = Organisation(
        name="hall", level=OrganisationLevel.HALL, parent_id=city.id, created_at=NOW, created_by="ann"
    )
    session.add(hall)
    session.flush()
    for number, (name, place) in enumerate(
        (("of the hall", hall.id), ("of the city", city.id), ("of nobody", None))
    ):
        books = new_books(session, name, organisation_id=place)
        books.contact(phone(number))
        books.call(f"{name} 1", phone(number), 0, BUSY)
        books.call(f"{name} 2", phone(number), DAY, ANSWERED)


async def test_a_day_rolled_up(db: Database) -> None:
    await db.run(tree)
    zone = ZoneInfo("Asia/Shanghai")

    async def rows(every: period.Every, organisation: str | None = None) -> list[tuple[str, int, float | None]]:
        wanted = period.Wanted(every, date(2026, 11, 21), LATER, zone, organisation, Spans())
        report = await db.read(lambda session: period.period_report(session, wanted))
        return [(row.name, row.depth, row.figures["attempts"]) for row in report.rows]

    assert await rows("day") == [
        ("", 0, 3), ("city", 1, 2), ("hall", 2, 1), ("of the hall", 3, 1), ("of the city", 2, 1),
        ("of nobody", 1, 1),
    ]  # fmt: skip
    assert [count for _, _, count in await rows("week")] == [6, 4, 2, 2, 2, 2]
    assert await rows("month", "hall") == [("", 0, 2), ("hall", 1, 2), ("of the hall", 2, 2)]
    with pytest.raises(MetricError, match="there is no organisation nowhere"):
        await rows("day", "nowhere")


def test_periods_begin_and_end_with_the_calendar(tmp_path: Path) -> None:
    assert period.period_of("day", date(2026, 2, 3)) == (date(2026, 2, 3), date(2026, 2, 3))
    assert period.period_of("week", date(2026, 2, 1)) == (date(2026, 1, 26), date(2026, 2, 1))
    assert period.period_of("month", date(2026, 2, 3)) == (date(2026, 2, 1), date(2026, 2, 28))
    report = period.PeriodReport("day", date(2026, 2, 3), date(2026, 2, 3), None, (period.Row("", "all", 0, {}),))
    write_page((period.period_sheet(report, "zh-CN"),), tmp_path / "d.html", "<日报>", "zh-CN")
    page = (tmp_path / "d.html").read_text("utf-8")
    assert "<h1>&lt;日报&gt;</h1>" in page
    assert "尚无呼叫" in page


# ---- advice -------------------------------------------------------------------------------------------------


def patterns(session: Session) -> None:
    """At ten 30 of 100 answer, at eleven 70 of 100. After busy half are reached; a third try reaches nobody."""
    books = new_books(session)
    for number in range(200):
        late = number >= 100
        answered = number % 100 < (70 if late else 30)
        books.contact(phone(number))
        books.call(
            f"first {number}", phone(number), 60.0 * late + number % 100 / 10, ANSWERED if answered else BUSY
        )
    for number in [*range(30, 100), *range(170, 200)]:
        books.call(f"second {number}", phone(number), 600, ANSWERED if number % 2 else BUSY)
    for number in range(1000, 1200):
        books.contact(phone(number))
        for try_ in range(3):
            books.call(f"{try_} {number}", phone(number), 700 + try_, DialOutcome.NO_ANSWER)


async def test_advice_with_counts_and_intervals(db: Database) -> None:
    await db.run(patterns)
    found = await db.read(lambda session: advice(session, "November", LATER))
    verdicts = {one.hour: one.against.verdict for one in found.hours}
    assert (verdicts["11"], verdicts["10"]) == ("more", "more")  # against an evening on which nobody answered
    retries = {one.outcome: (one.connected.part, one.connected.whole) for one in found.retries}
    assert retries == {"busy": (50, 100), "no_answer": (0, 400)}
    tried = {one.number: (one.connected.part, one.connected.whole) for one in found.attempts}
    assert tried == {1: (100, 400), 2: (50, 300), 3: (0, 200)}
    hours, after, attempts = advice_sheets(found, "en")
    assert hours.notes[0] == "+86138 answers more often at 10:00: 30.0% of 100 calls, 15.0% at other hours."
    assert after.notes == (
        "After “No answer” the next call reached 0 / 400, at most 1.0%: calling again brings little.",
    )
    assert attempts.notes == (
        "From attempt 3 on hardly anybody answers (0 / 200, at most 1.9%): fewer attempts would lose little.",
    )


async def test_advice_from_nothing_advises_nothing(db: Database) -> None:
    await db.run(lambda session: new_books(session).campaign.id)
    found = await db.read(lambda session: advice(session, "November", LATER))
    hours, after, attempts = advice_sheets(found, "zh-CN")
    assert hours.notes[0] == "没有时段明显优于其他时段,无需调整。"
    assert (after.rows, attempts.rows, after.notes, attempts.notes) == ([], [], (), ())
