"""The entry point: run a command, by default counting, and turn an error into lines and an exit code."""

import gc
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from flopcount import __version__
from flopcount.errors import INDENT, FlopcountError, Message, SpecError, nearest, plain, reason

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, str] = {
    "count": "per-layer parameters and MACs (default command)",
    "compare": "totals of several networks side by side",
    "whatif": "cost with other convolutions, widths or input sizes",
    "sweep": "count every candidate of a grid of inputs, widths and settings",
    "space": "count the candidates in a design space that meet a budget, without enumerating it",
    "formula": "closed-form cost of a kind of layer or a network",
    "check": "check networks against their budgets, for CI",
    "lock": "record every network's cost; increases fail --check",
    "diff": "what changed between two networks, layer by layer",
    "import": "convert a model of another tool to an arch file",
    "archs": "list the bundled networks",
    "verify": "recompute the published figures in arch files",
    "reconcile": "explain term by term why another counter's number differs",
    "conventions": "list what each counter counts: thop, fvcore, calflops …",
    "kinds": "list the kinds of layers, their fields, equations and sources",
    "schema": "print the JSON Schema of arch files",
}
"""Every command with its line of help."""

MODULES: Mapping[str, str] = {
    "diff": "compare",
    "import": "importing",
    "archs": "catalogue",
    "lock": "check",
    "verify": "figures",
    "reconcile": "figures",
    "conventions": "catalogue",
    "kinds": "catalogue",
    "schema": "catalogue",
}
"""The modules of commands that are not in a module of their own name."""

DEFAULT = "count"


class DefaultGroup(click.Group):
    """A group whose first argument is an arch, unless it is a command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the help."""
        del ctx
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command when it is used."""
        del ctx
        return _command(cmd_name) if cmd_name in COMMANDS else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default command before anything that is not a command."""
        if args and args[0] not in {*COMMANDS, "--help", "-h", "--version"}:
            _check_mistyped(args)
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, then the options of the default command."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])
        command = _command(DEFAULT)
        with click.Context(command, info_name=DEFAULT, parent=ctx) as inner:
            records = [record for p in command.get_params(inner) if (record := p.get_help_record(inner))]
        with formatter.section("Options of flopcount ARCH"):
            formatter.write_dl([record for record in records if not record[0].endswith("--help")])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete commands, and arguments of the default command."""
        from click.shell_completion import CompletionItem

        command = _command(DEFAULT)
        inner = click.Context(command, info_name=DEFAULT, parent=ctx)
        if incomplete.startswith("-"):
            return [*super().shell_complete(ctx, incomplete), *command.shell_complete(inner, incomplete)]
        archs = command.params[0].shell_complete(inner, incomplete)
        named = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*named, *command.shell_complete(inner, incomplete), *archs]


def _command(name: str) -> click.Command:
    """Import a command."""
    module = import_module(f"flopcount.cli.{MODULES.get(name, name)}")
    return next(each for each in vars(module).values() if isinstance(each, click.Command) and each.name == name)


def _check_mistyped(args: list[str]) -> None:
    """Refuse a first word that is not an arch and is close to a command."""
    from flopcount.spec.load import bundled_network

    word = args[0]
    plain = word.replace("-", "").isalpha() and not word.startswith("-")
    if not plain or os.path.exists(word) or bundled_network(word):  # noqa: PTH110  (answers to any word)
        return
    if near := nearest(word, [*COMMANDS]):
        raise click.UsageError(f"no command or network is named {word!r}; did you mean {near!r}?")


@click.group(
    cls=DefaultGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar="",
    subcommand_metavar="ARCH [OPTIONS] | COMMAND …",
)
@click.version_option(__version__, prog_name="flopcount", message="%(prog)s %(version)s")
def commands() -> None:
    """Compute a neural network's exact parameter and MAC counts from its spec.

    ARCH is an arch file (TOML or JSON), a model of another tool (ONNX, Keras …),
    a bundled network (see `flopcount archs`) or - for standard input.
    """


def main() -> NoReturn:
    """Run flopcount on the command line's arguments; never a traceback."""
    gc.set_threshold(100_000)  # a short run makes next to no garbage; looking for it costs more
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them costs a tenth of the start-up
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    code = run(sys.argv[1:])
    gc.freeze()  # nor is there any to look for at the end: a tenth of the whole run
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = commands.main(arguments, prog_name="flopcount", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except SpecError as error:
        from flopcount.spec.load import explained

        placed = explained(error, error.file) if error.file else error
        return _failed(placed.messages, error.exit_code)
    except FlopcountError as error:
        return _failed(error.messages, error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        asked = context.command_path if context else "flopcount"
        return _failed(f"{error.format_message()}\nsee {asked} --help", error.exit_code)
    except BaseException as error:  # noqa: BLE001  (whatever it is, it becomes an exit code)
        return _ended(error)
    return result if isinstance(result, int) else 0


def _ended(error: BaseException) -> int:
    """Return the exit code for an unexpected exception."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _failed("interrupted", 130)
    if isinstance(error, SystemExit) and error.code != 1:
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, BrokenPipeError | SystemExit):  # a closed pipe, as under `| head`: click exits with 1
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, OSError):
        return _failed(f"the output cannot be written: {reason(error)}", 2)
    if "FLOPCOUNT_DEBUG" in os.environ:
        raise error
    what = f"{type(error).__name__}: {error}"[:500]
    return _failed(f"this is a bug in flopcount, please report it; FLOPCOUNT_DEBUG=1 shows where\n{what}", 3)


def _failed(messages: str | Iterable[Message], code: int) -> int:
    """Write messages to stderr, with the source under each, control characters made visible."""
    found = map(Message, messages.split("\n")) if isinstance(messages, str) else messages
    lines = [line for text, snippet in found for line in (f"error: {text}", *(INDENT + each for each in snippet))]
    with suppress(OSError, ValueError):
        click.echo("\n".join(map(plain, lines)), err=True)
    return code
