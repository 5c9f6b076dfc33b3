"""The entry point: run a command, by default counting, and turn an error into lines and an exit code."""

import gc
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from errno import EINVAL, EPIPE
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from flopcount import __version__
from flopcount.cli.help import EXAMPLES, INSTEAD, WORDS, Documented, Page
from flopcount.errors import FlopcountError, Message, SpecError, nearest, reason

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Count": {
        "count": "params and MACs, layer by layer (the default command)",
        "memory": "bytes alive layer by layer, their peak, and what lowers it",
        "report": "a page to open or send: charts, tables and the graph",
        "formula": "closed-form cost of a kind of layer or a network",
        "import": "convert a model of another tool to an arch file",
    },
    "Compare": {
        "compare": "totals of several networks side by side",
        "diff": "what changed between two networks, layer by layer",
        "whatif": "cost with other convolutions, widths or inputs",
        "reconcile": "explain why another counter's number differs",
    },
    "Design": {
        "sweep": "count every candidate of a grid",
        "space": "how many candidates of a huge grid meet a budget",
    },
    "CI": {
        "init": "write limits: today's cost and a margin",
        "check": "check networks against their limits",
        "lock": "record every network's cost; fail if it rises",
    },
    "Reference": {
        "archs": "list the bundled networks",
        "kinds": "list the kinds of layers, with a row to copy",
        "conventions": "list what each counter counts: thop, fvcore …",
        "hardware": "list the devices of --on, with sources",
        "verify": "recompute the published figures in arch files",
        "schema": "print the JSON Schema of arch files",
        "completion": "print a completion script for a shell",
        "man": "print the manual page",
    },
}
"""Every command with its line of help."""

COMMANDS: Mapping[str, str] = {name: text for group in GROUPS.values() for name, text in group.items()}

MODULES: Mapping[str, str] = {
    "diff": "compare",
    "import": "importing",
    "archs": "catalogue",
    "lock": "check",
    "completion": "shell",
    "man": "shell",
    "verify": "figures",
    "reconcile": "figures",
    "conventions": "catalogue",
    "kinds": "catalogue",
    "hardware": "catalogue",
    "schema": "catalogue",
}
"""The modules of commands that are not in a module of their own name."""

DEFAULT = "count"

LAST = "flopcount COMMAND -h lists the options of a command; --help explains them."
EXITS = "Exit codes: 0 fine, 1 a limit or claim does not hold, 2 bad input, 3 a bug."


class DefaultGroup(Documented, click.Group):
    """A group whose first argument is an arch, unless it is a command."""

    def page(self, ctx: click.Context, *, full: bool) -> Page:
        """Return the first screen: the commands by group."""
        del ctx
        paragraphs = [" ".join(each.split()) for each in (self.help or "").split("\n\n")][: 2 if full else 1]
        width = max(map(len, COMMANDS))
        sections = {
            title: [(name.ljust(width), text) for name, text in commands.items()] for title, commands in GROUPS.items()
        }
        examples, last = dict.fromkeys(EXAMPLES[""], ""), f"{LAST} {EXITS}" if full else LAST
        return Page("flopcount", str(self.subcommand_metavar), paragraphs, sections, examples, last, is_first=True)

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
        if args[:1] == ["help"]:
            args = [*args[1:2], "--help"]
        if args and args[0] not in {*COMMANDS, "--help", "-h", "--version"}:
            _check_mistyped(args)
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

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
    from flopcount.spec.load import bundled, bundled_network

    word = args[0]
    is_word = word.replace("-", "").isalpha() and not word.startswith("-")
    if not is_word or os.path.exists(word) or bundled_network(word):  # noqa: PTH110  (answers to any word)
        return
    if word in WORDS:
        raise click.UsageError(f"no command or network is named {word!r}; {WORDS[word]}")
    near = nearest(word, [*COMMANDS, *bundled()])
    if near in COMMANDS:
        raise click.UsageError(f"no command or network is named {word!r}; did you mean {near!r}?")


@click.group(
    cls=DefaultGroup,
    options_metavar="",
    subcommand_metavar="ARCH [OPTIONS] | COMMAND …",
)
@click.version_option(__version__, prog_name="flopcount", message="%(prog)s %(version)s")
def commands() -> None:
    """Compute what a neural network costs, exactly: params and MACs, from its file.

    ARCH is a model (PyTorch, ONNX …), arch file, bundled network or - (stdin).
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
        return _failed([Message(_said(error), lines=(f"see {asked} --help",))], error.exit_code)
    except BaseException as error:  # noqa: BLE001  (whatever it is, it becomes an exit code)
        return _ended(error)
    return result if isinstance(result, int) else 0


def _said(error: click.ClickException) -> str:
    """Return the sentence of an error; an option that other tools have is answered with what stands for it."""
    name = error.option_name if isinstance(error, click.NoSuchOption) else ""
    text = INSTEAD.get(name.lower().replace("_", "-") if name.startswith("--") else name)
    return f"{name}: no such option; {text}" if text else error.format_message()


def _ended(error: BaseException) -> int:
    """Return the exit code for an unexpected exception."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _failed("interrupted", 130)
    if isinstance(error, SystemExit) and error.code != 1:
        return error.code if isinstance(error.code, int) else 0
    is_closed = isinstance(error, OSError) and error.errno in ({EPIPE, EINVAL} if sys.platform == "win32" else {EPIPE})
    if is_closed or isinstance(error, SystemExit):  # a closed pipe, as under `| head`: click exits with 1
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
    from flopcount.cli.output import screen_of
    from flopcount.report.terminal import failure, printed

    found = map(Message, messages.split("\n")) if isinstance(messages, str) else messages
    screen = screen_of(sys.stderr)
    text = printed((line for each in found for line in failure(each, screen)), screen)
    with suppress(OSError, ValueError):
        click.echo(text, nl=False, err=True, color=True)
    return code
