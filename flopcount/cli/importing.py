"""`flopcount import MODEL -o arch.toml`: a model of another tool, kept as an arch file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flopcount.case import Case, Count
from flopcount.cli.loading import Options, count_of
from flopcount.cli.options import complete_arch
from flopcount.cli.output import emit
from flopcount.errors import FlopcountError, UsageError
from flopcount.network.network import of_spec
from flopcount.spec.load import Spec, validated
from flopcount.spec.source import Source


@click.command("import")
@click.argument("model", shell_complete=complete_arch)
@click.option(
    "--input", "size", metavar="SIZE", help="Input size: 224, 3x224x224, 1x3x224x224, or NAME=SIZE,NAME=SIZE."
)
@click.option("--batch", type=int, help="How many inputs at once, where the file leaves it open.")
@click.option("--flat", is_flag=True, help="Write every block out, without templates.")
@click.option("--allow-unknown", is_flag=True, help="Leave out operators that are not known, and say so in the file.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.toml, .json or .csv instead of standard output.")
def command(model: str, output: str | None, *, flat: bool, **options: Any) -> None:
    """Write MODEL as an arch file: a row for each layer, named as in the model.

    MODEL is an ONNX file, a model of Keras, a darknet .cfg, a Caffe prototxt or a
    SCALE-Sim topology. Blocks that differ in numbers only become templates. What is
    written has been counted again, and costs the same, layer by layer. To FILE.csv
    goes the SCALE-Sim topology of any network.
    """
    result = count_of(model, Options(**options))
    spec = result.case.plan.spec
    if output is not None and output.lower().endswith(".csv"):
        from flopcount.readers.scale_sim import topology

        emit(topology(result.trace), output)
        _say_left_out(result, "the topology does not say so")
        return
    if not spec.foreign:
        raise UsageError(f"{model}: this is an arch file already; import reads files of other tools")
    emit(_text(spec, result, Path(model).name, output or "", flat=flat), output)
    _say_left_out(result, "the arch file says so too, under unknown")


def _say_left_out(result: Count, more: str) -> None:
    for note in result.notes:
        if note.code == "operators-skipped":
            click.echo(f"note: {note}; {more}", err=True)


def _text(spec: Spec, result: Count, title: str, output: str, *, flat: bool) -> str:
    """Write an arch file that costs the same: with templates, if that can be."""
    from flopcount.spec.write import to_text

    data = {**spec.source.data, **({"unknown": dict(spec.unknown)} if spec.unknown else {})}
    data = data if flat else _folded(data, result)
    return to_text(data, "json" if output.lower().endswith(".json") else "toml", _header(spec, title))


def _folded(data: dict[str, Any], result: Count) -> dict[str, Any]:
    """Return the data with templates where they cost the same, layer by layer; else as it is."""
    from copy import deepcopy

    from flopcount.readers.nest import folded

    short = folded(deepcopy(data))
    try:
        again = Case(of_spec(validated(Source("the arch file to be", "", "toml", short)))).count
    except FlopcountError:
        return data
    return short if _layers(again) == _layers(result) else data


def _layers(result: Count) -> Mapping[str, Any]:
    """Return all that is counted, by path."""
    return {path: (step.shape.dims, step.tally.counts) for path, step in result.trace.steps.items()}


def _header(spec: Spec, title: str) -> str:
    notes = [f"Note: {note}" for note in spec.notes]
    unknown = [f"Left out, so that totals are at least so much: {', '.join(spec.unknown)}"] if spec.unknown else []
    return "\n".join(
        [f"Written by `flopcount import {title}`; weights are not in it, only what they cost.", *notes, *unknown]
    )
