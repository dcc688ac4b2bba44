"""A feed of contacts: incremental, idempotent, typed; whatever happens, no row is lost or taken twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from flows.findings import Term
from ivr.campaigns import CampaignError
from ivr.cli.main import main
from ivr.errors import IvrError
from ivr.feeds import runner, service, store
from ivr.feeds.definition import FeedError
from ivr.feeds.intake import Full
from ivr.model import Contact, ContactDecision, DoNotDisturb, Feed, FeedRun, Task, TaskState
from tests.integration.feeds.town import NOW, Town

pytestmark = pytest.mark.integration

ONE, TWO, THREE = "13800000001", "13800000002", "13800000003"


def sums(run: FeedRun) -> tuple[int, ...]:
    return run.rows, run.taken, run.replaced, run.known, run.rejected, run.never


async def runs(town: Town, name: str = "reminders") -> list[FeedRun]:
    """The oldest first."""
    return (await town.db.read(lambda session: service.runs_of(session, name)))[::-1]


async def feed(town: Town) -> Feed:
    return await town.db.read(lambda session: session.execute(select(Feed)).scalar_one())


async def test_what_is_new_is_taken_in_once_and_called_at_once(town: Town) -> None:
    await town.add()
    assert await town.runner.run_due() == 0  # not before its time
    town.billing.remind((1, ONE, 5.2), (2, TWO, "3"))
    town.clock.pass_(minutes=10)
    assert await town.runner.run_due() == 1
    assert await town.contacts() == [("1", "5.20", "ready"), ("2", "3.00", "ready")]
    town.billing.remind((3, THREE, "7"))
    town.clock.pass_(minutes=10)
    await town.runner.run_due()
    town.clock.pass_(minutes=10)
    await town.runner.run_due()
    assert [sums(run) for run in await runs(town)] == [(2, 2, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0), (0,) * 6]
    assert (await feed(town)).next_at == NOW + timedelta(minutes=40)


async def test_a_newer_row_takes_the_open_task_over_and_a_done_one_gets_a_new_task(town: Town) -> None:
    await town.add()
    town.billing.remind((1, ONE, "5"), (2, TWO, "5"))
    await town.runner.run_feed("reminders")

    def finish(session):  # type: ignore[no-untyped-def]
        done = select(Contact.id).where(Contact.source_id == "2").scalar_subquery()
        session.execute(
            update(Task).where(Task.contact_id == done).values(state=TaskState.DONE, result="answered")
        )

    await town.db.run(finish)
    town.billing.remind((3, ONE, "2"), (4, TWO, "2"), (5, TWO, "1"))
    report = await town.runner.run_feed("reminders")
    assert (report.sums.taken, report.sums.replaced) == (1, 2)
    assert await town.contacts() == [
        ("1", "5.00", "-"),
        ("2", "5.00", "done"),
        ("3", "2.00", "ready"),
        ("4", "2.00", "-"),
        ("5", "1.00", "ready"),
    ]
    removed = select(Contact.source_id).where(Contact.removed_at.is_not(None)).order_by(Contact.id)
    assert (await town.db.read(lambda session: session.execute(removed).scalars().all())) == ["1", "4"]


async def test_rows_that_are_read_again_change_nothing_but_what_is_new_in_them(town: Town) -> None:
    await town.add(position="{column: id, overlap: 100}")
    town.billing.remind((1, ONE, "5"), (3, THREE, "5"))
    await town.runner.run_feed("reminders")
    town.billing.run("UPDATE reminders SET balance = '4' WHERE id = 1")
    town.billing.remind((2, TWO, "5"))  # committed after 3
    report = await town.runner.run_feed("reminders")
    assert (report.sums.taken, report.sums.replaced, report.sums.known) == (1, 1, 1)
    assert await town.contacts() == [("1", "4.00", "ready"), ("3", "5.00", "ready"), ("2", "5.00", "ready")]


async def test_bad_rows_are_left_with_their_reason_and_stop_nobody(town: Town) -> None:
    await town.add()
    town.billing.remind(
        (1, "no phone", "5"),
        (2, TWO, "much"),
        (3, THREE, None),
        (4, ONE, "5"),
        (5, TWO, "x" * 100_000 if "sqlite" in town.billing.url else "x" * 40),
    )
    report = await town.runner.run_feed("reminders")
    assert (report.sums.rows, report.sums.taken, report.sums.rejected, report.failed) == (5, 1, 4, False)
    (run,) = await runs(town)
    rejects = await town.db.read(lambda session: service.rejects_of(session, run.id))
    assert [(one.source_id, one.reason["column"]) for one in rejects] == [
        ("1", "msisdn"), ("2", "balance"), ("3", "balance"), ("5", "balance"),
    ]  # fmt: skip
    assert all(len(cell) <= 40 for one in rejects for cell in one.cells.values())


async def test_the_policy_judges_whoever_comes_in(town: Town) -> None:
    await town.add()
    await town.db.run(lambda session: session.add(
        DoNotDisturb(phone="+86" + ONE, purpose="*", source="test", created_at=NOW)
    ))  # fmt: skip
    town.billing.remind((1, ONE, "5"), (2, TWO, "5"))
    report = await town.runner.run_feed("reminders")
    assert (report.sums.taken, report.sums.never) == (2, 1)
    assert [state for *_, state in await town.contacts()] == ["done", "ready"]
    decisions = select(ContactDecision.stage, ContactDecision.rule)
    assert (await town.db.read(lambda session: session.execute(decisions).all())) == [("import", "do_not_disturb")]


async def test_maxima_leave_the_rest_where_it_is(town: Town) -> None:
    await town.add()
    await town.change(max_per_day=2, max_total=3)
    town.billing.remind(
        (1, ONE, "5"), (2, "bad", "5"), (3, TWO, "5"), (4, ONE, "6"), (5, THREE, "5"), (6, "13800000004", "5")
    )
    report = await town.runner.run_feed("reminders")
    assert (report.sums.rows, report.sums.taken, report.sums.rejected) == (4, 2, 1)  # row 4 has its task already
    assert report.problem == store.full_problem(Full.DAY, 2)
    assert (await town.runner.run_feed("reminders")).sums.rows == 0
    town.clock.pass_(days=1)
    report = await town.runner.run_feed("reminders")
    assert (report.sums.taken, report.problem) == (1, store.full_problem(Full.ALL, 3))
    assert (await feed(town)).position == {"value": 5}


async def test_a_campaign_takes_nobody_in_before_its_approval_and_after_its_end(town: Town) -> None:
    await town.add()
    town.billing.remind((1, ONE, "5"))
    town.clock.pass_(hours=1)
    for values in ({"state": "draft"}, {"state": "finished"}, {"state": "running", "ends_at": town.clock.now()}):
        await town.change(**values)
        assert await town.runner.run_due() == 0
        with pytest.raises(FeedError, match="it takes contacts in between approval and end") as told:
            await town.runner.run_feed("reminders")
        assert isinstance(told.value.params["state"], Term), "a word that the catalogue translates"
    await town.change(state="approved", ends_at=None)
    assert await town.runner.run_due() == 1


async def test_a_schema_that_drifts_is_told_and_the_position_stays(
    town: Town, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await town.add()
    town.billing.remind((1, ONE, "5"))
    await town.runner.run_feed("reminders")
    town.billing.run("ALTER TABLE reminders RENAME COLUMN balance TO amount")
    town.billing.remind((2, TWO, "5"))
    report = await town.runner.run_feed("reminders")
    assert report.failed
    assert str(await failed(town)).startswith("the query brings no column balance; it brings id, msisdn, amount")
    town.billing.run("ALTER TABLE reminders RENAME COLUMN amount TO balance")
    town.billing.run("UPDATE reminders SET msisdn = NULL, balance = NULL")
    town.billing.run("ALTER TABLE reminders DROP COLUMN pay_by")
    town.billing.run("ALTER TABLE reminders ADD COLUMN pay_by INTEGER")
    town.billing.run("UPDATE reminders SET pay_by = 20260120")
    report = await town.runner.run_feed("reminders")
    assert await failed(town) == (
        "the column pay_by used to hold text and now holds numbers; if that is right, add the feed again"
        " (ivr feed add)"
    )
    assert (await feed(town)).position == {"value": 1}
    await asyncio.to_thread(main, ["feed", "show", "reminders", "--db", database_url])
    assert f"  {await failed(town)}\n" in capsys.readouterr().out  # whole, however narrow the screen
    town.billing.run("UPDATE reminders SET msisdn = '13800000002', balance = 1")
    assert await town.add()  # it was there: from now on numbers are right
    assert (await town.runner.run_feed("reminders")).sums.taken == 1


async def failed(town: Town) -> str:
    problem = (await runs(town))[-1].problem
    return str(problem["template"]).format(**problem["params"])


async def test_rows_out_of_order_end_the_run(town: Town) -> None:
    await town.add(query="SELECT * FROM reminders WHERE id > :after ORDER BY id DESC")
    town.billing.remind((1, ONE, "5"), (2, TWO, "5"))
    assert (await town.runner.run_feed("reminders")).failed
    assert await failed(town) == "the rows don't come in the order of id; write ORDER BY id into the query"
    assert await town.contacts() == []


async def test_a_source_that_is_away_is_asked_at_growing_intervals_and_comes_back(town: Town) -> None:
    await town.add(source='{url: "sqlite:////nowhere/billing.db"}')
    waits = []
    for _ in range(9):
        town.clock.moment = (await feed(town)).next_at or NOW
        assert await town.runner.run_due() == 1
        next_at = (await feed(town)).next_at
        assert next_at is not None
        waits.append((next_at - town.clock.now()).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (await feed(town)).failures == 9
    assert "can't be used now (unable to open database file); it is asked again by itself" in await failed(town)
    town.billing.remind((1, ONE, "5"))
    await town.add()
    assert not (await town.runner.run_feed("reminders")).failed
    assert (await feed(town)).failures == 0


async def test_one_runner_at_a_time_and_a_dead_ones_claim_ends(town: Town) -> None:
    await town.add()
    town.billing.remind((1, ONE, "5"))
    town.clock.pass_(minutes=10)
    now = town.clock.now()
    dead = await town.db.run(lambda session: store.claim(session, "dead", now))
    assert dead is not None
    assert await town.runner.run_due() == 0
    with pytest.raises(FeedError, match="is running just now"):
        await town.runner.run_feed("reminders")
    town.clock.pass_(minutes=5)
    assert await town.runner.run_due() == 1
    assert [run.state.value for run in await runs(town)] == ["failed", "done"]
    with pytest.raises(store.ClaimLost):
        await town.db.run(lambda session: store.end(session, "dead", dead, store.Ended(), now))


async def test_a_run_of_many_rows_goes_on_at_once_and_never_forgets(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AT_ONCE", 25)
    await town.add(max_rows="60")
    town.billing.remind(*((number, f"138{number:08d}", "5") for number in range(1, 151)))
    town.clock.pass_(minutes=10)
    assert await town.runner.run_due() == 3
    assert len(await town.contacts()) == 150
    assert [run.taken for run in await runs(town)] == [60, 60, 30]


async def test_a_dry_run_tells_and_writes_nothing(town: Town) -> None:
    await town.add()
    town.billing.remind((1, ONE, "5"), (2, "bad", "5"))
    report = await town.runner.dry_run("reminders")
    assert (report.sums.rows, report.sums.taken, [row.source_id for row in report.rejects]) == (2, 1, ["2"])
    assert (await town.contacts(), await runs(town), (await feed(town)).position) == ([], [], {})


async def test_moments_are_read_with_an_overlap(town: Town) -> None:
    await town.add(
        query="SELECT * FROM reminders WHERE sent_at > :after ORDER BY sent_at",
        position="{column: sent_at, kind: moment, from: 2026-01-01 00:00:00}",
        source_id="id",
    )
    town.billing.remind((9, "13800000009", "5"), at=NOW - timedelta(days=30))  # before `from`
    town.billing.remind((1, ONE, "5"))
    assert (await town.runner.run_feed("reminders")).sums.taken == 1
    town.billing.remind((2, TWO, "5"))  # of the same moment
    report = await town.runner.run_feed("reminders")
    assert (report.sums.taken, report.sums.known) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"attributes": "{balance: balance}"}, "needs pay_by, which the feed reminders doesn't bring"),
        ({"attributes": "{balance: balance, pay_by: pay_by, shoe: s}"}, "neither the flow .* knows shoe"),
        (
            {"attributes": "{balance: {column: balance, type: text}, pay_by: pay_by}"},
            "takes it as money; write that",
        ),
    ],
)
async def test_a_feed_that_doesnt_bring_what_is_needed_is_refused(
    town: Town, changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(IvrError, match=sentence):
        await town.add(**changes)
    with pytest.raises(CampaignError):
        await town.add("December")
    assert await town.db.read(lambda session: service.list_feeds(session, NOW)) == []
