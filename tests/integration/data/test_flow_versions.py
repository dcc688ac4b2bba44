"""Reviewing, publishing, finding again and rolling back flows, with the shipped flows and prompts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flows import library
from flows.findings import FlowLoadError
from ivr import flow_versions
from ivr.cli.flow import command
from ivr.database import Database
from ivr.flow_versions import FlowVersionError, PublishRules
from ivr.model import AuditEntry, FlowActivation, FlowVersion, ReviewState
from prompts.catalogue import Catalogue

pytestmark = pytest.mark.integration

NAME = "low_balance_reminder"
BOOK = Catalogue.load()
RULES = PublishRules(BOOK)


@pytest.fixture
def flow_file(tmp_path: Path) -> Path:
    path = tmp_path / f"{NAME}.yaml"
    path.write_text(library.path(NAME, "zh-CN").read_text("utf-8"), "utf-8")
    return path


def edit(path: Path, call_s: int) -> Path:
    """Another content: another limit on the call's length."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("limits:")]
    start = next(index for index, line in enumerate(lines) if line.startswith("start:"))
    lines.insert(start, f"limits: {{call_s: {call_s}, steps: 60}}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


async def actions(db: Database) -> list[str]:
    return await db.read(lambda session: list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))))


async def test_publish_twice_is_one_version_and_comments_dont_count(db: Database, flow_file: Path) -> None:
    first = await flow_versions.publish(db, flow_file, "ann", RULES)
    assert (first.flow, first.version, first.active, first.published_by) == (NAME, 1, True, "ann")
    assert (first.language, first.purpose, len(first.content_hash)) == ("zh-CN", "service", 64)
    replace(flow_file, "schema: 1", "# a comment\nschema: 1")
    assert await flow_versions.publish(db, flow_file, "bob", RULES) == first
    assert await actions(db) == ["flow.publish"]


async def test_what_is_published_can_be_run_whatever_becomes_of_the_file(db: Database, flow_file: Path) -> None:
    published = await flow_versions.publish(db, flow_file, "ann", RULES)
    replace(flow_file, "schema: 1", "schema: 0")
    flow = await flow_versions.load(db, NAME)
    assert flow.version == published.content_hash
    assert (await flow_versions.load(db, NAME, published.content_hash[:12])).version == published.content_hash
    assert await flow_versions.flow_names(db) == (NAME,)


async def test_roll_back_and_forward_keeps_the_history(db: Database, flow_file: Path) -> None:
    first = await flow_versions.publish(db, edit(flow_file, 170), "ann", RULES)
    second = await flow_versions.publish(db, edit(flow_file, 175), "ann", RULES)
    assert [(one.version, one.active) for one in await flow_versions.versions(db, NAME)] == [(2, True), (1, False)]
    back = await flow_versions.rollback(db, NAME, "1", "bob")
    assert (back.content_hash, back.active) == (first.content_hash, True)
    assert (await flow_versions.load(db, NAME)).version == first.content_hash
    await flow_versions.rollback(db, NAME, second.content_hash[:8], "bob")
    await flow_versions.publish(db, edit(flow_file, 170), "ann", RULES)  # the first content again
    assert [(one.version, one.active) for one in await flow_versions.versions(db, NAME)] == [(2, False), (1, True)]
    history = await db.read(
        lambda session: [
            (row.kind.value, row.flow_version_id, row.activated_by)
            for row in session.scalars(select(FlowActivation).order_by(FlowActivation.id))
        ]
    )
    assert history == [
        ("publish", 1, "ann"),
        ("publish", 2, "ann"),
        ("rollback", 1, "bob"),
        ("rollback", 2, "bob"),
        ("publish", 1, "ann"),
    ]
    assert (await actions(db))[2] == "flow.rollback"


@pytest.mark.parametrize(
    ("version", "words"),
    [("2", "has no version 2"), ("0", "has no version 0"), ("nonsense", "has no version nonsense"),
     ("", "has no version"), ("1", "version 1 of low_balance_reminder is active already")],
)  # fmt: skip
async def test_impossible_rollbacks(db: Database, flow_file: Path, version: str, words: str) -> None:
    await flow_versions.publish(db, flow_file, "ann", RULES)
    with pytest.raises(FlowVersionError, match=words):
        await flow_versions.rollback(db, NAME, version, "bob")


async def test_unpublished_flows(db: Database) -> None:
    assert await flow_versions.versions(db, NAME) == ()
    with pytest.raises(FlowVersionError, match="was never published; publish it: ivr flow publish FILE"):
        await flow_versions.load(db, NAME)


async def test_a_flow_with_errors_is_never_published(db: Database, flow_file: Path) -> None:
    replace(flow_file, "low_balance.close", "low_balance.nothing")
    with pytest.raises(FlowLoadError) as error:
        await flow_versions.publish(db, flow_file, "ann", RULES)
    assert error.value.findings[0].line > 1
    with pytest.raises(FlowLoadError):
        await flow_versions.submit_for_review(db, flow_file, "ann", RULES)
    assert await flow_versions.versions(db, NAME) == ()


async def test_a_review_approves_one_content_and_no_other(db: Database, flow_file: Path) -> None:
    strict = PublishRules(BOOK, reviewed=True)
    with pytest.raises(FlowVersionError, match="has no approval"):
        await flow_versions.publish(db, flow_file, "ann", strict)
    review = await flow_versions.submit_for_review(db, flow_file, "ann", RULES)
    with pytest.raises(FlowVersionError, match="nobody decides on their own flow"):
        await flow_versions.approve(db, review.id, "ann")
    approved = await flow_versions.approve(db, review.id, "bob")
    assert (approved.state, approved.decided_by) == (ReviewState.APPROVED, "bob")
    with pytest.raises(FlowVersionError, match="review 1 was decided by bob"):
        await flow_versions.reject(db, review.id, "eve", "late")
    published = await flow_versions.publish(db, flow_file, "ann", strict)
    assert published.reviewed_by == "bob"
    with pytest.raises(FlowVersionError, match="has no approval"):
        await flow_versions.publish(db, edit(flow_file, 170), "ann", strict)
    assert await actions(db) == ["flow.submit", "flow.approve", "flow.publish"]


async def test_a_rejected_content_isnt_approved(db: Database, flow_file: Path) -> None:
    review = await flow_versions.submit_for_review(db, flow_file, "ann", RULES)
    rejected = await flow_versions.reject(db, review.id, "bob", "too long")
    assert rejected.state is ReviewState.REJECTED
    with pytest.raises(FlowVersionError, match="has no approval"):
        await flow_versions.publish(db, flow_file, "ann", PublishRules(BOOK, reviewed=True))
    with pytest.raises(FlowVersionError, match="there is no review 99"):
        await flow_versions.approve(db, 99, "bob")


async def test_a_stored_version_that_was_tampered_with_is_refused(db: Database, flow_file: Path) -> None:
    await flow_versions.publish(db, flow_file, "ann", RULES)

    def tamper(session: Session) -> None:
        session.execute(update(FlowVersion).values(source=FlowVersion.source + " "))

    await db.run(tamper)
    with pytest.raises(FlowVersionError, match="isn't what was published"):
        await flow_versions.load(db, NAME)


def test_the_command_line(tmp_path: Path, flow_file: Path) -> None:
    run = CliRunner()
    base = ["--db", str(tmp_path / "ivr.db"), "--by"]
    published = run.invoke(command, ["publish", str(flow_file), *base, "ann"])
    assert published.exit_code == 0, published.output
    assert published.output.startswith(f"Published: {NAME} 1 (")
    submitted = run.invoke(command, ["submit", str(edit(flow_file, 170)), *base, "ann"])
    assert submitted.output == "Review 1 waits for somebody else's approval.\n"
    assert run.invoke(command, ["approve", "1", *base, "bob"]).output == "Review 1 is approved.\n"
    assert run.invoke(command, ["publish", str(flow_file), "--reviewed", *base, "ann"]).exit_code == 0
    listed = run.invoke(command, ["versions", NAME, *base[:2]]).output
    assert "bob" in listed
    back = run.invoke(command, ["rollback", NAME, "1", *base, "ann"])
    assert back.output.startswith(f"Active again: {NAME} 1 (")
    assert run.invoke(command, ["versions", *base[:2]]).output == f"{NAME}\n"
    assert "never published" in run.invoke(command, ["versions", "nothing", *base[:2]]).output
