"""The entry point: runs a command and turns what went wrong into a line and an exit code."""

import gc
import os
import sys
from typing import NoReturn

import click

from flopcount.cli.group import commands
from flopcount.errors import FlopcountError

BUG = 3
"""Exit code of a bug in flopcount."""


def main() -> NoReturn:
    """Run flopcount on the command line's arguments; never a traceback."""
    gc.set_threshold(100_000)  # a short run makes next to no garbage; looking for it costs more
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them costs a tenth of the start-up
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = commands.main(arguments, prog_name="flopcount", standalone_mode=False)
        sys.stdout.flush()
    except FlopcountError as error:
        return _failed(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "FLOPCOUNT_DEBUG" in os.environ:
            raise
        what = f"{type(error).__name__}: {error}"
        way_out = "please report it; FLOPCOUNT_DEBUG=1 shows where"
        return _failed(f"this is a bug in flopcount, {way_out}\n{what[:500]}", BUG)
    return result if isinstance(result, int) else 0


def _failed(message: str, code: int) -> int:
    """Write a message to stderr, control characters made visible."""
    clean = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in message)
    click.echo("\n".join(f"error: {line}" for line in clean.split("\n")), err=True)
    return code
