"""`ivr bench NAME`: run one measurement, print its table, write its JSON; exit 1 when a limit doesn't hold.

Each `bench.NAME` module has `command`, a click command whose callback returns a BenchResult."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import click
from rich.console import Console

import bench
from bench.result import BenchResult
from ivr.i18n import translate

MODULES = {"import": "imports"}  # a module can't have the name
# Packages, which import nothing by themselves.
ELSEWHERE = {name: f"bench.{name}.command" for name in ("capacity", "pacing", "peers")}
HELPERS = frozenset(  # modules that measure nothing by themselves
    {
        "adapter_callee",
        "callers",
        "engine_calls",
        "engine_load",
        "engine_profile",
        "lateness",
        "over_asterisk",
        "reaction_callee",
        "result",
        "titles",
    }
)


class BenchGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = {info.name for info in pkgutil.iter_modules(bench.__path__)} - HELPERS
        return sorted(modules - set(MODULES.values()) | set(MODULES))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        name = MODULES.get(name, name)
        command = importlib.import_module(ELSEWHERE.get(name, f"bench.{name}")).command
        assert isinstance(command, click.Command)
        if not any(parameter.name == "json_path" for parameter in command.params):
            command.params.append(
                click.Option(
                    ["--json", "json_path"],
                    type=click.Path(path_type=Path, dir_okay=False),
                    expose_value=False,
                    callback=_keep_json_path,
                    help=translate("Write the figures here."),
                )
            )
        return command


def _keep_json_path(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    ctx.ensure_object(dict)["json_path"] = value
    return value


@click.group(cls=BenchGroup, help=translate("Measure, and print figures beside their limits."))
@click.pass_context
def command(ctx: click.Context) -> None:
    ctx.ensure_object(dict)


@command.result_callback()
@click.pass_context
def show(ctx: click.Context, result: BenchResult) -> None:
    result.print(Console())
    path = ctx.obj.get("json_path")
    if path is not None:
        path.write_text(json.dumps(result.as_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if not result.holds:
        ctx.exit(1)
