"""The reference of the documentation, written from the code: commands, kinds, conventions, metrics, codes, the format.

Pages are Markdown in docs/reference, which is made anew each time and is in no commit. Equations are closed forms of
the formulas themselves, as MathML, which browsers show without a library.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import click
from api import api_page
from codes import EXITS, codes_page
from counters import counters_page
from kinds import families, kind_page
from shown import output, table

import flopcount
from flopcount.cli.help import Documented, Page
from flopcount.cli.main import COMMANDS, commands
from flopcount.formulas.step import OPERATIONS, PARAMETERS
from flopcount.network.convention import POLICIES, mac_conventions
from flopcount.network.metrics import METRICS
from flopcount.spec import units
from flopcount.spec.kinds import KINDS
from flopcount.spec.units import TRAINED

GUIDES: Mapping[str, Mapping[str, str]] = {
    "Tutorials": {
        "writing-an-arch": "from the table in a paper to an arch file whose figures are verified",
        "tutorials/pytorch": "what a model costs, where, and a test that keeps it that way",
        "tutorials/budget": "from nothing to a check that fails a pull request, and the change that passes it",
        "tutorials/search": "the best network for a device: a grid, a front, a design space",
    },
    "How-to": {
        "importing": "ONNX, PyTorch, TensorFlow Lite, Keras, Darknet, Caffe and other files",
        "pytorch": "files and live modules, open sizes, tests, callbacks",
        "calculator": "flopcount in the browser: files, specs, sliders, links",
        "report": "one HTML page with charts, the table, the graph, memory and limits",
        "transformers": "prompts, generated tokens, caches, pictures as tokens",
        "memory": "bytes of weights, of traffic, and alive at once, at any precision",
        "training": "gradients, bytes kept for the backward pass, adapters, optimizers",
        "hardware": "the least time on a device, cycles of systolic arrays",
        "what-if": "other convolutions, widths and inputs; sweeps, design spaces, closed forms, charts",
        "scale": "folders of results, processes and clusters, 10¹² candidates",
        "ci": "limits, lock files, differences, recipes for GitHub, GitLab and pre-commit",
        "python": "cases, counts, findings and sweeps as values",
    },
    "Explanations": {
        "reading-the-output": "tables, columns, units, formats, and what notes mean",
        "conventions": "what counters count, and how to get from one number to another",
        "reference/counters": "each counter on the same networks, and why it differs",
        "receptive-field": "what one position sees of the input, through branches",
        "errata": "published figures that do not follow from their network",
        "architecture": "how the code is organized, and why",
    },
    "Reference": {
        "arch-files": "the format of networks, with examples",
        "reference/format": "every key of arch files and of flopcount.toml",
        "reference/kinds": "every kind of layer: equations, source, fields, example",
        "reference/commands": "every command and option",
        "reference/metrics": "every metric, and what layers tally",
        "reference/conventions": "every convention, weight by weight",
        "reference/codes": "every code of an error, a note and a finding: an example, and what to do",
        "reference/api": "the Python interface",
    },
}
"""The pages of the site by what a reader wants: to learn, to do, to understand, to look up."""

ALSO: Mapping[str, Sequence[str]] = {
    "arch-files": ("reference/format", "reference/kinds"),
    "ci": ("reference/codes", "reference/format"),
    "conventions": ("reference/counters", "reference/conventions"),
    "errata": ("reference/counters",),
    "importing": ("reference/codes",),
    "memory": ("reference/metrics",),
    "python": ("reference/api", "reference/codes"),
    "pytorch": ("reference/api",),
    "reading-the-output": ("reference/codes", "reference/metrics"),
    "training": ("reference/metrics",),
    "what-if": ("tutorials/search", "reference/kinds"),
}
"""Pages that others lead to. Those of the reference are on the site only, so the others cannot name them."""


def also(name: str) -> str:
    """Return what the site adds to a page."""
    links = ", ".join(f"[](./{each}.md)" for each in ALSO.get(name, ()))
    return f"\n\n:::{{seealso}}\n{links}\n:::\n" if links else ""


FIRST = ("resnet18", "--depth", "1")
"""The command that the first page shows."""


def write(folder: Path) -> None:
    """Write the pages of the reference into a folder of the documentation, and the first page beside it."""
    target = folder / "reference"
    shutil.rmtree(target, ignore_errors=True)
    (target / "kinds").mkdir(parents=True)
    pages = {
        "commands": _commands(),
        "metrics": _metrics(),
        "codes": codes_page(),
        "format": _format(folder),
        "api": api_page(),
        "conventions": _conventions(),
        "counters": counters_page(),
        "kinds": families(),
        **{f"kinds/{kind}": kind_page(kind) for kind in KINDS},
    }
    for name, lines in pages.items():
        (target / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "index.md").write_text("\n".join(_index(folder)) + "\n", encoding="utf-8")


def _index(folder: Path) -> Iterator[str]:
    """Yield the first page: what flopcount is, how to install it, a count, and the way to every page."""
    readme = (folder.parent / "README.md").read_text(encoding="utf-8")
    install = readme.split("\n## Install\n")[1].split("\n## ")[0].strip()
    yield from ("# flopcount", "", readme.split("\n\n", 2)[1], "", install, "")
    yield from (f"```text\n$ flopcount {' '.join(FIRST)}\n{output(*FIRST).rstrip()}\n```", "")
    for title, pages in GUIDES.items():
        yield from (f"## {title}", "", *(f"* [](./{name}.md): {text}" for name, text in pages.items()), "")
        yield from (f"```{{toctree}}\n:hidden:\n:caption: {title}", *pages, "```", "")


def _commands() -> Iterator[str]:
    yield from ("# The command line", "", "Every command and option, as `flopcount COMMAND --help` explains them.", "")
    with click.Context(commands, info_name="flopcount") as context:
        names = commands.list_commands(context)
        about = ((f"[`{name}`](#flopcount-{name})", text) for name, text in COMMANDS.items())
        yield from (*table(("command", "what it does"), about), "")
        yield from (*table(("exit code", "meaning"), EXITS.items()), "")
        for name in names:
            command = commands.get_command(context, name)
            if isinstance(command, Documented):
                yield from _command(command.page(click.Context(command, info_name=name, parent=context), full=True))


def _command(page: Page) -> Iterator[str]:
    yield from (f"## {page.name}", "", f"```\n{page.name} {page.usage}\n```", "", *("\n\n".join(page.paragraphs),), "")
    for title, rows in page.sections.items():
        if title != "Help":
            yield from (f"**{title}**", "", *table(("option", "what it does"), _options(rows)), "")
    for line, about in page.examples.items():
        yield from (f"{about}:" if about else "", "", f"```\n{line}\n```", "")


def _options(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((f"`{names}`", escape(text, quote=False)) for names, text in rows)


EXAMPLE = "mobilenet_v2"
"""The network whose metrics are shown."""

_METRICS = f"""What `--metrics`, `--columns`, budgets, claims and lock files measure, and the value of `{EXAMPLE}` at
its own input. [Bytes](../memory.md), [training](../training.md) and [receptive fields](../receptive-field.md) explain
those of bytes, of training and of positions."""

WORDS = {"sum": "the sum of the layers", "max": "the largest of them", "none": "a number of the whole network"}
"""How the value of a network follows from those of its layers."""


def _metrics() -> Iterator[str]:
    yield from ("# Metrics", "", _METRICS)
    rows = (
        (f"`{name}`", units.METRICS[name], metric.unit, WORDS[metric.combine], _value(name))
        for name, metric in METRICS.items()
    )
    yield from ("", *table(("metric", "what it is", "unit", "of a network", f"of {EXAMPLE}"), rows))
    yield from ("", "## What layers tally", "", "A convention weighs these ([conventions](../conventions.md)).", "")
    yield from table(("operations", "what they are"), ((f"`{name}`", text) for name, text in OPERATIONS.items()))
    yield ""
    yield from table(("parameters", "what they are"), ((f"`{name}`", text) for name, text in PARAMETERS.items()))


def _value(metric: str) -> str:
    """Return a metric of the example."""
    training = ("--training",) if metric in TRAINED else ()
    found = json.loads(output(EXAMPLE, "--metrics", metric, *training, "--format", "json"))["totals"].get(metric)
    if found is None:
        return "of each layer only"
    if METRICS[metric].unit == "ratio":
        return f"{found:,.2f}"
    return "×".join(map(str, found)) if isinstance(found, list) else f"{found:,}"


def _conventions() -> Iterator[str]:
    yield from ("# Conventions in full", "", "Every convention that `--convention` takes, weight by weight, and what")
    yield "`--params` takes. [Conventions](../conventions.md) explains how to use them;"
    yield "[How other counters compare](counters.md) what they lead to."
    yield from ("", "## Which params count", "")
    counted = ((f"`{name}`", flopcount.convention(params=name).params_counts) for name in POLICIES)
    yield from (*table(("`--params`", "what counts"), counted), "")
    for each in mac_conventions():
        title, _, rest = output("conventions", each, "--format", "markdown").partition("\n")
        yield from (f"## {each}", "", title.partition(": ")[2], rest, "")


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
    """Say in words what a value of a schema may be."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        inner = schema["$defs"][name]
        return f"[{name}](#{name.lower()})" if inner.get("properties") else _type(inner, schema)
    if options := part.get("anyOf") or part.get("oneOf"):
        known = (each for each in options if each.get("type") != "null")  # TOML has no null
        return " or ".join(dict.fromkeys(_type(each, schema) for each in known))
    if "enum" in part or "const" in part:
        values = part.get("enum", [part.get("const")])
        return ", ".join(f"`{value}`" for value in values[:MOST_WORDS]) + (", …" if len(values) > MOST_WORDS else "")
    return _plain(part, schema)


MOST_WORDS = 12
"""The most words of a choice that are listed."""

TYPES = {"string": "text", "integer": "an integer", "number": "a number", "boolean": "true or false", "null": "nothing"}


def _plain(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Say what a list, a table or a single value may be."""
    kind = part.get("type")
    if kind == "array":
        inner = part.get("items") or {}
        return f"a list of {_type(inner, schema)}" if inner else "a list"
    if kind == "object":
        inner = part.get("additionalProperties")
        return f"a table, whose values are {_type(inner, schema)}" if isinstance(inner, dict) and inner else "a table"
    return TYPES.get(str(kind), "any value")
