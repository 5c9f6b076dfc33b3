"""The reference of the documentation, written from the code: commands, kinds, conventions, metrics, codes, the format.

Pages are Markdown in docs/reference, which is made anew each time and is in no commit. Equations are closed forms of
the formulas themselves, as MathML, which browsers show without a library.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import click
from latex2mathml.converter import convert

import flopcount.errors
from flopcount.analyses.budgets.findings import CODES
from flopcount.analyses.formula.kinds import kind_forms
from flopcount.cli.help import Page
from flopcount.cli.main import commands, run
from flopcount.errors import FlopcountError
from flopcount.formulas import attention, conv, conv_dynamic, conv_factored, conv_variants, norm, pool, tensor
from flopcount.formulas.step import OPERATIONS, PARAMETERS
from flopcount.network.convention import mac_conventions
from flopcount.network.metrics import METRICS
from flopcount.report.catalogue import kind_report
from flopcount.report.formula import forms_report
from flopcount.spec import units
from flopcount.spec.kinds import KINDS

FAMILIES = {
    "Convolutions": conv,
    "Factored convolutions": conv_factored,
    "Variants of convolutions": conv_variants,
    "Convolutions with weights that depend on the input": conv_dynamic,
    "Linear layers, attention, recurrence": attention,
    "Pools and resizing": pool,
    "Normalizations and activations": norm,
    "Tensors": tensor,
}
"""The families of kinds, by the module of their formulas."""

GUIDES = {
    "Tutorials": ("writing-an-arch", "pytorch", "ci", "what-if"),
    "How-to": ("importing", "memory", "hardware", "training", "transformers", "python"),
    "Explanations": ("reading-the-output", "conventions", "receptive-field", "errata", "architecture"),
    "Reference": (
        "arch-files",
        *("reference/commands", "reference/kinds", "reference/metrics", "reference/conventions", "reference/counters"),
        *("reference/codes", "reference/format", "reference/api"),
    ),
}
"""The pages of the site by what a reader wants: to learn, to do, to understand, to look up."""


def write(folder: Path) -> None:
    """Write the pages of the reference into a folder of the documentation, and the first page beside it."""
    target = folder / "reference"
    shutil.rmtree(target, ignore_errors=True)
    (target / "kinds").mkdir(parents=True)
    pages = {
        "commands": _commands(),
        "metrics": _metrics(),
        "codes": _codes(),
        "format": _format(folder),
        "api": _api(),
        "conventions": _conventions(),
        "counters": _counters(folder),
        "kinds": _families(),
        **{f"kinds/{kind}": _kind(kind) for kind in KINDS},
    }
    for name, lines in pages.items():
        (target / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "index.md").write_text("\n".join(_index(folder)) + "\n", encoding="utf-8")


def _index(folder: Path) -> Iterator[str]:
    readme = (folder.parent / "README.md").read_text(encoding="utf-8")
    yield from ("# flopcount", "", readme.split("\n\n", 2)[1], "")
    for title, names in GUIDES.items():
        yield from (f"```{{toctree}}\n:caption: {title}\n:maxdepth: 1", *names, "```", "")


def table(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a table in Markdown."""
    names = [*titles]
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in row)} |"


def _math(latex: str) -> str:
    """Return an equation as MathML."""
    return convert(latex, display="block")


def _commands() -> Iterator[str]:
    yield from ("# The command line", "", "Written from `flopcount COMMAND --help`.", "")
    with click.Context(commands, info_name="flopcount") as context:
        for name in commands.list_commands(context):
            command = commands.get_command(context, name)
            with click.Context(command, info_name=name, parent=context) as inner:
                yield from _command(command.page(inner, full=True))  # type: ignore[union-attr]


def _command(page: Page) -> Iterator[str]:
    yield from (f"## {page.name}", "", f"```\n{page.name} {page.usage}\n```", "", *("\n\n".join(page.paragraphs),), "")
    for title, rows in page.sections.items():
        if title != "Help":
            yield from (f"**{title}**", "", *table(("option", "what it does"), _options(rows)), "")
    for line, about in page.examples.items():
        yield from (f"{about}:" if about else "", "", f"```\n{line}\n```", "")


def _options(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((f"`{names}`", escape(text, quote=False)) for names, text in rows)


def _families() -> Iterator[str]:
    yield from ("# Kinds of layers", "", "Each with its equation, its source, its fields and an example.", "")
    for title, module in FAMILIES.items():
        names = [name for name, kind in KINDS.items() if kind.formula.__module__ == module.__name__]
        yield from (f"## {title}", "", "```{toctree}\n:maxdepth: 1", *(f"kinds/{name}" for name in names), "```", "")


def _kind(kind: str) -> Iterator[str]:
    facts: Mapping[str, Any] = kind_report(kind).facts
    text = facts["description"].replace("<", "&lt;")
    first, _, rest = text.partition("\n\n")
    yield from (f"# {kind}", "", first, "")
    yield from _forms(kind)
    yield from _paragraphs(rest)
    own = [row for row in facts["fields"] if row["field"] not in flopcount_fields()]
    cells = ((f"`{row['field']}`", f"`{row['default']}`", row["takes"], row["is"]) for row in own)
    yield from ("## Fields", "", *table(("field", "default", "takes", "what it is"), cells), "")
    yield from ("## Example", "", *_example(facts["row"], kind))


def flopcount_fields() -> frozenset[str]:
    """Return the fields that every layer takes."""
    from flopcount.spec.fields import Layer

    return frozenset(Layer.model_fields)


def _forms(kind: str) -> Iterator[str]:
    """Yield the closed forms of a kind, and the meaning of their letters."""
    try:
        found = forms_report(kind_forms(kind, {}), kind).data()
    except FlopcountError:
        return
    for form in found["forms"]:
        if form["quantity"] != "weights":
            yield from ("<div>", _math(rf"\text{{{form['quantity']}}} = {form['latex']}"), "</div>", "")
    letters = ", ".join(f"*{each['letter']}*: {each['meaning']}" for each in found.get("letters", ()))
    yield from (f"{letters}.", "") if letters else ()
    yield from (f"Where {' and '.join(found['assumptions'])}.", "") if found["assumptions"] else ()


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the rest of a docstring: its equations as they are written there, then prose."""
    for part in text.split("\n\n"):
        is_equation = part.startswith("    ")
        yield from (f"```\n{part}\n```" if is_equation else part, "")


INPUTS = {0: "[32, 56, 56]", 1: "[196, 384]"}
"""The inputs of examples: a map, or tokens."""


def _example(row: str, kind: str) -> Iterator[str]:
    """Yield a network of one layer, and what it costs."""
    reads = KINDS[kind].reads
    sizes = {("M",): "[512]", ("n",): "[128]"}.get(reads) or INPUTS["n" in reads]
    sizes = {"Conv2Plus1D": "[32, 8, 56, 56]", "Einsum": "[8, 16, 16]"}.get(kind, sizes)
    layout = 'layout = "tokens"\n' if reads[-1] in {"M", "D"} and reads[0] == "n" else ""
    text = f'name = "example"\ninput = {sizes}\n{layout}layers = [\n  {row},\n]\n'
    shown = _counted(text)
    cost = f"```\n{shown}\n```" if shown else "The layers that it reads decide its cost."
    yield from (f"```toml\n{text}```", "", cost, "")


def _counted(text: str) -> str:
    """Return the table of a network, or nothing if the layer needs others around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "example.toml")
        path.write_text(text, encoding="utf-8")
        return _output(str(path)).strip("\n")


def _output(*arguments: str) -> str:
    """Return what a command prints, or nothing if it fails."""
    output = StringIO()
    with redirect_stdout(output), redirect_stderr(StringIO()):
        code = run([*arguments])
    return output.getvalue() if code == 0 else ""


def _metrics() -> Iterator[str]:
    yield from ("# Metrics", "", "What `--metrics`, budgets and lock files measure.", "")
    words = {"sum": "the sum of the layers", "max": "the largest of them", "none": "a number of the whole network"}
    rows = ((f"`{name}`", units.METRICS[name], metric.unit, words[metric.combine]) for name, metric in METRICS.items())
    yield from table(("metric", "what it is", "unit", "of a network"), rows)
    yield from ("", "## What layers tally", "", "A convention weighs these ([conventions](../conventions.md)).", "")
    yield from table(("operations", "what they are"), ((f"`{name}`", text) for name, text in OPERATIONS.items()))
    yield ""
    yield from table(("parameters", "what they are"), ((f"`{name}`", text) for name, text in PARAMETERS.items()))


def _codes() -> Iterator[str]:
    yield from ("# Codes", "", "Codes of findings are those of `flopcount check`. Those of notes are in", "")
    yield from ("[Reading the output](../reading-the-output.md#notes).", "", "## Findings", "")
    yield from table(("code", "a number, or a file"), CODES.items())
    yield from ("", "## Exit codes", "")
    meanings = ("fine", "a limit or a claim does not hold", "bad input or usage", "a bug")
    yield from table(("code", "meaning"), (*enumerate(meanings), (130, "interrupted")))
    tree = (flopcount.errors.__doc__ or "").partition("\n\n")[2]
    tree = (flopcount.errors.__doc__ or "").partition("\n\n")[2]
    yield from ("", "## Exceptions", "", f"```\n{tree}\n```")


def _conventions() -> Iterator[str]:
    yield from ("# Conventions in full", "", "What each counts, and why: [Conventions](../conventions.md).", "")
    for each in mac_conventions():
        yield from (_output("conventions", each, "--format", "markdown").replace("### ", "## ", 1), "")


def _counters(folder: Path) -> Iterator[str]:
    """Yield what other counters print for the same networks, beside the MACs and FLOPs that there are."""
    found = json.loads((folder.parent / "tests/oracles/counters.json").read_text(encoding="utf-8"))
    yield from ("# Other counters on the same networks", "")
    yield "What each printed, for one input, divided by the exact number of MACs, or of FLOPs if it prints those. The"
    yield "differences are what a counter counts beside MACs, and what it does not see;"
    yield "`flopcount reconcile` explains each, and `--convention NAME` reproduces it."
    yield ""
    names = [*dict.fromkeys(name for model in found["models"] for name in model["totals"])]
    rows = [row for model in found["models"] if "set" not in model and (row := _counted_row(model, names))]
    yield from table(("network", "input", "MACs", *names), rows)
    sources = ", ".join(f"{name} {version}" for name, version in found["sources"].items())
    yield from ("", f"Recorded with {sources}.")


def _counted_row(model: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return what counters printed for a network that is bundled, as ratios to the truth."""
    try:
        macs = flopcount.Case(flopcount.load(model["name"]), input=model["input"]).count.total.macs
    except FlopcountError:
        return []
    units_of = {name: 2 if flopcount.convention(macs=name).unit == "FLOP" else 1 for name in names}
    totals = model["totals"]
    ratios = (f"{totals[name] / macs / units_of[name]:.4f}" if name in totals else "" for name in names)
    return [model["name"], model["input"], f"{macs:,}", *ratios]


def _format(folder: Path) -> Iterator[str]:
    """Yield the tables of the file format, from the JSON Schemas that editors read."""
    yield from ("# Format", "", "The tables of an arch file and of `flopcount.toml`, from their models.", "")
    for title, name in (("Arch files", "arch"), ("flopcount.toml", "config")):
        schema = json.loads((folder / f"{name}.schema.json").read_text(encoding="utf-8"))
        yield from (f"## {title}", "", *_table_of(schema, schema), "")
        for key, part in schema.get("$defs", {}).items():
            if part.get("properties") and key not in KINDS:
                yield from (f"### {key}", "", *(part.get("description", ""), ""), *_table_of(part, schema), "")


def _table_of(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    found = part.get("properties", {}).items()
    rows = ((f"`{name}`", _type(each, schema), each.get("description", "")) for name, each in found)
    return table(("key", "takes", "what it is"), rows)


def _type(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in part:
        return part["$ref"].rpartition("/")[2]
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"][:12])
    options = part.get("anyOf") or part.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_type(each, schema) for each in options))
    return str(part.get("type", "any value"))


def _api() -> Iterator[str]:
    yield from ("# Python", "", "[From Python](../python.md) shows how they are used.", "")
    yield "```{eval-rst}"
    for name in sorted(flopcount.__all__):
        value = getattr(flopcount, name)
        if isinstance(value, type):
            yield from (f".. autoclass:: {value.__module__}.{value.__qualname__}", "   :members:", "")
        else:
            yield from (f".. autofunction:: {value.__module__}.{value.__qualname__}", "")
    yield "```"
