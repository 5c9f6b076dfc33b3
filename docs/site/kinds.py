"""The reference of kinds: what each computes, its equations, its source, its fields, and an example that is counted."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from math import ceil, floor
from typing import Any

from equations import equation, substituted, typeset
from shown import counted, table

from flopcount.analyses.formula.kinds import kind_forms
from flopcount.errors import FlopcountError
from flopcount.formulas import attention, conv, conv_dynamic, conv_factored, conv_variants, norm, pool, tensor
from flopcount.report.catalogue import kind_report
from flopcount.report.formula import forms_report
from flopcount.spec.fields import Layer
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

STEM = '{ type = "Conv", name = "stem", out_channels = 64, kernel_size = 3, padding = 1 },\n  '
"""A layer that changes a map, for kinds that read several."""

NETWORKS: Mapping[str, str] = {
    "Add": 'input = [64, 56, 56]\nlayers = [\n  {stem}{ type = "Add", after = ["stem", "input"] },\n]',
    "Mul": 'input = [64, 56, 56]\nlayers = [\n  {stem}{ type = "Mul", after = ["stem", "input"] },\n]',
    "Concat": 'input = [32, 56, 56]\nlayers = [\n  {stem}{ type = "Concat", after = ["stem", "input"] },\n]',
    "Join": 'input = [32, 56, 56]\nlayers = [\n  {stem}{ type = "Join", after = ["stem", "input"], axis = -3 },\n]',
    "MatMul": 'input = { a = [196, 64], b = [64, 196] }\nlayers = [\n  { type = "MatMul", after = ["a", "b"] },\n]',
    "Einsum": "input = { a = [8, 16, 32], b = [8, 32, 64] }\nlayers = [\n"
    '  { type = "Einsum", after = ["a", "b"], equation = "bij,bjk->bik" },\n]',
    "Expand": 'input = [64, 1, 1]\nlayers = [\n  { type = "Expand", axes = 2, size = [56, 56] },\n]',
    "Interpolate": "input = [32, 56, 56]\nlayers = [\n"
    '  { type = "Interpolate", scale_factor = 2, mode = "bilinear" },\n]',
    "Res2Conv": "input = [32, 56, 56]\nlayers = [\n"
    '  { type = "Res2Conv", kernel_size = 3, padding = 1, scales = 4 },\n]',
    "PatchMerging": 'input = [56, 56, 96]\nlayout = "tokens"\nlayers = [\n  { type = "PatchMerging" },\n]',
    "WindowAttention": 'input = [56, 56, 96]\nlayout = "tokens"\nlayers = [\n'
    '  { type = "WindowAttention", num_heads = 3, window_size = 7 },\n]',
    "Reshape": 'input = [32, 56, 56]\nlayers = [\n  { type = "Reshape", axes = 2, size = [28, 112] },\n]',
    "ToMap": 'input = [196, 384]\nlayout = "tokens"\nlayers = [\n  { type = "ToMap", size = 14 },\n]',
}
"""The examples of kinds that read several layers, or whose row in the catalogue fits no plain map."""

INPUTS = {("M",): "[512]", ("n",): "[128]", "Conv2Plus1D": "[32, 8, 56, 56]"}
"""Inputs of the other examples that are neither a map nor tokens."""

MAP, TOKENS = "[32, 56, 56]", "[196, 384]"


def families() -> Iterator[str]:
    """Yield the page that lists the kinds."""
    yield from ("# Kinds of layers", "", f"The {len(KINDS)} kinds of layers of an [arch file](../arch-files.md), each")
    yield from (
        "with its equations, its source, its fields and an example. `flopcount kinds NAME` prints all but the example.",
        "",
    )
    for title, module in FAMILIES.items():
        names = [name for name, kind in KINDS.items() if kind.formula.__module__ == module.__name__]
        cells = ((f"[{name}](kinds/{name}.md)", _first(name)) for name in names)
        yield from (f"## {title}", "", *table(("kind", "what it is"), cells), "")
        yield from ("```{toctree}\n:hidden:", *(f"kinds/{name}" for name in names), "```", "")
    every = [row for row in kind_report("Conv").facts["fields"] if row["field"] in Layer.model_fields]
    yield from ("## Fields of every layer", "", *table(("field", "default", "takes", "what it is"), map(_cells, every)))


def _first(kind: str) -> str:
    return str(kind_report(kind).facts["description"]).partition("\n")[0].replace("<", "&lt;")


def kind_page(kind: str) -> Iterator[str]:
    """Yield the page of a kind."""
    facts: Mapping[str, Any] = kind_report(kind).facts
    first, *rest = str(facts["description"]).replace("<", "&lt;").split("\n\n")
    source = [each for each in rest if each.startswith("Source:")]
    prose = [each for each in rest if each not in source and not each.startswith("    ")]
    yield from (f"# {kind}", "", first, "", *(line for each in prose for line in (each, "")))
    yield from ("## Equations", "", *_equations(kind, rest), *(line for each in source for line in (each, "")))
    yield from ("## Fields", "", *_fields(facts["fields"]), "")
    yield from ("## Example", "", *_example(kind, str(facts["row"])))


def _equations(kind: str, parts: list[str]) -> Iterator[str]:
    """Yield the equations of the docstring, as the source has them, then the closed form of the code."""
    lines = [line for part in parts if part.startswith("    ") for line in part.splitlines()]
    yield from (line for each in lines for line in ('<div class="equation">', equation(each), "</div>", ""))
    found = _forms(kind)
    if not found:
        return
    forms = [form for form in found["forms"] if form["quantity"] != "weights"]
    if lines and any(form["formula"] != "0" for form in forms):
        yield from ("With the default fields, as the code counts them:", "")
    if not lines or any(form["formula"] != "0" for form in forms):
        for form in forms:
            yield from (
                '<div class="equation">',
                typeset(rf"\text{{{form['quantity']} }} = {form['latex']}"),
                "</div>",
                "",
            )
    letters = ", ".join(f"*{each['letter']}*: {each['meaning']}" for each in found.get("letters", ()))
    yield from (f"{letters}.", "") if letters else ()
    yield from (f"Where {' and '.join(found['assumptions'])}.", "") if found["assumptions"] else ()


def _forms(kind: str) -> Mapping[str, Any]:
    """Return the closed forms of a kind; nothing if it has none."""
    try:
        return forms_report(kind_forms(kind, {}), kind).data()
    except FlopcountError:
        return {}


def _fields(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table of the fields that not every layer takes."""
    own = [row for row in rows if row["field"] not in Layer.model_fields]
    titles = ("field", "default", "takes", "what it is")
    yield from table(titles, map(_cells, own)) if own else ("It has none of its own.",)
    yield from (
        "",
        "Every layer also takes `name`, `after`, `repeat` and what else [arch files](../../arch-files.md) list.",
    )


def _cells(row: Mapping[str, Any]) -> Iterable[object]:
    return f"`{row['field']}`", _default(row["default"]), row["takes"], row["is"]


def _default(text: object) -> str:
    return str(text) if text in {"required", "–", "—"} else f"`{text}`"


def network_of(kind: str, row: str) -> str:
    """Return an arch file with a layer of a kind."""
    if kind in NETWORKS:
        return 'name = "example"\n' + NETWORKS[kind].replace("{stem}", STEM) + "\n"
    reads = KINDS[kind].reads
    sizes = INPUTS.get(kind) or INPUTS.get(tuple(reads)) or (TOKENS if "n" in reads else MAP)
    layout = 'layout = "tokens"\n' if reads[-1] in {"M", "D"} and reads[0] == "n" else ""
    return f'name = "example"\ninput = {sizes}\n{layout}layers = [\n  {row},\n]\n'


def _example(kind: str, row: str) -> Iterator[str]:
    """Yield a network, what it costs, and the closed forms with its numbers."""
    text = network_of(kind, row)
    yield from (f"```toml\n{text}```", "", f"```text\n{counted(text)}\n```", "")
    yield from _worked(kind, text)


def _worked(kind: str, text: str) -> Iterator[str]:
    """Yield the closed forms with the numbers of an example, where they give what is counted."""
    found, layer = _forms(kind), json.loads(counted(text, "--format", "json"))["layers"][-1]
    lines = []
    for form in found.get("forms", ()):
        expected = layer.get({"params": "params", "MACs": "macs"}.get(form["quantity"], ""))
        shown = (_evaluated(form["formula"], each, expected) for each in _letters(text, layer, found))
        if form["formula"] != "0" and (numbers := next(filter(None, shown), "")):
            lines.append(f"{form['quantity']} = {form['formula']} = {numbers} = {expected:,}")
    if lines:
        yield from ("With the numbers of the example:", "")
        yield from (line for each in lines for line in ('<div class="equation">', equation(each), "</div>", ""))


def _letters(text: str, layer: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[dict[str, int]]:
    """Yield the numbers of the letters: of fields, and of the sizes of the output or the input."""
    fields = {
        name: [*map(int, re.findall(r"\d+", value))] for name, value in re.findall(r"(\w+) = (\d+|\[[^]\n]*\])", text)
    }
    own = {name: numbers[0] for name, numbers in fields.items() if len(numbers) == 1}
    names = {
        "M": "input channels",
        "D": "channels",
        **{each["letter"]: each["meaning"] for each in found.get("letters", ())},
    }
    read = layer.get("input") or [0]
    is_last = 'layout = "tokens"' in text
    for written in (layer["output"], read):
        space = [size for size in (written[:-1] if is_last else written[1:]) if isinstance(size, int)]
        sizes = {"input channels": read[-1] if is_last else read[0], "rows or tokens": read[0]}
        sizes |= dict(zip(("width", "height", "frames"), reversed(space), strict=False)) | {
            "channels": sizes["input channels"]
        }
        lists = {name: iter(numbers) for name, numbers in fields.items() if len(numbers) > 1}
        several = {letter: next(lists[name], 0) for letter, name in names.items() if name in lists}
        single = {letter: {**sizes, **own}[name] for letter, name in names.items() if name in {**sizes, **own}}
        yield {**own, **single, **several}


def _evaluated(formula: str, values: Mapping[str, int], expected: int) -> str:
    """Return a closed form with numbers in place of letters; nothing if its value is another than expected."""
    numbers = substituted(formula, values)
    code = re.sub(r"⌈([^⌈⌉]*)⌉", r"ceil(\1)", re.sub(r"⌊([^⌊⌋]*)⌋", r"floor(\1)", numbers))
    for sign, operator in {"·": "*", "²": "**2", "³": "**3", "−": "-"}.items():
        code = code.replace(sign, operator)
    try:
        value = eval(code, {"ceil": ceil, "floor": floor, "min": min, "max": max})  # noqa: S307  (a form of our own)
    except (NameError, SyntaxError, TypeError):
        return ""
    return numbers if value == expected else ""
