"""`ivr archive …`: recordings are filed, kept, deleted and checked."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from ivr.archive import filing, holds, pruning, reconciling, verifying, views
from ivr.archive.chain import Anchor, By, anchor, parse_anchors
from ivr.archive.errors import Finding
from ivr.archive.filing import Filed
from ivr.archive.places import Place as Folder
from ivr.archive.pruning import Pruned, PruneRequest
from ivr.archive.reconciling import WHATS, Reconciled, Span
from ivr.cli.options import DATABASE, RECORDINGS
from ivr.cli.why import shown_moment
from ivr.cli.with_database import operator, with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.finding_calls import find_call
from ivr.i18n import current_language, translate
from ivr.model import ArchiveAction, ArchiveEntry, RecordingKind

T = TypeVar("T")
SHOWN = 50
FIRST_SIGNS = 8  # of a call's id: enough for `ivr archive show`
MB = 1_000_000
KINDS = {
    RecordingKind.COMPLAINT: "complaint",
    RecordingKind.SUCCESS: "accepted business",
    RecordingKind.OPT_OUT: "asked not to be called",
    RecordingKind.TRANSFER: "talked with a person",
    RecordingKind.MARKETING: "marketing",
    RecordingKind.SURVEY: "survey",
    RecordingKind.SERVICE: "service",
    RecordingKind.RESULTS: "list of results",
}
ACTIONS = {
    ArchiveAction.FILED: "filed",
    ArchiveAction.PRUNED: "deleted",
    ArchiveAction.HELD: "held",
    ArchiveAction.RELEASED: "released",
}
CAMPAIGN = click.option("--campaign", help=translate("Of this campaign."))
PHONE = click.option("--phone", help=translate("Of calls with this number."))
WHY = click.option("--why", default="", help=translate("Why, for the record."))
MONTH = click.option("--month", metavar="YYYY-MM", callback=lambda *given: _month(given[2]), expose_value=True,
                     help=translate("Of this month."))  # fmt: skip


@click.group(
    help=translate("File recordings, keep them as long as they must be, check that they are what they were.")
)
def command() -> None:
    pass


@command.command(help=translate("File what was recorded, and the results of months that are over."))
@click.option("--prune", "also_prune", is_flag=True, help=translate("Also delete what is past its time."))
@RECORDINGS
@DATABASE
def run(also_prune: bool, recordings: Path | None, db: Place | None) -> None:
    settings, folder = load_settings().archive, _folder(recordings)

    async def work(database: Database) -> tuple[Filed, Pruned | None]:
        by = By(operator(), database.clock.now())
        filed = await filing.file_recordings(database, folder, settings, by)
        if not also_prune:
            return filed, None
        return filed, await pruning.prune(database, folder, settings, PruneRequest(), by)

    filed, pruned = _with(db, work)
    counts = {"recordings": filed.recordings, "mb": f"{filed.bytes / MB:.1f}", "results": filed.results}
    click.echo(translate("Recordings filed: {recordings} ({mb} MB); lists of results: {results}", **counts))
    if filed.finished:
        click.echo(translate("Finished after a run that had broken off: {count}", count=filed.finished))
    if pruned is not None:
        _tell_pruned(pruned, dry_run=False)
    if filed.anchor is not None:
        click.echo(translate("Anchor: {anchor}", anchor=filed.anchor))
    _tell_findings(filed.findings)
    if filed.findings:
        sys.exit(1)


@command.command("list", help=translate("Show what is in the archive, and until when it is kept."))
@MONTH
@CAMPAIGN
@PHONE
@click.option("--kind", type=click.Choice([kind.value for kind in RecordingKind]), help=translate("Of this kind."))
@click.option("--held", is_flag=True, help=translate("What is under a hold."))
@click.option("--limit", type=click.IntRange(1), default=SHOWN, show_default=True, help=translate("At most."))
@DATABASE
def list_(
    month: str | None, campaign: str | None, phone: str | None, kind: str | None, held: bool, limit: int,
    db: Place | None,
) -> None:  # fmt: skip
    kept = RecordingKind(kind) if kind is not None else None
    wanted = views.Filter(month=month, campaign=campaign, phone=phone, kind=kept, held=held)
    files = _files(db, wanted, limit)
    if not files:
        click.echo(translate("The archive has nothing of that."))
        return
    table = Table()
    for title in ("entry", "month", "campaign", "kind", "call", "kept until", "held"):
        table.add_column(translate(title), overflow="fold")
    for one in files:
        call = (one.entry.attempt_id or "")[:FIRST_SIGNS]
        row = (str(one.entry.number), one.month, one.campaign, translate(KINDS[one.kind]), call)
        table.add_row(*row, _dates(one), translate("yes") if one.held else "")
    Console().print(table)


def _files(db: Place | None, wanted: views.Filter, limit: int) -> list[views.FileView]:
    keep = load_settings().archive.keep

    async def work(database: Database) -> list[views.FileView]:
        now = database.clock.now()
        return await database.read(lambda session: views.files(session, wanted, keep, now, limit))

    return _with(db, work)


def _dates(one: views.FileView) -> str:
    last = translate("for good") if one.not_after is None else f"{one.not_after.astimezone():%Y-%m-%d}"
    return translate("{first} to {last}", first=f"{one.not_before.astimezone():%Y-%m-%d}", last=last)


@command.command(
    help=translate("Show everything that was done with the recording of one call. CALL: its id's first signs.")
)
@click.argument("attempt", metavar="CALL")
@DATABASE
def show(attempt: str, db: Place | None) -> None:
    async def work(database: Database) -> list[ArchiveEntry]:
        return list(await database.read(lambda session: views.story(session, find_call(session, attempt))))

    entries = _with(db, work)
    for one in _files(db, views.Filter(attempt=entries[0].attempt_id), SHOWN):
        click.echo(f"{one.entry.file}: {translate(KINDS[one.kind])}")
        click.echo(f"  SHA-256 {one.entry.file_sha256}, {one.entry.bytes} bytes")
        click.echo(translate("  kept until: {dates}", dates=_dates(one)))
        if one.held:
            click.echo(translate("  under a hold: ivr archive holds"))
    for entry in entries:
        done = {"number": entry.number, "at": shown_moment(entry.at), "action": translate(ACTIONS[entry.action])}
        click.echo(
            translate("entry {number}: {at} {action} by {who}", **done, who=entry.who) + _because(entry.why)
        )


def _because(why: str) -> str:
    return f" ({why})" if why else ""


@command.command(help=translate("Read everything again: is it what it was? Exit 1 when something isn't."))
@click.option("--quick", is_flag=True, help=translate("Compare files' lengths, not what is in them."))
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=translate("Compare with anchors that were kept elsewhere; archive.anchors unless given."),
)
@RECORDINGS
@DATABASE
def verify(quick: bool, anchors: Path | None, recordings: Path | None, db: Place | None) -> None:
    folder, kept = _folder(recordings), _anchors(anchors)
    found = _with(db, lambda database: verifying.verify(database, folder, anchors=kept, quick=quick))
    _tell_findings(found.findings)
    counts = {
        "entries": found.entries,
        "files": found.files,
        "mb": f"{found.bytes / MB:.1f}",
        "anchors": len(kept),
    }
    click.echo(translate("Entries: {entries}, files: {files} ({mb} MB), anchors: {anchors}", **counts))
    if found.findings:
        click.echo(translate("Not as it was: {count}", count=len(found.findings)))
        sys.exit(1)
    click.echo(translate("Everything is as it was."))


def _anchors(file: Path | None) -> list[Anchor]:
    named = file or load_settings().archive.anchors
    if named is None or (file is None and not named.exists()):
        return []
    return parse_anchors(named.read_text("utf-8"))


@command.command("anchor", help=translate("Print the newest entry's number and hash, to be kept elsewhere."))
@DATABASE
def anchor_(db: Place | None) -> None:
    async def work(database: Database) -> Anchor | None:
        now = database.clock.now()
        return await database.read(lambda session: anchor(session, now))

    newest = _with(db, work)
    click.echo(translate("The archive is empty.") if newest is None else str(newest))


@command.command(help=translate("Keep recordings from being deleted, whatever their age."))
@CAMPAIGN
@PHONE
@click.option("--attempt", help=translate("Of this call."))
@WHY
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help=translate("It ends by itself on this day."))
@DATABASE
def hold(
    campaign: str | None,
    phone: str | None,
    attempt: str | None,
    why: str,
    until: datetime | None,
    db: Place | None,
) -> None:
    ends = until.astimezone(UTC) if until is not None else None
    request = holds.HoldRequest(why=why, campaign=campaign, phone=phone, attempt=attempt, until=ends)
    number = _change(db, lambda database, by: database.run(lambda session: holds.hold(session, request, by)))
    click.echo(translate("Hold {number} is placed; ivr archive release {number} ends it.", number=number))


@command.command(help=translate("End a hold."))
@click.argument("number", type=int)
@WHY
@DATABASE
def release(number: int, why: str, db: Place | None) -> None:
    _change(db, lambda database, by: database.run(lambda session: holds.release(session, number, why, by)))
    click.echo(translate("Hold {number} has ended.", number=number))


@command.command("holds", help=translate("Show the holds, who placed them and why."))
@DATABASE
def holds_(db: Place | None) -> None:
    async def work(database: Database) -> tuple[list[holds.HoldView], datetime]:
        return await database.read(holds.holds), database.clock.now()

    found, now = _with(db, work)
    if not found:
        click.echo(translate("There are no holds."))
        return
    table = Table()
    for title in ("hold", "on", "why", "placed by", "placed", "until", "state"):
        table.add_column(translate(title), overflow="fold")
    for one in found:
        placed = one.hold
        until = "" if placed.until is None else f"{placed.until.astimezone():%Y-%m-%d}"
        on = one.campaign or placed.phone or str(placed.attempt_id)
        row = (str(placed.id), on, placed.why, placed.placed_by, shown_moment(placed.placed_at), until)
        table.add_row(*row, translate("active") if one.active(now) else _over(one))
    Console().print(table)


def _over(one: holds.HoldView) -> str:
    if one.hold.released_at is None:
        return translate("over")
    said = {"who": one.hold.released_by, "at": shown_moment(one.hold.released_at)}
    return translate("released by {who}, {at}", **said) + _because(one.hold.released_why or "")


@command.command(help=translate("Delete what is past its time. Nothing under its minimum or a hold ever goes."))
@click.option("--dry-run", is_flag=True, help=translate("Show what would be deleted; delete nothing."))
@click.option(
    "--early", is_flag=True, help=translate("What is past its minimum, too: of --phone or --campaign, with --why.")
)
@CAMPAIGN
@PHONE
@WHY
@RECORDINGS
@DATABASE
def prune(
    dry_run: bool, early: bool, campaign: str | None, phone: str | None, why: str, recordings: Path | None,
    db: Place | None,
) -> None:  # fmt: skip
    settings, folder = load_settings().archive, _folder(recordings)
    request = PruneRequest(campaign=campaign, phone=phone, early=early, why=why)
    if dry_run:
        found = _change(db, lambda database, by: pruning.would_prune(database, settings, request, by))
        for one in found.gone:
            click.echo(f"{one.file}: {translate(KINDS[one.kind])}")
    else:
        found = _change(db, lambda database, by: pruning.prune(database, folder, settings, request, by))
    _tell_pruned(found, dry_run)


def _tell_pruned(found: Pruned, dry_run: bool) -> None:
    counts = {"files": len(found.gone), "mb": f"{found.bytes / MB:.1f}"}
    if dry_run:
        click.echo(translate("Files that would be deleted: {files} ({mb} MB)", **counts))
    else:
        click.echo(translate("Files deleted: {files} ({mb} MB)", **counts))
    if found.held:
        click.echo(translate("Under a hold, and kept: {count}", count=found.held))
    if found.young:
        click.echo(translate("Under their minimum, and kept: {count}", count=found.young))


@command.command(help=translate("Compare results with recordings, both ways. Exit 1 when they don't agree."))
@MONTH
@CAMPAIGN
@click.option(
    "--csv", "file", type=click.Path(path_type=Path, dir_okay=False), help=translate("Write each difference here.")
)
@RECORDINGS
@DATABASE
def reconcile(
    month: str | None, campaign: str | None, file: Path | None, recordings: Path | None, db: Place | None
) -> None:
    folder = _folder(recordings)
    found = _with(db, lambda database: reconciling.reconcile(database, folder, Span(month, campaign)))
    Console().print(_lines(found))
    for what, title in WHATS.items():
        click.echo(f"{translate(title)}: {found.count(what)}")
    click.echo(translate("Early media of calls that weren't answered: {count}", count=found.early_media))
    if file is not None:
        reconciling.write_differences(found, file, current_language())
        click.echo(translate("Written: {path}", path=file))
    else:
        for one in found.differences[:SHOWN]:
            said = translate(one.said.template, **one.said.params)
            click.echo(f"  {one.attempt_id or one.file}: {said}")
    if found.differences:
        sys.exit(1)


def _lines(found: Reconciled) -> Table:
    table = Table()
    for title in ("month", "campaign", "answered", "recorded", "successes", "of them recorded", "deleted"):
        table.add_column(translate(title))
    for line in found.lines:
        counts = (line.answered, line.recorded, line.successes, line.successes_recorded, line.pruned)
        table.add_row(line.month, line.campaign, *map(str, counts))
    return table


def _tell_findings(findings: list[Finding]) -> None:
    for one in findings:
        click.echo(translate(one.template, **one.params), err=True)


def _month(given: str | None) -> str | None:
    if given is not None:
        try:
            return f"{datetime.strptime(given, '%Y-%m').replace(tzinfo=UTC):%Y-%m}"
        except ValueError as error:
            raise click.BadParameter(translate("write a month such as 2026-11")) from error
    return None


def _folder(recordings: Path | None) -> Folder:
    return Folder(recordings or load_settings().recordings_dir)


def _with(db: Place | None, work: Callable[[Database], Awaitable[T]]) -> T:
    return with_database(db, work, must_exist=True, durable=True)


def _change(db: Place | None, work: Callable[[Database, By], Awaitable[T]]) -> T:
    return _with(db, lambda database: work(database, By(operator(), database.clock.now())))
