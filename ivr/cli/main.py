"""`ivr`: finds the command's module, sets the language, and turns user errors into a sentence and exit code 2."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

import click

from ivr.i18n import translate, use_language

# name -> (module, help); modules are imported only when their command is called, so `ivr --help` is quick.
COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("ivr.cli.bench", "Measure, and print figures beside their limits."),
    "demo": ("ivr.cli.demo", "Call the shipped list with the shipped flow over the simulated network."),
    "doctor": ("ivr.cli.doctor", "Say what is present, what is missing, and what mends it."),
    "flow": ("ivr.cli.flow", "Check, draw, test, publish and roll back flows."),
    "models": ("ivr.cli.models", "List and fetch speech models."),
    "prompts": ("ivr.cli.prompts", "Render and check what is said."),
    "rehearse": ("ivr.cli.rehearse", "Run a campaign over the simulated network, in virtual time."),
    "serve": ("ivr.cli.serve", "Serve the web pages and the API."),
    "user": ("ivr.cli.user", "Add users who may sign in, and change their passwords."),
}


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(translate("Commands")):
            formatter.write_dl([(name, translate(COMMANDS[name][1])) for name in self.list_commands(ctx)])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ivr-platform")
@click.option("-v", "--verbose", is_flag=True, help=translate("Log more."))
def cli(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )


def main(args: list[str] | None = None) -> Any:
    """Run a command. Exit codes: 0 fine, 1 the thing checked doesn't hold, 2 the user has something to mend."""
    use_language(None)
    try:
        return cli.main(args=args, prog_name="ivr", standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Exception as error:
        sentence = user_sentence(error)
        if sentence is None:
            raise
        click.echo(f"{translate('error')}: {sentence}", err=True)
        sys.exit(2)


def user_sentence(error: BaseException) -> str | None:
    """The translated sentence of an error that a user can mend (it carries `template` and `params`), else None."""
    template, params = getattr(error, "template", None), getattr(error, "params", None)
    if isinstance(template, str) and isinstance(params, dict):
        return translate(template, **{name: _in_language(value) for name, value in params.items()})
    return None


def _in_language(value: object) -> object:
    """What stands in a sentence and has sentences of its own (a flow's finding) comes in the same language."""
    render = getattr(value, "render", None)
    return render(translate) if callable(render) else value
