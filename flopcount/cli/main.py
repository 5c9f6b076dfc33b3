"""The entry point: run a command, and turn an error into lines and an exit code."""

import gc
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

import click

from flopcount.cli.group import commands
from flopcount.errors import INDENT, FlopcountError, Message, SpecError, plain


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
        return _failed(f"{error.format_message()}\n{asked} --help tells what there is", error.exit_code)
    except BaseException as error:  # noqa: BLE001  (whatever it is, it becomes an exit code)
        return _ended(error)
    return result if isinstance(result, int) else 0


def _ended(error: BaseException) -> int:
    """Return the exit code for what nobody raised on purpose."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _failed("interrupted", 130)
    if isinstance(error, BrokenPipeError | SystemExit):
        return _gone(error)
    if isinstance(error, OSError):
        return _failed(f"the output cannot be written: {(error.strerror or str(error)).lower()}", 2)
    if "FLOPCOUNT_DEBUG" in os.environ:
        raise error
    what = f"{type(error).__name__}: {error}"[:500]
    return _failed(f"this is a bug in flopcount, please report it; FLOPCOUNT_DEBUG=1 shows where\n{what}", 3)


def _gone(error: BaseException) -> int:
    """Stay silent when nobody reads on, as under `| head`: click says so by exit code 1."""
    code = error.code if isinstance(error, SystemExit) else 1
    if code != 1:
        return code if isinstance(code, int) else 0
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _failed(messages: str | Iterable[Message], code: int) -> int:
    """Write messages to stderr, with the source under each, control characters made visible."""
    found = map(Message, messages.split("\n")) if isinstance(messages, str) else messages
    lines = [line for text, snippet in found for line in (f"error: {text}", *(INDENT + each for each in snippet))]
    with suppress(OSError, ValueError):
        click.echo("\n".join(map(plain, lines)), err=True)
    return code
