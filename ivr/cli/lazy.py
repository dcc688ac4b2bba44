"""Groups of commands that import a command's module only when it is called: others don't wait for it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from ivr.i18n import translate


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A command in a module that isn't imported yet."""

    module: str
    help: str  # English; for lists of commands, and for the command itself when it has none of its own
    name: str = "command"  # in the module


class LazyGroup(click.Group):
    """A group with commands of its own and commands elsewhere."""

    def __init__(self, *args: Any, elsewhere: Mapping[str, Elsewhere], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._elsewhere = elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._elsewhere:
            return super().get_command(ctx, cmd_name)
        place = self._elsewhere[cmd_name]
        command = getattr(importlib.import_module(place.module), place.name)
        assert isinstance(command, click.Command)
        command.help = command.help or translate(place.help)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(translate("Commands")):
            formatter.write_dl([(name, self._short_help(ctx, name)) for name in self.list_commands(ctx)])

    def _short_help(self, ctx: click.Context, name: str) -> str:
        if name in self._elsewhere:
            return translate(self._elsewhere[name].help)
        command = super().get_command(ctx, name)
        return (command.help or "") if command else ""
