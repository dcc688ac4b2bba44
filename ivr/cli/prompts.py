"""`ivr prompts`: make what is said before anybody is called, and find what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from flows.loader import load
from ivr.config import Settings, load_settings
from ivr.i18n import translate
from prompts.catalogue import Catalogue
from prompts.checks import Finding, check
from prompts.errors import PromptError
from prompts.renderer import PromptRequest, Renderer
from prompts.values import EXAMPLES, Scalar
from speech.audio import PromptAudio
from speech.audio.files import write_wav
from speech.tts import DEFAULT_VOICES, EspeakSynthesizer

_DIRECTORIES = click.option(
    "--prompts",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help=translate("Directory of prompts that win over the shipped ones; may be given again."),
)
_LANGUAGES = click.option(
    "--language", "languages", multiple=True, help=translate("Only this language (zh-CN, en); may be given again.")
)


@dataclass(frozen=True, slots=True)
class _Made:
    """A prompt with its sound."""

    name: str
    request: PromptRequest
    audio: PromptAudio
    recorded: bool


@click.group(help=translate("Render and check what is said."))
def command() -> None:
    pass


@command.command(help=translate("Make the sound of every prompt, or of a flow's, before anybody is called."))
@click.option(
    "--flow",
    "flow_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=translate("Only the prompts of this flow."),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help=translate("Write them as WAV files here too; variables are filled with examples."),
)
@_LANGUAGES
@_DIRECTORIES
def render(
    flow_file: Path | None, output: Path | None, languages: Sequence[str], directories: Sequence[Path]
) -> None:
    settings = load_settings()
    catalogue = Catalogue.load((*settings.paths.prompts, *directories))
    if flow_file is not None:
        wanted = _of_flow(flow_file, catalogue)
    else:
        wanted = _of_catalogue(catalogue, languages or sorted(catalogue.languages()))
    made = asyncio.run(_render(settings, catalogue, wanted))
    table = Table()
    for title in ("Prompt", "Language", "Seconds", "Phrases", "Source"):
        table.add_column(translate(title), justify="right" if title in ("Seconds", "Phrases") else "left")
    for item in made:
        audio, source = item.audio, translate("recorded") if item.recorded else translate("synthesised")
        language = item.request.language
        table.add_row(item.name, language, f"{audio.seconds:.1f}", str(len(audio.phrase_starts)), source)
        if output is not None:
            path = output / language / f"{item.name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, audio.pcm)
    Console().print(table)
    seconds = round(sum(item.audio.seconds for item in made))
    click.echo(translate("{count} prompts, {seconds} s of speech.", count=len(made), seconds=seconds))
    if output is not None:
        click.echo(translate("WAV files are in {directory}.", directory=output))


@command.command(
    "check", help=translate("Find what is wrong with the prompts of every language; exit 2 if anything is.")
)
@_LANGUAGES
@_DIRECTORIES
def check_prompts(languages: Sequence[str], directories: Sequence[Path]) -> None:
    catalogue = Catalogue.load((*load_settings().paths.prompts, *directories))
    findings = list(check(catalogue, languages))
    for finding in findings:
        click.echo(_line(finding))
    table = Table()
    for title in ("Language", "Prompts", "Errors", "Warnings"):
        table.add_column(translate(title), justify="left" if title == "Language" else "right")
    for language in sorted(languages or catalogue.languages()):
        own = [finding for finding in findings if finding.place.file.parent.name == language]
        errors = sum(finding.severity == "error" for finding in own)
        table.add_row(language, str(len(catalogue.ids(language))), str(errors), str(len(own) - errors))
    Console().print(table)
    if any(finding.severity == "error" for finding in findings):
        raise click.exceptions.Exit(2)


def _line(finding: Finding) -> str:
    place = finding.place
    kind = translate("error") if finding.severity == "error" else translate("warning")
    sentence = translate(finding.template, **finding.params)
    return f"{place.file}:{place.line}:{place.column}: {kind}: {finding.prompt}: {sentence}"


def _of_catalogue(catalogue: Catalogue, languages: Sequence[str]) -> list[tuple[str, PromptRequest]]:
    wanted = []
    for language in languages:
        if not catalogue.ids(language):
            raise PromptError("there are no prompts in {language}", language=language)
        for prompt_id in catalogue.ids(language):
            entry = catalogue.entry(prompt_id, language)
            if entry is not None and not entry.written:
                wanted.append((prompt_id, _Filler(catalogue, language).request(prompt_id)))
    return wanted


def _of_flow(path: Path, catalogue: Catalogue) -> list[tuple[str, PromptRequest]]:
    """Every prompt that the flow says, its constants and title in their places."""
    flow = load(path)
    values: dict[str, Scalar] = {"flow_name": flow.title}
    for unit in flow.units.values():
        values |= {name: constant.value for name, constant in unit.spec.constants.items()}
    filler = _Filler(catalogue, flow.language, values, flow.types)
    wanted: dict[str, PromptRequest] = {}
    for unit_name, _, node_name, node in flow.walk():
        for _, prompt in node.prompt_paths():
            if prompt.id is None:
                name = flow.qualified(unit_name, node_name)
                wanted[name] = filler.request(None, prompt.say)
            elif not _is_written(catalogue, prompt.id, flow.language):
                wanted[prompt.id] = filler.request(prompt.id)
    return sorted(wanted.items())


def _is_written(catalogue: Catalogue, prompt_id: str, language: str) -> bool:
    entry = catalogue.entry(prompt_id, language)
    return entry is not None and entry.written


@dataclass(frozen=True, slots=True)
class _Filler:
    """Gives every variable of a prompt something to say: the flow's constant, else an example."""

    catalogue: Catalogue
    language: str
    values: Mapping[str, Scalar] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def request(self, prompt_id: str | None, text: str | None = None) -> PromptRequest:
        names = (
            self.catalogue.variables(prompt_id, self.language)
            if prompt_id is not None
            else self.catalogue.text_variables(text or "", self.language)
        )
        filled = {name: self.values.get(name, self._example(name)) for name in names or ()}
        return PromptRequest(self.language, prompt_id, text, filled, self.types)

    def _example(self, name: str) -> str:
        if self.catalogue.variable(name) is not None:
            return self.catalogue.example(name, self.language)
        return EXAMPLES.get(self.types.get(name, "text"), self.catalogue.example(name, self.language))


async def _render(
    settings: Settings, catalogue: Catalogue, wanted: list[tuple[str, PromptRequest]]
) -> list[_Made]:
    languages = {request.language for _, request in wanted}
    voices = {tag: settings.speech_of(tag).voice or DEFAULT_VOICES.get(tag, tag) for tag in languages}
    synthesizer = EspeakSynthesizer()
    renderer = Renderer(catalogue, synthesizer, settings.cache_dir / "prompts", voices)
    try:
        made = []
        for name, request in track(wanted, description=translate("Rendering"), transient=True):
            entry = catalogue.entry(request.id, request.language) if request.id is not None else None
            audio = await renderer.render(request)
            made.append(_Made(name, request, audio, entry is not None and entry.recording is not None))
        return made
    finally:
        await renderer.close()
        await synthesizer.close()
