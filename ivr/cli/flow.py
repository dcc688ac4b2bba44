"""`ivr flow …`: check, draw and test flows; publishing and rolling back are in `ivr.cli.flow_versions`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import click

from flows import graph as drawing
from flows.conversations import Coverage, Outcome, beside, coverage, load_conversations, run_conversation
from flows.findings import Finding
from flows.flow import Flow
from flows.linter import lint_file
from flows.loader import load
from ivr.cli.check_files import tell_findings
from ivr.cli.lazy import Elsewhere, LazyGroup
from ivr.cli.options import FLOW_FILE, PROMPT_DIRS
from ivr.cli.outputs import check_outputs, whole
from ivr.i18n import translate
from prompts.catalogue import Catalogue

MAX_MISSED = 10  # nodes or arms that the coverage names


VERSIONS = "ivr.cli.flow_versions"  # needs the database, which takes a second to import
ELSEWHERE = {
    "publish": Elsewhere(VERSIONS, "Publish a flow that has no errors: new campaigns take it.", "publish"),
    "versions": Elsewhere(
        VERSIONS, "List a flow's versions, newest first; without a name, the flows.", "versions"
    ),
    "rollback": Elsewhere(
        VERSIONS, "Make an older version active again: its number, or the beginning of its hash.", "rollback"
    ),
    "submit": Elsewhere(VERSIONS, "Show a flow, as it is now, to somebody else for approval.", "submit"),
    "approve": Elsewhere(VERSIONS, "Approve what somebody else has submitted.", "approve"),
    "reject": Elsewhere(VERSIONS, "Refuse what somebody else has submitted.", "reject"),
}


@click.group(cls=LazyGroup, elsewhere=ELSEWHERE, help=translate("Check, draw, test, publish and roll back flows."))
def command() -> None:
    pass


@command.command(help=translate("Check flows. Exit 2 when one of them has an error."))
@click.argument("files", nargs=-1, required=True, type=FLOW_FILE)
@click.option(
    "--contacts",
    type=click.Path(path_type=Path, dir_okay=False),
    help=translate("A list that must bring what the flows need: .csv or .xlsx."),
)
@PROMPT_DIRS
def lint(files: tuple[Path, ...], contacts: Path | None, prompt_dirs: tuple[Path, ...]) -> None:
    book = Catalogue.load(prompt_dirs)
    columns = None if contacts is None else partial(_brought, contacts)
    findings = _unique(finding for file in files for finding in lint_file(file, book, columns))
    tell_findings(findings, len(files))


@command.command(help=translate("Draw a flow as SVG."))
@click.argument("file", type=FLOW_FILE)
@click.option("-o", "--output", type=FLOW_FILE, help=translate("Where to write; default: beside the flow."))
@PROMPT_DIRS
def graph(file: Path, output: Path | None, prompt_dirs: tuple[Path, ...]) -> None:
    output = output or file.with_suffix(".svg")
    check_outputs({"--output": output}, {"FILE": file})
    picture = drawing.to_svg(load(file), Catalogue.load(prompt_dirs))
    with whole(output) as path:
        path.write_bytes(picture)
    click.echo(translate("Drawn: {path}", path=output))


@command.command(
    help=translate("Run the conversations beside a flow. Exit 1 when one goes otherwise than expected.")
)
@click.argument("file", type=FLOW_FILE)
def test(file: Path) -> None:
    flow = load(file)
    outcomes = [run_conversation(flow, case) for case in load_conversations(beside(file))]
    for outcome in outcomes:
        _show_outcome(outcome)
    _show_coverage(coverage(flow, outcomes))
    failed = sum(1 for outcome in outcomes if outcome.problems)
    click.echo(translate("Conversations: {total}, failed: {failed}", total=len(outcomes), failed=failed))
    if failed:
        sys.exit(1)


def _brought(contacts: Path, flow: Flow) -> frozenset[str]:
    """Those of the needed fields that the list has a column for, by the importer's own rules."""
    from ivr.contacts_import.parse import Parser  # only this option needs it, and it brings the database along

    parser = Parser(contacts, {}, {}, region="CN")
    parser.close()
    headers = parser.parsed.columns.headers
    return frozenset(name for name, type_name in flow.needs.items() if _has_column(headers, name, type_name))


def _has_column(headers: Sequence[str], name: str, type_name: str) -> bool:
    from ivr.contacts_import.columns import match_columns
    from ivr.contacts_import.report import ContactsImportError

    try:
        match_columns(headers, {name: type_name}, {})
    except ContactsImportError as error:
        return "missing" not in error.params  # one name for two columns is the import's question
    return True


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    """Flows share subflows: what is wrong there is said once."""
    return list({str(finding): finding for finding in findings}.values())


def _show_outcome(outcome: Outcome) -> None:
    if not outcome.problems:
        click.echo(f"{translate('passed')}  {outcome.name}")
        return
    click.echo(f"{translate('FAILED')}  {outcome.name}")
    for problem in outcome.problems:
        click.echo(f"    {translate(problem.template, **problem.params)}")


def _show_coverage(found: Coverage) -> None:
    taken = {
        "nodes": found.nodes - len(found.missed_nodes),
        "all_nodes": found.nodes,
        "arms": found.arms - len(found.missed_arms),
        "all_arms": found.arms,
    }
    click.echo(translate("Covered: {nodes} of {all_nodes} nodes, {arms} of {all_arms} arms", **taken))
    if found.missed_nodes:
        click.echo(translate("Nodes never come to: {names}", names=_some(found.missed_nodes)))
    if found.missed_arms:
        arms = tuple(f"{node}.{arm}" for node, arm in found.missed_arms)
        click.echo(translate("Arms never taken: {names}", names=_some(arms)))


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MAX_MISSED])
    return shown if len(names) <= MAX_MISSED else f"{shown} … ({len(names)})"
