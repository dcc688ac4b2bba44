"""Feed files: what is wrong with one, where; positions and schedules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.findings import FlowLoadError, fill
from ivr.feeds.definition import FeedError
from ivr.feeds.loader import load_document, loads
from ivr.feeds.position import after, mark_of
from ivr.feeds.schema import PositionSpec
from ivr.feeds.store import wait_after

pytestmark = pytest.mark.unit

GOOD = """schema: 1
feed: low_balance
kind: contacts
source: {url: "postgresql://reader@db/billing", password_env: BILLING_PASSWORD}
query: SELECT * FROM reminders WHERE id > :after ORDER BY id
position: {column: id}
phone: msisdn
attributes: {name: cust_name, balance: {column: bal, type: money}}
every: "*/10 8-20 * * *"
"""


def test_a_good_file_survives_the_database() -> None:
    definition = loads(GOOD.encode())
    assert load_document(definition.document) == definition
    assert definition.spec.columns == ("id", "msisdn", "cust_name", "bal")
    assert loads(GOOD.replace("schema", "# a comment\nschema").encode()).version == definition.version


@pytest.mark.parametrize(
    ("was", "now", "place", "sentence"),
    [
        ("reader@", "reader:pw@", "4:15", "the URL holds a password"),
        ('"*/10 8-20 * * *"', "daily", "9:8", "daily is no schedule"),
        ('"*/10 8-20 * * *"', '"0 0 31 2 *"', "9:8", "is no schedule"),
        ("SELECT *", "DELETE", "5:8", "doesn't begin with SELECT or WITH"),
        ("> :after", "> 0", "5:8", "the query has no :after"),
        ("id > :after", "id > :after AND x = :y", "5:8", "the query asks for :y"),
        ("{column: id}", "{column: id, kind: moment}", "1:1", "rows of the same moment need a source_id"),
        ("{column: id}", "{column: id, overlap_s: 3}", "6:11", "overlap_s is for moments"),
        ("{column: id}", "{column: id, kind: moment, from: soon}", "6:11", "from is no moment"),
        ("kind: contacts", "kind: payments", "1:1", "attributes is for feeds of contacts"),
        ("phone: msisdn", "phone: msisdn\nregion: XX", "8:9", "XX is no region"),
        ("phone: msisdn", "fone: msisdn", "7:1", "unknown key fone"),
        ("type: money", "type: mony", "8:60", "not mony"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(was: str, now: str, place: str, sentence: str) -> None:
    with pytest.raises(FlowLoadError) as error:
        loads(GOOD.replace(was, now).encode(), "f.yaml")
    said = [finding.render(fill) for finding in error.value.findings]
    assert any(one.startswith(f"f.yaml:{place}: error: ") and sentence in one for one in said), said


def test_a_password_is_never_part_of_a_feed() -> None:
    with pytest.raises(FlowLoadError) as error:
        loads(GOOD.replace("db/billing", "db/billing?password=s3cret").encode())
    assert "s3cret" not in str([finding.render(fill) for finding in error.value.findings])


def test_the_schedule_is_the_feeds_own_wall_clock() -> None:
    definition = loads(GOOD.replace('"*/10 8-20 * * *"', '"30 2 * * *"\ntimezone: Europe/Berlin').encode())
    night = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)  # 02:30 doesn't exist there that night
    assert definition.next_time(night) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert definition.next_time(datetime(2026, 3, 29, 1, 0, tzinfo=UTC)) == datetime(
        2026, 3, 30, 0, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("spec", "value", "asked"),
    [
        ({"column": "id"}, 7, 7),
        ({"column": "id", "overlap": 5}, "7", 2),
        ({"column": "t", "kind": "moment"}, "2026-01-05 10:00:00", "2026-01-05 09:59:00"),
        (
            {"column": "t", "kind": "moment", "overlap_s": 1},
            "2026-01-05T10:00:00.5Z",
            "2026-01-05T09:59:59.500000Z",
        ),
        (
            {"column": "t", "kind": "moment"},
            datetime.fromisoformat("2026-01-05T10:00"),
            datetime.fromisoformat("2026-01-05T09:59"),
        ),
        (
            {"column": "t", "kind": "moment"},
            datetime(2026, 1, 5, 10, tzinfo=UTC),
            datetime(2026, 1, 5, 9, 59, tzinfo=UTC),
        ),
    ],
)
def test_the_next_run_begins_where_the_last_one_ended(
    spec: dict[str, object], value: object, asked: object
) -> None:
    position = PositionSpec.model_validate(spec)
    assert after(position, mark_of(position, value).stored) == asked


@pytest.mark.parametrize(
    ("kind", "value"), [("number", None), ("number", True), ("number", 1.5), ("moment", "soon")]
)
def test_what_cannot_be_gone_on_from_ends_the_run(kind: str, value: object) -> None:
    with pytest.raises(FeedError, match=r"no (number|moment) to go on from"):
        mark_of(PositionSpec.model_validate({"column": "c", "kind": kind}), value)


def test_nothing_read_yet() -> None:
    assert after(PositionSpec.model_validate({"column": "id", "from": 100}), {}) == 100
    assert after(PositionSpec.model_validate({"column": "t", "kind": "moment"}), {}) == "1970-01-01 00:00:00"


def test_waits_grow_to_an_hour() -> None:
    assert [wait_after(failures).total_seconds() for failures in (1, 2, 3, 7, 8, 1000)] == [
        30,
        60,
        120,
        1920,
        3600,
        3600,
    ]
