"""Checking files that people write (policies, strategies, flows): each finding on a line, and their counts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from flows.findings import Finding, FlowLoadError
from ivr.i18n import translate

T = TypeVar("T")


def check_files(
    files: Sequence[Path], load: Callable[[Path], T], lint: Callable[[T, str], Iterable[Finding]]
) -> None:
    """Load each file and tell what is wrong or unwise in it. Ends with 2 when one has an error."""
    findings: list[Finding] = []
    for file in files:
        try:
            findings += lint(load(file), str(file))
        except FlowLoadError as error:
            findings += error.findings
    tell_findings(findings, len(files))


def tell_findings(findings: Sequence[Finding], files: int) -> None:
    """Ends with 2 when one of them is an error."""
    for finding in findings:
        click.echo(finding.render(translate))
    errors = sum(finding.severity == "error" for finding in findings)
    counts = {"files": files, "errors": errors, "warnings": len(findings) - errors}
    click.echo(translate("Files: {files}, errors: {errors}, warnings: {warnings}", **counts), err=True)
    if errors:
        sys.exit(2)
