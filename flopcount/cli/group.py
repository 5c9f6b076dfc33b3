"""The group of commands: loaded when called, with counting as the default."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import click

from flopcount import __version__
from flopcount.errors import suggestion

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


COMMANDS: Mapping[str, str] = {
    "count": "what a network costs, layer by layer (the default command)",
    "compare": "totals of several networks side by side",
    "whatif": "what a network would cost with other convolutions",
    "sweep": "a whole grid of inputs, widths and settings at once",
    "space": "how many candidates of a huge space meet a budget, without going through it",
    "formula": "what a kind or a network costs, as a formula",
    "check": "networks held against their budgets, for CI",
    "lock": "what every network costs, written to a file that may only shrink",
    "diff": "what changed between two networks, layer by layer",
    "import": "a model of another tool, kept as an arch file",
    "archs": "the networks that come with flopcount",
    "verify": "published figures in arch files, recomputed",
    "reconcile": "why another counter's number differs, term by term",
    "conventions": "what counters count: thop, fvcore, calflops …",
    "kinds": "the kinds of layers, their fields, equations and sources",
    "schema": "the JSON Schema of arch files",
}
"""Every command with its line of help; each is defined in the module of its name."""

MODULES: Mapping[str, str] = {"import": "importing"}
"""The modules that cannot have the name of their command."""

DEFAULT = "count"


class DefaultGroup(click.Group):
    """A group whose first argument is an arch unless it is a command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the help."""
        del ctx
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command when it is called."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"flopcount.cli.{MODULES.get(cmd_name, cmd_name)}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of anything that is not a command."""
        own = {"--help", "-h", "--version"}
        if args and args[0] not in COMMANDS and not own & {args[0]}:
            _check_mistyped(args)
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, then the options of the default one."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])
        command = self.get_command(ctx, DEFAULT)
        if command:
            with click.Context(command, info_name=DEFAULT, parent=ctx) as inner:
                records = [record for p in command.get_params(inner) if (record := p.get_help_record(inner))]
            with formatter.section("Options of flopcount ARCH"):
                formatter.write_dl([record for record in records if not record[0].endswith("--help")])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete commands, and what the default command would."""
        from click.shell_completion import CompletionItem

        command = self.get_command(ctx, DEFAULT)
        archs: list[CompletionItem] = []
        if command:
            inner = click.Context(command, info_name=DEFAULT, parent=ctx)
            archs = command.shell_complete(inner, incomplete)
            archs += command.params[0].shell_complete(inner, incomplete) if not incomplete.startswith("-") else []
        named = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        own = super().shell_complete(ctx, incomplete) if incomplete.startswith("-") else []
        return [*named, *own, *archs]


def _check_mistyped(args: list[str]) -> None:
    """Refuse a first word that is no arch but nearly a command."""
    from flopcount.spec.load import bundled_network

    word = args[0]
    plain = word.replace("-", "").isalpha() and not word.startswith("-")
    if not plain or os.path.exists(word) or bundled_network(word):  # noqa: PTH110  (answers to any word)
        return
    way_out = suggestion(word, [*COMMANDS])
    if way_out.startswith("did you mean"):
        raise click.UsageError(f"no command or network is called {word!r}; {way_out}")


@click.group(
    cls=DefaultGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar="",
    subcommand_metavar="ARCH [OPTIONS] | COMMAND …",
)
@click.version_option(__version__, prog_name="flopcount", message="%(prog)s %(version)s")
def commands() -> None:
    """Say what a neural network costs before anyone builds it.

    ARCH is an arch file (TOML or JSON), a model of another tool (ONNX, Keras …),
    a bundled network (see `flopcount archs`) or - for standard input.
    """
