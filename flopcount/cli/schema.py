"""`flopcount schema`: the JSON Schema of arch files."""

import json

import click

from flopcount.cli.output import emit
from flopcount.schema.json_schema import arch_schema


@click.command("schema")
@click.option("-o", "--output", metavar="FILE", help="Write to a file, whole or not at all.")
def command(output: str | None) -> None:
    """Print the JSON Schema of arch files, for editors and validators.

    An arch file that starts with `#:schema URL` (TOML), or has a "$schema"
    key (JSON), is checked and completed by editors that know JSON Schema.
    """
    emit(json.dumps(arch_schema(), indent=1, ensure_ascii=False) + "\n", output)
