"""Exported programs by hand: the JSON that torch.export.save writes, in a zip archive."""

import json
import zipfile
from pathlib import Path
from typing import Any

FLOAT, LONG, BOOL = 7, 5, 12


def tensor(*sizes: int | str, dtype: int = FLOAT, requires_grad: bool = False) -> dict[str, Any]:
    """Return a tensor; a size that is text is an expression, after "@" its value in the example."""
    return {"dtype": dtype, "sizes": [*map(_size, sizes)], "requires_grad": requires_grad}


def _size(size: int | str) -> dict[str, Any]:
    if isinstance(size, int):
        return {"as_int": size}
    text, _, hint = size.partition("@")
    return {"as_expr": {"expr_str": text, "hint": {"as_int": int(hint)} if hint else None}}


def argument(value: Any) -> dict[str, Any]:
    """Return an argument: text is the name of a tensor, ":text" that of a number, "'text" text."""
    if isinstance(value, str):
        kinds = {":": ("as_sym_int", {"as_name": value[1:]}), "'": ("as_string", value[1:])}
        key, content = kinds.get(value[:1], ("as_tensor", {"name": value}))
        return {key: content}
    if isinstance(value, list):
        names = [each for each in value if isinstance(each, str)]
        if names and names[0][0] != ":":
            return {"as_tensors": [{"name": each} for each in value]}
        return {"as_sym_ints": [{"as_name": x[1:]} if isinstance(x, str) else {"as_int": x} for x in value]}
    keys = {bool: "as_bool", int: "as_int", float: "as_float", type(None): "as_none"}
    if isinstance(value, dict):
        return {"as_graph": {"name": "graph", "graph": value}}
    return {keys[type(value)]: value}


def call(target: str, output: Any, module: Any = "", trace: Any = "", **args: Any) -> dict[str, Any]:
    """Return a call of an operator of aten, or of one with its library in front."""
    name = target if target.startswith(("torch.ops.", "_operator.")) else f"torch.ops.aten.{target}"
    named = (("" if key.isdigit() else key, argument(value)) for key, value in args.items())
    inputs = [{"name": key, "arg": value, "kind": 1} for key, value in named]
    stack = f"L__self__,,Net;L__self__{module},{module},torch.nn.Module" if module else "L__self__,,Net"
    outputs = [argument(each) for each in (output if isinstance(output, tuple) else (output,))]
    return {
        "target": name,
        "inputs": inputs,
        "outputs": outputs,
        "metadata": {"nn_module_stack": stack, "stack_trace": trace},
    }


def graph(
    inputs: list[str], calls: list[dict[str, Any]], outputs: list[str], tensors: dict[str, Any]
) -> dict[str, Any]:
    """Return a graph; the names in `outputs` are tensors."""
    return {
        "inputs": [*map(argument, inputs)],
        "outputs": [*map(argument, outputs)],
        "nodes": calls,
        "tensor_values": tensors,
        "sym_int_values": {},
        "sym_bool_values": {},
    }


def program(
    calls: list[dict[str, Any]],
    outputs: list[str],
    *,
    inputs: dict[str, Any],
    params: dict[str, Any] | None = None,
    buffers: dict[str, Any] | None = None,
    made: dict[str, Any] | None = None,
    ranges: dict[str, tuple[int, int]] | None = None,
    numbers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return a program; what calls read is p_ or b_ and the name of a parameter or buffer, with _ for dots."""
    specs, tensors, names = [], {**(made or {}), **inputs}, []
    for kind, given in (("parameter", params or {}), ("buffer", buffers or {})):
        for name, value in given.items():
            own = f"{kind[0]}_{name.replace('.', '_')}"
            tensors[own] = value
            names.append(own)
            specs.append({kind: {"arg": {"name": own}, f"{kind}_name": name}})
    asked = [*inputs, *(f":{name}" for name in numbers or {})]
    specs += [{"user_input": {"arg": argument(name)}} for name in asked]
    specs.append({"constant_input": {"name": "factor", "value": {"as_float": 2.0}}})
    whole = graph([*names, *asked], calls, outputs, tensors)
    bounds = {name: {"min_val": low, "max_val": high} for name, (low, high) in (ranges or {}).items()}
    return {
        "graph_module": {
            "graph": {**whole, "sym_int_values": {name: _size(size) for name, size in (numbers or {}).items()}},
            "signature": {"input_specs": specs, "output_specs": []},
        },
        "schema_version": {"major": 8, "minor": 20},
        "range_constraints": bounds,
        "torch_version": "2.13.0",
    }


def save(path: Path, data: Any, member: Any = "models/model.json", **more: bytes) -> Path:
    """Write an archive with a program, and further members."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/{member}", data if isinstance(data, str | bytes) else json.dumps(data))
        for name, content in more.items():
            archive.writestr(f"{path.stem}/{name}", content)
    return path
