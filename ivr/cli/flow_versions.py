"""`ivr flow publish|versions|rollback|submit|approve|reject`: the services of `ivr.flow_versions`.

What each command is for stands in `ivr.cli.flow`, which lists them without importing the database."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ivr import flow_versions
from ivr.cli.options import DATABASE, FLOW_FILE, PROMPT_DIRS
from ivr.cli.with_database import operator, with_database
from ivr.database import Place
from ivr.flow_versions import SHOWN_HASH_CHARS, PublishedVersion, PublishRules
from ivr.i18n import translate
from prompts.catalogue import Catalogue

BY = click.option("--by", help=translate("Who does this, for the history; the system's user unless given."))


@click.command()
@click.argument("file", type=FLOW_FILE)
@click.option("--reviewed", is_flag=True, help=translate("Refuse unless somebody else has approved this content."))
@PROMPT_DIRS
@DATABASE
@BY
def publish(file: Path, reviewed: bool, prompt_dirs: tuple[Path, ...], db: Place | None, by: str | None) -> None:
    rules = PublishRules(Catalogue.load(prompt_dirs), reviewed)
    done = with_database(db, lambda database: flow_versions.publish(database, file, by or operator(), rules))
    click.echo(translate("Published: {version}", version=_named(done)))


@click.command()
@click.argument("flow", required=False)
@DATABASE
def versions(flow: str | None, db: Place | None) -> None:
    if flow is None:
        for name in with_database(db, flow_versions.flow_names, must_exist=True):
            click.echo(name)
        return
    found = with_database(db, lambda database: flow_versions.versions(database, flow), must_exist=True)
    if not found:
        click.echo(translate("{flow} was never published; publish it: ivr flow publish FILE", flow=flow))
        return
    table = Table()
    for title in ("version", "hash", "published", "by", "reviewed by", "active"):
        table.add_column(translate(title))
    for one in found:
        table.add_row(
            str(one.version),
            one.content_hash[:SHOWN_HASH_CHARS],
            f"{one.published_at.astimezone():%Y-%m-%d %H:%M}",
            one.published_by,
            one.reviewed_by or "",
            translate("yes") if one.active else "",
        )
    Console().print(table)


@click.command()
@click.argument("flow")
@click.argument("version")
@DATABASE
@BY
def rollback(flow: str, version: str, db: Place | None, by: str | None) -> None:
    done = with_database(
        db, lambda database: flow_versions.rollback(database, flow, version, by or operator()), must_exist=True
    )
    click.echo(translate("Active again: {version}", version=_named(done)))


@click.command()
@click.argument("file", type=FLOW_FILE)
@PROMPT_DIRS
@DATABASE
@BY
def submit(file: Path, prompt_dirs: tuple[Path, ...], db: Place | None, by: str | None) -> None:
    rules = PublishRules(Catalogue.load(prompt_dirs))
    review = with_database(
        db, lambda database: flow_versions.submit_for_review(database, file, by or operator(), rules)
    )
    click.echo(translate("Review {number} waits for somebody else's approval.", number=review.id))


@click.command()
@click.argument("review", type=int)
@DATABASE
@BY
def approve(review: int, db: Place | None, by: str | None) -> None:
    with_database(db, lambda database: flow_versions.approve(database, review, by or operator()), must_exist=True)
    click.echo(translate("Review {number} is approved.", number=review))


@click.command()
@click.argument("review", type=int)
@click.argument("note")
@DATABASE
@BY
def reject(review: int, note: str, db: Place | None, by: str | None) -> None:
    with_database(
        db, lambda database: flow_versions.reject(database, review, by or operator(), note), must_exist=True
    )
    click.echo(translate("Review {number} is rejected.", number=review))


def _named(version: PublishedVersion) -> str:
    return f"{version.flow} {version.version} ({version.content_hash[:SHOWN_HASH_CHARS]})"
