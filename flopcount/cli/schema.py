"""`flopcount schema`: the JSON Schema of arch files, or of a configuration."""

import json

import click

from flopcount.cli.output import emit


@click.command("schema")
@click.option(
    "--of",
    "subject",
    type=click.Choice(("arch", "config")),
    default="arch",
    show_default=True,
    help="Of arch files, or of flopcount.toml.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file, whole or not at all.")
def command(subject: str, output: str | None) -> None:
    """Print the JSON Schema of arch files, for editors and validators.

    An arch file that starts with `#:schema URL` (TOML), or has a "$schema"
    key (JSON), is checked and completed by editors that know JSON Schema.
    """
    from flopcount.spec.json_schema import arch_schema, configuration_schema

    schema = arch_schema() if subject == "arch" else configuration_schema()
    emit(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", output)
