"""`flopcount import MODEL -o arch.toml`: a model of another tool or an arch file, written as an arch file."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import click

from flopcount.case import Case, Count
from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, count_of
from flopcount.cli.options import VALUES, complete_arch
from flopcount.cli.output import emit, format_of
from flopcount.errors import BadInput, Note, Refusal, UsageError, plain
from flopcount.network.network import MOST_READ_AGAIN, of_spec
from flopcount.network.trace import Trace
from flopcount.spec.load import validated
from flopcount.spec.source import Source

NOTATIONS: Mapping[str, str] = {".toml": "toml", ".json": "json", ".csv": "csv"}
"""What is written, by the ending of the file."""


@click.command("import", cls=Documented)
@click.argument("model", shell_complete=complete_arch)
@click.option(
    "--input", "size", metavar="SIZE", help="Input size: 224, 3x224x224, 1x3x224x224, or NAME=SIZE,NAME=SIZE."
)
@click.option("--batch", type=int, metavar="N", help="Batch size, if the file leaves it open.")
@click.option("--flat", is_flag=True, help="Write every block out, without templates.")
@click.option("--allow-unknown", is_flag=True, help="Skip unsupported operators; the arch file lists them.")
@VALUES
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.toml, .json or .csv instead of standard output.")
def command(model: str, output: str | None, *, flat: bool, **options: Any) -> None:
    """Write MODEL as an arch file: a row for each layer, named as in the model.

    MODEL is a PyTorch program (.pt2), an ONNX, TensorFlow Lite or Keras model, a Darknet .cfg,
    a Caffe prototxt or a SCALE-Sim topology. Blocks that differ only in numbers become templates. The written file is
    re-counted and must match layer by layer; it includes the notes that qualify
    its numbers. An arch file is converted between TOML and JSON. FILE.csv is written as a
    SCALE-Sim topology, whatever MODEL is.
    """
    notation = format_of(output, endings=NOTATIONS, default="toml")
    result = count_of(model, Options(**options))
    if notation == "csv":
        from flopcount.readers.scale_sim import topology

        text, kept = topology(result.trace), False
    else:
        _refuse_options(result.case, {**options, "flat": flat})
        text, kept = _text(result, model, notation, flat=flat), True
    emit(text, output)
    for note in result.notes:
        if not kept or note.code == "operators-skipped":
            more = "the arch file says so too, under unknown" if kept else "the topology does not say so"
            click.echo(plain(f"note: {note}; {more}"), err=True)


def _refuse_options(case: Case, given: Mapping[str, Any]) -> None:
    """Refuse options for an arch file, which is converted as it is."""
    if not case.plan.spec.foreign and (names := [name for name, value in given.items() if value]):
        option = "--input" if names[0] == "size" else f"--{names[0].replace('_', '-')}"
        raise UsageError(f"{option}: an arch file is converted as it is; leave out {option}")


def _text(result: Count, model: str, notation: Any, *, flat: bool) -> str:
    """Return the text of an arch file that costs the same."""
    from flopcount.readers.nest import batched, folded
    from flopcount.spec.write import to_text

    spec = result.case.plan.spec
    if not spec.foreign:
        if spec.source.notation == notation:
            raise UsageError(f"{model}: already an arch file in {notation}; name a file in the other notation with -o")
        return to_text(spec.source.data, notation)
    if len(result.trace.steps) > MOST_READ_AGAIN:  # each is compared at other inputs
        raise UsageError(f"{model}: it has more than {MOST_READ_AGAIN} layers, too many for an arch file")
    data, wanted = _at_one_input(spec.source.data, result.notes), result.trace
    if result.case.batch is None and result.case.plan.batch is not None:  # the file fixes it
        data = batched(data, result.case.plan.batch)
        wanted = _case(data).trace
    data = _with_fixed_by(data, result.case)
    header = f"Written by `flopcount import {plain(Path(model).name)}`; it contains no weights."
    if not flat:  # with templates, if they cost the same, layer by layer
        short = folded(deepcopy(data))
        again = _trace(_case(short), None) if "templates" in short else None
        data = short if isinstance(again, Trace) and again.counted == wanted.counted else data
    return to_text(data, notation, header)


def _at_one_input(data: Mapping[str, Any], notes: Iterable[Note]) -> dict[str, Any]:
    """Return the data without the notes on open sizes: an arch file gives its input."""
    gone = {str(note) for note in notes if note.code in {"open-batch", "open-size"}}
    kept = [note for note in data.get("notes", ()) if note not in gone]
    return {key: kept if key == "notes" else value for key, value in data.items() if key != "notes" or kept}


def _case(data: Mapping[str, Any]) -> Case:
    return Case(of_spec(validated(Source("the arch file", "", "toml", data))))


def _with_fixed_by(data: Mapping[str, Any], case: Case) -> dict[str, Any]:
    """Return the data; with the layer that fixes the input's size, if the model differs at another input."""
    spatial = () if "fixed_by" in data else case.plan.input[1:]
    for odd in (0, 1) if spatial else ():
        size = "x".join(str(2 * each + odd) for each in spatial)
        written = _trace(_case(data).at(batch=case.batch), size)
        fixed_by = _difference(_trace(case, size), written) if isinstance(written, Trace) else ""
        if fixed_by:
            rest = {key: value for key, value in data.items() if key != "layers"}
            return {**rest, "fixed_by": fixed_by, "layers": data["layers"]}
    return dict(data)


def _trace(case: Case, size: str | None) -> Trace | BadInput:
    """Return the layers at an input, or why there are none."""
    try:
        return (case if size is None else case.at(input=size)).trace
    except BadInput as error:
        return error


def _difference(model: Trace | BadInput, written: Trace) -> str:
    """Return the first layer that differs, or that the model cannot have at this input; empty if there is none."""
    if isinstance(model, Trace):
        ours = model.counted
        return next((path for path, layer in written.counted.items() if ours.get(path) != layer), "")
    refusal = model.__cause__
    return (refusal.node if isinstance(refusal, Refusal) else "") or (
        "" if isinstance(model, UsageError) else "the model"
    )
