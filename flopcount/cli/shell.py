"""`flopcount completion` and `flopcount man`: what a shell and `man` read, from the same source as the help."""

import click

from flopcount import __version__
from flopcount.cli.help import EXAMPLES, Documented, man
from flopcount.cli.output import emit
from flopcount.errors import UsageError, suggestion

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Documented)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a script that makes a shell complete commands, options, networks and kinds.

    Bash reads it from ~/.bashrc, as in eval "$(flopcount completion bash)"; zsh likewise from
    ~/.zshrc; fish from ~/.config/fish/completions/flopcount.fish.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    root = click.get_current_context().find_root()
    found = get_completion_class(shell)
    assert found  # noqa: S101  (click knows all of SHELLS)
    emit(ShellComplete.source(found(root.command, {}, "flopcount", "_FLOPCOUNT_COMPLETE")), None)


@click.command("man", cls=Documented)
@click.argument("name", metavar="[COMMAND]", required=False)
def manual(name: str | None) -> None:
    """Print the manual page of flopcount, or of one command, for man.

    It has the text of --help, for all commands.
    """
    root = click.get_current_context().find_root()
    commands = root.command
    assert isinstance(commands, click.Group)  # noqa: S101  (for mypy)
    known = commands.list_commands(root)
    if name is not None and name not in known:
        raise UsageError(f"no command is named {name!r}; {suggestion(name, known)}")
    pages = [commands.page(root, full=True)] if name is None and isinstance(commands, Documented) else []
    for each in [name] if name else known:
        command = commands.get_command(root, each)
        if isinstance(command, Documented) and each in EXAMPLES:
            with click.Context(command, info_name=each, parent=root) as inner:
                pages.append(command.page(inner, full=True))
    emit(man(pages, __version__), None)
