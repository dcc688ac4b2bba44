"""The benches are listed by the names that they are run by."""

from __future__ import annotations

import click
import pytest

from ivr.cli.bench import MODULES, BenchGroup

pytestmark = pytest.mark.unit


def test_a_bench_has_one_name() -> None:
    group = BenchGroup("bench")
    names = group.list_commands(click.Context(group))
    assert {"import", "lease", "dialer", "stop"} <= set(names)
    assert not set(names) & set(MODULES.values())
    assert group.get_command(click.Context(group), "import") is not None


def test_every_name_is_a_bench() -> None:
    group = BenchGroup("bench")
    context = click.Context(group)
    assert all(group.get_command(context, name) is not None for name in group.list_commands(context))
