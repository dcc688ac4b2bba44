"""`ivr models`: which speech models are here, and fetching Vosk's."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn
from rich.table import Table

from ivr.i18n import translate
from speech.answers import languages
from speech.model_fetch import VENDOR_URL, fetch, unpack
from speech.models import ModelHere, find_vosk, models_dir, models_here
from speech.ports import SpeechError
from speech.recognizers import choose

MB = 1_000_000


@click.group(help=translate("List and fetch speech models."))
def command() -> None: ...


@command.command("list", help=translate("The models that are here, and which recogniser each language gets."))
def list_() -> None:
    console = Console()
    table = Table(title=translate("Speech models (directory {path})", path=models_dir()))
    for column in ("recogniser", "language", "size", "where"):
        table.add_column(translate(column))
    for model in models_here():
        table.add_row(model.recognizer, _languages(model), f"{model.size_bytes / MB:.0f} MB", str(model.path))
    console.print(table)
    for language in languages():
        console.print(f"{language}: {_chosen(language)}", highlight=False)


@command.command(
    "fetch", help=translate("Fetch the small Vosk model of a language (zh, en, ko…) from its vendor.")
)
@click.argument("language")
@click.option("--from", "source", help=translate("A mirror's URL, or a zip file that was downloaded elsewhere."))
@click.option("--again", is_flag=True, help=translate("Fetch it even if a model of the language is here."))
def fetch_(language: str, source: str | None, again: bool) -> None:
    here = find_vosk(language)
    if here is not None and source is None and not again:
        click.echo(translate("A Vosk model for {language} is here: {path}", language=language, path=here))
        return
    if source is not None and not source.startswith(("https://", "http://")):
        path = unpack(Path(source))
    else:
        path = _download(language, source or VENDOR_URL)
    click.echo(translate("Vosk model for {language}: {path}", language=language, path=path))


def _download(language: str, url: str) -> Path:
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(language)
        return fetch(language, url, lambda done, total: progress.update(task, completed=done, total=total))


def _languages(model: ModelHere) -> str:
    return translate("all") if model.languages == "all" else model.languages


def _chosen(language: str) -> str:
    try:
        return choose(language)
    except SpeechError as error:
        return translate(error.template, **error.params)
